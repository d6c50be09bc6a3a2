// What the attributes of the language look like. Any other name is the user's own.
#ifndef CODEGEN_FIDLC_ATTRIBUTE_SCHEMAS_H_
#define CODEGEN_FIDLC_ATTRIBUTE_SCHEMAS_H_

#include <stdbool.h>
#include <stdint.h>

// Where an attribute stands.
typedef enum placement {
  ON_LIBRARY = 1 << 0,
  ON_CONST = 1 << 1,
  ON_BITS = 1 << 2,
  ON_ENUM = 1 << 3,
  ON_STRUCT = 1 << 4,
  ON_TABLE = 1 << 5,
  ON_UNION = 1 << 6,
  ON_OVERLAY = 1 << 7,
  ON_NEWTYPE = 1 << 8,
  ON_ALIAS = 1 << 9,
  ON_PROTOCOL = 1 << 10,
  ON_SERVICE = 1 << 11,
  ON_RESOURCE = 1 << 12,
  ON_BITS_MEMBER = 1 << 13,
  ON_ENUM_MEMBER = 1 << 14,
  ON_STRUCT_MEMBER = 1 << 15,
  ON_TABLE_MEMBER = 1 << 16,
  ON_UNION_MEMBER = 1 << 17,
  ON_OVERLAY_MEMBER = 1 << 18,
  ON_SERVICE_MEMBER = 1 << 19,
  ON_PROPERTY = 1 << 20,
  ON_METHOD = 1 << 21,
  ON_COMPOSE = 1 << 22,
  ON_ANONYMOUS = 1 << 23,  // beside the kind of layout
} placement_t;

typedef struct arg_schema {
  const char* name;
  bool required;
  bool literal;  // references are refused
} arg_schema_t;

typedef struct attribute_schema {
  const char* name;
  uint32_t placements;
  bool only_anonymous;  // of layouts, those without a name of their own
  bool deprecated;
  bool checked_elsewhere;  // its arguments are (@available)
  arg_schema_t args[8];    // strings all; the list ends with a NULL name
} attribute_schema_t;

// NULL for the user's own attributes.
const attribute_schema_t* find_schema(const char* name);
// The official name that `name` differs from in one letter, or NULL.
const char* similar_schema(const char* name);
const char* placement_text(uint32_t placement);

#endif  // CODEGEN_FIDLC_ATTRIBUTE_SCHEMAS_H_
