// Bits, enums, structs, tables, unions and overlays: their members' types and values.
#include <string.h>

#include "compiler.h"

static void append_member(member_t*** next, member_t* member) {
  **next = member;
  *next = &member->next;
}

// The strictness that holds at this version; tables and structs have none.
static bool has_modifier(const modifier_t* modifiers, word_t word) {
  for (; modifiers; modifiers = modifiers->next) {
    if (modifiers->word == word && (!modifiers->available || modifiers->present)) return true;
  }
  return false;
}

static void need_members(compiler_t* c, decl_t* decl) {
  if (decl->layout->incomplete) return;
  for (const member_syntax_t* member = decl->layout->members; member; member = member->next) {
    if (!member->absent) return;
  }
  diagnostic_t* error =
      report_error(&c->diagnostics, decl->layout->span, 19, "a strict layout has at least one member");
  add_hint(&c->diagnostics, error, "a flexible one may be empty");
}

static const type_t kUint32 = {.kind = TYPE_PRIMITIVE, .primitive = BUILTIN_UINT32};

static const type_t* value_subtype(const context_t* context, decl_t* decl) {
  type_syntax_t* syntax = decl->layout->subtype;
  if (!syntax) return &kUint32;
  const type_t* type = compile_type(context, syntax);
  if (!type) return NULL;
  bool fits = type->kind == TYPE_PRIMITIVE && primitive_is_integer(type->primitive);
  if (decl->kind == DECL_BITS) {
    if (fits && !primitive_is_signed(type->primitive)) return type;
    report_error(&context->c->diagnostics, syntax->span, 69,
                 "bits are made of an unsigned integer, not of %s", type_text(context->c, type));
  } else {
    if (fits) return type;
    report_error(&context->c->diagnostics, syntax->span, 70, "an enum is made of an integer, not of %s",
                 type_text(context->c, type));
  }
  return NULL;
}

static uint64_t value_bits(const value_t* value) {
  return value->kind == VALUE_SIGNED ? (uint64_t)value->i : value->u;
}

static bool is_power_of_two(uint64_t value) {
  return value && (value & (value - 1)) == 0;
}

// Values are looked up by their decimal text, so that a large enum stays linear.
static void check_value(compiler_t* c, decl_t* decl, str_map_t* values, member_t* member) {
  span_t span = member->syntax->value->span;
  if (decl->kind == DECL_BITS && !is_power_of_two(value_bits(&member->value))) {
    report_error(&c->diagnostics, span, 67, "the value of a bits member is a power of two, which %s is not",
                 value_text(c, &member->value));
    return;
  }
  const str_t* key = intern_cstr(&c->names, value_text(c, &member->value));
  const member_t* other = str_map_add(c->arena, values, key, member);
  if (!other) return;
  diagnostic_t* error = report_error(&c->diagnostics, span, 107, "`%s` has the same value as `%s`",
                                     member->syntax->ident.name->data, other->syntax->ident.name->data);
  add_note(&c->diagnostics, error, other->syntax->ident.span, "`%s` is declared here",
           other->syntax->ident.name->data);
}

static void set_unknown_value(compiler_t* c, decl_t* decl) {
  const member_t* marked = NULL;
  for (const member_t* member = decl->members; member; member = member->next) {
    const attribute_t* attribute = find_attribute(member->syntax->attributes, "unknown");
    if (!attribute) continue;
    if (decl->strict) {
      report_error(&c->diagnostics, attribute->span, 71, "a strict enum has no unknown member");
    } else if (marked) {
      diagnostic_t* error =
          report_error(&c->diagnostics, attribute->span, 72, "two members are marked @unknown");
      add_note(&c->diagnostics, error, marked->syntax->ident.span, "the first one");
    }
    if (!marked) marked = member;
  }
  if (decl->strict) return;
  builtin_t primitive = decl->type->primitive;
  uint32_t bits = 8 * primitive_size(primitive) - (primitive_is_signed(primitive) ? 1 : 0);
  uint64_t max = bits == 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1;
  decl->has_unknown_value = true;
  decl->unknown_value = (value_t){
      .kind = primitive_is_signed(primitive) ? VALUE_SIGNED : VALUE_UNSIGNED, .u = max, .i = (int64_t)max};
  if (marked) {
    decl->unknown_value = marked->value;
    return;
  }
  for (const member_t* member = decl->members; member; member = member->next) {
    if (member->value.kind == VALUE_NONE || !value_equal(&member->value, &decl->unknown_value)) continue;
    diagnostic_t* error = report_error(&c->diagnostics, member->syntax->value->span, 68,
                                       "a flexible enum keeps its largest value, %s, for unknown members",
                                       value_text(c, &decl->unknown_value));
    add_hint(&c->diagnostics, error, "mark the member @unknown, or make the enum strict");
  }
}

// What identifies a member on the wire, for comparing versions. Versions are compiled in ascending order.
void note_abi(const compiler_t* c, const member_syntax_t* member, int64_t abi) {
  member_syntax_t* syntax = (member_syntax_t*)(uintptr_t)member;
  if (!c->comparing_versions) return;
  if (!syntax->abi_known) syntax->abi_first = abi;
  syntax->abi_last = abi;
  syntax->abi_known = true;
}

void compile_value_layout(const context_t* context, decl_t* decl) {
  compiler_t* c = context->c;
  decl->strict = has_modifier(decl->layout->modifiers, W_STRICT);
  if (decl->strict) need_members(c, decl);
  decl->type = value_subtype(context, decl);
  member_t** next = &decl->members;
  str_map_t values = {0};
  for (member_syntax_t* syntax = decl->layout->members; syntax; syntax = syntax->next) {
    if (syntax->absent) continue;
    member_t* member = arena_alloc(c->arena, sizeof(*member));
    member->syntax = syntax;
    append_member(&next, member);
    str_map_add(c->arena, &decl->members_by_name, syntax->ident.name, member);
    if (!decl->type) continue;
    if (!evaluate(context, syntax->value, decl->type, &member->value)) {
      member->value.kind = VALUE_NONE;
      report_unresolvable(context, syntax->value, 102, "the value of `%s` cannot be computed",
                          syntax->ident.name->data);
      continue;
    }
    check_value(c, decl, &values, member);
    note_abi(c, syntax, (int64_t)value_bits(&member->value));
    decl->mask |= value_bits(&member->value);
  }
  if (decl->type && decl->kind == DECL_ENUM) set_unknown_value(c, decl);
  if (!decl->type) decl->failed = true;
}

static void check_ordinal(compiler_t* c, decl_t* decl, str_map_t* ordinals, member_t* member) {
  if (!member->syntax->ordinal) return;
  bool table = decl->kind == DECL_TABLE;
  span_t span = member->syntax->ordinal_span;
  char text[16];
  int length = snprintf(text, sizeof(text), "%u", member->syntax->ordinal);
  const member_t* other = str_map_add(c->arena, ordinals, intern(&c->names, text, (size_t)length), member);
  if (other) {
    diagnostic_t* error = report_error(&c->diagnostics, span, table ? 94 : 97, "the ordinal %u is used twice",
                                       member->syntax->ordinal);
    add_note(&c->diagnostics, error, other->syntax->ident.span, "`%s` has it",
             other->syntax->ident.name->data);
  }
  if (!table) return;
  if (member->syntax->ordinal > 64) {
    report_error(&c->diagnostics, span, 92, "the ordinals of a table go up to 64");
  } else if (member->syntax->ordinal == 64 && member->type &&
             !(member->type->kind == TYPE_IDENTIFIER && member->type->decl->kind == DECL_TABLE)) {
    diagnostic_t* error = report_error(&c->diagnostics, member->syntax->type->span, 93,
                                       "the member with ordinal 64 must be a table");
    add_hint(&c->diagnostics, error, "the last ordinal is kept for a table of further members");
  }
}

static void check_optional_member(compiler_t* c, const decl_t* decl, const member_t* member) {
  if (!member->type || !member->type->nullable) return;
  bool table = decl->kind == DECL_TABLE;
  if (decl->kind == DECL_STRUCT) return;
  diagnostic_t* error = report_error(&c->diagnostics, member->syntax->type->span, table ? 48 : 49,
                                     "a member of a %s cannot be optional", table ? "table" : "union");
  add_hint(&c->diagnostics, error,
           table ? "members of tables may be absent anyway" : "add a member for the absence");
}

static bool can_have_default(const type_t* type) {
  if (type->kind == TYPE_PRIMITIVE) return true;
  if (type->kind == TYPE_STRING) return !type->nullable;
  return type->kind == TYPE_IDENTIFIER && (type->decl->kind == DECL_BITS || type->decl->kind == DECL_ENUM);
}

static void compile_default(const context_t* context, member_t* member) {
  compiler_t* c = context->c;
  expr_t* value = member->syntax->value;
  if (!value || !member->type) return;
  if (!find_attribute(member->syntax->attributes, "allow_deprecated_struct_defaults")) {
    report_error(&c->diagnostics, value->span, 50, "defaults of struct members are deprecated");
  }
  if (!can_have_default(member->type)) {
    report_error(&c->diagnostics, value->span, 91, "a member of type %s cannot have a default",
                 type_text(c, member->type));
  } else if (!evaluate(context, value, member->type, &member->value)) {
    member->value.kind = VALUE_NONE;
    report_unresolvable(context, value, 103, "the default of `%s` cannot be computed",
                        member->syntax->ident.name->data);
  }
}

static const type_t* member_type(const context_t* context, const member_syntax_t* syntax) {
  if (!syntax->framework_err) return compile_type(context, syntax->type);
  type_t* type = arena_alloc(context->c->arena, sizeof(*type));
  type->kind = TYPE_FRAMEWORK_ERR;
  type->span = syntax->span;
  return type;
}

void compile_member_layout(const context_t* context, decl_t* decl) {
  compiler_t* c = context->c;
  const modifier_t* modifiers = decl->layout->modifiers;
  decl->strict = has_modifier(modifiers, W_STRICT) || decl->result_union;
  decl->resource = has_modifier(modifiers, W_RESOURCE);
  if (decl->kind == DECL_UNION && decl->strict) need_members(c, decl);
  member_t** next = &decl->members;
  str_map_t ordinals = {0};
  for (member_syntax_t* syntax = decl->layout->members; syntax; syntax = syntax->next) {
    if (syntax->absent) continue;
    member_t* member = arena_alloc(c->arena, sizeof(*member));
    member->syntax = syntax;
    append_member(&next, member);
    member->type = member_type(context, syntax);
    if (!member->type) decl->failed = true;
    if (decl->kind == DECL_STRUCT) {
      compile_default(context, member);
    } else {
      check_ordinal(c, decl, &ordinals, member);
      note_abi(c, syntax, syntax->ordinal);
      check_optional_member(c, decl, member);
    }
  }
  if (decl->kind == DECL_OVERLAY) check_overlay(c, decl);
}

void check_overlay(compiler_t* c, decl_t* decl) {
  if (!c->options->zx_c_types) {
    report_error(&c->diagnostics, decl->layout->kind_span, 180, "overlays are experimental");
  }
  if (!decl->strict) report_error(&c->diagnostics, decl->layout->span, 197, "an overlay must be strict");
  if (decl->resource)
    report_error(&c->diagnostics, decl->layout->span, 198, "an overlay cannot be a resource");
}

static const type_t* property_type(decl_t* decl, const char* name, span_t* out_span) {
  for (member_t* member = decl->members; member; member = member->next) {
    if (strcmp(member->syntax->ident.name->data, name) != 0) continue;
    *out_span = member->syntax->type->span;
    return member->type;
  }
  return NULL;
}

static void check_properties(const context_t* context, decl_t* decl) {
  compiler_t* c = context->c;
  span_t span = decl->span;
  const type_t* subtype = property_type(decl, "subtype", &span);
  if (!subtype) {
    if (span.offset == decl->span.offset && !decl->syntax->incomplete) {
      report_error(&c->diagnostics, decl->span, 173, "the resource `%s` lacks the property `subtype`",
                   decl->name->data);
    }
  } else if (subtype->kind == TYPE_IDENTIFIER && subtype->decl->kind == DECL_ENUM) {
    decl->subtype_enum = subtype->decl;
  } else {
    report_error(&c->diagnostics, span, 175, "the property `subtype` must be an enum");
  }
  const type_t* rights = property_type(decl, "rights", &span);
  if (!rights) return;
  bool bits =
      rights->kind == TYPE_PRIMITIVE || (rights->kind == TYPE_IDENTIFIER && rights->decl->kind == DECL_BITS);
  if (bits && underlying_primitive(rights) == BUILTIN_UINT32) {
    decl->rights_type = rights;
  } else {
    report_error(&c->diagnostics, span, 177, "the property `rights` must be uint32 or bits made of it");
  }
}

void compile_resource(const context_t* context, decl_t* decl) {
  compiler_t* c = context->c;
  decl->type = decl->syntax->type ? compile_type(context, decl->syntax->type) : &kUint32;
  if (decl->type && !(decl->type->kind == TYPE_PRIMITIVE && decl->type->primitive == BUILTIN_UINT32)) {
    report_error(&c->diagnostics, decl->syntax->type->span, 172, "a resource is made of uint32, not of %s",
                 type_text(c, decl->type));
  }
  member_t** next = &decl->members;
  for (member_syntax_t* syntax = decl->syntax->members; syntax; syntax = syntax->next) {
    if (syntax->absent) continue;
    member_t* member = arena_alloc(c->arena, sizeof(*member));
    member->syntax = syntax;
    member->type = compile_type(context, syntax->type);
    append_member(&next, member);
  }
  if (decl->members) check_properties(context, decl);
}
