// FIDL's names and types as C's.
#include "names.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

static const char* const reserved[] = {
    "BUFSIZ",    "EOF",          "INFINITY",      "NAN",          "NULL",
    "alignas",   "alignof",      "and",           "and_eq",       "asm",
    "auto",      "bitand",       "bitor",         "bool",         "break",
    "case",      "catch",        "char",          "char16_t",     "char32_t",
    "char8_t",   "class",        "co_await",      "co_return",    "co_yield",
    "compl",     "concept",      "const",         "const_cast",   "consteval",
    "constexpr", "constinit",    "continue",      "decltype",     "default",
    "delete",    "do",           "double",        "dynamic_cast", "else",
    "enum",      "errno",        "explicit",      "export",       "extern",
    "false",     "float",        "for",           "friend",       "goto",
    "if",        "inline",       "int",           "linux",        "long",
    "mutable",   "namespace",    "new",           "noexcept",     "not",
    "not_eq",    "nullptr",      "operator",      "or",           "or_eq",
    "private",   "protected",    "public",        "register",     "reinterpret_cast",
    "requires",  "restrict",     "return",        "short",        "signed",
    "sizeof",    "static",       "static_assert", "static_cast",  "stderr",
    "stdin",     "stdout",       "struct",        "switch",       "template",
    "this",      "thread_local", "throw",         "true",         "try",
    "typedef",   "typeid",       "typename",      "typeof",       "typeof_unqual",
    "union",     "unix",         "unsigned",      "using",        "virtual",
    "void",      "volatile",     "wchar_t",       "while",        "xor",
    "xor_eq",
};

static int compare_names(const void* a, const void* b) {
  return strcmp(a, *(const char* const*)b);
}

const char* c_member(const char* name) {
  bool is_reserved =
      bsearch(name, reserved, sizeof(reserved) / sizeof(reserved[0]), sizeof(reserved[0]), compare_names);
  return is_reserved ? text_format("%s_", name) : name;
}

// A union's and an overlay's members stand beside its ordinal.
const char* c_field(const decl_t* decl, const member_t* member) {
  bool beside = decl->kind == FIDL__IR__DECL__KIND__UNION || decl->kind == FIDL__IR__DECL__KIND__OVERLAY;
  return beside && strcmp(member->name, "ordinal") == 0 ? "ordinal_" : c_member(member->name);
}

const char* c_name(const char* full_name) {
  char* name = text_format("%s", full_name);
  for (char* c = name; *c; c++)
    if (*c == '.' || *c == '/') *c = '_';
  return name;
}

static const struct {
  const char* c;
  const char* mangled;
} primitives[] = {
    [FIDL__IR__TYPE__PRIMITIVE__BOOL] = {"bool", "bool"},
    [FIDL__IR__TYPE__PRIMITIVE__INT8] = {"int8_t", "int8"},
    [FIDL__IR__TYPE__PRIMITIVE__INT16] = {"int16_t", "int16"},
    [FIDL__IR__TYPE__PRIMITIVE__INT32] = {"int32_t", "int32"},
    [FIDL__IR__TYPE__PRIMITIVE__INT64] = {"int64_t", "int64"},
    [FIDL__IR__TYPE__PRIMITIVE__UINT8] = {"uint8_t", "uint8"},
    [FIDL__IR__TYPE__PRIMITIVE__UINT16] = {"uint16_t", "uint16"},
    [FIDL__IR__TYPE__PRIMITIVE__UINT32] = {"uint32_t", "uint32"},
    [FIDL__IR__TYPE__PRIMITIVE__UINT64] = {"uint64_t", "uint64"},
    [FIDL__IR__TYPE__PRIMITIVE__FLOAT32] = {"float", "float32"},
    [FIDL__IR__TYPE__PRIMITIVE__FLOAT64] = {"double", "float64"},
    [FIDL__IR__TYPE__PRIMITIVE__UCHAR] = {"uint8_t", "uint8"},
    [FIDL__IR__TYPE__PRIMITIVE__USIZE64] = {"uint64_t", "uint64"},
    [FIDL__IR__TYPE__PRIMITIVE__UINTPTR64] = {"uint64_t", "uint64"},
};

const char* c_primitive(Fidl__Ir__Type__Primitive primitive) {
  return primitives[primitive].c;
}

const char* c_mangle(model_t* model, const type_t* type) {
  switch (type->kind) {
    case FIDL__IR__TYPE__KIND__PRIMITIVE:
      return primitives[type->primitive].mangled;
    case FIDL__IR__TYPE__KIND__STRING:
      return "string";
    case FIDL__IR__TYPE__KIND__VECTOR:
      return text_format("vector_%s", c_mangle(model, type->element));
    case FIDL__IR__TYPE__KIND__ARRAY:
      return text_format("array%" PRIu64 "_%s", type->count, c_mangle(model, type->element));
    case FIDL__IR__TYPE__KIND__STRING_ARRAY:
      return text_format("array%" PRIu64 "_char", type->count);
    case FIDL__IR__TYPE__KIND__BOX:
      return text_format("box_%s", c_mangle(model, type->element));
    case FIDL__IR__TYPE__KIND__IDENTIFIER:
      return c_name(type->identifier);
    case FIDL__IR__TYPE__KIND__FRAMEWORK_ERR:
      return "int32";
    case FIDL__IR__TYPE__KIND__POINTER:
      return text_format("pointer_%s", c_mangle(model, type->element));
    default:
      return "handle";
  }
}

c_type_t c_type_of(model_t* model, const type_t* type) {
  switch (type->kind) {
    case FIDL__IR__TYPE__KIND__PRIMITIVE:
      return (c_type_t){primitives[type->primitive].c, ""};
    case FIDL__IR__TYPE__KIND__STRING:
      return (c_type_t){"fidl_string_t", ""};
    case FIDL__IR__TYPE__KIND__VECTOR:
      return (c_type_t){text_format("fidl_vector_%s_t", c_mangle(model, type->element)), ""};
    case FIDL__IR__TYPE__KIND__ARRAY: {
      c_type_t element = c_type_of(model, type->element);
      return (c_type_t){element.base, text_format("[%" PRIu64 "]%s", type->count, element.dims)};
    }
    case FIDL__IR__TYPE__KIND__STRING_ARRAY:
      return (c_type_t){"char", text_format("[%" PRIu64 "]", type->count)};
    case FIDL__IR__TYPE__KIND__BOX:
      return (c_type_t){text_format("%s*", c_type_of(model, type->element).base), ""};
    case FIDL__IR__TYPE__KIND__IDENTIFIER:
      return (c_type_t){c_name(type->identifier), ""};
    case FIDL__IR__TYPE__KIND__FRAMEWORK_ERR:
      return (c_type_t){"fidl_framework_err_t", ""};
    case FIDL__IR__TYPE__KIND__HANDLE:
    case FIDL__IR__TYPE__KIND__CLIENT_END:
    case FIDL__IR__TYPE__KIND__SERVER_END:
      return (c_type_t){"zx_handle_t", ""};
    case FIDL__IR__TYPE__KIND__POINTER:
      return (c_type_t){text_format("%s*", c_type_of(model, type->element).base), ""};
    default:
      if (!model->error) model->error = "the intermediate representation has a type of an unknown kind";
      return (c_type_t){"uint64_t", ""};
  }
}

bool c_is_array(model_t* model, const type_t* type) {
  Fidl__Ir__Type__Kind kind = model_resolve(model, type)->kind;
  return kind == FIDL__IR__TYPE__KIND__ARRAY || kind == FIDL__IR__TYPE__KIND__STRING_ARRAY;
}

const char* c_declare(model_t* model, const type_t* type, const char* name) {
  c_type_t c = c_type_of(model, type);
  return text_format("%s %s%s", c.base, name, c.dims);
}

const char* c_declare_pointer(model_t* model, const type_t* type, const char* name, bool is_const) {
  c_type_t c = c_type_of(model, type);
  const char* qualifier = is_const ? "const " : "";
  // What is a pointer itself has the const behind it.
  bool is_pointer = type->kind == FIDL__IR__TYPE__KIND__BOX || type->kind == FIDL__IR__TYPE__KIND__POINTER;
  if (is_const && is_pointer) return text_format("%s const* %s", c.base, name);
  if (c.dims[0]) return text_format("%s%s (*%s)%s", qualifier, c.base, name, c.dims);
  return text_format("%s%s* %s", qualifier, c.base, name);
}

const char* c_integer(Fidl__Ir__Type__Primitive primitive, const char* type, const constant_t* value) {
  bool is_wide =
      primitive == FIDL__IR__TYPE__PRIMITIVE__INT64 || primitive == FIDL__IR__TYPE__PRIMITIVE__UINT64 ||
      primitive == FIDL__IR__TYPE__PRIMITIVE__USIZE64 || primitive == FIDL__IR__TYPE__PRIMITIVE__UINTPTR64;
  if (value->kind == FIDL__IR__CONSTANT__KIND__SIGNED) {
    int64_t v = value->signed_value;
    if (v == INT64_MIN) return text_format("((%s)INT64_MIN)", type);
    return text_format(is_wide ? "((%s)INT64_C(%" PRId64 "))" : "((%s)%" PRId64 ")", type, v);
  }
  uint64_t v = value->unsigned_value;
  bool is_signed = primitive == FIDL__IR__TYPE__PRIMITIVE__INT64;
  if (is_wide) return text_format("((%s)%sINT64_C(%" PRIu64 "))", type, is_signed ? "" : "U", v);
  return text_format("((%s)%" PRIu64 "u)", type, v);
}

static const char* c_string_literal(const ProtobufCBinaryData* value) {
  text_t text = {0};
  text_add(&text, "\"");
  for (size_t i = 0; i < value->len; i++) {
    uint8_t c = value->data[i];
    if (c == '"' || c == '\\')
      text_add(&text, "\\%c", c);
    else if (c < 0x20 || c >= 0x7f || c == '?')
      text_add(&text, "\\%03o", c);
    else
      text_add(&text, "%c", c);
  }
  text_add(&text, "\"");
  const char* result = text_format("%s", text_string(&text));
  text_free(&text);
  return result;
}

// A point makes it a literal of that type: the integer -0 would have no sign.
static const char* c_float(const char* type, double value) {
  const char* digits = text_format("%.17g", value);
  return text_format("((%s)%s%s)", type, digits, strpbrk(digits, ".e") ? "" : ".0");
}

const char* c_constant(model_t* model, const type_t* type, const constant_t* value) {
  const decl_t* decl = model_decl(model, type);
  type = model_resolve(model, type);
  switch (value->kind) {
    case FIDL__IR__CONSTANT__KIND__BOOL:
      return value->bool_value ? "true" : "false";
    case FIDL__IR__CONSTANT__KIND__FLOAT:
      return c_float(primitives[type->primitive].c, value->float_value);
    case FIDL__IR__CONSTANT__KIND__STRING:
      return c_string_literal(&value->string_value);
    default:
      if (decl && decl->type) return c_integer(decl->type->primitive, c_name(decl->name), value);
      if (type->primitive == FIDL__IR__TYPE__PRIMITIVE__FLOAT32 ||
          type->primitive == FIDL__IR__TYPE__PRIMITIVE__FLOAT64)
        return value->kind == FIDL__IR__CONSTANT__KIND__SIGNED
                   ? text_format("((%s)%" PRId64 ")", primitives[type->primitive].c, value->signed_value)
                   : text_format("((%s)%" PRIu64 "u)", primitives[type->primitive].c, value->unsigned_value);
      return c_integer(type->primitive, primitives[type->primitive].c, value);
  }
}
