// The FIDL compiler as a library: sources in, intermediate representation and diagnostics out. No input or
// output of its own, no globals; each compilation is one object, used by one thread.
#ifndef CODEGEN_FIDLC_FIDLC_H_
#define CODEGEN_FIDLC_FIDLC_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "ir.pb-c.h"

typedef struct fidlc_options {
  const char* name;              // --name: the library must have this name; NULL: any
  const char* versioned;         // --versioned PLATFORM[:VERSION]: the library must say so; NULL: no matter
  const char* const* available;  // --available: "PLATFORM:VERSION[,VERSION...]"
  size_t available_count;
  bool allow_new_types;  // --experimental
  bool zx_c_types;
  bool allow_arbitrary_error_types;
  bool no_resource_attribute;
  bool warnings_are_errors;  // --werror
} fidlc_options_t;

typedef struct compiler fidlc_t;

// Begins a compilation. `options` is copied by reference and must outlive it. Never NULL.
fidlc_t* fidlc_create(const fidlc_options_t* options);
// Accepts NULL.
void fidlc_destroy(fidlc_t* fidlc);

// Begins the files of a library. The libraries it uses must have been added before it; the last one is the
// target.
void fidlc_add_library(fidlc_t* fidlc);
// Adds a file of the current library. Name and bytes are copied.
void fidlc_add_file(fidlc_t* fidlc, const char* name, const char* bytes, size_t length);

// Compiles. Returns the target library, owned by the compilation, or NULL if there were errors. Call once.
const Fidl__Ir__Library* fidlc_compile(fidlc_t* fidlc);

// Writes the target library as the reference compiler's JSON; only after fidlc_compile returned a library.
void fidlc_write_json_ir(fidlc_t* fidlc, FILE* out);

size_t fidlc_error_count(const fidlc_t* fidlc);
size_t fidlc_warning_count(const fidlc_t* fidlc);
// The FI number of the i-th diagnostic in source order (errors and warnings), 0 if it has none.
int fidlc_diagnostic_number(const fidlc_t* fidlc, size_t i);
// Prints what was found, in source order; `colour` for terminals.
void fidlc_print(fidlc_t* fidlc, FILE* out, bool colour);
void fidlc_print_json(fidlc_t* fidlc, FILE* out);

#endif  // CODEGEN_FIDLC_FIDLC_H_
