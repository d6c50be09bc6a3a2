// Open addressing with linear probing; tables double at three quarters full.
#include "intern.h"

#include <string.h>

static const char* const kWords[W_COUNT] = {
    [W_AJAR] = "ajar",
    [W_ALIAS] = "alias",
    [W_AS] = "as",
    [W_BITS] = "bits",
    [W_CLOSED] = "closed",
    [W_COMPOSE] = "compose",
    [W_CONST] = "const",
    [W_ENUM] = "enum",
    [W_ERROR] = "error",
    [W_FALSE] = "false",
    [W_FLEXIBLE] = "flexible",
    [W_LIBRARY] = "library",
    [W_OPEN] = "open",
    [W_OVERLAY] = "overlay",
    [W_PROPERTIES] = "properties",
    [W_PROTOCOL] = "protocol",
    [W_RESERVED] = "reserved",
    [W_RESOURCE] = "resource",
    [W_RESOURCE_DEFINITION] = "resource_definition",
    [W_SERVICE] = "service",
    [W_STRICT] = "strict",
    [W_STRUCT] = "struct",
    [W_TABLE] = "table",
    [W_TRUE] = "true",
    [W_TYPE] = "type",
    [W_UNION] = "union",
    [W_USING] = "using",
};

// FNV-1a, finished with a multiplication so that the low bits depend on all of it.
static uint32_t hash_bytes(const char* data, size_t length) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (size_t i = 0; i < length; i++)
    hash = (hash ^ (unsigned char)data[i]) * 0x100000001b3u;
  return (uint32_t)((hash * 0x9e3779b97f4a7c15u) >> 32);
}

static void interner_grow(interner_t* interner) {
  uint32_t capacity = interner->capacity ? 2 * interner->capacity : 256;
  const str_t** slots = arena_alloc(interner->arena, capacity * sizeof(*slots));
  for (uint32_t i = 0; i < interner->capacity; i++) {
    const str_t* str = interner->slots[i];
    if (!str) continue;
    uint32_t at = str->hash & (capacity - 1);
    while (slots[at])
      at = (at + 1) & (capacity - 1);
    slots[at] = str;
  }
  interner->slots = slots;
  interner->capacity = capacity;
}

void interner_init(interner_t* interner, arena_t* arena) {
  *interner = (interner_t){.arena = arena};
  for (int word = W_NONE + 1; word < W_COUNT; word++) {
    const str_t* str = intern_cstr(interner, kWords[word]);
    ((str_t*)(uintptr_t)str)->word = (word_t)word;
  }
}

const str_t* intern(interner_t* interner, const char* data, size_t length) {
  if (interner->count >= interner->capacity / 4 * 3) interner_grow(interner);
  uint32_t hash = hash_bytes(data, length);
  uint32_t at = hash & (interner->capacity - 1);
  for (; interner->slots[at]; at = (at + 1) & (interner->capacity - 1)) {
    const str_t* str = interner->slots[at];
    if (str->hash == hash && str->length == length && memcmp(str->data, data, length) == 0) return str;
  }
  str_t* str = arena_alloc(interner->arena, sizeof(str_t) + length + 1);
  str->length = (uint32_t)length;
  str->hash = hash;
  memcpy(str->data, data, length);
  interner->slots[at] = str;
  interner->count++;
  return str;
}

const str_t* intern_cstr(interner_t* interner, const char* text) {
  return intern(interner, text, strlen(text));
}

static struct str_map_slot* find_slot(const str_map_t* map, const str_t* key) {
  uint32_t at = key->hash & (map->capacity - 1);
  while (map->slots[at].key && map->slots[at].key != key)
    at = (at + 1) & (map->capacity - 1);
  return &map->slots[at];
}

void* str_map_get(const str_map_t* map, const str_t* key) {
  return map->capacity && key ? find_slot(map, key)->value : NULL;
}

static void str_map_grow(arena_t* arena, str_map_t* map) {
  str_map_t larger = {.capacity = map->capacity ? 2 * map->capacity : 8, .count = map->count};
  larger.slots = arena_alloc(arena, larger.capacity * sizeof(*larger.slots));
  for (uint32_t i = 0; i < map->capacity; i++) {
    if (map->slots[i].key) *find_slot(&larger, map->slots[i].key) = map->slots[i];
  }
  *map = larger;
}

void* str_map_add(arena_t* arena, str_map_t* map, const str_t* key, void* value) {
  if (map->count >= map->capacity / 4 * 3) str_map_grow(arena, map);
  struct str_map_slot* slot = find_slot(map, key);
  if (slot->key) return slot->value;
  slot->key = key;
  slot->value = value;
  map->count++;
  return NULL;
}
