// Declarations: constants, bits, enums, structs, newtypes and aliases.
#include <inttypes.h>
#include <string.h>

#include "emit.h"
#include "names.h"

// The length of a line without the blanks at its end, and without what would make C take the next one as part
// of the comment: a backslash, or the trigraph that stands for it.
static size_t without_splice(const char* line, size_t size) {
  for (;;) {
    if (size > 0 && (line[size - 1] == ' ' || line[size - 1] == '\t' || line[size - 1] == '\\'))
      size--;
    else if (size >= 3 && memcmp(line + size - 3, "?\?/", 3) == 0)
      size -= 3;
    else
      return size;
  }
}

void emit_doc(text_t* out, const char* indent, const char* doc) {
  while (doc && *doc) {
    size_t size = strcspn(doc, "\n\r");  // both end a line of C
    const char* next = doc[size] ? doc + size + 1 : NULL;
    size = without_splice(doc, size);
    bool spaced = size == 0 || doc[0] == ' ';
    text_add(out, "%s//%s%.*s\n", indent, spaced ? "" : " ", (int)size, doc);
    doc = next;
  }
}

void emit_vectors(model_t* model, text_t* out, const type_t* type) {
  if (type->kind != FIDL__IR__TYPE__KIND__VECTOR) {
    bool inside = type->kind == FIDL__IR__TYPE__KIND__ARRAY || type->kind == FIDL__IR__TYPE__KIND__POINTER;
    if (inside) emit_vectors(model, out, type->element);
    return;
  }
  const type_t* element = type->element;
  emit_vectors(model, out, element);
  bool composite =
      element->kind == FIDL__IR__TYPE__KIND__VECTOR || element->kind == FIDL__IR__TYPE__KIND__ARRAY ||
      element->kind == FIDL__IR__TYPE__KIND__STRING_ARRAY || element->kind == FIDL__IR__TYPE__KIND__BOX ||
      element->kind == FIDL__IR__TYPE__KIND__POINTER || element->kind == FIDL__IR__TYPE__KIND__IDENTIFIER;
  if (!composite) return;
  const char* name = c_mangle(model, element);
  text_add(out, "#ifndef FIDL_VECTOR_%s\n#define FIDL_VECTOR_%s\n", name, name);
  text_add(out, "typedef struct fidl_vector_%s {\n  uint64_t count;\n  %s;\n} fidl_vector_%s_t;\n#endif\n\n",
           name, c_declare_pointer(model, element, "data", false), name);
}

static void emit_const(model_t* model, text_t* out, const decl_t* decl) {
  emit_doc(out, "", decl->doc);
  text_add(out, "#define %s %s\n\n", c_name(decl->name), c_constant(model, decl->type, decl->value));
}

static void emit_values(model_t* model, text_t* out, const decl_t* decl) {
  const char* name = c_name(decl->name);
  Fidl__Ir__Type__Primitive primitive = decl->type->primitive;
  emit_doc(out, "", decl->doc);
  text_add(out, "typedef %s %s;\n", c_primitive(primitive), name);
  for (size_t i = 0; i < decl->n_values; i++) {
    emit_doc(out, "", decl->values[i]->doc);
    text_add(out, "#define %s_%s %s\n", name, decl->values[i]->name,
             c_integer(primitive, name, decl->values[i]->value));
  }
}

static void emit_bits(model_t* model, text_t* out, const decl_t* decl) {
  emit_values(model, out, decl);
  text_add(out, "// All bits that have a name.\n#define %s_MASK ((%s)UINT64_C(0x%" PRIx64 "))\n\n",
           c_name(decl->name), c_name(decl->name), decl->mask);
}

static void emit_enum(model_t* model, text_t* out, const decl_t* decl) {
  const char* name = c_name(decl->name);
  emit_values(model, out, decl);
  text_add(out, "\n// Whether `value` is one of the above.\nstatic inline bool %s_is_known(%s value) {\n",
           name, name);
  if (decl->n_values == 0) {
    text_add(out, "  (void)value;\n  return false;\n}\n\n");
    return;
  }
  text_add(out, "  switch (value) {\n");
  for (size_t i = 0; i < decl->n_values; i++)
    text_add(out, "    case %s_%s:\n", name, decl->values[i]->name);
  text_add(out, "      return true;\n    default:\n      return false;\n  }\n}\n\n");
}

static void emit_asserts(text_t* out, const decl_t* decl) {
  const char* name = c_name(decl->name);
  text_add(out, "FIDL_STATIC_ASSERT(sizeof(%s) == %u, \"layout of %s\");\n", name, decl->shape->inline_size,
           decl->name);
  for (size_t i = 0; decl->kind == FIDL__IR__DECL__KIND__STRUCT && i < decl->n_members; i++)
    if (decl->members[i]->offset != 0)
      text_add(out, "FIDL_STATIC_ASSERT(offsetof(%s, %s) == %u, \"layout of %s\");\n", name,
               c_member(decl->members[i]->name), decl->members[i]->offset, decl->name);
  text_add(out, "\n");
}

static void emit_struct(model_t* model, text_t* out, const decl_t* decl) {
  for (size_t i = 0; i < decl->n_members; i++)
    emit_vectors(model, out, decl->members[i]->type);
  emit_doc(out, "", decl->doc);
  text_add(out, "struct %s {\n", c_name(decl->name));
  if (decl->n_members == 0) text_add(out, "  uint8_t _empty;  // 0\n");
  for (size_t i = 0; i < decl->n_members; i++) {
    const member_t* member = decl->members[i];
    emit_doc(out, "  ", member->doc);
    text_add(out, "  %s;\n", c_declare(model, member->type, c_member(member->name)));
    if (member->padding != 0) text_add(out, "  uint8_t _padding%zu[%u];\n", i, member->padding);
  }
  text_add(out, "};\n");
  emit_asserts(out, decl);
}

void emit_decl(model_t* model, text_t* out, const decl_t* decl) {
  switch (decl->kind) {
    case FIDL__IR__DECL__KIND__CONST:
      emit_const(model, out, decl);
      break;
    case FIDL__IR__DECL__KIND__BITS:
      emit_bits(model, out, decl);
      break;
    case FIDL__IR__DECL__KIND__ENUM:
      emit_enum(model, out, decl);
      break;
    case FIDL__IR__DECL__KIND__STRUCT:
      emit_struct(model, out, decl);
      break;
    case FIDL__IR__DECL__KIND__TABLE:
      emit_table(model, out, decl);
      emit_asserts(out, decl);
      break;
    case FIDL__IR__DECL__KIND__UNION:
      emit_union(model, out, decl);
      emit_asserts(out, decl);
      break;
    case FIDL__IR__DECL__KIND__OVERLAY:
      emit_overlay(model, out, decl);
      emit_asserts(out, decl);
      break;
    case FIDL__IR__DECL__KIND__NEWTYPE:
    case FIDL__IR__DECL__KIND__ALIAS:
      if (!decl->type) break;
      emit_vectors(model, out, decl->type);
      emit_doc(out, "", decl->doc);
      text_add(out, "typedef %s;\n\n", c_declare(model, decl->type, c_name(decl->name)));
      break;
    default:
      break;
  }
}
