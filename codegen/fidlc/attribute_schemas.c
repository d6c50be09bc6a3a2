#include "attribute_schemas.h"

#include <stddef.h>
#include <string.h>

#define ANYWHERE 0xffffffu
#define ON_DATA (ON_STRUCT | ON_TABLE | ON_UNION)
#define ON_DATA_MEMBER (ON_STRUCT_MEMBER | ON_TABLE_MEMBER | ON_UNION_MEMBER | ON_OVERLAY_MEMBER)
#define ON_LAYOUT (ON_DATA | ON_BITS | ON_ENUM | ON_OVERLAY)

static const attribute_schema_t kSchemas[] = {
    {.name = "doc", .placements = ANYWHERE, .args = {{.name = "value", .required = true}}},
    {.name = "available", .placements = ANYWHERE & ~(uint32_t)ON_ANONYMOUS, .checked_elsewhere = true},
    {.name = "discoverable",
     .placements = ON_PROTOCOL,
     .args = {{.name = "name"}, {.name = "client"}, {.name = "server"}}},
    {.name = "transport", .placements = ON_PROTOCOL, .args = {{.name = "value", .required = true}}},
    {.name = "selector", .placements = ON_METHOD, .args = {{.name = "value", .required = true}}},
    {.name = "unknown", .placements = ON_ENUM_MEMBER},
    {.name = "generated_name",
     .placements = ON_LAYOUT | ON_ANONYMOUS,
     .only_anonymous = true,
     .args = {{.name = "value", .required = true, .literal = true}}},
    {.name = "serializable",
     .placements = ON_DATA | ON_ANONYMOUS,
     .args = {{.name = "read"}, {.name = "write"}}},
    {.name = "sensitive", .placements = ON_DATA | ON_OVERLAY | ON_NEWTYPE | ON_DATA_MEMBER | ON_ANONYMOUS},
    {.name = "no_resource", .placements = ON_PROTOCOL},
    {.name = "transitional", .placements = ANYWHERE, .deprecated = true},
    {.name = "example_deprecated_attribute", .placements = ANYWHERE, .deprecated = true},
};

static const size_t kSchemaCount = sizeof(kSchemas) / sizeof(kSchemas[0]);

const attribute_schema_t* find_schema(const char* name) {
  for (size_t i = 0; i < kSchemaCount; i++) {
    if (strcmp(kSchemas[i].name, name) == 0) return &kSchemas[i];
  }
  return NULL;
}

// True if one insertion, deletion or replacement makes `a` of `b`.
static bool one_edit_apart(const char* a, const char* b) {
  size_t a_length = strlen(a);
  size_t b_length = strlen(b);
  if (a_length < b_length) return one_edit_apart(b, a);
  if (a_length - b_length > 1) return false;
  size_t same = 0;
  while (same < b_length && a[same] == b[same])
    same++;
  const char* a_rest = a + same + 1;
  const char* b_rest = b + same + (a_length == b_length ? 1 : 0);
  return same < a_length && strcmp(a_rest, b_rest) == 0;
}

const char* similar_schema(const char* name) {
  for (size_t i = 0; i < kSchemaCount; i++) {
    if (!kSchemas[i].deprecated && one_edit_apart(name, kSchemas[i].name)) return kSchemas[i].name;
  }
  return NULL;
}

const char* placement_text(uint32_t placement) {
  static const char* const kTexts[] = {
      "a library",         "a constant",       "bits",
      "an enum",           "a struct",         "a table",
      "a union",           "an overlay",       "a new type",
      "an alias",          "a protocol",       "a service",
      "a resource",        "a member of bits", "a member of an enum",
      "a struct member",   "a table member",   "a union member",
      "an overlay member", "a service member", "a property",
      "a method",          "a compose line",   "an anonymous layout",
  };
  if (placement & ON_ANONYMOUS) return kTexts[23];
  for (uint32_t i = 0; i < 23; i++) {
    if (placement == 1u << i) return kTexts[i];
  }
  return "this";
}
