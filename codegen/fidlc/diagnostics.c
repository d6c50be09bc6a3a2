// Collecting and ordering diagnostics; printing is in diagnostics_text.c and diagnostics_json.c.
#include "diagnostics.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "numbers.h"

static diagnostic_t* add(diagnostics_t* diagnostics, severity_t severity, span_t span, int number,
                         const char* format, va_list args) {
  // 0 is for what the command line asks for in vain.
  assert(number == 0 ||
         diagnostic_number(number)->state == (severity == SEVERITY_ERROR ? NUMBER_ERROR : NUMBER_WARNING) ||
         diagnostic_number(number)->state == NUMBER_UNREACHABLE);
  if (severity == SEVERITY_ERROR) {
    diagnostics->errors++;
  } else {
    diagnostics->warnings++;
  }
  if (diagnostics->list.count == DIAGNOSTICS_KEPT) return &diagnostics->surplus;
  diagnostic_t* diagnostic = arena_alloc(diagnostics->arena, sizeof(*diagnostic));
  diagnostic->severity = severity;
  diagnostic->sequence = diagnostics->list.count;
  diagnostic->number = number;
  diagnostic->span = span;
  diagnostic->text = arena_vprintf(diagnostics->arena, format, args);
  ptr_list_add(diagnostics->arena, &diagnostics->list, diagnostic);
  return diagnostic;
}

diagnostic_t* report_error(diagnostics_t* diagnostics, span_t span, int number, const char* format, ...) {
  va_list args;
  va_start(args, format);
  diagnostic_t* diagnostic = add(diagnostics, SEVERITY_ERROR, span, number, format, args);
  va_end(args);
  return diagnostic;
}

diagnostic_t* report_warning(diagnostics_t* diagnostics, span_t span, int number, const char* format, ...) {
  va_list args;
  va_start(args, format);
  diagnostic_t* diagnostic = add(diagnostics, SEVERITY_WARNING, span, number, format, args);
  va_end(args);
  return diagnostic;
}

void add_note(diagnostics_t* diagnostics, diagnostic_t* diagnostic, span_t span, const char* format, ...) {
  if (diagnostic == &diagnostics->surplus) return;
  note_t* note = arena_alloc(diagnostics->arena, sizeof(*note));
  va_list args;
  va_start(args, format);
  note->text = arena_vprintf(diagnostics->arena, format, args);
  va_end(args);
  note->span = span;
  note_t** end = &diagnostic->notes;
  while (*end)
    end = &(*end)->next;
  *end = note;
}

void add_hint(diagnostics_t* diagnostics, diagnostic_t* diagnostic, const char* format, ...) {
  if (diagnostic == &diagnostics->surplus) return;
  va_list args;
  va_start(args, format);
  diagnostic->hint = arena_vprintf(diagnostics->arena, format, args);
  va_end(args);
}

void diagnostics_promote_warnings(diagnostics_t* diagnostics) {
  for (uint32_t i = 0; i < diagnostics->list.count; i++)
    ((diagnostic_t*)diagnostics->list.items[i])->severity = SEVERITY_ERROR;
  diagnostics->errors += diagnostics->warnings;
  diagnostics->warnings = 0;
}

static int compare(const void* left, const void* right) {
  const diagnostic_t* a = *(diagnostic_t* const*)left;
  const diagnostic_t* b = *(diagnostic_t* const*)right;
  uint32_t a_file = a->span.source ? a->span.source->index + 1 : 0;
  uint32_t b_file = b->span.source ? b->span.source->index + 1 : 0;
  if (a_file != b_file) return a_file < b_file ? -1 : 1;
  if (a->span.offset != b->span.offset) return a->span.offset < b->span.offset ? -1 : 1;
  return a->sequence < b->sequence ? -1 : 1;
}

static bool same(const diagnostic_t* a, const diagnostic_t* b) {
  if (a->number != b->number || a->span.length != b->span.length) return false;
  return (a->once && b->once) || strcmp(a->text, b->text) == 0;
}

// Looks among the diagnostics kept for the same place.
static bool is_repeated(const ptr_list_t* list, uint32_t kept, const diagnostic_t* diagnostic) {
  while (kept--) {
    const diagnostic_t* other = list->items[kept];
    if (other->span.source != diagnostic->span.source || other->span.offset != diagnostic->span.offset)
      return false;
    if (same(other, diagnostic)) return true;
  }
  return false;
}

void diagnostics_finish(diagnostics_t* diagnostics) {
  ptr_list_t* list = &diagnostics->list;
  if (list->count) qsort(list->items, list->count, sizeof(void*), compare);
  uint32_t kept = 0;
  for (uint32_t i = 0; i < list->count; i++) {
    diagnostic_t* diagnostic = list->items[i];
    if (!is_repeated(list, kept, diagnostic)) {
      list->items[kept++] = diagnostic;
    } else if (diagnostic->severity == SEVERITY_ERROR) {
      diagnostics->errors--;
    } else {
      diagnostics->warnings--;
    }
  }
  list->count = kept;
}
