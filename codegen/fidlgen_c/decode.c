// Decoders: straight-line checks and patches of one layout in place, in the order of its fields.
#include <inttypes.h>

#include "emit.h"
#include "names.h"

static void value(model_t* model, text_t* out, const char* indent, const type_t* type, const char* expr,
                  unsigned hops, unsigned nesting);

// A call that fails the function if it fails.
static void check(text_t* out, const char* indent, const char* format, ...)
    __attribute__((format(printf, 3, 4)));
static void check(text_t* out, const char* indent, const char* format, ...) {
  va_list args;
  va_start(args, format);
  text_add(out, "%sif (!", indent);
  text_add_va(out, format, args);
  text_add(out, ") return NULL;\n");
  va_end(args);
}

// A call that appends or claims, and fails the function if it fails.
static void step(text_t* out, const char* indent, const char* format, ...)
    __attribute__((format(printf, 3, 4)));
static void step(text_t* out, const char* indent, const char* format, ...) {
  va_list args;
  va_start(args, format);
  text_add(out, "%sif (!(next = ", indent);
  text_add_va(out, format, args);
  text_add(out, ")) return NULL;\n");
  va_end(args);
}

static void elements(model_t* model, text_t* out, const char* indent, const type_t* element, const char* data,
                     const char* count, unsigned hops, unsigned nesting) {
  if (model_plain(model, element)) return;
  if (code_is_bool(model, element)) {
    text_add(
        out,
        "%sif (!fidl_bools_valid(%s, %s)) return fidl_decode_stop(decoder, FIDL_ERROR_INVALID_BOOLEAN);\n",
        indent, data, count);
    return;
  }
  const char* index = code_loop(out, indent, count, nesting);
  value(model, out, text_format("%s  ", indent), element, text_format("%s[%s]", data, index), hops,
        nesting + 1);
  text_add(out, "%s}\n", indent);
}

static void identifier(model_t* model, text_t* out, const char* indent, const type_t* type, const char* expr,
                       unsigned hops) {
  const decl_t* decl = model_find(model, type->identifier);
  if (!decl || model_plain_decl(model, decl)) return;
  const char* name = c_name(decl->name);
  switch (decl->kind) {
    case FIDL__IR__DECL__KIND__ENUM:
      text_add(
          out,
          "%sif (!%s_is_known(%s)) return fidl_decode_stop(decoder, FIDL_ERROR_STRICT_ENUM_UNKNOWN_VALUE);\n",
          indent, name, expr);
      break;
    case FIDL__IR__DECL__KIND__BITS:
      text_add(
          out,
          "%sif (%s & (%s)~%s_MASK) return fidl_decode_stop(decoder, FIDL_ERROR_STRICT_BITS_UNKNOWN_BIT);\n",
          indent, expr, name, name);
      break;
    case FIDL__IR__DECL__KIND__UNION:
      if (type->nullable) {
        text_add(out, "%sif (%s == 0) {\n", indent, code_member(expr, "ordinal"));
        check(out, text_format("%s  ", indent), "fidl_decode_union_unset(decoder, &%s, true)",
              code_member(expr, "envelope_"));
        text_add(out, "%s} else if (!(next = %s_decode_(decoder, next, %s, %s))) {\n%s  return NULL;\n%s}\n",
                 indent, name, code_address(expr), code_depth(hops), indent, indent);
        break;
      }
      step(out, indent, "%s_decode_(decoder, next, %s, %s)", name, code_address(expr), code_depth(hops));
      break;
    default:
      step(out, indent, "%s_decode_(decoder, next, %s, %s)", name, code_address(expr), code_depth(hops));
      break;
  }
}

static void box(model_t* model, text_t* out, const char* indent, const type_t* type, const char* expr,
                unsigned hops) {
  step(out, indent, "fidl_decode_box(decoder, next, &%s, sizeof(*%s), %s)", expr, expr, code_depth(hops));
  if (!model_plain(model, type->element))
    text_add(out, "%sif (%s && !(next = %s_decode_(decoder, next, %s, %s))) return NULL;\n", indent, expr,
             c_type_of(model, type->element).base, expr, code_depth(hops + 1));
}

static void value(model_t* model, text_t* out, const char* indent, const type_t* type, const char* expr,
                  unsigned hops, unsigned nesting) {
  type = model_resolve(model, type);
  const char* optional = type->nullable ? "true" : "false";
  switch (type->kind) {
    case FIDL__IR__TYPE__KIND__PRIMITIVE:
      if (type->primitive == FIDL__IR__TYPE__PRIMITIVE__BOOL)
        check(out, indent, "fidl_decode_bool(decoder, %s)", code_address(expr));
      break;
    case FIDL__IR__TYPE__KIND__STRING:
      step(out, indent, "fidl_decode_string(decoder, next, %s, %s, %s, %s)", code_address(expr),
           code_bound(type), optional, code_depth(hops));
      break;
    case FIDL__IR__TYPE__KIND__VECTOR:
      step(out, indent, "fidl_decode_vector(decoder, next, %s, sizeof(*%s), %s, %s, %s)", code_address(expr),
           code_member(expr, "data"), code_bound(type), optional, code_depth(hops));
      elements(model, out, indent, type->element, code_member(expr, "data"), code_member(expr, "count"),
               hops + 1, nesting);
      break;
    case FIDL__IR__TYPE__KIND__ARRAY:
      elements(model, out, indent, type->element, expr, text_format("%" PRIu64, type->count), hops, nesting);
      break;
    case FIDL__IR__TYPE__KIND__BOX:
      box(model, out, indent, type, expr, hops);
      break;
    case FIDL__IR__TYPE__KIND__HANDLE:
    case FIDL__IR__TYPE__KIND__CLIENT_END:
    case FIDL__IR__TYPE__KIND__SERVER_END: {
      uint32_t subtype, rights;
      code_handle_args(type, &subtype, &rights);
      check(out, indent, "fidl_decode_handle(decoder, %s, %uu, 0x%xu, %s)", code_address(expr), subtype,
            rights, optional);
      break;
    }
    case FIDL__IR__TYPE__KIND__FRAMEWORK_ERR:
      text_add(out,
               "%sif (%s != FIDL_FRAMEWORK_ERR_UNKNOWN_METHOD)\n"
               "%s  return fidl_decode_stop(decoder, FIDL_ERROR_STRICT_ENUM_UNKNOWN_VALUE);\n",
               indent, expr, indent);
      break;
    case FIDL__IR__TYPE__KIND__IDENTIFIER:
      identifier(model, out, indent, type, expr, hops);
      break;
    default:
      break;
  }
}

static void decode_struct(model_t* model, text_t* body, const decl_t* decl) {
  if (decl->n_members == 0) {
    text_add(
        body,
        "  if (value->_empty != 0) return fidl_decode_stop(decoder, FIDL_ERROR_INVALID_EMPTY_STRUCT);\n");
    return;
  }
  for (size_t i = 0; i < decl->n_members; i++) {
    const member_t* member = decl->members[i];
    value(model, body, "  ", member->type, text_format("value->%s", c_member(member->name)), 0, 0);
    if (member->padding != 0)
      check(body, "  ", "fidl_decode_padding(decoder, value->_padding%zu, sizeof(value->_padding%zu))", i, i);
  }
}

// Whether handles can be among what a value refers to; in flexible envelopes they can be unknown ones.
static bool may_hold_handles(const type_t* type) {
  return type->resource || type->shape->has_flexible_envelope;
}

// The content of an envelope larger than 4 bytes, at `place`, which becomes a pointer to it. `last`: the
// function returns with it.
static void out_of_line(model_t* model, text_t* body, const char* indent, const member_t* member,
                        const char* place, unsigned hops, bool last) {
  const char* name = c_member(member->name);
  if (model_plain(model, member->type)) {
    c_type_t type = c_type_of(model, member->type);
    step(body, indent, "fidl_decode_envelope_plain(decoder, next, &%s, sizeof(%s%s), %s)", place, type.base,
         type.dims, code_depth(hops));
  } else {
    const char* kind = may_hold_handles(member->type) ? "" : "_value";
    text_add(body, "%sfidl_decode_mark_t mark;\n%s%s = (void*)next;\n", indent, indent,
             c_declare_pointer(model, member->type, text_format("%s_value", name), false));
    step(body, indent, "fidl_decode_envelope%s(decoder, next, &%s, sizeof(*%s_value), %s, &mark)", kind,
         place, name, code_depth(hops));
    value(model, body, indent, member->type, text_format("(*%s_value)", name), hops, 0);
    check(body, indent, "fidl_decode_envelope%s_end(decoder, next, &%s, %s_value, &mark)", kind, place, name);
  }
  if (last) text_add(body, "%sreturn next;\n", indent);
}

// An inline member of a table: a copy of it is checked, and put back if it changed.
static void inline_table_member(model_t* model, text_t* body, const member_t* member, const char* place) {
  const char* name = c_member(member->name);
  bool resource = member->type->resource;
  if (resource) {
    text_add(body, "    uint32_t end_handle;\n");
    check(body, "    ", "fidl_decode_envelope_inline_handle(decoder, &%s, &end_handle)", place);
  } else {
    check(body, "    ", "fidl_decode_envelope_inline(decoder, &%s, %u)", place,
          member->type->shape->inline_size);
  }
  if (model_plain(model, member->type)) return;
  text_add(body, "    %s;\n    memcpy(&%s_value, %s.inl.value, sizeof(%s_value));\n",
           c_declare(model, member->type, text_format("%s_value", name)), name, place, name);
  value(model, body, "    ", member->type, text_format("%s_value", name), 1, 0);
  if (!resource) return;
  text_add(body, "    memcpy(%s.inl.value, &%s_value, sizeof(%s_value));\n", place, name, name);
  check(body, "    ", "fidl_decode_envelope_inline_end(decoder, end_handle)");
}

static void table_member(model_t* model, text_t* body, const member_t* member) {
  const char* place = text_format("envelopes[%u]", member->ordinal - 1);
  text_add(body, "  if (max_ordinal < %u) return next;\n  if (%s.bits != 0) {  // %s\n", member->ordinal,
           place, member->name);
  if (model_inline(member->type))
    inline_table_member(model, body, member, place);
  else
    out_of_line(model, body, "    ", member, place, 2, false);
  text_add(body, "  }\n");
}

static void decode_table(model_t* model, text_t* body, const decl_t* decl) {
  uint32_t max_ordinal = model_max_ordinal(decl);
  step(body, "  ", "fidl_decode_table(decoder, next, value, depth)");
  text_add(body, "  const uint64_t max_ordinal = value->max_ordinal;\n");
  if (max_ordinal) text_add(body, "  fidl_envelope_t* const envelopes = value->envelopes;\n");
  uint32_t next = 1;
  for (size_t i = 0; i < decl->n_members; i++) {
    for (; next < decl->members[i]->ordinal; next++) {
      text_add(body, "  if (max_ordinal < %u) return next;\n", next);
      step(body, "  ", "fidl_decode_unknown_envelope(decoder, next, &envelopes[%u])", next - 1);
    }
    table_member(model, body, decl->members[i]);
    next++;
  }
  text_add(
      body,
      "  if (max_ordinal == %u) return next;\n  return fidl_decode_table_rest(decoder, next, value, %u);\n",
      max_ordinal, max_ordinal);
}

static void union_member(model_t* model, text_t* body, const decl_t* decl, const member_t* member) {
  const char* name = c_member(member->name);
  const char* place = "value->envelope_";
  text_add(body, "    case %s_Tag_%s: {\n", c_name(decl->name), member->name);
  text_add(body,
           "      if (%s.bits == 0) return fidl_decode_stop(decoder, FIDL_ERROR_INVALID_NULL_ENVELOPE);\n",
           place);
  if (!model_inline(member->type)) {
    out_of_line(model, body, "      ", member, place, 1, true);
  } else if (member->type->resource) {
    text_add(body, "      uint32_t end_handle;\n");
    check(body, "      ", "fidl_decode_envelope_inline_handle(decoder, &%s, &end_handle)", place);
    value(model, body, "      ", member->type, text_format("value->%s", name), 0, 0);
    text_add(body, "      return fidl_decode_envelope_inline_end(decoder, end_handle) ? next : NULL;\n");
  } else {
    check(body, "      ", "fidl_decode_envelope_inline(decoder, &%s, %u)", place,
          member->type->shape->inline_size);
    value(model, body, "      ", member->type, text_format("value->%s", name), 0, 0);
    text_add(body, "      return next;\n");
  }
  text_add(body, "    }\n");
}

static void decode_union(model_t* model, text_t* body, const decl_t* decl) {
  text_add(body, "  switch (value->ordinal) {\n");
  for (size_t i = 0; i < decl->n_members; i++)
    union_member(model, body, decl, decl->members[i]);
  text_add(body,
           "    case 0:\n      return fidl_decode_union_unset(decoder, &value->envelope_, false) ? next : "
           "NULL;\n    "
           "default:\n");
  if (decl->strict)
    text_add(body, "      return fidl_decode_stop(decoder, FIDL_ERROR_STRICT_UNION_UNKNOWN_FIELD);\n");
  else
    text_add(body, "      return fidl_decode_union_unknown(decoder, next, &value->envelope_);\n");
  text_add(body, "  }\n");
}

static void decode_overlay(model_t* model, text_t* body, const decl_t* decl) {
  uint32_t room = decl->shape->inline_size - 8;
  text_add(body, "  const uint8_t* content = (const uint8_t*)value + 8;\n  switch (value->ordinal) {\n");
  for (size_t i = 0; i < decl->n_members; i++) {
    const member_t* member = decl->members[i];
    uint32_t size = member->type->shape->inline_size;
    text_add(body, "    case %s_Tag_%s:\n", c_name(decl->name), member->name);
    value(model, body, "      ", member->type, text_format("value->%s", c_member(member->name)), 0, 0);
    if (size < room)
      text_add(body, "      return fidl_decode_padding(decoder, content + %u, %u) ? next : NULL;\n", size,
               room - size);
    else
      text_add(body, "      return next;\n");
  }
  text_add(
      body,
      "    default:\n      return fidl_decode_stop(decoder, FIDL_ERROR_STRICT_UNION_UNKNOWN_FIELD);\n  }\n");
}

void emit_decode(model_t* model, text_t* out, const decl_t* decl) {
  if (model_plain_decl(model, decl)) return;
  const char* name = c_name(decl->name);
  text_t body = {0};
  bool returns = false;
  switch (decl->kind) {
    case FIDL__IR__DECL__KIND__STRUCT:
      decode_struct(model, &body, decl);
      break;
    case FIDL__IR__DECL__KIND__TABLE:
      decode_table(model, &body, decl);
      returns = true;
      break;
    case FIDL__IR__DECL__KIND__UNION:
      decode_union(model, &body, decl);
      returns = true;
      break;
    default:
      decode_overlay(model, &body, decl);
      returns = true;
      break;
  }
  if (!returns) text_add(&body, "  return next;\n");
  const char* with_value = text_format("  %s* value = (%s*)object;\n%s", name, name, text_string(&body));
  text_t head = {0};
  text_add_call(&head, text_format("uint8_t* %s_decode_", name),
                "fidl_decoder_t* decoder, uint8_t* next, void* object, uint32_t depth", " {");
  code_function(out, text_string(&head), with_value, (const char* const[]){"decoder", "depth", NULL});
  text_free(&head);
  text_free(&body);
}
