// Interned strings: equal text is the same pointer, so names compare and hash in one instruction.
//
// The words of the language are interned first and carry their number, which the parser switches on. They are
// not reserved: a word is only a word where the grammar looks for one.
#ifndef CODEGEN_FIDLC_INTERN_H_
#define CODEGEN_FIDLC_INTERN_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"

typedef enum word {
  W_NONE,
  W_AJAR,
  W_ALIAS,
  W_AS,
  W_BITS,
  W_CLOSED,
  W_COMPOSE,
  W_CONST,
  W_ENUM,
  W_ERROR,
  W_FALSE,
  W_FLEXIBLE,
  W_LIBRARY,
  W_OPEN,
  W_OVERLAY,
  W_PROPERTIES,
  W_PROTOCOL,
  W_RESERVED,
  W_RESOURCE,
  W_RESOURCE_DEFINITION,
  W_SERVICE,
  W_STRICT,
  W_STRUCT,
  W_TABLE,
  W_TRUE,
  W_TYPE,
  W_UNION,
  W_USING,
  W_COUNT,
} word_t;

typedef struct str {
  uint32_t length;
  uint32_t hash;
  word_t word;
  const struct str* canonical;  // filled by canonical_name
  char data[];                  // NUL-terminated, without NULs inside
} str_t;

typedef struct interner {
  arena_t* arena;
  const str_t** slots;
  uint32_t count;
  uint32_t capacity;  // a power of two
} interner_t;

// `arena` must outlive the interner; the strings live in it.
void interner_init(interner_t* interner, arena_t* arena);
const str_t* intern(interner_t* interner, const char* data, size_t length);
const str_t* intern_cstr(interner_t* interner, const char* text);

// A map from interned strings to pointers, in the interner's arena. Zero-initialised is empty.
typedef struct str_map {
  struct str_map_slot {
    const str_t* key;
    void* value;
  } * slots;
  uint32_t count;
  uint32_t capacity;
} str_map_t;

// Returns the value, or NULL.
void* str_map_get(const str_map_t* map, const str_t* key);
// Adds `key` with `value` and returns NULL; if it is there already, changes nothing and returns what is
// there.
void* str_map_add(arena_t* arena, str_map_t* map, const str_t* key, void* value);

#endif  // CODEGEN_FIDLC_INTERN_H_
