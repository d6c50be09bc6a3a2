// Facts about the primitive types, and how types and values are written in messages.
#include "compiler.h"

static const struct {
  const char* name;
  uint32_t size;
  bool is_signed;
  bool integer;
} kPrimitives[BUILTIN_COUNT] = {
    [BUILTIN_BOOL] = {"bool", 1, false, false},      [BUILTIN_INT8] = {"int8", 1, true, true},
    [BUILTIN_INT16] = {"int16", 2, true, true},      [BUILTIN_INT32] = {"int32", 4, true, true},
    [BUILTIN_INT64] = {"int64", 8, true, true},      [BUILTIN_UINT8] = {"uint8", 1, false, true},
    [BUILTIN_UINT16] = {"uint16", 2, false, true},   [BUILTIN_UINT32] = {"uint32", 4, false, true},
    [BUILTIN_UINT64] = {"uint64", 8, false, true},   [BUILTIN_FLOAT32] = {"float32", 4, true, false},
    [BUILTIN_FLOAT64] = {"float64", 8, true, false}, [BUILTIN_UCHAR] = {"uchar", 1, false, true},
    [BUILTIN_USIZE64] = {"usize64", 8, false, true}, [BUILTIN_UINTPTR64] = {"uintptr64", 8, false, true},
};

uint32_t primitive_size(builtin_t primitive) {
  return kPrimitives[primitive].size;
}

bool primitive_is_signed(builtin_t primitive) {
  return kPrimitives[primitive].is_signed;
}

bool primitive_is_integer(builtin_t primitive) {
  return kPrimitives[primitive].integer;
}

builtin_t underlying_primitive(const type_t* type) {
  if (!type) return BUILTIN_NONE;
  if (type->kind == TYPE_PRIMITIVE) return type->primitive;
  if (type->kind != TYPE_IDENTIFIER) return BUILTIN_NONE;
  if (type->decl->kind != DECL_BITS && type->decl->kind != DECL_ENUM) return BUILTIN_NONE;
  return type->decl->type ? type->decl->type->primitive : BUILTIN_NONE;
}

const char* type_text(compiler_t* c, const type_t* type) {
  const char* optional = type->nullable ? ":optional" : "";
  switch (type->kind) {
    case TYPE_PRIMITIVE:
      return kPrimitives[type->primitive].name;
    case TYPE_STRING:
      if (!type->bounded) return arena_printf(c->arena, "string%s", optional);
      return arena_printf(c->arena, type->nullable ? "string:<%llu, optional>" : "string:%llu",
                          (unsigned long long)type->count);
    case TYPE_VECTOR:
      return arena_printf(c->arena, "vector<%s>%s", type_text(c, type->element), optional);
    case TYPE_ARRAY:
      return arena_printf(c->arena, "array<%s, %llu>", type_text(c, type->element),
                          (unsigned long long)type->count);
    case TYPE_STRING_ARRAY:
      return arena_printf(c->arena, "string_array<%llu>", (unsigned long long)type->count);
    case TYPE_BOX:
      return arena_printf(c->arena, "box<%s>", type_text(c, type->element));
    case TYPE_POINTER:
      return arena_printf(c->arena, "experimental_pointer<%s>", type_text(c, type->element));
    case TYPE_HANDLE:
      return arena_printf(c->arena, "%s%s", type->decl ? type->decl->name->data : "handle", optional);
    case TYPE_CLIENT_END:
      return arena_printf(c->arena, "client_end:%s", type->protocol ? type->protocol->name->data : "?");
    case TYPE_SERVER_END:
      return arena_printf(c->arena, "server_end:%s", type->protocol ? type->protocol->name->data : "?");
    case TYPE_IDENTIFIER:
      return arena_printf(c->arena, "%s%s", type->decl->name->data, optional);
    case TYPE_FRAMEWORK_ERR:
      return "FrameworkErr";
    case TYPE_UNTYPED_NUMERIC:
      return "a number";
  }
  return "?";
}

const char* value_text(compiler_t* c, const value_t* value) {
  switch (value->kind) {
    case VALUE_BOOL:
      return value->boolean ? "true" : "false";
    case VALUE_SIGNED:
      return arena_printf(c->arena, "%lld", (long long)value->i);
    case VALUE_UNSIGNED:
      return arena_printf(c->arena, "%llu", (unsigned long long)value->u);
    case VALUE_FLOAT:
      return arena_printf(c->arena, "%.17g", value->f);
    case VALUE_STRING:
      return arena_printf(c->arena, "\"%s\"", value->text);
    case VALUE_NONE:
      break;
  }
  return "nothing";
}
