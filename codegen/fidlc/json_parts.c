// Places, constants, attributes and shapes of the JSON representation.
#include <stdlib.h>
#include <string.h>

#include "attributes.h"
#include "ir.h"
#include "json_ir.h"
#include "versions.h"

void json_location(json_ir_t* ir, span_t span) {
  json_writer_t* json = &ir->json;
  json_open(json, "location", '{');
  position_t at = {1, 1};
  if (span.source) at = source_position(ir->c->arena, span.source, span.offset);
  json_string(json, "filename", span.source ? span.source->name : "generated");
  json_unsigned(json, "line", at.line);
  json_unsigned(json, "column", at.column);
  json_unsigned(json, "length", span.length);
  json_close(json, '}');
}

// The shortest text that reads back as the same number.
static const char* float_text(compiler_t* c, double number) {
  char text[40];
  for (int digits = 6; digits <= 17; digits++) {
    snprintf(text, sizeof(text), "%.*g", digits, number);
    if (strtod(text, NULL) == number) break;
  }
  return arena_copy(c->arena, text, strlen(text));
}

static void put_value(json_ir_t* ir, const value_t* value) {
  if (value->kind == VALUE_STRING) {
    json_string_n(&ir->json, "value", value->text, value->length);
  } else if (value->kind == VALUE_FLOAT) {
    json_string(&ir->json, "value", float_text(ir->c, value->f));
  } else {
    json_string(&ir->json, "value", value_text(ir->c, value));
  }
}

static const char* literal_kind(const expr_t* expr) {
  if (expr->kind == EXPR_NUMBER) return "numeric";
  return expr->kind == EXPR_STRING || expr->kind == EXPR_DOC ? "string" : "bool";
}

void json_constant(json_ir_t* ir, const char* key, const value_t* value, const expr_t* expr) {
  json_writer_t* json = &ir->json;
  span_t span = expr->span;
  bool literal = expr->kind != EXPR_NAME && expr->kind != EXPR_OR;
  const char* text = span.source ? span.source->data + span.offset : "";
  json_open(json, key, '{');
  json_string(json, "kind", literal ? "literal" : expr->kind == EXPR_NAME ? "identifier" : "binary_operator");
  put_value(ir, value);
  json_string_n(json, "expression", text, span.length);
  if (expr->kind == EXPR_NAME) json_string(json, "identifier", ir_reference(ir->c, expr));
  if (literal) {
    json_open(json, "literal", '{');
    json_string(json, "kind", literal_kind(expr));
    put_value(ir, value);
    json_string_n(json, "expression", text, span.length);
    json_close(json, '}');
  }
  json_close(json, '}');
}

static const char* arg_type(const value_t* value) {
  return value->kind == VALUE_STRING ? "string" : value->kind == VALUE_BOOL ? "bool" : "uint32";
}

static void put_attribute(json_ir_t* ir, const attribute_t* attribute) {
  json_writer_t* json = &ir->json;
  json_open(json, NULL, '{');
  json_string(json, "name", canonical_name(ir->c, attribute->name.name)->data);
  json_open(json, "arguments", '[');
  for (const attribute_arg_t* arg = attribute->args; arg; arg = arg->next) {
    value_t value = attribute_value(ir->c, arg);
    json_open(json, NULL, '{');
    json_string(json, "name", arg->name.name ? arg->name.name->data : "value");
    json_string(json, "type", arg_type(&value));
    json_constant(ir, "value", &value, arg->value);
    json_location(ir, arg->span);
    json_close(json, '}');
  }
  json_close(json, ']');
  json_location(ir, attribute->span);
  json_close(json, '}');
}

void json_attributes(json_ir_t* ir, const attribute_t* attributes) {
  if (!attributes) return;
  json_open(&ir->json, "maybe_attributes", '[');
  for (; attributes; attributes = attributes->next)
    put_attribute(ir, attributes);
  json_close(&ir->json, ']');
}

void json_shape(json_ir_t* ir, shape_t shape) {
  json_writer_t* json = &ir->json;
  json_open(json, "type_shape_v2", '{');
  json_unsigned(json, "inline_size", shape.inline_size);
  json_unsigned(json, "alignment", shape.alignment);
  json_unsigned(json, "depth", shape.depth);
  json_unsigned(json, "max_handles", shape.max_handles);
  json_unsigned(json, "max_out_of_line", shape.max_out_of_line);
  json_bool(json, "has_padding", shape.has_padding);
  json_bool(json, "has_flexible_envelope", shape.has_flexible_envelope);
  json_close(json, '}');
}

void json_deprecated(json_ir_t* ir, const availability_t* availability) {
  json_bool(&ir->json, "deprecated", availability && ir->library->version >= availability->deprecated);
}
