// Errors and warnings, collected while compiling and printed in source order at the end.
//
// Each has the reference compiler's number. Errors that follow from another error are not reported: whoever
// fails marks its result as failed, and whoever meets a failed thing stays silent.
#ifndef CODEGEN_FIDLC_DIAGNOSTICS_H_
#define CODEGEN_FIDLC_DIAGNOSTICS_H_

#include <stdbool.h>
#include <stdio.h>

#include "arena.h"
#include "intern.h"
#include "source.h"

typedef enum severity { SEVERITY_ERROR, SEVERITY_WARNING } severity_t;

typedef struct note {
  struct note* next;
  span_t span;
  const char* text;
} note_t;

typedef struct diagnostic {
  severity_t severity;
  int number;  // FI-NNNN
  span_t span;
  const char* text;
  note_t* notes;     // another place involved
  const char* hint;  // what to do, or NULL
  uint32_t sequence;
  bool once;  // per number and place, whatever the text: it names one of several versions
} diagnostic_t;

// No more are kept: a file of nonsense takes no more memory than its text.
#define DIAGNOSTICS_KEPT 5000

typedef struct diagnostics {
  arena_t* arena;
  ptr_list_t list;
  diagnostic_t surplus;  // stands for each that is not kept
  uint32_t errors;
  uint32_t warnings;
  str_map_t
      lost;  // every name in source that could not be parsed: it may declare or use what is missed elsewhere
} diagnostics_t;

// Reports; the returned diagnostic can be given notes and a hint. The same number at the same place with the
// same text is kept once, since a library is checked at each of its versions.
diagnostic_t* report_error(diagnostics_t* diagnostics, span_t span, int number, const char* format, ...)
    __attribute__((format(printf, 4, 5)));
diagnostic_t* report_warning(diagnostics_t* diagnostics, span_t span, int number, const char* format, ...)
    __attribute__((format(printf, 4, 5)));
void add_note(diagnostics_t* diagnostics, diagnostic_t* diagnostic, span_t span, const char* format, ...)
    __attribute__((format(printf, 4, 5)));
void add_hint(diagnostics_t* diagnostics, diagnostic_t* diagnostic, const char* format, ...)
    __attribute__((format(printf, 3, 4)));

// Makes errors of all warnings (--werror).
void diagnostics_promote_warnings(diagnostics_t* diagnostics);
// Sorts by file and place, and drops repetitions. Call before printing.
void diagnostics_finish(diagnostics_t* diagnostics);
// Text for people: place, message, the source line, carets under the span, notes, hint; a count at the end.
void diagnostics_print(diagnostics_t* diagnostics, FILE* out, bool colour);
// A JSON array for editors.
void diagnostics_print_json(diagnostics_t* diagnostics, FILE* out);

#endif  // CODEGEN_FIDLC_DIAGNOSTICS_H_
