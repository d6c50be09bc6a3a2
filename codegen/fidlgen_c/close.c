// Closers: every handle inside a value, wherever it is.
#include <inttypes.h>

#include "emit.h"
#include "names.h"
#include "walk.h"

static void elements(walk_t* walk, const place_t* place, const char* indent, const char* data,
                     const char* count) {
  const char* index = code_loop(walk->out, indent, count, place->nesting);
  walk_value(walk, (place_t){.type = place->type->element,
                             .expr = text_format("%s[%s]", data, index),
                             .indent = text_format("%s  ", indent),
                             .nesting = place->nesting + 1});
  text_add(walk->out, "%s}\n", indent);
}

// Whether the elements have handles inside: what is only pointed at is somebody else's.
static bool closes_elements(const type_t* type) {
  const type_t* innermost = type;
  while (innermost->element && innermost->kind != FIDL__IR__TYPE__KIND__POINTER)
    innermost = innermost->element;
  return type->resource && innermost->kind != FIDL__IR__TYPE__KIND__POINTER;
}

static void close_vector(walk_t* walk, const place_t* place) {
  if (!closes_elements(place->type)) return;
  const char* data = code_member(place->expr, "data");
  text_add(walk->out, "%sif (%s) {\n", place->indent, data);
  elements(walk, place, text_format("%s  ", place->indent), data, code_member(place->expr, "count"));
  text_add(walk->out, "%s}\n", place->indent);
}

static void close_array(walk_t* walk, const place_t* place) {
  if (closes_elements(place->type))
    elements(walk, place, place->indent, place->expr, text_format("%" PRIu64, place->type->count));
}

static void close_box(walk_t* walk, const place_t* place) {
  if (place->type->resource)
    text_add(walk->out, "%sif (%s) %s_close_handles(%s);\n", place->indent, place->expr,
             c_type_of(walk->model, place->type->element).base, place->expr);
}

static void close_handle(walk_t* walk, const place_t* place) {
  text_add(walk->out, "%szx_handle_close(%s);\n%s%s = ZX_HANDLE_INVALID;\n", place->indent, place->expr,
           place->indent, place->expr);
}

static void close_layout(walk_t* walk, const place_t* place) {
  if (place->type->resource)
    text_add(walk->out, "%s%s_close_handles(%s);\n", place->indent, c_name(place->type->identifier),
             code_address(place->expr));
}

static void struct_members(walk_t* walk, const decl_t* decl) {
  for (size_t i = 0; i < decl->n_members; i++)
    walk_value(walk, (place_t){.type = decl->members[i]->type,
                               .expr = text_format("value->%s", c_field(decl, decl->members[i])),
                               .indent = "  "});
}

static void table_member(walk_t* walk, const member_t* member) {
  if (!member->type->resource) return;
  const char* name = c_member(member->name);
  const char* place = text_format("value->envelopes[%u]", member->ordinal - 1);
  text_add(walk->out, "  if (value->max_ordinal >= %u && %s.bits != 0) {  // %s\n", member->ordinal, place,
           member->name);
  place_t content = {.type = member->type, .indent = "    "};
  if (model_inline(member->type)) {
    text_add(walk->out, "    %s;\n    memcpy(&%s_value, %s.inl.value, sizeof(%s_value));\n",
             c_declare(walk->model, member->type, text_format("%s_value", name)), name, place, name);
    content.expr = text_format("%s_value", name);
    walk_value(walk, content);
    text_add(walk->out, "    %s.bits = 0;\n", place);
  } else {
    text_add(walk->out, "    %s = %s.data;\n",
             c_declare_pointer(walk->model, member->type, text_format("%s_value", name), false), place);
    content.expr = text_format("(*%s_value)", name);
    walk_value(walk, content);
  }
  text_add(walk->out, "  }\n");
}

static void table_members(walk_t* walk, const decl_t* decl) {
  for (size_t i = 0; i < decl->n_members; i++)
    table_member(walk, decl->members[i]);
}

static void union_members(walk_t* walk, const decl_t* decl) {
  text_add(walk->out, "  switch (value->ordinal) {\n");
  for (size_t i = 0; i < decl->n_members; i++) {
    const member_t* member = decl->members[i];
    if (!member->type->resource) continue;
    const char* name = c_field(decl, member);
    text_add(walk->out, "    case %s_Tag_%s:\n", c_name(decl->name), member->name);
    if (model_inline(member->type)) {
      walk_value(walk,
                 (place_t){.type = member->type, .expr = text_format("value->%s", name), .indent = "      "});
    } else {
      text_add(walk->out, "      if (value->%s) {\n", name);
      walk_value(
          walk,
          (place_t){.type = member->type, .expr = text_format("(*value->%s)", name), .indent = "        "});
      text_add(walk->out, "      }\n");
    }
    text_add(walk->out, "      break;\n");
  }
  text_add(walk->out, "    default:\n      break;\n  }\n");
}

static const steps_t steps = {
    .vector = close_vector,
    .array = close_array,
    .box = close_box,
    .handle = close_handle,
    .layout = close_layout,
    .struct_members = struct_members,
    .table_members = table_members,
    .union_members = union_members,
    .overlay_members = struct_members,  // overlays hold no handles
};

void emit_close(model_t* model, text_t* out, const decl_t* decl) {
  if (!decl->resource) return;
  const char* name = c_name(decl->name);
  text_t body = {0};
  walk_t walk = {.steps = &steps, .model = model, .out = &body};
  walk_members(&walk, decl);
  code_function(out, text_format("void %s_close_handles(%s* value) {", name, name), text_string(&body),
                (const char* const[]){"value", NULL});
  if (!model_decl_holds_address(model, decl))
    text_add(out, "static void %s_close_(void* object) {\n  %s_close_handles((%s*)object);\n}\n\n", name,
             name, name);
  text_free(&body);
}
