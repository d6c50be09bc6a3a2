// Constants: literals, references and `|`, as values of the type that is wanted.
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compiler.h"
#include "lexer_string.h"

// The range of an integer type as two 64-bit halves: below zero, and above.
static int64_t lowest(builtin_t primitive) {
  if (!primitive_is_signed(primitive)) return 0;
  return primitive_size(primitive) == 8 ? INT64_MIN : -((int64_t)1 << (8 * primitive_size(primitive) - 1));
}

static uint64_t highest(builtin_t primitive) {
  uint32_t bits = 8 * primitive_size(primitive) - (primitive_is_signed(primitive) ? 1 : 0);
  return bits == 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1;
}

static bool negative(const value_t* value) {
  return value->kind == VALUE_SIGNED && value->i < 0;
}

static uint64_t magnitude(const value_t* value) {
  return value->kind == VALUE_SIGNED ? (uint64_t)value->i : value->u;
}

bool value_fits(const value_t* value, builtin_t primitive) {
  if (negative(value)) return value->i >= lowest(primitive);
  return magnitude(value) <= highest(primitive);
}

bool value_equal(const value_t* a, const value_t* b) {
  if (negative(a) != negative(b)) return false;
  return negative(a) ? a->i == b->i : magnitude(a) == magnitude(b);
}

static void set_integer(value_t* out, builtin_t primitive, bool is_negative, uint64_t bits) {
  *out = (value_t){.kind = primitive_is_signed(primitive) ? VALUE_SIGNED : VALUE_UNSIGNED};
  out->u = is_negative ? 0 : bits;
  out->i = (int64_t)bits;
}

static bool report_overflow(const context_t* context, const expr_t* expr, const type_t* type) {
  compiler_t* c = context->c;
  builtin_t primitive = underlying_primitive(type);
  diagnostic_t* error = report_error(&c->diagnostics, expr->span, 66, "%s is not a valid %s",
                                     span_text(c->arena, expr->span), type_text(c, type));
  if (primitive_is_integer(primitive)) {
    add_hint(&c->diagnostics, error, "a %s is between %lld and %llu", type_text(c, type),
             (long long)lowest(primitive), (unsigned long long)highest(primitive));
  }
  return false;
}

static bool report_conversion(const context_t* context, const expr_t* expr, const char* from,
                              const type_t* type) {
  compiler_t* c = context->c;
  report_error(&c->diagnostics, expr->span, 65, "%s (of type %s) cannot be converted to %s",
               span_text(c->arena, expr->span), from, type_text(c, type));
  return false;
}

// Parses text as an integer; *out_negative with the two's complement bits in *out.
static bool parse_integer(const char* text, bool* out_negative, uint64_t* out) {
  *out_negative = text[0] == '-';
  const char* digits = text + (*out_negative ? 1 : 0);
  int base = 0;
  if (digits[0] == '0' && (digits[1] == 'b' || digits[1] == 'B')) {
    digits += 2;
    base = 2;
  }
  if (digits[0] < '0' || digits[0] > '9') return false;
  char* end = NULL;
  errno = 0;
  unsigned long long value = strtoull(digits, &end, base);
  if (errno || *end) return false;
  if (*out_negative && value > (uint64_t)INT64_MAX + 1) return false;
  *out = *out_negative ? 0 - (uint64_t)value : value;
  return true;
}

// What is a little above the largest number is rounded to it.
static bool fits_float32(double value) {
  return isfinite((float)value);
}

static bool evaluate_float(const context_t* context, const expr_t* expr, const char* text, const type_t* type,
                           value_t* out) {
  char* end = NULL;
  errno = 0;
  double value = strtod(text, &end);
  bool bad = *end || end == text || !isfinite(value);
  if (type->primitive == BUILTIN_FLOAT32 && !fits_float32(value)) bad = true;
  if (bad) return report_overflow(context, expr, type);
  *out = (value_t){.kind = VALUE_FLOAT, .f = value};
  return true;
}

static bool evaluate_number(const context_t* context, const expr_t* expr, const type_t* type, value_t* out) {
  const char* text = span_text(context->c->arena, expr->span);
  bool is_negative = false;
  uint64_t bits = 0;
  bool integer = parse_integer(text, &is_negative, &bits);
  if (type->kind == TYPE_IDENTIFIER && type->decl->kind == DECL_BITS && integer && bits == 0) {
    set_integer(out, underlying_primitive(type), false, 0);
    return true;
  }
  if (type->kind != TYPE_PRIMITIVE || type->primitive == BUILTIN_BOOL) {
    return report_conversion(context, expr, "number", type);
  }
  if (!primitive_is_integer(type->primitive)) return evaluate_float(context, expr, text, type, out);
  if (!integer || (is_negative && !primitive_is_signed(type->primitive)))
    return report_overflow(context, expr, type);
  value_t wide = {.kind = is_negative ? VALUE_SIGNED : VALUE_UNSIGNED, .u = bits, .i = (int64_t)bits};
  if (!value_fits(&wide, type->primitive)) return report_overflow(context, expr, type);
  set_integer(out, type->primitive, is_negative, bits);
  return true;
}

static bool evaluate_string(const context_t* context, const expr_t* expr, const type_t* type, value_t* out) {
  value_t value = {.kind = VALUE_STRING};
  if (expr->kind == EXPR_DOC) {
    value.text = expr->text;
    value.length = (uint32_t)strlen(expr->text);
  } else {
    value.text = string_value(context->c->arena, expr->span, &value.length);
  }
  if (type->kind != TYPE_STRING) return report_conversion(context, expr, "string", type);
  if (type->bounded && value.length > type->count) {
    return report_conversion(context, expr, arena_printf(context->c->arena, "string:%u", value.length), type);
  }
  *out = value;
  return true;
}

// A value of type `from` (a const's, or a member's) as one of type `to`.
static bool convert(const context_t* context, const expr_t* expr, const value_t* value, const type_t* from,
                    const type_t* to, value_t* out) {
  compiler_t* c = context->c;
  if (to->kind == TYPE_IDENTIFIER) {
    if (from->kind == TYPE_IDENTIFIER && from->decl == to->decl) {
      *out = *value;
      return true;
    }
    report_error(&c->diagnostics, expr->span, 64, "%s is of type %s, not %s", span_text(c->arena, expr->span),
                 type_text(c, from), type_text(c, to));
    return false;
  }
  if (to->kind == TYPE_STRING && value->kind == VALUE_STRING) {
    // The bounds decide, not what the constant holds.
    uint64_t needed = from->bounded ? from->count : UINT32_MAX;
    if (to->bounded && needed > to->count) return report_conversion(context, expr, type_text(c, from), to);
    *out = *value;
    return true;
  }
  if (to->kind != TYPE_PRIMITIVE) return report_conversion(context, expr, type_text(c, from), to);
  builtin_t source = underlying_primitive(from);
  bool integers = primitive_is_integer(source) && primitive_is_integer(to->primitive);
  if (integers && value_fits(value, to->primitive)) {
    set_integer(out, to->primitive, negative(value), magnitude(value));
    return true;
  }
  bool floats =
      value->kind == VALUE_FLOAT && (to->primitive == BUILTIN_FLOAT64 || to->primitive == BUILTIN_FLOAT32);
  bool bools = value->kind == VALUE_BOOL && to->primitive == BUILTIN_BOOL;
  if (floats && to->primitive == BUILTIN_FLOAT32 && !fits_float32(value->f)) floats = false;
  if (!floats && !bools) return report_conversion(context, expr, type_text(c, from), to);
  *out = *value;
  return true;
}

static bool evaluate_name(const context_t* context, const expr_t* expr, const type_t* type, value_t* out) {
  compiler_t* c = context->c;
  name_ref_t* name = expr->name;
  if (!resolve_name(c, context->library, context->file, name)) return false;
  decl_t* decl = name->decl;
  if (name->member) {
    member_t* member = str_map_get(&decl->members_by_name, name->member->ident.name);
    if (!member || member->value.kind == VALUE_NONE) return false;
    return convert(context, expr, &member->value, identifier_type(c, decl, name->span), type, out);
  }
  if (decl->kind == DECL_BUILTIN) return false;
  if (decl->kind != DECL_CONST) {
    report_error(&c->diagnostics, expr->span, 63, "`%s` is not a value", span_text(c->arena, expr->span));
    return false;
  }
  if (decl->failed || !decl->type || decl->value.kind == VALUE_NONE) return false;
  return convert(context, expr, &decl->value, decl->type, type, out);
}

static bool evaluate_or(const context_t* context, const expr_t* expr, const type_t* type, value_t* out) {
  builtin_t primitive = underlying_primitive(type);
  if (!primitive_is_integer(primitive)) {
    report_error(&context->c->diagnostics, expr->span, 61,
                 "`|` combines numbers and bits, not values of type %s", type_text(context->c, type));
    return false;
  }
  uint64_t bits = 0;
  bool ok = true;
  for (const expr_t* operand = expr->operands; operand; operand = operand->next) {
    value_t value = {0};
    ok = evaluate(context, operand, type, &value) && ok;
    bits |= magnitude(&value);
  }
  if (ok) set_integer(out, primitive, primitive_is_signed(primitive) && (int64_t)bits < 0, bits);
  return ok;
}

bool evaluate(const context_t* context, const expr_t* expr, const type_t* type, value_t* out) {
  *out = (value_t){0};
  switch (expr->kind) {
    case EXPR_NUMBER:
      return evaluate_number(context, expr, type, out);
    case EXPR_STRING:
    case EXPR_DOC:
      return evaluate_string(context, expr, type, out);
    case EXPR_TRUE:
    case EXPR_FALSE:
      if (type->kind != TYPE_PRIMITIVE || type->primitive != BUILTIN_BOOL) {
        return report_conversion(context, expr, "bool", type);
      }
      *out = (value_t){.kind = VALUE_BOOL, .boolean = expr->kind == EXPR_TRUE};
      return true;
    case EXPR_NAME:
      return evaluate_name(context, expr, type, out);
    case EXPR_OR:
      return evaluate_or(context, expr, type, out);
  }
  return false;
}

// True if every name in `expr` was found and has a value.
static bool names_have_values(const expr_t* expr) {
  if (expr->kind == EXPR_NAME) {
    const name_ref_t* name = expr->name;
    if (name->failed || !name->decl) return false;
    if (name->member) {
      const member_t* member = str_map_get(&name->decl->members_by_name, name->member->ident.name);
      return member && member->value.kind != VALUE_NONE;
    }
    return name->decl->kind != DECL_CONST || (name->decl->value.kind != VALUE_NONE && !name->decl->failed);
  }
  for (const expr_t* operand = expr->operands; operand; operand = operand->next) {
    if (!names_have_values(operand)) return false;
  }
  return true;
}

void report_unresolvable(const context_t* context, const expr_t* expr, int number, const char* format,
                         const char* what) {
  if (!names_have_values(expr)) return;
  diagnostics_t* diagnostics = &context->c->diagnostics;
  diagnostic_t* error =
      report_error(diagnostics, expr->span, number, "%s", arena_printf(diagnostics->arena, format, what));
  if (expr->kind != EXPR_NAME || expr->name->decl->kind != DECL_BUILTIN) return;
  if (expr->name->decl->builtin == BUILTIN_MAX) {
    add_hint(diagnostics, error, "MAX can only be a size");
  } else {
    add_hint(diagnostics, error, "`%s` is not a value", expr->name->decl->name->data);
  }
}

bool evaluate_size(const context_t* context, const expr_t* expr, value_t* out) {
  static const type_t kSize = {.kind = TYPE_PRIMITIVE, .primitive = BUILTIN_UINT32};
  const name_ref_t* name = expr->kind == EXPR_NAME ? expr->name : NULL;
  if (!name || name->failed || name->member || !name->decl || name->decl->builtin != BUILTIN_MAX)
    return evaluate(context, expr, &kSize, out);
  *out = (value_t){.kind = VALUE_UNSIGNED, .u = UINT32_MAX, .i = UINT32_MAX};
  return true;
}
