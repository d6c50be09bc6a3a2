// Encoders: `to` is a copy of the layout `from`, whose pointers and handles become markers while what they
// refer to is appended, in the order of the fields.
#include <inttypes.h>

#include "emit.h"
#include "names.h"

static void value(model_t* model, text_t* out, const char* indent, const type_t* type, const char* from,
                  const char* to, unsigned hops, unsigned nesting);

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

// Whether encoding makes something else of the value's copy, not only checks it.
static bool changes(model_t* model, const type_t* type) {
  type = model_resolve(model, type);
  const decl_t* decl = model_decl(model, type);
  switch (type->kind) {
    case FIDL__IR__TYPE__KIND__PRIMITIVE:
    case FIDL__IR__TYPE__KIND__STRING_ARRAY:
    case FIDL__IR__TYPE__KIND__FRAMEWORK_ERR:
      return false;
    case FIDL__IR__TYPE__KIND__ARRAY:
      return changes(model, type->element);
    case FIDL__IR__TYPE__KIND__IDENTIFIER:
      return decl && model_is_layout(decl) && !model_plain_decl(model, decl);
    default:
      return true;
  }
}

static void bools(text_t* out, const char* indent, const char* data, const char* count) {
  text_add(out,
           "%sif (!fidl_bools_valid(%s, %s)) return fidl_encode_stop(encoder, FIDL_ERROR_INVALID_BOOLEAN);\n",
           indent, data, count);
}

static void vector(model_t* model, text_t* out, const char* indent, const type_t* type, const char* from,
                   const char* to, unsigned hops, unsigned nesting) {
  const type_t* element = type->element;
  const char* data = code_member(from, "data");
  const char* count = code_member(from, "count");
  const char* size = text_format("%s * sizeof(*%s)", count, data);
  check(out, indent, "fidl_encode_vector(encoder, %s, %s, %s, %s, %s, %s)", count, data, code_address(to),
        code_bound(type), type->nullable ? "true" : "false", code_depth(hops));
  const char* inner = indent;
  if (type->nullable) {
    text_add(out, "%sif (%s) {\n", indent, data);
    inner = text_format("%s  ", indent);
  }
  if (code_is_bool(model, element)) bools(out, inner, data, count);
  if (model_plain(model, element) || code_is_bool(model, element)) {
    step(out, inner, "fidl_encode_data(encoder, next, %s, %s)", data, size);
  } else {
    const char* copy = nesting ? text_format("elements%u", nesting) : "elements";
    if (!type->nullable) {
      text_add(out, "%s{\n", indent);
      inner = text_format("%s  ", indent);
    }
    if (changes(model, element))
      text_add(out, "%s%s = (void*)next;\n", inner, c_declare_pointer(model, element, copy, false));
    step(out, inner, "fidl_encode_append(encoder, next, %s, %s)", data, size);
    const char* index = code_loop(out, inner, count, nesting);
    value(model, out, text_format("%s  ", inner), element, text_format("%s[%s]", data, index),
          text_format("%s[%s]", copy, index), hops + 1, nesting + 1);
    text_add(out, "%s}\n", inner);
    if (!type->nullable) text_add(out, "%s}\n", indent);
  }
  if (type->nullable) text_add(out, "%s}\n", indent);
}

static void array(model_t* model, text_t* out, const char* indent, const type_t* type, const char* from,
                  const char* to, unsigned hops, unsigned nesting) {
  const char* count = text_format("%" PRIu64, type->count);
  if (model_plain(model, type->element)) return;
  if (code_is_bool(model, type->element)) {
    bools(out, indent, from, count);
    return;
  }
  const char* index = code_loop(out, indent, count, nesting);
  value(model, out, text_format("%s  ", indent), type->element, text_format("%s[%s]", from, index),
        text_format("%s[%s]", to, index), hops, nesting + 1);
  text_add(out, "%s}\n", indent);
}

static void box(model_t* model, text_t* out, const char* indent, const type_t* type, const char* from,
                const char* to, unsigned hops) {
  const char* name = c_type_of(model, type->element).base;
  text_add(out, "%sif (%s) {\n", indent, from);
  const char* inner = text_format("%s  ", indent);
  bool plain = model_plain(model, type->element);
  if (!plain) text_add(out, "%s%s* boxed = (void*)next;\n", inner, name);
  step(out, inner, "fidl_encode_box(encoder, next, %s, sizeof(*%s), &%s, %s)", from, from, to,
       code_depth(hops));
  if (!plain) step(out, inner, "%s_encode_(encoder, next, %s, boxed, %s)", name, from, code_depth(hops + 1));
  text_add(out, "%s}\n", indent);
}

static void identifier(model_t* model, text_t* out, const char* indent, const type_t* type, const char* from,
                       const char* to, unsigned hops) {
  const decl_t* decl = model_find(model, type->identifier);
  if (!decl || model_plain_decl(model, decl)) return;
  const char* name = c_name(decl->name);
  if (decl->kind == FIDL__IR__DECL__KIND__ENUM) {
    text_add(
        out,
        "%sif (!%s_is_known(%s)) return fidl_encode_stop(encoder, FIDL_ERROR_STRICT_ENUM_UNKNOWN_VALUE);\n",
        indent, name, from);
  } else if (decl->kind == FIDL__IR__DECL__KIND__BITS) {
    text_add(
        out,
        "%sif (%s & (%s)~%s_MASK) return fidl_encode_stop(encoder, FIDL_ERROR_STRICT_BITS_UNKNOWN_BIT);\n",
        indent, from, name, name);
  } else if (type->nullable) {
    text_add(out, "%sif (%s == 0) {\n%s  memset(%s, 0, sizeof(%s));\n", indent, code_member(from, "ordinal"),
             indent, code_address(to), to);
    text_add(out, "%s} else if (!(next = %s_encode_(encoder, next, %s, %s, %s))) {\n%s  return NULL;\n%s}\n",
             indent, name, code_address(from), code_address(to), code_depth(hops), indent, indent);
  } else {
    step(out, indent, "%s_encode_(encoder, next, %s, %s, %s)", name, code_address(from), code_address(to),
         code_depth(hops));
  }
}

static void value(model_t* model, text_t* out, const char* indent, const type_t* type, const char* from,
                  const char* to, unsigned hops, unsigned nesting) {
  type = model_resolve(model, type);
  const char* optional = type->nullable ? "true" : "false";
  switch (type->kind) {
    case FIDL__IR__TYPE__KIND__PRIMITIVE:
      if (type->primitive == FIDL__IR__TYPE__PRIMITIVE__BOOL)
        check(out, indent, "fidl_encode_bool(encoder, %s)", code_address(from));
      break;
    case FIDL__IR__TYPE__KIND__STRING:
      step(out, indent, "fidl_encode_string(encoder, next, %s, %s, %s, %s, %s)", code_address(from),
           code_address(to), code_bound(type), optional, code_depth(hops));
      break;
    case FIDL__IR__TYPE__KIND__VECTOR:
      vector(model, out, indent, type, from, to, hops, nesting);
      break;
    case FIDL__IR__TYPE__KIND__ARRAY:
      array(model, out, indent, type, from, to, hops, nesting);
      break;
    case FIDL__IR__TYPE__KIND__BOX:
      box(model, out, indent, type, from, to, hops);
      break;
    case FIDL__IR__TYPE__KIND__HANDLE:
    case FIDL__IR__TYPE__KIND__CLIENT_END:
    case FIDL__IR__TYPE__KIND__SERVER_END: {
      uint32_t subtype, rights;
      code_handle_args(type, &subtype, &rights);
      check(out, indent, "fidl_encode_handle(encoder, %s, %s, %uu, 0x%xu, %s)", code_address(from),
            code_address(to), subtype, rights, optional);
      break;
    }
    case FIDL__IR__TYPE__KIND__FRAMEWORK_ERR:
      text_add(out,
               "%sif (%s != FIDL_FRAMEWORK_ERR_UNKNOWN_METHOD)\n"
               "%s  return fidl_encode_stop(encoder, FIDL_ERROR_STRICT_ENUM_UNKNOWN_VALUE);\n",
               indent, from, indent);
      break;
    case FIDL__IR__TYPE__KIND__IDENTIFIER:
      identifier(model, out, indent, type, from, to, hops);
      break;
    default:
      break;
  }
}

static void encode_struct(model_t* model, text_t* body, const decl_t* decl) {
  if (decl->n_members == 0) text_add(body, "  to->_empty = 0;\n");
  for (size_t i = 0; i < decl->n_members; i++) {
    const member_t* member = decl->members[i];
    const char* name = c_member(member->name);
    value(model, body, "  ", member->type, text_format("from->%s", name), text_format("to->%s", name), 0, 0);
    if (member->padding != 0)
      text_add(body, "  memset(to->_padding%zu, 0, sizeof(to->_padding%zu));\n", i, i);
  }
}

// The content of an envelope larger than 4 bytes, from the pointer expression `from`; `place` becomes its
// header. `last`: the function returns with it.
static void out_of_line(model_t* model, text_t* body, const char* indent, const member_t* member,
                        const char* from, const char* place, unsigned hops, bool last) {
  const char* name = c_member(member->name);
  const char* append =
      text_format("fidl_encode_envelope(encoder, next, %s, sizeof(*%s), %s)", from, from, code_depth(hops));
  if (model_plain(model, member->type)) {
    step(body, indent, "%s", append);
    text_add(body, "%sfidl_encode_envelope_fixed(&%s, sizeof(*%s));\n", indent, place, from);
  } else {
    text_add(body, "%sfidl_encode_mark_t mark = fidl_encode_mark(encoder, next);\n", indent);
    if (changes(model, member->type))
      text_add(body, "%s%s = (void*)next;\n", indent,
               c_declare_pointer(model, member->type, text_format("%s_to", name), false));
    step(body, indent, "%s", append);
    value(model, body, indent, member->type, text_format("(*%s)", from), text_format("(*%s_to)", name), hops,
          0);
    text_add(body, "%sfidl_encode_envelope_%s(encoder, next, &%s, &mark);\n", indent,
             member->type->resource ? "end" : "value", place);
  }
  if (last) text_add(body, "%sreturn next;\n", indent);
}

// An inline member of a table, whose envelope is a copy of `source`.
static void inline_table_member(model_t* model, text_t* body, const member_t* member, const char* source,
                                const char* place) {
  const char* name = c_member(member->name);
  uint32_t size = member->type->shape->inline_size;
  if (!model_plain(model, member->type)) {
    bool both = changes(model, member->type);
    const char* to = both ? "to" : "from";
    text_add(body, "    %s;\n", c_declare(model, member->type, text_format("%s_from", name)));
    text_add(body, "    memcpy(&%s_from, %s.inl.value, sizeof(%s_from));\n", name, source, name);
    if (both) {
      text_add(body, "    %s;\n", c_declare(model, member->type, text_format("%s_to", name)));
      text_add(body, "    memcpy(&%s_to, %s.inl.value, sizeof(%s_to));\n", name, source, name);
    }
    if (member->type->resource) text_add(body, "    uint32_t handles_before = encoder->num_handles;\n");
    value(model, body, "    ", member->type, text_format("%s_from", name), text_format("%s_%s", name, to), 1,
          0);
    if (both) text_add(body, "    memcpy(%s.inl.value, &%s_to, sizeof(%s_to));\n", place, name, name);
  }
  if (member->type->resource) text_add(body, "    %s.bits = 0;  // its handle has moved\n", source);
  text_add(body, "    fidl_encode_envelope_inline(&%s, %u, %s);\n", place, size,
           member->type->resource ? "encoder->num_handles - handles_before" : "0");
}

static void table_member(model_t* model, text_t* body, const member_t* member) {
  const char* name = c_member(member->name);
  const char* source = text_format("sources[%u]", member->ordinal - 1);
  const char* place = text_format("envelopes[%u]", member->ordinal - 1);
  text_add(body, "  if (count < %u) return next;\n  %s.bits = %s.bits;\n", member->ordinal, place, source);
  text_add(body, "  if (%s.bits != 0) {  // %s\n", place, member->name);
  if (model_inline(member->type)) {
    inline_table_member(model, body, member, source, place);
  } else {
    const char* from = text_format("%s_from", name);
    text_add(body, "    %s = %s.data;\n", c_declare_pointer(model, member->type, from, false), source);
    out_of_line(model, body, "    ", member, from, place, 2, false);
  }
  text_add(body, "  }\n");
}

static void encode_table(model_t* model, text_t* body, const decl_t* decl) {
  uint32_t max_ordinal = model_max_ordinal(decl);
  text_add(body, "  uint64_t count;\n");
  if (max_ordinal)
    text_add(body,
             "  fidl_envelope_t* const sources = from->envelopes;\n"
             "  fidl_envelope_t* const envelopes = (void*)next;\n");
  const char* begin =
      text_format("fidl_encode_table(encoder, next, from, to, %u, depth, &count)", max_ordinal);
  if (max_ordinal == 0) {
    text_add(body, "  return %s;\n", begin);
    return;
  }
  step(body, "  ", "%s", begin);
  uint32_t next = 1;
  for (size_t i = 0; i < decl->n_members; i++) {
    for (; next < decl->members[i]->ordinal; next++)
      text_add(body, "  if (count < %u) return next;\n  envelopes[%u].bits = 0;\n", next, next - 1);
    table_member(model, body, decl->members[i]);
    next++;
  }
  text_add(body, "  return next;\n");
}

static void union_member(model_t* model, text_t* body, const decl_t* decl, const member_t* member) {
  const char* from = text_format("from->%s", c_member(member->name));
  text_add(body, "    case %s_Tag_%s: {\n", c_name(decl->name), member->name);
  if (model_inline(member->type)) {
    if (member->type->resource) text_add(body, "      uint32_t handles_before = encoder->num_handles;\n");
    value(model, body, "      ", member->type, from, text_format("to->%s", c_member(member->name)), 0, 0);
    text_add(body, "      fidl_encode_envelope_inline(&to->envelope_, %u, %s);\n      return next;\n",
             member->type->shape->inline_size,
             member->type->resource ? "encoder->num_handles - handles_before" : "0");
  } else {
    out_of_line(model, body, "      ", member, from, "to->envelope_", 1, true);
  }
  text_add(body, "    }\n");
}

static void encode_union(model_t* model, text_t* body, const decl_t* decl) {
  text_add(body, "  switch (from->ordinal) {\n");
  for (size_t i = 0; i < decl->n_members; i++)
    union_member(model, body, decl, decl->members[i]);
  text_add(
      body,
      "    case 0:\n      return fidl_encode_stop(encoder, FIDL_ERROR_NON_NULLABLE_TYPE_WITH_NULL_VALUE);\n");
  text_add(body, "    default:\n      return fidl_encode_stop(encoder, %s);\n  }\n",
           decl->strict ? "FIDL_ERROR_STRICT_UNION_UNKNOWN_FIELD" : "FIDL_ERROR_UNKNOWN_UNION_MEMBER");
}

static void encode_overlay(model_t* model, text_t* body, const decl_t* decl) {
  uint32_t room = decl->shape->inline_size - 8;
  text_add(body, "  uint8_t* content = (uint8_t*)to + 8;\n  switch (from->ordinal) {\n");
  for (size_t i = 0; i < decl->n_members; i++) {
    const member_t* member = decl->members[i];
    const char* name = c_member(member->name);
    uint32_t size = member->type->shape->inline_size;
    text_add(body, "    case %s_Tag_%s:\n", c_name(decl->name), member->name);
    value(model, body, "      ", member->type, text_format("from->%s", name), text_format("to->%s", name), 0,
          0);
    if (size < room) text_add(body, "      memset(content + %u, 0, %u);\n", size, room - size);
    text_add(body, "      return next;\n");
  }
  text_add(
      body,
      "    default:\n      return fidl_encode_stop(encoder, FIDL_ERROR_STRICT_UNION_UNKNOWN_FIELD);\n  }\n");
}

void emit_encode(model_t* model, text_t* out, const decl_t* decl) {
  if (model_plain_decl(model, decl)) return;
  const char* name = c_name(decl->name);
  text_t body = {0};
  bool returns = false;
  switch (decl->kind) {
    case FIDL__IR__DECL__KIND__STRUCT:
      encode_struct(model, &body, decl);
      break;
    case FIDL__IR__DECL__KIND__TABLE:
      encode_table(model, &body, decl);
      returns = true;
      break;
    case FIDL__IR__DECL__KIND__UNION:
      encode_union(model, &body, decl);
      returns = true;
      break;
    default:
      encode_overlay(model, &body, decl);
      returns = true;
      break;
  }
  if (!returns) text_add(&body, "  return next;\n");
  text_t whole = {0};
  if (text_contains(&body, "from->") || text_contains(&body, "(encoder, next, from, to,"))
    text_add(&whole, "  %s* from = (%s*)from_object;\n", name, name);
  if (text_contains(&body, "to->") || text_contains(&body, ", to,") || text_contains(&body, ")to "))
    text_add(&whole, "  %s* to = (%s*)to_object;\n", name, name);
  text_add(&whole, "%s", text_string(&body));
  const char* head = text_format("uint8_t* %s_encode_", name);
  text_t signature = {0};
  text_add_call(&signature, head,
                "fidl_encoder_t* encoder, uint8_t* next, void* from_object, void* to_object, uint32_t depth",
                " {");
  code_function(out, text_string(&signature), text_string(&whole),
                (const char* const[]){"encoder", "from_object", "to_object", "depth", NULL});
  text_free(&signature);
  text_free(&whole);
  text_free(&body);
}
