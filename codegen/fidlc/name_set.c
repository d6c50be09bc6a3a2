// Names that may not collide, exactly or canonically.
#include <string.h>

#include "compiler.h"
#include "versions.h"

typedef struct name_entry {
  const str_t* name;
  span_t span;
  const availability_t* availability;
} name_entry_t;

bool name_set_add(compiler_t* c, name_set_t* set, const str_t* name, span_t span,
                  const availability_t* availability, const char* what) {
  name_entry_t* entry = arena_alloc(c->arena, sizeof(*entry));
  *entry = (name_entry_t){name, span, availability};
  const name_entry_t* other = str_map_add(c->arena, &set->exact, name, entry);
  bool canonical = false;
  if (!other) {
    canonical = true;
    other = str_map_add(c->arena, &set->canonical, canonical_name(c, name), entry);
    if (!other) return true;
  }
  bool versions_differ = !availability_same_range(availability, other->availability);
  int number = canonical ? (versions_differ ? 37 : 35) : (versions_differ ? 36 : 34);
  // Report the later of the two, wherever they were found first.
  if (span.source && other->span.source && span.source == other->span.source &&
      span.offset < other->span.offset) {
    span_t swap = span;
    span = other->span;
    name_entry_t* first = (name_entry_t*)(uintptr_t)other;
    first->span = swap;
  }
  diagnostic_t* error =
      canonical
          ? report_error(&c->diagnostics, span, number,
                         "the %s name `%s` is the same as `%s` when both are written in snake case (`%s`)",
                         what, name->data, other->name->data, canonical_name(c, name)->data)
          : report_error(&c->diagnostics, span, number, "the %s name `%s` is used twice", what, name->data);
  add_note(&c->diagnostics, error, other->span,
           versions_differ ? "the other one, at versions that overlap" : "the other one");
  if (strcmp(what, "generated") == 0) {
    add_hint(&c->diagnostics, error, "@generated_name(\"...\") in front of the layout gives it another name");
  }
  return false;
}
