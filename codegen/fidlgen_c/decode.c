// Decoders: straight-line checks and patches of one layout in place, in the order of its fields.
#include <inttypes.h>

#include "emit.h"
#include "names.h"
#include "rules.h"
#include "walk.h"

static const char* optional(const place_t* place) {
  return place->type->nullable ? "true" : "false";
}

static void decode_string(walk_t* walk, const place_t* place) {
  walk_step(walk, place->indent, "fidl_decode_string(decoder, next, %s, %s, %s)", code_address(place->expr),
            code_bound(place->type), optional(place));
  walk_depth(walk, place->indent, place->hops + 1, code_member(place->expr, "data"));
}

// Elements for which rules suffice: all are looked at before it is told whether one is wrong.
static void fixed_elements(walk_t* walk, const place_t* place, const decl_t* decl, const char* data,
                           const char* count) {
  rules_t rules = rules_of_struct(walk->model, decl);
  text_add(walk->out,
           "%sif (%s != 0)\n%s  return fidl_decode_elements_broken(decoder, %s, %s, sizeof(*%s), "
           "%s_rules_, %zu);\n",
           place->indent, rules_expression_for_all(&rules, RULES_ALL, data, count), place->indent, data,
           count, data, c_name(decl->name), rules.count);
  rules_free(&rules);
}

static void elements(walk_t* walk, const place_t* place, const char* data, const char* count, unsigned hops) {
  const type_t* element = place->type->element;
  const decl_t* decl = model_decl(walk->model, element);
  if (model_plain(walk->model, element)) return;
  if (code_is_bool(walk->model, element)) {
    text_add(walk->out, "%sif (!fidl_bools_valid(%s, %s)) %s\n", place->indent, data, count,
             walk_stop(walk, "INVALID_BOOLEAN"));
    return;
  }
  if (decl && decl->kind == FIDL__IR__DECL__KIND__STRUCT && rules_suffice_for_decl(walk->model, decl)) {
    fixed_elements(walk, place, decl, data, count);
    return;
  }
  const char* index = code_loop(walk->out, place->indent, count, place->nesting);
  walk_value(walk, (place_t){.type = element,
                             .expr = text_format("%s[%s]", data, index),
                             .indent = text_format("%s  ", place->indent),
                             .hops = hops,
                             .nesting = place->nesting + 1});
  text_add(walk->out, "%s}\n", place->indent);
}

static void decode_vector(walk_t* walk, const place_t* place) {
  const char* data = code_member(place->expr, "data");
  walk_step(walk, place->indent, "fidl_decode_vector(decoder, next, %s, sizeof(*%s), %s, %s)",
            code_address(place->expr), data, code_bound(place->type), optional(place));
  walk_depth(walk, place->indent, place->hops + 1, data);
  elements(walk, place, data, code_member(place->expr, "count"), place->hops + 1);
}

static void decode_array(walk_t* walk, const place_t* place) {
  elements(walk, place, place->expr, text_format("%" PRIu64, place->type->count), place->hops);
}

static void decode_box(walk_t* walk, const place_t* place) {
  walk_step(walk, place->indent, "fidl_decode_box(decoder, next, &%s, sizeof(*%s))", place->expr,
            place->expr);
  walk_depth(walk, place->indent, place->hops + 1, place->expr);
  if (model_plain(walk->model, place->type->element)) return;
  text_add(walk->out, "%sif (%s) {\n", place->indent, place->expr);
  walk_value(walk, (place_t){.type = place->type->element,
                             .expr = text_format("(*%s)", place->expr),
                             .indent = text_format("%s  ", place->indent),
                             .hops = place->hops + 1});
  text_add(walk->out, "%s}\n", place->indent);
}

static void decode_handle(walk_t* walk, const place_t* place) {
  uint32_t subtype, rights;
  code_handle_args(place->type, &subtype, &rights);
  walk_check(walk, place->indent, "fidl_decode_handle(decoder, %s, %uu, 0x%xu, %s)",
             code_address(place->expr), subtype, rights, optional(place));
}

// The checks of what rules say about the struct at `address`.
static void fixed_struct(walk_t* walk, const char* indent, const decl_t* decl, const char* address) {
  rules_t rules = rules_of_struct(walk->model, decl);
  if (rules.count)
    text_add(walk->out, "%sif (%s != 0)\n%s  return fidl_decode_broken(decoder, %s, %s_rules_, %zu);\n",
             indent, rules_expression(&rules, RULES_ALL, address), indent, address, c_name(decl->name),
             rules.count);
  rules_free(&rules);
}

static void decode_fixed(walk_t* walk, const place_t* place) {
  const decl_t* decl = model_decl(walk->model, place->type);
  if (decl && decl->kind == FIDL__IR__DECL__KIND__STRUCT)
    fixed_struct(walk, place->indent, decl, code_address(place->expr));
  else
    walk_scalar_check(walk, place);
}

static void decode_layout(walk_t* walk, const place_t* place) {
  const decl_t* decl = model_decl(walk->model, place->type);
  const char* in = place->indent;
  const char* call = text_format("%s(decoder, next, %s%s)", walk_function(walk, decl),
                                 code_address(place->expr), walk_depth_argument(walk, decl, place->hops));
  if (!place->type->nullable) {
    walk_step(walk, in, "%s", call);
    return;
  }
  text_add(walk->out, "%sif (%s == 0) {\n", in, code_member(place->expr, "ordinal"));
  walk_check(walk, text_format("%s  ", in), "fidl_decode_union_unset(decoder, &%s, true)",
             code_member(place->expr, "envelope_"));
  text_add(walk->out, "%s} else if (!(next = %s)) {\n%s  return NULL;\n%s}\n", in, call, in, in);
}

static void struct_members(walk_t* walk, const decl_t* decl) {
  fixed_struct(walk, "  ", decl, "value");
  for (size_t i = 0; i < decl->n_members; i++)
    if (!rules_suffice(walk->model, decl->members[i]->type))
      walk_value(walk, (place_t){.type = decl->members[i]->type,
                                 .expr = text_format("value->%s", c_member(decl->members[i]->name)),
                                 .indent = "  "});
}

// Whether handles can be among what a value refers to; in flexible envelopes they can be unknown ones.
static bool may_hold_handles(const type_t* type) {
  return type->resource || type->shape->has_flexible_envelope;
}

// The common kinds of content in one call, an expression; NULL if it takes more.
static const char* simple_content(walk_t* walk, const member_t* member, const char* place) {
  const type_t* type = model_resolve(walk->model, member->type);
  c_type_t c = c_type_of(walk->model, type);
  if (model_plain(walk->model, type))
    return text_format("fidl_decode_envelope_plain(decoder, next, &%s, sizeof(%s%s))", place, c.base, c.dims);
  if (type->kind == FIDL__IR__TYPE__KIND__STRING)
    return text_format("fidl_decode_envelope_string(decoder, next, &%s, %s)", place, code_bound(type));
  if (type->kind != FIDL__IR__TYPE__KIND__VECTOR || !model_plain(walk->model, type->element)) return NULL;
  c = c_type_of(walk->model, type->element);
  return text_format("fidl_decode_envelope_vector(decoder, next, &%s, sizeof(%s%s), %s)", place, c.base,
                     c.dims, code_bound(type));
}

// Content that is larger than 4 bytes, of the envelope `place`, which becomes a pointer to it.
static void content(walk_t* walk, const char* indent, const member_t* member, const char* place,
                    unsigned hops) {
  const char* name = c_member(member->name);
  const char* simple = simple_content(walk, member, place);
  walk_depth(walk, indent, hops, NULL);
  if (simple) {
    walk_step(walk, indent, "%s", simple);
    // Strings and vectors cannot be absent here.
    if (member->type->shape->depth > 0) walk_depth(walk, indent, hops + 1, NULL);
    return;
  }
  const char* kind = may_hold_handles(member->type) ? "" : "_value";
  text_add(walk->out, "%sfidl_decode_mark_t mark;\n%s%s = (void*)next;\n", indent, indent,
           c_declare_pointer(walk->model, member->type, text_format("%s_value", name), false));
  walk_step(walk, indent, "fidl_decode_envelope%s(decoder, next, &%s, sizeof(*%s_value), &mark)", kind, place,
            name);
  walk_value(
      walk,
      (place_t){
          .type = member->type, .expr = text_format("(*%s_value)", name), .indent = indent, .hops = hops});
  walk_check(walk, indent, "fidl_decode_envelope%s_end(decoder, next, &%s, %s_value, &mark)", kind, place,
             name);
}

// The check of an inline envelope in which there is no handle. Returns whether its value is checked, too.
static bool inline_header(walk_t* walk, const char* indent, const member_t* member, const char* place) {
  const char* error;
  const char* mask = walk_inline_mask(walk, member->type, &error);
  uint32_t size = member->type->shape->inline_size;
  walk_check(walk, indent, "fidl_decode_inline(decoder, &%s, %u, %s, FIDL_ERROR_%s)", place, size,
             mask ? mask : text_format("0x%" PRIx64 "u", UINT64_MAX >> (64 - 8 * size)), error);
  return mask != NULL;
}

// An inline member of a table: a copy of it is checked, and put back if it changed.
static void inline_table_member(walk_t* walk, const member_t* member, const char* place) {
  const char* name = c_member(member->name);
  bool resource = member->type->resource;
  if (!resource && inline_header(walk, "  ", member, place)) return;
  text_add(walk->out, "  if (fidl_present(&%s)) {\n", place);
  if (resource) {
    text_add(walk->out, "    uint32_t end_handle;\n");
    walk_check(walk, "    ", "fidl_decode_inline_handle(decoder, &%s, &end_handle)", place);
  }
  text_add(walk->out, "    %s;\n    memcpy(&%s_value, %s.inl.value, sizeof(%s_value));\n",
           c_declare(walk->model, member->type, text_format("%s_value", name)), name, place, name);
  walk_value(
      walk,
      (place_t){.type = member->type, .expr = text_format("%s_value", name), .indent = "    ", .hops = 1});
  if (resource) {
    text_add(walk->out, "    memcpy(%s.inl.value, &%s_value, sizeof(%s_value));\n", place, name, name);
    walk_check(walk, "    ", "fidl_decode_inline_end(decoder, end_handle)");
  }
  text_add(walk->out, "  }\n");
}

static void table_member(walk_t* walk, const member_t* member) {
  const char* place = text_format("envelopes[%u]", member->ordinal - 1);
  text_add(walk->out, "  // %s\n  if (max_ordinal < %u) return next;\n", member->name, member->ordinal);
  if (model_inline(member->type)) {
    inline_table_member(walk, member, place);
    return;
  }
  text_add(walk->out, "  if (fidl_present(&%s)) {\n", place);
  content(walk, "    ", member, place, 2);
  text_add(walk->out, "  }\n");
}

static void table_members(walk_t* walk, const decl_t* decl) {
  uint32_t max_ordinal = model_max_ordinal(decl);
  walk_step(walk, "  ", "fidl_decode_table(decoder, next, value)");
  walk_depth(walk, "  ", 1, NULL);
  text_add(walk->out, "  const uint64_t max_ordinal = value->max_ordinal;\n");
  if (max_ordinal) text_add(walk->out, "  fidl_envelope_t* const envelopes = value->envelopes;\n");
  uint32_t next = 1;
  for (size_t i = 0; i < decl->n_members; i++) {
    for (; next < decl->members[i]->ordinal; next++) {
      text_add(walk->out, "  if (max_ordinal < %u) return next;\n", next);
      walk_step(walk, "  ", "fidl_decode_unknown_envelope(decoder, next, &envelopes[%u])", next - 1);
    }
    table_member(walk, decl->members[i]);
    next++;
  }
  text_add(
      walk->out,
      "  if (max_ordinal == %u) return next;\n  return fidl_decode_table_rest(decoder, next, value, %u);\n",
      max_ordinal, max_ordinal);
}

static void inline_union_member(walk_t* walk, const decl_t* decl, const member_t* member, const char* place) {
  bool resource = member->type->resource;
  if (resource) {
    text_add(walk->out, "      uint32_t end_handle;\n");
    walk_check(walk, "      ", "fidl_decode_inline_handle(decoder, &%s, &end_handle)", place);
  } else if (inline_header(walk, "      ", member, place)) {
    return;
  }
  walk_value(walk, (place_t){.type = member->type,
                             .expr = text_format("value->%s", c_field(decl, member)),
                             .indent = "      "});
  if (resource) walk_check(walk, "      ", "fidl_decode_inline_end(decoder, end_handle)");
}

static void union_member(walk_t* walk, const decl_t* decl, const member_t* member) {
  const char* place = "value->envelope_";
  text_add(walk->out, "    case %s_Tag_%s: {\n", c_name(decl->name), member->name);
  text_add(walk->out, "      if (%s.bits == 0) %s\n", place, walk_stop(walk, "INVALID_NULL_ENVELOPE"));
  if (model_inline(member->type))
    inline_union_member(walk, decl, member, place);
  else
    content(walk, "      ", member, place, 1);
  text_add(walk->out, "      return next;\n    }\n");
}

static void union_members(walk_t* walk, const decl_t* decl) {
  text_add(walk->out, "  switch (value->ordinal) {\n");
  for (size_t i = 0; i < decl->n_members; i++)
    union_member(walk, decl, decl->members[i]);
  text_add(
      walk->out,
      "    case 0:\n      return fidl_decode_union_unset(decoder, &value->envelope_, false) ? next : NULL;\n"
      "    default:\n");
  if (decl->strict)
    text_add(walk->out, "      %s\n", walk_stop(walk, "STRICT_UNION_UNKNOWN_FIELD"));
  else
    text_add(walk->out, "      return fidl_decode_union_unknown(decoder, next, &value->envelope_);\n");
  text_add(walk->out, "  }\n");
}

static void overlay_members(walk_t* walk, const decl_t* decl) {
  uint32_t room = decl->shape->inline_size - 8;
  text_add(walk->out, "  switch (value->ordinal) {\n");
  for (size_t i = 0; i < decl->n_members; i++) {
    const member_t* member = decl->members[i];
    uint32_t size = member->type->shape->inline_size;
    text_add(walk->out, "    case %s_Tag_%s:\n", c_name(decl->name), member->name);
    walk_value(walk, (place_t){.type = member->type,
                               .expr = text_format("value->%s", c_field(decl, member)),
                               .indent = "      "});
    if (size < room)
      text_add(walk->out,
               "      return fidl_decode_padding(decoder, (const uint8_t*)value + %u, %u) ? next : NULL;\n",
               8 + size, room - size);
    else
      text_add(walk->out, "      return next;\n");
  }
  text_add(walk->out, "    default:\n      %s\n  }\n", walk_stop(walk, "STRICT_UNION_UNKNOWN_FIELD"));
}

static const steps_t steps = {
    .string = decode_string,
    .vector = decode_vector,
    .array = decode_array,
    .box = decode_box,
    .handle = decode_handle,
    .fixed = decode_fixed,
    .layout = decode_layout,
    .struct_members = struct_members,
    .table_members = table_members,
    .union_members = union_members,
    .overlay_members = overlay_members,
};

void emit_decode(model_t* model, text_t* out, const decl_t* decl, bool counts_depth) {
  if (model_plain_decl(model, decl)) return;
  const char* name = c_name(decl->name);
  text_t body = {0}, head = {0};
  walk_t walk = {
      .steps = &steps, .model = model, .out = &body, .coder = "decode", .counts_depth = counts_depth};
  text_add(&body, "  %s* value = (%s*)object;\n", name, name);
  walk_members(&walk, decl);
  if (decl->kind == FIDL__IR__DECL__KIND__STRUCT) text_add(&body, "  return next;\n");
  code_coder_head(&head, decl, "decode", counts_depth);
  code_function(out, text_format("%s {", text_string(&head)), text_string(&body),
                (const char* const[]){"decoder", counts_depth ? "depth" : NULL, NULL});
  text_free(&head);
  text_free(&body);
}
