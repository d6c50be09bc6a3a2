// Encoders: `to` is a copy of the layout `from`, whose pointers and handles become markers while what they
// refer to is appended, in the order of the fields. Tables write their header and envelopes themselves.
#include <inttypes.h>
#include <string.h>

#include "emit.h"
#include "encode.h"
#include "names.h"
#include "rules.h"
#include "walk.h"

bool encode_changes(model_t* model, const type_t* type) {
  type = model_resolve(model, type);
  if (model_plain(model, type)) return false;
  const decl_t* decl = model_decl(model, type);
  switch (type->kind) {
    case FIDL__IR__TYPE__KIND__PRIMITIVE:
    case FIDL__IR__TYPE__KIND__FRAMEWORK_ERR:
      return false;
    case FIDL__IR__TYPE__KIND__ARRAY:
      return encode_changes(model, type->element);
    case FIDL__IR__TYPE__KIND__IDENTIFIER:
      if (!decl || !model_is_layout(decl)) return false;
      if (rules_suffice_for_decl(model, decl)) {
        rules_t rules = rules_of_struct(model, decl);
        bool padded = rules_have(&rules, RULES_PADDING);
        rules_free(&rules);
        return padded;
      }
      return true;
    default:
      return true;
  }
}

const char* encode_flags(const walk_t* walk, bool optional) {
  if (!walk->has_room) return optional ? "FIDL_OPTIONAL" : "0";
  return optional ? "FIDL_OPTIONAL | FIDL_ROOM" : "FIDL_ROOM";
}

static const char* flags(const walk_t* walk, const place_t* place) {
  return encode_flags(walk, place->type->nullable);
}

const char* encode_defer_text(walk_t* walk, bool own, const char* condition, const char* address) {
  if (!walk->texts || !own) return "NULL";
  text_add(walk->texts, "  if (%s!fidl_encode_valid_text(encoder, %s)) return NULL;\n", condition, address);
  return "text";
}

static void encode_string(walk_t* walk, const place_t* place) {
  const char* address = code_address(place->expr);
  bool own = place->hops == 0 && place->nesting == 0;
  walk_depth(walk, place->indent, place->hops + 1, code_member(place->expr, "data"));
  walk_step(walk, place->indent, "fidl_encode_string(encoder, next, %s, %s, %s, %s, %s)", address,
            code_address(place->to), code_bound(place->type), flags(walk, place),
            encode_defer_text(walk, own, "", address));
}

static void bools(walk_t* walk, const char* indent, const char* data, const char* count) {
  text_add(walk->out, "%sif (!fidl_bools_valid(%s, %s)) %s\n", indent, data, count,
           walk_stop(walk, "INVALID_BOOLEAN"));
}

// Elements for which rules suffice: all are looked at, and then they are plain, unless padding is to be
// zeroed.
static void fixed_elements(walk_t* walk, const place_t* place, const decl_t* decl, const char* data,
                           const char* count) {
  rules_t rules = rules_of_struct(walk->model, decl);
  const char* name = c_name(decl->name);
  const char* in = place->indent;
  const char* inner = text_format("%s  ", in);
  bool padded = rules_have(&rules, RULES_PADDING);
  if (rules_have(&rules, RULES_VALUES))
    text_add(
        walk->out,
        "%sif (%s != 0)\n%s  return fidl_encode_elements_broken(encoder, %s, %s, sizeof(*%s), %s_rules_, "
        "%zu);\n",
        in, rules_expression_for_all(&rules, RULES_VALUES, data, count), in, data, count, data, name,
        rules.count);
  if (padded)
    text_add(walk->out, "%sif (%s == 0) {\n", in,
             rules_expression_for_all(&rules, RULES_PADDING, data, count));
  walk_step(walk, padded ? inner : in,
            "fidl_encode_data(encoder, next, %s, %s * sizeof(*%s), UINT64_MAX, %s)", data, count, data,
            encode_flags(walk, false));
  if (padded) {
    text_add(walk->out, "%s} else {\n%s%s* copies = (void*)next;\n", in, inner, name);
    walk_step(walk, inner, "fidl_encode_append(encoder, next, %s, %s * sizeof(*%s), %s)", data, count, data,
              encode_flags(walk, false));
    const char* index = code_loop(walk->out, inner, count, place->nesting);
    rules_clear(&rules, walk->out, text_format("%s  ", inner), text_format("&copies[%s]", index));
    text_add(walk->out, "%s}\n%s}\n", inner, in);
  }
  rules_free(&rules);
}

// Elements that are dealt with one by one.
static void each_element(walk_t* walk, const place_t* place, const char* data, const char* count) {
  const type_t* element = place->type->element;
  const char* in = place->indent;
  const char* copy = place->nesting ? text_format("elements%u", place->nesting) : "elements";
  if (encode_changes(walk->model, element))
    text_add(walk->out, "%s%s = (void*)next;\n", in, c_declare_pointer(walk->model, element, copy, false));
  walk_step(walk, in, "fidl_encode_append(encoder, next, %s, %s * sizeof(*%s), %s)", data, count, data,
            encode_flags(walk, false));
  const char* index = code_loop(walk->out, in, count, place->nesting);
  walk_value(walk, (place_t){.type = element,
                             .expr = text_format("%s[%s]", data, index),
                             .to = text_format("%s[%s]", copy, index),
                             .indent = text_format("%s  ", in),
                             .hops = place->hops + 1,
                             .nesting = place->nesting + 1});
  text_add(walk->out, "%s}\n", in);
}

static void encode_vector(walk_t* walk, const place_t* place) {
  const type_t* element = place->type->element;
  const char* data = code_member(place->expr, "data");
  const char* count = code_member(place->expr, "count");
  walk_depth(walk, place->indent, place->hops + 1, data);
  if (model_plain(walk->model, element)) {
    walk_step(walk, place->indent, "fidl_encode_plain_vector(encoder, next, %s, %s, %s, sizeof(*%s), %s, %s)",
              count, data, code_address(place->to), data, code_bound(place->type), flags(walk, place));
    return;
  }
  walk_check(walk, place->indent, "fidl_encode_vector(encoder, %s, %s, %s, %s, %s)", count, data,
             code_address(place->to), code_bound(place->type), flags(walk, place));
  place_t inner = *place;
  inner.indent = text_format("%s  ", place->indent);
  if (place->type->nullable)
    text_add(walk->out, "%sif (%s) {\n", place->indent, data);
  else
    text_add(walk->out, "%s{\n", place->indent);
  const decl_t* decl = model_decl(walk->model, element);
  if (code_is_bool(walk->model, element)) {
    bools(walk, inner.indent, data, count);
    walk_step(walk, inner.indent, "fidl_encode_data(encoder, next, %s, %s * sizeof(*%s), UINT64_MAX, %s)",
              data, count, data, encode_flags(walk, false));
  } else if (decl && decl->kind == FIDL__IR__DECL__KIND__STRUCT &&
             rules_suffice_for_decl(walk->model, decl)) {
    fixed_elements(walk, &inner, decl, data, count);
  } else {
    each_element(walk, &inner, data, count);
  }
  text_add(walk->out, "%s}\n", place->indent);
}

static void encode_array(walk_t* walk, const place_t* place) {
  const char* count = text_format("%" PRIu64, place->type->count);
  if (code_is_bool(walk->model, place->type->element)) {
    bools(walk, place->indent, place->expr, count);
    return;
  }
  const char* index = code_loop(walk->out, place->indent, count, place->nesting);
  walk_value(walk, (place_t){.type = place->type->element,
                             .expr = text_format("%s[%s]", place->expr, index),
                             .to = text_format("%s[%s]", place->to, index),
                             .indent = text_format("%s  ", place->indent),
                             .hops = place->hops,
                             .nesting = place->nesting + 1});
  text_add(walk->out, "%s}\n", place->indent);
}

static void encode_box(walk_t* walk, const place_t* place) {
  const type_t* element = place->type->element;
  const char* name = c_type_of(walk->model, element).base;
  const char* inner = text_format("%s  ", place->indent);
  text_add(walk->out, "%sif (%s) {\n", place->indent, place->expr);
  walk_depth(walk, inner, place->hops + 1, NULL);
  if (encode_changes(walk->model, element)) text_add(walk->out, "%s%s* boxed = (void*)next;\n", inner, name);
  walk_step(walk, inner, "fidl_encode_box(encoder, next, %s, sizeof(*%s), &%s, %s)", place->expr, place->expr,
            place->to, encode_flags(walk, false));
  walk_value(walk, (place_t){.type = element,
                             .expr = text_format("(*%s)", place->expr),
                             .to = "(*boxed)",
                             .indent = inner,
                             .hops = place->hops + 1});
  text_add(walk->out, "%s}\n", place->indent);
}

static void encode_handle(walk_t* walk, const place_t* place) {
  uint32_t subtype, rights;
  code_handle_args(place->type, &subtype, &rights);
  walk_check(walk, place->indent, "fidl_encode_handle(encoder, %s, %s, %uu, 0x%xu, %s)",
             code_address(place->expr), code_address(place->to), subtype, rights, flags(walk, place));
}

// The checks of what rules say about the object at `from`, and the zeroing of the padding of its copy at
// `to`.
static void fixed_struct(walk_t* walk, const char* indent, const decl_t* decl, const char* from,
                         const char* to) {
  rules_t rules = rules_of_struct(walk->model, decl);
  if (rules_have(&rules, RULES_VALUES))
    text_add(walk->out, "%sif (%s != 0) return fidl_encode_broken(encoder, %s, %s_rules_, %zu);\n", indent,
             rules_expression(&rules, RULES_VALUES, from), from, c_name(decl->name), rules.count);
  rules_clear(&rules, walk->out, indent, to);
  rules_free(&rules);
}

static void encode_fixed(walk_t* walk, const place_t* place) {
  const decl_t* decl = model_decl(walk->model, place->type);
  if (decl && decl->kind == FIDL__IR__DECL__KIND__STRUCT)
    fixed_struct(walk, place->indent, decl, code_address(place->expr), code_address(place->to));
  else
    walk_scalar_check(walk, place);
}

static void encode_layout(walk_t* walk, const place_t* place) {
  const decl_t* decl = model_decl(walk->model, place->type);
  const char* in = place->indent;
  const char* call =
      text_format("%s(encoder, next, %s, %s%s)", walk_function(walk, decl), code_address(place->expr),
                  code_address(place->to), walk_depth_argument(walk, decl, place->hops));
  if (!place->type->nullable) {
    walk_step(walk, in, "%s", call);
    return;
  }
  text_add(walk->out, "%sif (%s == 0) {\n%s  memset(%s, 0, sizeof(%s));\n", in,
           code_member(place->expr, "ordinal"), in, code_address(place->to), place->to);
  text_add(walk->out, "%s} else if (!(next = %s)) {\n%s  return NULL;\n%s}\n", in, call, in, in);
}

static void struct_members(walk_t* walk, const decl_t* decl) {
  fixed_struct(walk, "  ", decl, "from", "to");
  for (size_t i = 0; i < decl->n_members; i++) {
    const char* name = c_member(decl->members[i]->name);
    if (rules_suffice(walk->model, decl->members[i]->type)) continue;
    walk_value(walk, (place_t){.type = decl->members[i]->type,
                               .expr = text_format("from->%s", name),
                               .to = text_format("to->%s", name),
                               .indent = "  "});
  }
}

static const steps_t steps = {
    .string = encode_string,
    .vector = encode_vector,
    .array = encode_array,
    .box = encode_box,
    .handle = encode_handle,
    .fixed = encode_fixed,
    .layout = encode_layout,
    .struct_members = struct_members,
    .table_members = encode_table_members,
    .union_members = encode_union_members,
    .overlay_members = encode_overlay_members,
};

// Whether the strings of a layout are checked in the end, together.
static bool defers_texts(model_t* model, const decl_t* decl) {
  if (decl->kind != FIDL__IR__DECL__KIND__STRUCT && decl->kind != FIDL__IR__DECL__KIND__TABLE) return false;
  for (size_t i = 0; i < decl->n_members; i++)
    if (model_resolve(model, decl->members[i]->type)->kind == FIDL__IR__TYPE__KIND__STRING) return true;
  return false;
}

// The function around the members' one, and the checks of the strings.
static void emit_with_texts(text_t* out, const decl_t* decl, const char* begin, const char* texts) {
  const char* name = c_name(decl->name);
  text_add_call(out, text_format("static __attribute__((cold, noinline)) uint8_t* %s_encode_texts_", name),
                text_format("fidl_encoder_t* encoder, uint8_t* next, const %s* from", name), " {\n");
  text_add(out, "%s  return next;\n}\n\n", texts);
  code_coder_head(out, decl, "encode", false);
  text_add(out, " {\n%s  uint64_t text = 0;\n", begin);
  text_add(out, "  next = %s_encode_members_(encoder, next, from_object, to_object, &text);\n", name);
  text_add(out,
           "  if (next && __builtin_expect((text & FIDL_NOT_ASCII) != 0, 0))\n"
           "    return %s_encode_texts_(encoder, next, (const %s*)from_object);\n  return next;\n}\n\n",
           name, name);
}

void emit_encode(model_t* model, text_t* out, const decl_t* decl, bool counts_depth) {
  if (model_plain_decl(model, decl)) return;
  const char* name = c_name(decl->name);
  uint32_t most = decl->shape->max_out_of_line;
  text_t body = {0}, whole = {0}, head = {0}, texts = {0}, functions = {0};
  walk_t walk = {.steps = &steps,
                 .model = model,
                 .out = &body,
                 .coder = "encode",
                 .functions = &functions,
                 .counts_depth = counts_depth,
                 .has_room = !counts_depth && most > 0 && most <= WALK_TIGHT_BYTES};
  if (walk.has_room && defers_texts(model, decl)) walk.texts = &texts;
  walk_members(&walk, decl);
  if (decl->kind == FIDL__IR__DECL__KIND__STRUCT) text_add(&body, "  return next;\n");
  if (code_uses(text_string(&body), "from")) text_add(&whole, "  %s* from = (%s*)from_object;\n", name, name);
  if (code_uses(text_string(&body), "to")) text_add(&whole, "  %s* to = (%s*)to_object;\n", name, name);
  const char* begin =
      walk.has_room
          ? text_format(
                "  if (encoder->end - next < %u)\n"
                "    return fidl_encode_tight(encoder, next, from_object, to_object, %s_encode_);\n",
                most, name)
          : "";
  if (walk.texts)
    text_add_call(
        &head, text_format("static inline uint8_t* %s_encode_members_", name),
        "fidl_encoder_t* encoder, uint8_t* next, void* from_object, void* to_object, uint64_t* text", " {");
  else
    text_add(&whole, "%s", begin);
  text_add(&whole, "%s", text_string(&body));
  if (!walk.texts) {
    code_coder_head(&head, decl, "encode", counts_depth);
    text_add(&head, " {");
  }
  text_add(out, "%s", text_string(&functions));
  code_function(out, text_string(&head), text_string(&whole),
                (const char* const[]){"encoder", "next", "from_object", "to_object",
                                      counts_depth ? "depth" : NULL, NULL});
  if (walk.texts) emit_with_texts(out, decl, begin, text_string(&texts));
  text_free(&head);
  text_free(&whole);
  text_free(&body);
  text_free(&texts);
  text_free(&functions);
}
