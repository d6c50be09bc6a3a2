// Encoders of tables, unions and overlays: what goes into envelopes, and the envelopes.
#include <inttypes.h>
#include <string.h>

#include "emit.h"
#include "encode.h"
#include "names.h"

// Content that is larger than 4 bytes, from the pointer expression `from`, which is not NULL; `place` becomes
// its envelope.
static void content(walk_t* walk, const char* indent, const member_t* member, const char* from,
                    const char* place, unsigned hops) {
  const char* name = c_member(member->name);
  text_add(walk->out, "%sfidl_encode_mark_t mark = fidl_encode_mark(encoder, next);\n", indent);
  if (encode_changes(walk->model, member->type))
    text_add(walk->out, "%s%s = (void*)next;\n", indent,
             c_declare_pointer(walk->model, member->type, text_format("%s_to", name), false));
  walk_step(walk, indent, "fidl_encode_append(encoder, next, %s, sizeof(*%s), %s)", from, from,
            encode_flags(walk, false));
  walk_value(walk, (place_t){.type = member->type,
                             .expr = text_format("(*%s)", from),
                             .to = text_format("(*%s_to)", name),
                             .indent = indent,
                             .hops = hops});
  text_add(walk->out, "%sfidl_encode_envelope_%s(encoder, next, &%s, &mark);\n", indent,
           member->type->resource ? "end" : "value", place);
}

// The same in one line, for the common kinds of content: an expression, or NULL if it takes more. `source` is
// what `from` is a copy of, for the check of a string at the end; NULL: it is checked at once.
static const char* simple_content(walk_t* walk, const member_t* member, const char* from, const char* place,
                                  const char* source) {
  const type_t* type = model_resolve(walk->model, member->type);
  if (model_plain(walk->model, type))
    return text_format("fidl_encode_envelope_plain(encoder, next, &%s, %s, sizeof(*%s), %s)", place, from,
                       from, encode_flags(walk, false));
  if (type->kind == FIDL__IR__TYPE__KIND__STRING)
    return text_format(
        "fidl_encode_envelope_string(encoder, next, &%s, %s, %s, %s, %s)", place, from, code_bound(type),
        encode_flags(walk, false),
        encode_defer_text(walk, source != NULL, text_format("from->max_ordinal >= %u && ", member->ordinal),
                          source));
  if (type->kind == FIDL__IR__TYPE__KIND__VECTOR && model_plain(walk->model, type->element))
    return text_format(
        "fidl_encode_envelope_vector(encoder, next, &%s, %s->count, %s->data, sizeof(*%s->data), %s, %s)",
        place, from, from, from, code_bound(type), encode_flags(walk, false));
  return NULL;
}

static bool is_vector(walk_t* walk, const type_t* type) {
  return model_resolve(walk->model, type)->kind == FIDL__IR__TYPE__KIND__VECTOR;
}

static const char* value_mask(const type_t* type) {
  return text_format("0x%" PRIx64 "u", UINT64_MAX >> (64 - 8 * type->shape->inline_size));
}

// An inline member of a table whose value is copied, checked, and changed where it is a handle.
static void inline_table_member(walk_t* walk, const member_t* member, const char* source, const char* place) {
  const char* name = c_member(member->name);
  bool resource = member->type->resource, both = encode_changes(walk->model, member->type);
  text_add(walk->out, "    %s;\n", c_declare(walk->model, member->type, text_format("%s_from", name)));
  text_add(walk->out, "    memcpy(&%s_from, %s.inl.value, sizeof(%s_from));\n", name, source, name);
  text_add(walk->out, "    %s.bits = %s.bits;\n", place, source);
  if (both)
    text_add(walk->out, "    %s;\n    memcpy(&%s_to, &%s_from, sizeof(%s_to));\n",
             c_declare(walk->model, member->type, text_format("%s_to", name)), name, name, name);
  if (resource) text_add(walk->out, "    uint32_t handles_before = encoder->num_handles;\n");
  walk_value(walk, (place_t){.type = member->type,
                             .expr = text_format("%s_from", name),
                             .to = text_format("%s_to", name),
                             .indent = "    ",
                             .hops = 1});
  if (both) text_add(walk->out, "    memcpy(%s.inl.value, &%s_to, sizeof(%s_to));\n", place, name, name);
  if (resource) text_add(walk->out, "    %s.bits = 0;  // its handle has moved\n", source);
  text_add(walk->out, "    %s.bits = fidl_encode_inline(%s.bits, %s, %s);\n", place, place,
           value_mask(member->type), resource ? "encoder->num_handles - handles_before" : "0");
}

static void table_member(walk_t* walk, const member_t* member) {
  text_t* out = walk->out;
  const char* name = c_member(member->name);
  const char* source = text_format("sources[%u]", member->ordinal - 1);
  const char* place = text_format("envelopes[%u]", member->ordinal - 1);
  text_add(out, "  // %s\n  if (count < %u) return next;\n", member->name, member->ordinal);
  const char* error;
  const char* mask = model_inline(member->type) ? walk_inline_mask(walk, member->type, &error) : NULL;
  if (mask) {
    if (!model_plain(walk->model, member->type) && strcmp(error, "INVALID_EMPTY_STRUCT") != 0)
      text_add(out, "  if ((%s.bits & %s & ~(uint64_t)%s) != 0) %s\n", source, value_mask(member->type), mask,
               walk_stop(walk, error));
    text_add(out, "  %s.bits = fidl_encode_optional_inline(%s.bits, %s);\n", place, source, mask);
    return;
  }
  if (model_inline(member->type)) {
    text_add(out, "  if (fidl_present(&%s)) {\n", source);
    inline_table_member(walk, member, source, place);
    text_add(out, "  } else {\n    %s.bits = 0;\n  }\n", place);
    return;
  }
  const char* from = text_format("%s_from", name);
  const char* simple =
      simple_content(walk, member, from, place, text_format("from->envelopes[%u].data", member->ordinal - 1));
  text_add(out, "  %s = %s.data;\n", c_declare_pointer(walk->model, member->type, from, false), source);
  if (simple && !is_vector(walk, member->type) && !walk->counts_depth) {
    walk_step(walk, "  ", "%s", simple);
    return;
  }
  text_add(out, "  if (%s) {\n", from);
  walk_depth(walk, "    ", 2, NULL);
  if (simple && walk->counts_depth && member->type->shape->depth > 0)
    walk_depth(walk, "    ", 3, NULL);  // strings and vectors of plain elements, which cannot be absent
  if (simple)
    walk_step(walk, "    ", "%s", simple);
  else
    content(walk, "    ", member, from, place, 2);
  text_add(out, "  } else {\n    %s.bits = 0;\n  }\n", place);
}

void encode_table_members(walk_t* walk, const decl_t* decl) {
  uint32_t max_ordinal = model_max_ordinal(decl);
  if (max_ordinal) {
    text_add(walk->out,
             "  fidl_envelope_t* const sources = from->envelopes;\n"
             "  fidl_envelope_t* const envelopes = (void*)next;\n");
    text_add(walk->out, "  const uint64_t count = fidl_table_count(from->max_ordinal, sources, %u);\n",
             max_ordinal);
  }
  walk_depth(walk, "  ", 1, NULL);
  walk_step(walk, "  ", "fidl_encode_table(encoder, next, to, %s, %s)", max_ordinal ? "count" : "0",
            encode_flags(walk, false));
  uint32_t next = 1;
  for (size_t i = 0; i < decl->n_members; i++) {
    for (; next < decl->members[i]->ordinal; next++)
      text_add(walk->out, "  if (count < %u) return next;\n  envelopes[%u].bits = 0;\n", next, next - 1);
    table_member(walk, decl->members[i]);
    next++;
  }
  text_add(walk->out, "  return next;\n");
}

static void union_member(walk_t* walk, const decl_t* decl, const member_t* member) {
  text_t* out = walk->out;
  const char* from = text_format("from->%s", c_member(member->name));
  text_add(out, "    case %s_Tag_%s: {\n", c_name(decl->name), member->name);
  if (model_inline(member->type)) {
    bool resource = member->type->resource;
    if (resource) text_add(out, "      uint32_t handles_before = encoder->num_handles;\n");
    walk_value(walk, (place_t){.type = member->type,
                               .expr = from,
                               .to = text_format("to->%s", c_member(member->name)),
                               .indent = "      "});
    text_add(out, "      to->envelope_.bits = fidl_encode_inline(to->envelope_.bits, %s, %s);\n",
             value_mask(member->type), resource ? "encoder->num_handles - handles_before" : "0");
  } else {
    const char* simple = simple_content(walk, member, from, "to->envelope_", NULL);
    text_add(out, "      if (!%s) %s\n", from, walk_stop(walk, "INVALID_NULL_ENVELOPE"));
    walk_depth(walk, "      ", 1, NULL);
    if (simple && walk->counts_depth && member->type->shape->depth > 0) walk_depth(walk, "      ", 2, NULL);
    if (simple)
      walk_step(walk, "      ", "%s", simple);
    else
      content(walk, "      ", member, from, "to->envelope_", 1);
  }
  text_add(out, "      return next;\n    }\n");
}

void encode_union_members(walk_t* walk, const decl_t* decl) {
  text_add(walk->out, "  switch (from->ordinal) {\n");
  for (size_t i = 0; i < decl->n_members; i++)
    union_member(walk, decl, decl->members[i]);
  text_add(walk->out, "    case 0:\n      %s\n    default:\n      %s\n  }\n",
           walk_stop(walk, "NON_NULLABLE_TYPE_WITH_NULL_VALUE"),
           walk_stop(walk, decl->strict ? "STRICT_UNION_UNKNOWN_FIELD" : "UNKNOWN_UNION_MEMBER"));
}

void encode_overlay_members(walk_t* walk, const decl_t* decl) {
  uint32_t room = decl->shape->inline_size - 8;
  text_add(walk->out, "  switch (from->ordinal) {\n");
  for (size_t i = 0; i < decl->n_members; i++) {
    const member_t* member = decl->members[i];
    const char* name = c_member(member->name);
    uint32_t size = member->type->shape->inline_size;
    text_add(walk->out, "    case %s_Tag_%s:\n", c_name(decl->name), member->name);
    walk_value(walk, (place_t){.type = member->type,
                               .expr = text_format("from->%s", name),
                               .to = text_format("to->%s", name),
                               .indent = "      "});
    if (size < room) text_add(walk->out, "      memset((uint8_t*)to + %u, 0, %u);\n", 8 + size, room - size);
    text_add(walk->out, "      return next;\n");
  }
  text_add(walk->out, "    default:\n      %s\n  }\n", walk_stop(walk, "STRICT_UNION_UNKNOWN_FIELD"));
}
