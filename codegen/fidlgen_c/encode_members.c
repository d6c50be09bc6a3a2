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
  bool resource = member->type->resource;
  bool marked = resource || model_gathers(walk->model, member->type);
  text_add(walk->out,
           marked ? "%sfidl_encode_mark_t mark = fidl_encode_mark(encoder, next);\n"
                  : "%sconst uint8_t* begin = next;\n",
           indent);
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
  if (marked)
    text_add(walk->out, "%sfidl_encode_envelope_%s(encoder, next, &%s, &mark);\n", indent,
             resource ? "end" : "value", place);
  else
    text_add(walk->out, "%s%s.bits = (uint64_t)(next - begin);\n", indent, place);
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
  if (both)
    text_add(walk->out, "    %s.bits = fidl_encode_inline(%s.bits, %s, %s);\n", place, place,
             value_mask(member->type), resource ? "encoder->num_handles - handles_before" : "0");
}

static void content_of_table_member(walk_t* walk, const member_t* member, const char* source,
                                    const char* place) {
  text_t* out = walk->out;
  const char* from = text_format("%s_from", c_member(member->name));
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
  text_add(out, "  }\n");
}

static void table_member(walk_t* walk, const member_t* member) {
  text_t* out = walk->out;
  const char* source = text_format("sources[%u]", member->ordinal - 1);
  const char* place = text_format("envelopes[%u]", member->ordinal - 1);
  bool is_inline = model_inline(member->type);
  text_add(out, "  // %s\n", member->name);
  if (is_inline && model_plain(walk->model, member->type)) return;
  text_add(out, "  if (count < %u) return next;\n", member->ordinal);
  const char* error;
  const char* mask = is_inline ? walk_inline_mask(walk, member->type, &error) : NULL;
  if (mask && strcmp(error, "INVALID_EMPTY_STRUCT") == 0) {
    text_add(out, "  %s.bits = fidl_encode_optional_inline(%s.bits, %s);\n", place, source, mask);
  } else if (mask) {
    text_add(out, "  if ((%s.bits & %s & ~(uint64_t)%s) != 0) %s\n", source, value_mask(member->type), mask,
             walk_stop(walk, error));
  } else if (is_inline) {
    text_add(out, "  if (fidl_present(&%s)) {\n", source);
    inline_table_member(walk, member, source, place);
    text_add(out, "  }\n");
  } else {
    content_of_table_member(walk, member, source, place);
  }
}

void encode_table_members(walk_t* walk, const decl_t* decl) {
  uint32_t max_ordinal = model_max_ordinal(decl);
  walk_depth(walk, "  ", 1, NULL);
  if (max_ordinal == 0) {
    walk_step(walk, "  ", "fidl_encode_table(encoder, next, to, NULL, 0, 0, %s)", encode_flags(walk, false));
    text_add(walk->out, "  return next;\n");
    return;
  }
  text_t* out = walk->out;
  text_t members = {0};
  walk->out = &members;
  for (size_t i = 0; i < decl->n_members; i++)
    table_member(walk, decl->members[i]);
  walk->out = out;
  text_add(out, "  fidl_envelope_t* const sources = from->envelopes;\n");
  if (code_uses(text_string(&members), "envelopes"))
    text_add(out, "  fidl_envelope_t* const envelopes = (void*)next;\n");
  text_add(out, "  const uint64_t count = fidl_table_count(from->max_ordinal, sources, %u);\n", max_ordinal);
  walk_step(walk, "  ", "fidl_encode_table(encoder, next, to, sources, count, %u, %s)", max_ordinal,
            encode_flags(walk, false));
  text_add(out, "%s  return next;\n", text_string(&members));
  text_free(&members);
}

static void inline_union_member(walk_t* walk, const decl_t* decl, const member_t* member, const char* from) {
  bool resource = member->type->resource;
  if (resource) text_add(walk->out, "      uint32_t handles_before = encoder->num_handles;\n");
  walk_value(walk, (place_t){.type = member->type,
                             .expr = from,
                             .to = text_format("to->%s", c_field(decl, member)),
                             .indent = "      "});
  text_add(walk->out,
           "      to->envelope_.bits = fidl_encode_inline(to->envelope_.bits, %s, %s);\n      return next;\n",
           value_mask(member->type), resource ? "encoder->num_handles - handles_before" : "0");
}

static void fixed_content_of_union_member(walk_t* walk, const member_t* member, const char* from) {
  content(walk, "      ", member, from, "to->envelope_", 1);
  text_add(walk->out, "      return next;\n");
}

// Content that refers to something is left to a function of its own: the union's function then has nothing
// to keep during a call, which the small variants do not pay for.
static void content_of_union_member(walk_t* walk, const decl_t* decl, const member_t* member,
                                    const char* from) {
  text_t* out = walk->out;
  text_t body = {0}, whole = {0}, head = {0};
  const char* name = c_name(decl->name);
  const char* function =
      text_format("%s_encode_%scontent_of_%s_", name, walk->counts_depth ? "at_" : "", member->name);
  walk->out = &body;
  content(walk, "  ", member, from, "to->envelope_", 1);
  text_add(&body, "  return next;\n");
  walk->out = out;
  text_add_call(&head, text_format("static __attribute__((noinline)) uint8_t* %s", function),
                text_format("fidl_encoder_t* encoder, uint8_t* next, void* from_object, void* to_object%s",
                            walk->counts_depth ? ", uint32_t depth" : ""),
                " {");
  text_add(&whole, "  %s* from = (%s*)from_object;\n  %s* to = (%s*)to_object;\n%s", name, name, name, name,
           text_string(&body));
  code_function(walk->functions, text_string(&head), text_string(&whole),
                (const char* const[]){walk->counts_depth ? "depth" : NULL, NULL});
  text_add(out, "      return %s(encoder, next, from_object, to_object%s);\n", function,
           walk->counts_depth ? ", depth" : "");
  text_free(&body);
  text_free(&whole);
  text_free(&head);
}

static void union_member(walk_t* walk, const decl_t* decl, const member_t* member) {
  text_t* out = walk->out;
  const char* from = text_format("from->%s", c_field(decl, member));
  text_add(out, "    case %s_Tag_%s: {\n", c_name(decl->name), member->name);
  if (model_inline(member->type)) {
    inline_union_member(walk, decl, member, from);
  } else {
    const char* simple = simple_content(walk, member, from, "to->envelope_", NULL);
    text_add(out, "      if (!%s) %s\n", from, walk_stop(walk, "INVALID_NULL_ENVELOPE"));
    walk_depth(walk, "      ", 1, NULL);
    if (simple && walk->counts_depth && member->type->shape->depth > 0) walk_depth(walk, "      ", 2, NULL);
    if (simple)
      text_add(out, "      return %s;\n", simple);
    else if (member->type->shape->depth > 0 || member->type->resource)
      content_of_union_member(walk, decl, member, from);
    else
      fixed_content_of_union_member(walk, member, from);
  }
  text_add(out, "    }\n");
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
    const char* name = c_field(decl, member);
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
