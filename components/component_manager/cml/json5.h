// JSON5: the text format of manifests, read into a tree whose every node knows its place in the text.
//
// The whole of JSON5 1.0 is read: comments, trailing commas, unquoted keys, single quotes, hexadecimal and
// signed numbers, escapes. Beyond it, a key that an object has already is an error, text must be UTF-8, and
// nesting deeper than JSON5_MAX_DEPTH is refused.
#ifndef COMPONENT_MANAGER_CML_JSON5_H_
#define COMPONENT_MANAGER_CML_JSON5_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "diagnostic.h"

#define JSON5_MAX_DEPTH 64u
// The largest text read, in bytes; locations are 32 bits wide.
#define JSON5_MAX_BYTES (1024u * 1024u)

typedef enum json5_type {
  JSON5_NULL,
  JSON5_BOOL,
  JSON5_NUMBER,
  JSON5_STRING,
  JSON5_ARRAY,
  JSON5_OBJECT,
} json5_type_t;

typedef struct json5_member json5_member_t;
typedef struct json5_value json5_value_t;

struct json5_value {
  json5_type_t type;
  cml_location_t location;
  union {
    bool boolean;
    double number;
    struct {
      const char* text;  // UTF-8, NUL-terminated; may contain NUL ("\0") before its end
      size_t size;
    } string;
    struct {
      json5_value_t* elements;
      size_t count;
    } array;
    struct {
      json5_member_t* members;  // in the order of the text
      size_t count;
    } object;
  } as;
};

struct json5_member {
  const char* key;
  size_t key_size;
  cml_location_t key_location;
  json5_value_t value;
};

// Reads `source`, which must outlive the result (locations point to it), into `out`. False with `error`
// filled if it is not JSON5.
bool json5_parse(cml_arena_t* arena, const cml_source_t* source, json5_value_t* out, cml_error_t* error);

// The value of a key of an object, NULL if there is none.
const json5_value_t* json5_get(const json5_value_t* object, const char* key);

// "a string", "an object" ...: for messages.
const char* json5_type_name(json5_type_t type);

#endif  // COMPONENT_MANAGER_CML_JSON5_H_
