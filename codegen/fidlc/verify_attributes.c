// Visits everything that can carry attributes.
#include "attribute_schemas.h"
#include "attributes.h"
#include "verify.h"

static uint32_t decl_placement(decl_kind_t kind) {
  switch (kind) {
    case DECL_CONST:
      return ON_CONST;
    case DECL_BITS:
      return ON_BITS;
    case DECL_ENUM:
      return ON_ENUM;
    case DECL_STRUCT:
      return ON_STRUCT;
    case DECL_TABLE:
      return ON_TABLE;
    case DECL_UNION:
      return ON_UNION;
    case DECL_OVERLAY:
      return ON_OVERLAY;
    case DECL_NEWTYPE:
      return ON_NEWTYPE;
    case DECL_ALIAS:
      return ON_ALIAS;
    case DECL_PROTOCOL:
      return ON_PROTOCOL;
    case DECL_SERVICE:
      return ON_SERVICE;
    case DECL_RESOURCE:
      return ON_RESOURCE;
    case DECL_BUILTIN:
      break;
  }
  return 0;
}

static uint32_t member_placement(decl_kind_t kind) {
  switch (kind) {
    case DECL_BITS:
      return ON_BITS_MEMBER;
    case DECL_ENUM:
      return ON_ENUM_MEMBER;
    case DECL_STRUCT:
      return ON_STRUCT_MEMBER;
    case DECL_TABLE:
      return ON_TABLE_MEMBER;
    case DECL_UNION:
      return ON_UNION_MEMBER;
    case DECL_OVERLAY:
      return ON_OVERLAY_MEMBER;
    case DECL_SERVICE:
      return ON_SERVICE_MEMBER;
    default:
      return ON_PROPERTY;
  }
}

void verify_attributes(compiler_t* c, decl_t* decl) {
  context_t context = {.c = c, .library = decl->library, .file = decl->file};
  uint32_t placement = decl_placement(decl->kind) | (decl->anonymous ? ON_ANONYMOUS : 0);
  check_attributes(&context, decl->attributes, placement);
  member_syntax_t* members = decl->layout   ? decl->layout->members
                             : decl->syntax ? decl->syntax->members
                                            : NULL;
  for (; members; members = members->next) {
    if (!members->absent) check_attributes(&context, members->attributes, member_placement(decl->kind));
  }
  if (decl->kind != DECL_PROTOCOL) return;
  for (method_syntax_t* method = decl->syntax->methods; method; method = method->next) {
    if (!method->absent)
      check_attributes(&context, method->attributes, method->compose ? ON_COMPOSE : ON_METHOD);
  }
}
