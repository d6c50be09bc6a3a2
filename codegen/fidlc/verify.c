// Rules that need every declaration compiled: resources, transports, inline sizes.
#include <string.h>

#include "attributes.h"
#include "verify.h"

// Depth is bounded by the nesting of types; newtypes stand in dependency order.
bool type_is_resource(const type_t* type) {
  if (!type) return false;
  switch (type->kind) {
    case TYPE_HANDLE:
    case TYPE_CLIENT_END:
    case TYPE_SERVER_END:
      return true;
    case TYPE_VECTOR:
    case TYPE_ARRAY:
    case TYPE_BOX:
    case TYPE_POINTER:
      return type_is_resource(type->element);
    case TYPE_IDENTIFIER:
      return type->decl->resource;
    default:
      return false;
  }
}

// What is not declared a resource but is one: result unions by their success payload, new types by what they
// wrap.
static void infer_resources(library_t* library) {
  for (uint32_t i = 0; i < library->sorted.count; i++) {
    decl_t* decl = library->sorted.items[i];
    if (decl->kind == DECL_NEWTYPE) decl->resource = type_is_resource(decl->type);
    if (!decl->result_union) continue;
    for (const member_t* member = decl->members; member; member = member->next) {
      decl->resource = decl->resource || type_is_resource(member->type);
    }
  }
}

static void check_resource(compiler_t* c, const decl_t* decl) {
  if (decl->result_union) return;
  for (const member_t* member = decl->members; member; member = member->next) {
    if (!type_is_resource(member->type)) continue;
    if (decl->kind == DECL_OVERLAY) {
      report_error(&c->diagnostics, member->syntax->span, 199,
                   "`%s` is a resource: it cannot be in an overlay", member->syntax->ident.name->data);
      continue;
    }
    if (decl->resource) return;
    const char* kind = decl->kind == DECL_STRUCT ? "struct" : decl->kind == DECL_TABLE ? "table" : "union";
    diagnostic_t* error =
        report_error(&c->diagnostics, decl->span, 110,
                     "`%s` holds a resource in its member `%s`, so it must be a resource too",
                     decl->name->data, member->syntax->ident.name->data);
    add_note(&c->diagnostics, error, member->syntax->span, "this member");
    add_hint(&c->diagnostics, error, "write `resource %s`", kind);
    return;
  }
}

static void check_inline_size(compiler_t* c, const decl_t* decl) {
  if (decl->kind != DECL_STRUCT || decl->failed || decl->shape.inline_size <= 65535) return;
  report_error(&c->diagnostics, decl->span, 111, "`%s` has %u bytes inline, more than 65535",
               decl->name->data, decl->shape.inline_size);
}

void verify_library(compiler_t* c, library_t* library) {
  infer_resources(library);
  check_library_attributes(c, library);
  for (uint32_t i = 0; i < library->decls.count; i++) {
    decl_t* decl = library->decls.items[i];
    verify_attributes(c, decl);
    if (decl->has_shape) {
      check_resource(c, decl);
      check_inline_size(c, decl);
    }
    if (decl->cyclic) continue;
    if (decl->kind == DECL_PROTOCOL) verify_protocol(c, decl);
    if (decl->kind == DECL_SERVICE) verify_service(c, decl);
  }
}
