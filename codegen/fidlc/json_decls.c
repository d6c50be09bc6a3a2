// Declarations of the JSON representation.
#include <string.h>

#include "attributes.h"
#include "ir.h"
#include "json_ir.h"
#include "versions.h"

static const struct {
  const char* name;
} kDeclKinds[] = {
    [DECL_CONST] = {"const"},     [DECL_BITS] = {"bits"},
    [DECL_ENUM] = {"enum"},       [DECL_STRUCT] = {"struct"},
    [DECL_TABLE] = {"table"},     [DECL_UNION] = {"union"},
    [DECL_OVERLAY] = {"overlay"}, [DECL_NEWTYPE] = {"new_type"},
    [DECL_ALIAS] = {"alias"},     [DECL_PROTOCOL] = {"protocol"},
    [DECL_SERVICE] = {"service"}, [DECL_RESOURCE] = {"experimental_resource"},
};

const char* json_kind(decl_kind_t kind) {
  return kDeclKinds[kind].name;
}

static void put_contexts(json_ir_t* ir, const context_name_t* context) {
  if (!context) return;
  put_contexts(ir, context->outer);
  json_string(&ir->json, NULL, context->name);
}

// Layouts say where they were written, outermost name first.
static void put_naming_context(json_ir_t* ir, const decl_t* decl) {
  json_open(&ir->json, "naming_context", '[');
  if (decl->anonymous) {
    put_contexts(ir, decl->context);
  } else {
    json_string(&ir->json, NULL, decl->name->data);
  }
  json_close(&ir->json, ']');
}

// The availability of a member that has none of its own is that of what it stands in.
static void put_deprecated(json_ir_t* ir, const decl_t* decl, const availability_t* own) {
  json_deprecated(ir, own ? own : decl->availability);
}

static void put_values(json_ir_t* ir, const decl_t* decl) {
  json_writer_t* json = &ir->json;
  json_open(json, "members", '[');
  for (const member_t* member = decl->members; member; member = member->next) {
    const member_syntax_t* syntax = member->syntax;
    json_open(json, NULL, '{');
    json_string(json, "name", syntax->ident.name->data);
    json_location(ir, syntax->ident.span);
    put_deprecated(ir, decl, syntax->availability);
    json_constant(ir, "value", &member->value, syntax->value);
    json_attributes(ir, syntax->attributes);
    json_close(json, '}');
  }
  json_close(json, ']');
  json_bool(json, "strict", decl->strict);
}

static void put_bits(json_ir_t* ir, const decl_t* decl) {
  json_type_and_alias(ir, "type", decl->type);
  json_string(&ir->json, "mask", arena_printf(ir->c->arena, "%llu", (unsigned long long)decl->mask));
  put_values(ir, decl);
}

static void put_enum(json_ir_t* ir, const decl_t* decl) {
  json_string(&ir->json, "type", type_text(ir->c, decl->type));
  put_values(ir, decl);
  if (!decl->has_unknown_value) return;
  const value_t* unknown = &decl->unknown_value;
  if (unknown->kind == VALUE_SIGNED) {
    json_signed(&ir->json, "maybe_unknown_value", unknown->i);
  } else {
    json_unsigned(&ir->json, "maybe_unknown_value", unknown->u);
  }
}

static void put_member(json_ir_t* ir, const decl_t* decl, const member_t* member) {
  json_writer_t* json = &ir->json;
  const member_syntax_t* syntax = member->syntax;
  bool ordered = decl->kind == DECL_TABLE || decl->kind == DECL_UNION || decl->kind == DECL_OVERLAY;
  json_open(json, NULL, '{');
  if (ordered) json_unsigned(json, "ordinal", syntax->ordinal);
  json_type_and_alias(ir, "type", member->type);
  json_string(json, "name", syntax->ident.name->data);
  json_location(ir, syntax->ident.span);
  put_deprecated(ir, decl, syntax->availability);
  json_attributes(ir, syntax->attributes);
  if (decl->kind == DECL_STRUCT) {
    if (syntax->value) json_constant(ir, "maybe_default_value", &member->value, syntax->value);
    json_open(json, "field_shape_v2", '{');
    json_unsigned(json, "offset", member->offset);
    json_unsigned(json, "padding", member->padding);
    json_close(json, '}');
  }
  json_close(json, '}');
}

static void put_members(json_ir_t* ir, const char* key, const decl_t* decl) {
  json_open(&ir->json, key, '[');
  for (const member_t* member = decl->members; member; member = member->next)
    put_member(ir, decl, member);
  json_close(&ir->json, ']');
}

static void put_layout(json_ir_t* ir, const decl_t* decl) {
  json_writer_t* json = &ir->json;
  put_members(ir, "members", decl);
  if (decl->kind != DECL_STRUCT) json_bool(json, "strict", decl->strict);
  json_bool(json, "resource", decl->resource);
  if (decl->kind == DECL_STRUCT) json_bool(json, "is_empty_success_struct", decl->empty_success);
  if (decl->kind == DECL_UNION) json_bool(json, "is_result", decl->result_union);
  json_shape(ir, decl->shape);
}

static void put_method(json_ir_t* ir, const decl_t* protocol, const method_t* method) {
  static const char* const kMethodKinds[] = {"oneway", "twoway", "event"};
  json_writer_t* json = &ir->json;
  const method_syntax_t* syntax = method->syntax;
  json_open(json, NULL, '{');
  json_string(json, "kind", kMethodKinds[method->kind]);
  json_unsigned(json, "ordinal", method->ordinal);
  json_string(json, "name", syntax->ident.name->data);
  json_bool(json, "strict", method->strict);
  json_location(ir, syntax->ident.span);
  put_deprecated(ir, method->owner, syntax->availability);
  json_bool(json, "has_request", method->kind != METHOD_EVENT);
  json_attributes(ir, syntax->attributes);
  if (method->request) json_type(ir, "maybe_request_payload", method->request);
  json_bool(json, "has_response", method->kind != METHOD_ONE_WAY);
  if (method->response) json_type(ir, "maybe_response_payload", method->response);
  json_bool(json, "is_composed", method->owner != protocol);
  json_bool(json, "has_error", method->error != NULL);
  if (method->success) json_type(ir, "maybe_response_success_type", method->success);
  if (method->error) json_type(ir, "maybe_response_err_type", method->error);
  json_close(json, '}');
}

static void put_composed(json_ir_t* ir, const decl_t* decl) {
  json_writer_t* json = &ir->json;
  json_open(json, "composed_protocols", '[');
  for (const method_syntax_t* line = decl->syntax->methods; line; line = line->next) {
    if (!line->compose || line->absent) continue;
    json_open(json, NULL, '{');
    json_string(json, "name", decl_full_name(ir->c, line->compose->decl));
    json_attributes(ir, line->attributes);
    json_location(ir, line->compose->span);
    put_deprecated(ir, decl, line->availability);
    json_close(json, '}');
  }
  json_close(json, ']');
}

// Where one side of the protocol may be: "platform", "external", or both where nothing is said.
static void put_locations(json_ir_t* ir, const char* side, const attribute_t* discoverable) {
  const attribute_arg_t* arg = attribute_arg(discoverable, side);
  const char* text = arg ? attribute_string(ir->c, arg, NULL) : NULL;
  json_open(&ir->json, side, '[');
  if (!text || strstr(text, "platform")) json_string(&ir->json, NULL, "platform");
  if (!text || strstr(text, "external")) json_string(&ir->json, NULL, "external");
  json_close(&ir->json, ']');
}

static void put_protocol(json_ir_t* ir, const decl_t* decl) {
  json_writer_t* json = &ir->json;
  json_string(json, "openness",
              decl->openness == W_OPEN   ? "open"
              : decl->openness == W_AJAR ? "ajar"
                                         : "closed");
  put_composed(ir, decl);
  json_open(json, "methods", '[');
  for (uint32_t i = 0; i < decl->all_methods.count; i++)
    put_method(ir, decl, decl->all_methods.items[i]);
  json_close(json, ']');
  const attribute_t* discoverable = find_attribute(decl->attributes, "discoverable");
  if (!attribute_arg(discoverable, "client") && !attribute_arg(discoverable, "server")) return;
  json_open(json, "implementation_locations", '{');
  put_locations(ir, "client", discoverable);
  put_locations(ir, "server", discoverable);
  json_close(json, '}');
}

static void put_content(json_ir_t* ir, const decl_t* decl) {
  switch (decl->kind) {
    case DECL_CONST:
      json_type_and_alias(ir, "type", decl->type);
      json_constant(ir, "value", &decl->value, decl->syntax->value);
      break;
    case DECL_BITS:
      put_bits(ir, decl);
      break;
    case DECL_ENUM:
      put_enum(ir, decl);
      break;
    case DECL_STRUCT:
    case DECL_TABLE:
    case DECL_UNION:
    case DECL_OVERLAY:
      put_layout(ir, decl);
      break;
    case DECL_ALIAS:
      json_type_constructor(ir, "partial_type_ctor", decl->type);
      json_type_and_alias(ir, "type", decl->type);
      break;
    case DECL_NEWTYPE:
      json_type_and_alias(ir, "type", decl->type);
      break;
    case DECL_PROTOCOL:
      put_protocol(ir, decl);
      break;
    case DECL_SERVICE:
      put_members(ir, "members", decl);
      break;
    case DECL_RESOURCE:
      json_type_and_alias(ir, "type", decl->type);
      put_members(ir, "properties", decl);
      break;
    case DECL_BUILTIN:
      break;
  }
}

void json_decl(json_ir_t* ir, const decl_t* decl) {
  json_open(&ir->json, NULL, '{');
  json_string(&ir->json, "name", decl_full_name(ir->c, decl));
  if (decl->layout) put_naming_context(ir, decl);
  json_location(ir, decl->span);
  json_deprecated(ir, decl->availability);
  json_attributes(ir, decl->attributes);
  put_content(ir, decl);
  json_close(&ir->json, '}');
}
