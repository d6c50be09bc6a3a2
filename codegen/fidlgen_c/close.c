// Closers: every handle inside a value, wherever it is.
#include <inttypes.h>

#include "emit.h"
#include "names.h"

static void value(model_t* model, text_t* out, const char* indent, const type_t* type, const char* expr,
                  unsigned nesting);

static void elements(model_t* model, text_t* out, const char* indent, const type_t* element, const char* data,
                     const char* count, unsigned nesting) {
  const char* index = code_loop(out, indent, count, nesting);
  value(model, out, text_format("%s  ", indent), element, text_format("%s[%s]", data, index), nesting + 1);
  text_add(out, "%s}\n", indent);
}

static void value(model_t* model, text_t* out, const char* indent, const type_t* type, const char* expr,
                  unsigned nesting) {
  type = model_resolve(model, type);
  if (!type->resource) return;
  switch (type->kind) {
    case FIDL__IR__TYPE__KIND__VECTOR: {
      text_add(out, "%sif (%s) {\n", indent, code_member(expr, "data"));
      elements(model, out, text_format("%s  ", indent), type->element, code_member(expr, "data"),
               code_member(expr, "count"), nesting);
      text_add(out, "%s}\n", indent);
      break;
    }
    case FIDL__IR__TYPE__KIND__ARRAY:
      elements(model, out, indent, type->element, expr, text_format("%" PRIu64, type->count), nesting);
      break;
    case FIDL__IR__TYPE__KIND__BOX:
      text_add(out, "%sif (%s) %s_close_handles(%s);\n", indent, expr, c_type_of(model, type->element).base,
               expr);
      break;
    case FIDL__IR__TYPE__KIND__HANDLE:
    case FIDL__IR__TYPE__KIND__CLIENT_END:
    case FIDL__IR__TYPE__KIND__SERVER_END:
      text_add(out, "%szx_handle_close(%s);\n%s%s = ZX_HANDLE_INVALID;\n", indent, expr, indent, expr);
      break;
    case FIDL__IR__TYPE__KIND__IDENTIFIER:
      text_add(out, "%s%s_close_handles(%s);\n", indent, c_name(type->identifier), code_address(expr));
      break;
    default:
      break;
  }
}

static void table_member(model_t* model, text_t* body, const member_t* member) {
  if (!member->type->resource) return;
  const char* name = c_member(member->name);
  const char* place = text_format("value->envelopes[%u]", member->ordinal - 1);
  text_add(body, "  if (value->max_ordinal >= %u && %s.bits != 0) {  // %s\n", member->ordinal, place,
           member->name);
  if (model_inline(member->type)) {
    text_add(body, "    %s;\n    memcpy(&%s_value, %s.inl.value, sizeof(%s_value));\n",
             c_declare(model, member->type, text_format("%s_value", name)), name, place, name);
    value(model, body, "    ", member->type, text_format("%s_value", name), 0);
    text_add(body, "    %s.bits = 0;\n", place);
  } else {
    text_add(body, "    %s = %s.data;\n",
             c_declare_pointer(model, member->type, text_format("%s_value", name), false), place);
    value(model, body, "    ", member->type, text_format("(*%s_value)", name), 0);
  }
  text_add(body, "  }\n");
}

static void union_members(model_t* model, text_t* body, const decl_t* decl) {
  text_add(body, "  switch (value->ordinal) {\n");
  for (size_t i = 0; i < decl->n_members; i++) {
    const member_t* member = decl->members[i];
    if (!member->type->resource) continue;
    const char* name = c_member(member->name);
    text_add(body, "    case %s_Tag_%s:\n", c_name(decl->name), member->name);
    if (model_inline(member->type)) {
      value(model, body, "      ", member->type, text_format("value->%s", name), 0);
    } else {
      text_add(body, "      if (value->%s) {\n", name);
      value(model, body, "        ", member->type, text_format("(*value->%s)", name), 0);
      text_add(body, "      }\n");
    }
    text_add(body, "      break;\n");
  }
  text_add(body, "    default:\n      break;\n  }\n");
}

void emit_close(model_t* model, text_t* out, const decl_t* decl) {
  if (!decl->resource) return;
  const char* name = c_name(decl->name);
  text_t body = {0};
  if (decl->kind == FIDL__IR__DECL__KIND__UNION) {
    union_members(model, &body, decl);
  } else {
    for (size_t i = 0; i < decl->n_members; i++) {
      const member_t* member = decl->members[i];
      if (decl->kind == FIDL__IR__DECL__KIND__TABLE)
        table_member(model, &body, member);
      else
        value(model, &body, "  ", member->type, text_format("value->%s", c_member(member->name)), 0);
    }
  }
  code_function(out, text_format("void %s_close_handles(%s* value) {", name, name), text_string(&body),
                (const char* const[]){"value", NULL});
  text_add(out, "static void %s_close_(void* object) {\n  %s_close_handles((%s*)object);\n}\n\n", name, name,
           name);
  text_free(&body);
}
