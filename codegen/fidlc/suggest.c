// Names that were not found: what may have been meant.
#include <stdlib.h>
#include <string.h>

#include "compiler.h"

// Looking through all names is worth it for the first few mistakes only; a file full of them stays linear.
#define MAX_SUGGESTIONS 20

static bool worth_it(compiler_t* c) {
  return c->suggestions++ < MAX_SUGGESTIONS;
}

// The number of edits (a letter more, less or another one, or two swapped) that make `a` of `b`, or `limit`
// if it is not smaller.
static uint32_t edit_distance(const str_t* a, const str_t* b, uint32_t limit) {
  uint32_t rows[3][64];
  if (a->length >= 64 || b->length >= 64) return limit;
  if (a->length > b->length + limit || b->length > a->length + limit) return limit;
  for (uint32_t j = 0; j <= b->length; j++)
    rows[0][j] = j;
  for (uint32_t i = 1; i <= a->length; i++) {
    uint32_t* row = rows[i % 3];
    const uint32_t* above = rows[(i + 2) % 3];
    row[0] = i;
    for (uint32_t j = 1; j <= b->length; j++) {
      uint32_t best = above[j - 1] + (a->data[i - 1] != b->data[j - 1]);
      if (above[j] + 1 < best) best = above[j] + 1;
      if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
      bool swapped = i > 1 && j > 1 && a->data[i - 1] == b->data[j - 2] && a->data[i - 2] == b->data[j - 1];
      if (swapped && rows[(i + 1) % 3][j - 2] + 1 < best) best = rows[(i + 1) % 3][j - 2] + 1;
      row[j] = best;
    }
  }
  uint32_t distance = rows[a->length % 3][b->length];
  return distance < limit ? distance : limit;
}

// The nearest key, so near that it is likely a typing mistake; ties go to the name that sorts first.
static const str_t* nearest_key(compiler_t* c, const str_map_t* map, const str_t* name, uint32_t* distance) {
  const str_t* best = NULL;
  for (uint32_t i = 0; i < map->capacity; i++) {
    const str_t* key = map->slots[i].key;
    if (!key) continue;
    bool same_but_case = canonical_name(c, key) == canonical_name(c, name);
    uint32_t edits = same_but_case ? 0 : edit_distance(key, name, *distance + 1);
    if (edits > *distance || (best && edits == *distance && strcmp(key->data, best->data) > 0)) continue;
    best = key;
    *distance = edits;
  }
  return best;
}

// One edit makes a name of one or two letters of any other that is as short.
static uint32_t allowed_edits(const str_t* name) {
  if (name->length < 3) return 0;
  return name->length < 5 ? 1 : 2;
}

void suggest_decl(compiler_t* c, diagnostic_t* error, library_t* library, const str_t* name) {
  if (!worth_it(c)) return;
  uint32_t distance = allowed_edits(name);
  const str_t* here = nearest_key(c, &library->names, name, &distance);
  uint32_t builtin_distance = distance;
  const str_t* builtin = nearest_key(c, &c->builtin->names, name, &builtin_distance);
  const str_t* best = here && (!builtin || distance <= builtin_distance) ? here : builtin;
  if (best) add_hint(&c->diagnostics, error, "did you mean `%s`?", best->data);
}

void suggest_import(compiler_t* c, diagnostic_t* error, const file_syntax_t* file, const str_t* name) {
  if (!worth_it(c)) return;
  for (const using_syntax_t* using = file->usings; using; using = using->next) {
    if (!using->library || !str_map_get(&using->library->names, name)) continue;
    const char* prefix = using->alias.name ? using->alias.name->data : using->library->name->data;
    add_hint(&c->diagnostics, error, "did you mean `%s.%s`?", prefix, name->data);
    return;
  }
}

void suggest_library(compiler_t* c, diagnostic_t* error, const str_t* library) {
  if (!str_map_get(&c->by_name, library)) return;
  add_hint(&c->diagnostics, error, "import the library: `using %s;` at the top of the file", library->data);
}

void suggest_member(compiler_t* c, diagnostic_t* error, const str_map_t* members, const str_t* name) {
  if (!worth_it(c)) return;
  uint32_t distance = allowed_edits(name);
  const str_t* best = nearest_key(c, members, name, &distance);
  if (best) add_hint(&c->diagnostics, error, "did you mean `%s`?", best->data);
}
