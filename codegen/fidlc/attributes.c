// Looking at attributes.
#include "attributes.h"

#include <string.h>

#include "compiler.h"
#include "lexer_string.h"

attribute_t* find_attribute(const attribute_t* attributes, const char* name) {
  for (; attributes; attributes = attributes->next) {
    if (strcmp(attributes->name.name->data, name) == 0) return (attribute_t*)(uintptr_t)attributes;
  }
  return NULL;
}

attribute_arg_t* attribute_arg(const attribute_t* attribute, const char* name) {
  if (!attribute) return NULL;
  for (attribute_arg_t* arg = attribute->args; arg; arg = arg->next) {
    if (!name ? !arg->name.name || strcmp(arg->name.name->data, "value") == 0
              : arg->name.name && strcmp(arg->name.name->data, name) == 0) {
      return arg;
    }
  }
  return NULL;
}

const char* attribute_string(compiler_t* c, const attribute_arg_t* arg, uint32_t* out_length) {
  uint32_t length = 0;
  const char* text = NULL;
  if (arg->value->kind == EXPR_STRING) {
    text = string_value(c->arena, arg->value->span, &length);
  } else if (arg->value->kind == EXPR_DOC) {
    text = arg->value->text;
    length = (uint32_t)strlen(text);
  } else if (arg->value->kind == EXPR_NAME) {
    const decl_t* decl = resolved_decl(c, arg->value->name);
    if (decl && decl->value.kind == VALUE_STRING) {
      text = decl->value.text;
      length = decl->value.length;
    }
  }
  if (out_length) *out_length = length;
  return text;
}

const char* attributes_doc(compiler_t* c, const attribute_t* attributes) {
  const attribute_arg_t* arg = attribute_arg(find_attribute(attributes, "doc"), NULL);
  return arg ? attribute_string(c, arg, NULL) : NULL;
}

const char* protocol_transport(compiler_t* c, const decl_t* decl) {
  const attribute_arg_t* arg = attribute_arg(find_attribute(decl->attributes, "transport"), NULL);
  const char* text = arg ? attribute_string(c, arg, NULL) : NULL;
  return text ? text : "Channel";
}

const str_t* protocol_discoverable_name(compiler_t* c, const decl_t* decl) {
  const attribute_t* attribute = find_attribute(decl->attributes, "discoverable");
  if (!attribute) return NULL;
  const attribute_arg_t* arg = attribute_arg(attribute, "name");
  const char* text = arg ? attribute_string(c, arg, NULL) : NULL;
  if (!text) text = arena_printf(c->arena, "%s.%s", decl->library->name->data, decl->name->data);
  return intern_cstr(&c->names, text);
}
