// Spans, constants, types and attributes of the IR.
#include <stdlib.h>
#include <string.h>

#include "attributes.h"
#include "ir.h"
#include "versions.h"

Fidl__Ir__SourceSpan* ir_span(compiler_t* c, span_t span) {
  Fidl__Ir__SourceSpan* out = arena_alloc(c->arena, sizeof(*out));
  fidl__ir__source_span__init(out);
  out->file = (char*)(uintptr_t) "";
  if (!span.source) return out;
  position_t at = source_position(c->arena, span.source, span.offset);
  out->file = (char*)(uintptr_t)span.source->name;
  out->line = at.line;
  out->column = at.column;
  out->length = span.length;
  return out;
}

// HEAD and NEXT, in @available, are not resolved as names are.
const char* ir_reference(compiler_t* c, const expr_t* expr) {
  const decl_t* decl = resolved_decl(c, expr->name);
  if (!decl || decl->kind == DECL_BUILTIN)
    return arena_printf(c->arena, "fidl/%s", expr->name->parts[0].name->data);
  const char* name = decl_full_name(c, decl);
  if (!expr->name->member) return name;
  return arena_printf(c->arena, "%s.%s", name, expr->name->member->ident.name->data);
}

static char* reference_text(compiler_t* c, const expr_t* expr) {
  if (expr->kind != EXPR_NAME) return NULL;
  const decl_t* decl = resolved_decl(c, expr->name);
  return decl && decl->kind != DECL_BUILTIN ? (char*)(uintptr_t)ir_reference(c, expr) : NULL;
}

Fidl__Ir__Constant* ir_constant(compiler_t* c, const value_t* value, const expr_t* expr) {
  Fidl__Ir__Constant* out = arena_alloc(c->arena, sizeof(*out));
  fidl__ir__constant__init(out);
  switch (value->kind) {
    case VALUE_BOOL:
      out->kind = FIDL__IR__CONSTANT__KIND__BOOL;
      out->has_bool_value = true;
      out->bool_value = value->boolean;
      break;
    case VALUE_SIGNED:
      out->kind = FIDL__IR__CONSTANT__KIND__SIGNED;
      out->has_signed_value = true;
      out->signed_value = value->i;
      break;
    case VALUE_FLOAT:
      out->kind = FIDL__IR__CONSTANT__KIND__FLOAT;
      out->has_float_value = true;
      out->float_value = value->f;
      break;
    case VALUE_STRING:
      out->kind = FIDL__IR__CONSTANT__KIND__STRING;
      out->has_string_value = true;
      out->string_value.data = (uint8_t*)(uintptr_t)value->text;
      out->string_value.len = value->length;
      break;
    case VALUE_UNSIGNED:
    case VALUE_NONE:
      out->kind = FIDL__IR__CONSTANT__KIND__UNSIGNED;
      out->has_unsigned_value = true;
      out->unsigned_value = value->u;
      break;
  }
  if (expr && expr->span.source) {
    out->expression = (char*)(uintptr_t)span_text(c->arena, expr->span);
    out->reference = reference_text(c, expr);
  }
  return out;
}

Fidl__Ir__TypeShape* ir_shape(compiler_t* c, shape_t shape) {
  Fidl__Ir__TypeShape* out = arena_alloc(c->arena, sizeof(*out));
  fidl__ir__type_shape__init(out);
  out->inline_size = shape.inline_size;
  out->alignment = shape.alignment;
  out->depth = shape.depth;
  out->max_handles = shape.max_handles;
  out->max_out_of_line = shape.max_out_of_line;
  out->has_padding = shape.has_padding;
  out->has_flexible_envelope = shape.has_flexible_envelope;
  return out;
}

static const Fidl__Ir__Type__Kind kTypeKinds[] = {
    [TYPE_PRIMITIVE] = FIDL__IR__TYPE__KIND__PRIMITIVE,
    [TYPE_STRING] = FIDL__IR__TYPE__KIND__STRING,
    [TYPE_VECTOR] = FIDL__IR__TYPE__KIND__VECTOR,
    [TYPE_ARRAY] = FIDL__IR__TYPE__KIND__ARRAY,
    [TYPE_STRING_ARRAY] = FIDL__IR__TYPE__KIND__STRING_ARRAY,
    [TYPE_BOX] = FIDL__IR__TYPE__KIND__BOX,
    [TYPE_HANDLE] = FIDL__IR__TYPE__KIND__HANDLE,
    [TYPE_CLIENT_END] = FIDL__IR__TYPE__KIND__CLIENT_END,
    [TYPE_SERVER_END] = FIDL__IR__TYPE__KIND__SERVER_END,
    [TYPE_IDENTIFIER] = FIDL__IR__TYPE__KIND__IDENTIFIER,
    [TYPE_FRAMEWORK_ERR] = FIDL__IR__TYPE__KIND__FRAMEWORK_ERR,
    [TYPE_POINTER] = FIDL__IR__TYPE__KIND__POINTER,
};

static void set_handle(compiler_t* c, Fidl__Ir__Type* out, const type_t* type) {
  out->has_handle_subtype = true;
  out->has_handle_rights = true;
  if (type->kind == TYPE_HANDLE) {
    out->handle_subtype = type->subtype;
    out->handle_rights = type->rights;
    out->handle_resource = (char*)(uintptr_t)decl_full_name(c, type->decl);
  } else {
    out->handle_subtype = 4;       // a channel
    out->handle_rights = 0xf00eu;  // with the rights channels are made with
    if (type->protocol) out->protocol = (char*)(uintptr_t)decl_full_name(c, type->protocol);
  }
}

Fidl__Ir__Type* ir_type(compiler_t* c, const type_t* type) {
  if (type->representation) return type->representation;
  Fidl__Ir__Type* out = arena_alloc(c->arena, sizeof(*out));
  fidl__ir__type__init(out);
  // Leaves are cheap, and some are constants of the compiler.
  if (type->nesting) ((type_t*)(uintptr_t)type)->representation = out;
  out->kind = kTypeKinds[type->kind];
  out->nullable = type->nullable;
  out->shape = ir_shape(c, type_shape(type));
  out->resource = type_is_resource(type);
  if (type->kind == TYPE_PRIMITIVE) {
    out->has_primitive = true;
    out->primitive = (Fidl__Ir__Type__Primitive)type->primitive;
  }
  if (type->element) out->element = ir_type(c, type->element);
  // A bound of MAX is none.
  bool counted = type->kind == TYPE_ARRAY || type->kind == TYPE_STRING_ARRAY;
  if (type->bounded && (counted || type->count < UINT32_MAX)) {
    out->has_count = true;
    out->count = type->count;
  }
  if (type->kind == TYPE_IDENTIFIER) out->identifier = (char*)(uintptr_t)decl_full_name(c, type->decl);
  if (type->kind == TYPE_HANDLE || type->kind == TYPE_CLIENT_END || type->kind == TYPE_SERVER_END) {
    set_handle(c, out, type);
  }
  if (type->alias) out->alias = (char*)(uintptr_t)decl_full_name(c, type->alias);
  return out;
}

// Versions are not resolved as names are: HEAD and NEXT stand for their numbers.
static value_t named_value(compiler_t* c, const expr_t* expr) {
  const decl_t* decl = resolved_decl(c, expr->name);
  if (decl && decl->kind == DECL_CONST) return decl->value;
  value_t version = {.kind = VALUE_UNSIGNED};
  uint32_t number = 0;
  const str_t* name = expr->name->parts[0].name;
  if (parse_version(name->data, name->length, &number)) version.u = number;
  return version;
}

value_t attribute_value(compiler_t* c, const attribute_arg_t* arg) {
  value_t value = {.kind = VALUE_BOOL, .boolean = arg->value->kind == EXPR_TRUE};
  uint32_t length = 0;
  const char* text = attribute_string(c, arg, &length);
  if (text) {
    value = (value_t){.kind = VALUE_STRING, .text = text, .length = length};
  } else if (arg->value->kind == EXPR_NUMBER) {
    const char* number = span_text(c->arena, arg->value->span);
    value = (value_t){.kind = VALUE_UNSIGNED, .u = strtoull(number, NULL, 0)};
  } else if (arg->value->kind == EXPR_NAME) {
    value = named_value(c, arg->value);
  }
  return value;
}

static Fidl__Ir__Constant* arg_constant(compiler_t* c, const attribute_arg_t* arg) {
  value_t value = attribute_value(c, arg);
  return ir_constant(c, &value, arg->value->kind == EXPR_DOC ? NULL : arg->value);
}

static Fidl__Ir__Attribute* ir_attribute(compiler_t* c, const attribute_t* attribute) {
  Fidl__Ir__Attribute* out = arena_alloc(c->arena, sizeof(*out));
  fidl__ir__attribute__init(out);
  out->name = (char*)(uintptr_t)attribute->name.name->data;
  for (const attribute_arg_t* arg = attribute->args; arg; arg = arg->next)
    out->n_args++;
  out->args = arena_alloc(c->arena, out->n_args * sizeof(*out->args));
  size_t at = 0;
  for (const attribute_arg_t* arg = attribute->args; arg; arg = arg->next) {
    Fidl__Ir__AttributeArg* to = arena_alloc(c->arena, sizeof(*to));
    fidl__ir__attribute_arg__init(to);
    to->name = (char*)(uintptr_t)(arg->name.name ? arg->name.name->data : "value");
    to->value = arg_constant(c, arg);
    out->args[at++] = to;
  }
  return out;
}

Fidl__Ir__Attribute** ir_attributes(compiler_t* c, const attribute_t* attributes, size_t* out_count) {
  size_t count = 0;
  for (const attribute_t* attribute = attributes; attribute; attribute = attribute->next)
    count++;
  *out_count = count;
  if (!count) return NULL;
  Fidl__Ir__Attribute** out = arena_alloc(c->arena, count * sizeof(*out));
  size_t at = 0;
  for (const attribute_t* attribute = attributes; attribute; attribute = attribute->next) {
    out[at++] = ir_attribute(c, attribute);
  }
  return out;
}
