// Which version of its platform has which element, and compiling the versions one after the other.
//
// An element without @available has what holds for what it stands in. A library is compiled once for every
// version at which something in it changes, so that each is checked, and last for what --available selects.
#ifndef CODEGEN_FIDLC_VERSIONS_H_
#define CODEGEN_FIDLC_VERSIONS_H_

#include "compiler.h"

#define VERSION_MAX_NUMBER 0x7fffffffu
#define VERSION_NEXT 0xffd00000u
#define VERSION_HEAD 0xffe00000u
#define VERSION_LEGACY 0xfff00000u
#define VERSION_INFINITE 0xffffffffu

typedef enum ending { ENDS_NOT, ENDS_REMOVED, ENDS_REPLACED } ending_t;

typedef struct availability {
  uint32_t added;
  uint32_t deprecated;  // VERSION_INFINITE: never
  uint32_t removed;     // the first version without it; VERSION_INFINITE: never
  ending_t ending;      // of its own @available
  const str_t* renamed;
  span_t span;  // of the attribute
} availability_t;

// What an @available stands on.
typedef enum versioned_kind {
  VERSIONED_LIBRARY,
  VERSIONED_DECL,
  VERSIONED_MEMBER,
  VERSIONED_MODIFIER
} versioned_kind_t;

// NULL is "always".
bool availability_same_range(const availability_t* a, const availability_t* b);

// availability.c
// What `attribute` says, inside `outer` (NULL: anything); `outer` itself if it is malformed (reported).
availability_t* read_availability(compiler_t* c, library_t* library, const attribute_t* attribute,
                                  availability_t* outer, versioned_kind_t kind);
bool is_platform_name(const char* text);
const char* version_text(compiler_t* c, uint32_t version);
// "12", "NEXT", "HEAD"; false if it is none.
bool parse_version(const char* text, size_t length, uint32_t* out);

// versions.c
// Reads all of a library's availabilities, once before the first pass.
void prepare_versions(compiler_t* c, library_t* library);
// The versions of its platform that are selected; an error if the command line should have said.
void select_platform(compiler_t* c, library_t* library);
// Reports a target that is not what --versioned asks for.
void check_versioned(compiler_t* c);
// Marks the elements of `library` that are absent in `set`.
void apply_versions(library_t* library, const version_set_t* set);
// All versions of the target's platform at which something changes, ascending.
version_set_t find_boundaries(compiler_t* c);

// versions_checks.c: removed, replaced and renamed elements and what stands in their place.
void check_replaced_decls(compiler_t* c, library_t* library);
// After the passes over all versions, which computed values and offsets.
void check_replaced_members(compiler_t* c, library_t* library);

#endif  // CODEGEN_FIDLC_VERSIONS_H_
