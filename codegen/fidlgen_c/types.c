// Declarations of tables, with their accessors, of unions, with their constructors, and of overlays.
#include <string.h>

#include "emit.h"
#include "names.h"

// Whether a getter returns the value itself: what is small, and scalars.
static bool by_value(model_t* model, const type_t* type) {
  if (c_is_array(model, type)) return false;
  if (model_inline(type)) return true;
  const decl_t* decl = model_decl(model, type);
  if (decl) return !model_is_layout(decl);
  return model_resolve(model, type)->kind == FIDL__IR__TYPE__KIND__PRIMITIVE;
}

bool types_has_take(model_t* model, const type_t* type) {
  type = model_resolve(model, type);
  return type->kind == FIDL__IR__TYPE__KIND__HANDLE || type->kind == FIDL__IR__TYPE__KIND__CLIENT_END ||
         type->kind == FIDL__IR__TYPE__KIND__SERVER_END;
}

bool types_has_mutable(model_t* model, const type_t* type) {
  return type->resource && !by_value(model, type);
}

// Accessors share a name space with init and close_handles.
const char* types_accessor(const decl_t* decl, const char* prefix, const member_t* member) {
  bool clash =
      !prefix[0] && (strcmp(member->name, "init") == 0 || strcmp(member->name, "close_handles") == 0 ||
                     strcmp(member->name, "frame_t") == 0);
  return text_format("%s_%s%s%s", c_name(decl->name), prefix, member->name, clash ? "_" : "");
}

static void emit_getter(model_t* model, text_t* out, const decl_t* decl, const member_t* member) {
  const char* table = c_name(decl->name);
  const char* has = types_accessor(decl, "has_", member);
  const char* get = types_accessor(decl, "", member);
  unsigned place = member->ordinal - 1;
  c_type_t type = c_type_of(model, member->type);
  if (by_value(model, member->type)) {
    text_add(out, "static inline %s %s(const %s* table) {\n  %s value;\n", type.base, get, table, type.base);
    text_add(out,
             "  memset(&value, 0, sizeof(value));\n  if (%s(table)) memcpy(&value, table->envelopes[%u].%s, "
             "sizeof(value));\n",
             has, place, model_inline(member->type) ? "inl.value" : "data");
    text_add(out, "  return value;\n}\n");
    return;
  }
  const char* at = model_inline(member->type) ? "inl.value" : "data";
  const char* head =
      c_declare_pointer(model, member->type, text_format("%s(const %s* table)", get, table), true);
  const char* cast = c_declare_pointer(model, member->type, "", true);
  text_add(out,
           "static inline %s {\n  return %s(table) ? (%s)(const void*)table->envelopes[%u].%s : NULL;\n}\n",
           head, has, cast, place, at);
  if (!member->type->resource) return;
  head =
      c_declare_pointer(model, member->type,
                        text_format("%s(%s* table)", types_accessor(decl, "mutable_", member), table), false);
  cast = c_declare_pointer(model, member->type, "", false);
  text_add(out, "static inline %s {\n  return %s(table) ? (%s)(void*)table->envelopes[%u].%s : NULL;\n}\n",
           head, has, cast, place, at);
}

static void emit_setter(model_t* model, text_t* out, const decl_t* decl, const member_t* member) {
  const char* table = c_name(decl->name);
  const char* set = types_accessor(decl, "set_", member);
  unsigned place = member->ordinal - 1;
  bool in_place = model_inline(member->type);
  bool is_array = c_is_array(model, member->type);
  if (in_place) {
    text_add(out, "static inline void %s(%s* table, %s%s) {\n", set, table, is_array ? "const " : "",
             c_declare(model, member->type, "value"));
    text_add(out,
             "  table->envelopes[%u].bits = 0;\n  memcpy(table->envelopes[%u].inl.value, %svalue, %u);\n",
             place, place, is_array ? "" : "&", member->type->shape->inline_size);
    text_add(out, "  table->envelopes[%u].inl.flags = 1;\n", place);
  } else {
    text_add(out, "static inline void %s(%s* table, %s) {\n", set, table,
             c_declare_pointer(model, member->type, "value", !member->type->resource && !is_array));
    text_add(out, "  table->envelopes[%u].data = (void*)(uintptr_t)value;\n", place);
  }
  text_add(out, "  if (table->max_ordinal < %u) table->max_ordinal = %u;\n}\n", member->ordinal,
           member->ordinal);
  if (!types_has_take(model, member->type)) return;
  text_add(out,
           "static inline zx_handle_t %s(%s* table) {\n  zx_handle_t value = %s(table);\n"
           "  if (value != ZX_HANDLE_INVALID) table->envelopes[%u].bits = 0;\n  return value;\n}\n",
           types_accessor(decl, "take_", member), table, types_accessor(decl, "", member), place);
}

void emit_table(model_t* model, text_t* out, const decl_t* decl) {
  const char* name = c_name(decl->name);
  for (size_t i = 0; i < decl->n_members; i++)
    emit_vectors(model, out, decl->members[i]->type);
  uint32_t max = model_max_ordinal(decl);
  emit_doc(out, "", decl->doc);
  text_add(out, "struct %s {\n  uint64_t max_ordinal;\n  fidl_envelope_t* envelopes;\n};\n\n", name);
  text_add(out,
           "// Room for the places of the members of a %s.\ntypedef struct %s_frame_ {\n  fidl_envelope_t "
           "envelopes[%u];\n} %s_frame_t;\n\n",
           name, name, max ? max : 1, name);
  text_add(out,
           "// Makes an empty table whose members will have their places in `frame`.\n"
           "static inline void %s_init(%s* table, %s_frame_t* frame) {\n  memset(frame, 0, sizeof(*frame));\n"
           "  table->max_ordinal = 0;\n  table->envelopes = frame->envelopes;\n}\n\n",
           name, name, name);
  for (size_t i = 0; i < decl->n_members; i++) {
    const member_t* member = decl->members[i];
    emit_doc(out, "", member->doc);
    text_add(out, "static inline bool %s(const %s* table) {\n", types_accessor(decl, "has_", member), name);
    text_add(out, "  return table->max_ordinal >= %u && table->envelopes[%u].bits != 0;\n}\n",
             member->ordinal, member->ordinal - 1);
    emit_getter(model, out, decl, member);
    emit_setter(model, out, decl, member);
    text_add(out, "\n");
  }
}

static void emit_constructor(model_t* model, text_t* out, const decl_t* decl, const member_t* member) {
  const char* name = c_name(decl->name);
  const char* field = c_field(decl, member);
  bool is_array = c_is_array(model, member->type);
  bool in_place = model_inline(member->type);
  const char* parameter =
      !in_place ? c_declare_pointer(model, member->type, "value", false)
                : text_format("%s%s", is_array ? "const " : "", c_declare(model, member->type, "value"));
  text_add(out, "static inline %s %s_with_%s(%s) {\n", name, name, member->name, parameter);
  text_add(out, "  %s made;\n  memset(&made, 0, sizeof(made));\n  made.ordinal = %s_Tag_%s;\n", name, name,
           member->name);
  if (in_place && is_array)
    text_add(out, "  memcpy(made.%s, value, sizeof(made.%s));\n", field, field);
  else
    text_add(out, "  made.%s = value;\n", field);
  text_add(out, "  return made;\n}\n");
}

static void emit_tags(text_t* out, const decl_t* decl) {
  for (size_t i = 0; i < decl->n_members; i++)
    text_add(out, "#define %s_Tag_%s ((uint64_t)%uu)\n", c_name(decl->name), decl->members[i]->name,
             decl->members[i]->ordinal);
  if (decl->n_members) text_add(out, "\n");
}

void emit_union(model_t* model, text_t* out, const decl_t* decl) {
  const char* name = c_name(decl->name);
  for (size_t i = 0; i < decl->n_members; i++)
    emit_vectors(model, out, decl->members[i]->type);
  emit_doc(out, "", decl->doc);
  text_add(out,
           "struct %s {\n  uint64_t ordinal;  // a %s_Tag_...\n  union {\n    fidl_envelope_t envelope_;\n",
           name, name);
  for (size_t i = 0; i < decl->n_members; i++) {
    const member_t* member = decl->members[i];
    const char* field = c_field(decl, member);
    emit_doc(out, "    ", member->doc);
    text_add(out, "    %s;\n",
             model_inline(member->type) ? c_declare(model, member->type, field)
                                        : c_declare_pointer(model, member->type, field, false));
  }
  text_add(out, "  };\n};\n\n");
  emit_tags(out, decl);
  if (decl->result_union) return;  // made by the reply functions only
  for (size_t i = 0; i < decl->n_members; i++)
    emit_constructor(model, out, decl, decl->members[i]);
  if (decl->n_members) text_add(out, "\n");
}

void emit_overlay(model_t* model, text_t* out, const decl_t* decl) {
  const char* name = c_name(decl->name);
  emit_doc(out, "", decl->doc);
  text_add(out, "struct %s {\n  uint64_t ordinal;  // a %s_Tag_...\n  union {\n    uint8_t room_[%u];\n",
           name, name, decl->shape->inline_size - 8);
  for (size_t i = 0; i < decl->n_members; i++) {
    emit_doc(out, "    ", decl->members[i]->doc);
    text_add(out, "    %s;\n", c_declare(model, decl->members[i]->type, c_field(decl, decl->members[i])));
  }
  text_add(out, "  };\n};\n\n");
  emit_tags(out, decl);
}
