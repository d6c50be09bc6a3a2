// The constraints behind the colon of a type. Each kind of type takes its kinds in one order, any of which
// can be left out; aliases carry theirs, and each can be given once.
#include <string.h>

#include "compiler.h"

typedef enum constraint_kind {
  CONSTRAINT_SIZE,
  CONSTRAINT_SUBTYPE,
  CONSTRAINT_RIGHTS,
  CONSTRAINT_PROTOCOL,
  CONSTRAINT_OPTIONAL,
} constraint_kind_t;

typedef enum outcome { NO_MATCH, MATCHED, FAILED } outcome_t;

// The kinds a type takes, in order; optional is among them even where it is refused, to say so well.
static int accepted_kinds(const type_t* type, constraint_kind_t kinds[3]) {
  int count = 0;
  if (type->kind == TYPE_STRING || type->kind == TYPE_VECTOR) kinds[count++] = CONSTRAINT_SIZE;
  if (type->kind == TYPE_HANDLE) {
    kinds[count++] = CONSTRAINT_SUBTYPE;
    if (type->decl->rights_type) kinds[count++] = CONSTRAINT_RIGHTS;
  }
  if (type->kind == TYPE_CLIENT_END || type->kind == TYPE_SERVER_END) kinds[count++] = CONSTRAINT_PROTOCOL;
  kinds[count++] = CONSTRAINT_OPTIONAL;
  return count;
}

static outcome_t apply_optional(const context_t* context, const expr_t* expr, type_t* type) {
  compiler_t* c = context->c;
  if (expr->kind != EXPR_NAME || !is_builtin_ref(expr->name, BUILTIN_OPTIONAL)) return NO_MATCH;
  bool identifier = type->kind == TYPE_IDENTIFIER;
  if (type->kind == TYPE_BOX) {
    report_error(&c->diagnostics, expr->span, 169, "a box is always optional");
    return FAILED;
  }
  if (identifier && type->decl->kind == DECL_STRUCT) {
    diagnostic_t* error = report_error(&c->diagnostics, expr->span, 159, "a struct cannot be optional");
    add_hint(&c->diagnostics, error, "write box<%s>", type->decl->name->data);
    return FAILED;
  }
  if (type->kind == TYPE_PRIMITIVE || type->kind == TYPE_ARRAY || type->kind == TYPE_STRING_ARRAY ||
      type->kind == TYPE_POINTER || (identifier && type->decl->kind != DECL_UNION)) {
    report_error(&c->diagnostics, expr->span, 156, "%s cannot be optional", type_text(c, type));
    return FAILED;
  }
  if (type->nullable) {
    report_error(&c->diagnostics, expr->span, 160, "%s is optional already", type_text(c, type));
    return FAILED;
  }
  type->nullable = true;
  return MATCHED;
}

static bool is_optional(const expr_t* expr) {
  return expr->kind == EXPR_NAME && is_builtin_ref(expr->name, BUILTIN_OPTIONAL);
}

static outcome_t apply_size(const context_t* context, const expr_t* expr, type_t* type) {
  compiler_t* c = context->c;
  if (is_optional(expr)) return NO_MATCH;
  value_t value;
  if (!evaluate_size(context, expr, &value)) {
    report_unresolvable(context, expr, 101, "%s is not usable as a size", span_text(c->arena, expr->span));
    return FAILED;
  }
  if (type->bounded) {
    report_error(&c->diagnostics, expr->span, 158, "%s has a bound already", type_text(c, type));
    return FAILED;
  }
  type->bounded = true;
  type->count = value.u;
  type->size = expr;
  return MATCHED;
}

static outcome_t apply_subtype(const context_t* context, const expr_t* expr, type_t* type) {
  compiler_t* c = context->c;
  if (expr->kind != EXPR_NAME || is_optional(expr) || !type->decl->subtype_enum) return NO_MATCH;
  const name_ref_t* name = expr->name;
  bool member = name->member && name->decl == type->decl->subtype_enum;
  bool constant = name->decl->kind == DECL_CONST && name->decl->type &&
                  name->decl->type->kind == TYPE_IDENTIFIER &&
                  name->decl->type->decl == type->decl->subtype_enum;
  if (!member && !constant) return NO_MATCH;
  value_t value;
  if (!evaluate(context, expr, identifier_type(c, type->decl->subtype_enum, expr->span), &value))
    return FAILED;
  if (type->has_subtype) {
    report_error(&c->diagnostics, expr->span, 167, "the subtype of this handle is constrained already");
    return FAILED;
  }
  type->has_subtype = true;
  type->subtype = (uint32_t)value.u;
  return MATCHED;
}

// The only number that is bits: none of them.
static bool is_zero(const expr_t* expr) {
  const char* text = expr->span.source->data + expr->span.offset;
  for (uint32_t i = 0; i < expr->span.length; i++) {
    if (!strchr("0xXbB", text[i])) return false;
  }
  return true;
}

// True if `expr` could be a value of the rights type: so that other things are left to other kinds.
static bool looks_like_rights(const expr_t* expr, const type_t* rights) {
  if (expr->kind == EXPR_NUMBER) return rights->kind == TYPE_PRIMITIVE || is_zero(expr);
  if (expr->kind == EXPR_OR) return true;
  if (expr->kind != EXPR_NAME || is_optional(expr)) return false;
  const name_ref_t* name = expr->name;
  if (rights->kind == TYPE_PRIMITIVE) return name->decl->kind == DECL_CONST || name->member;
  if (name->member) return name->decl == rights->decl;
  return name->decl->kind == DECL_CONST && name->decl->type && name->decl->type->kind == TYPE_IDENTIFIER &&
         name->decl->type->decl == rights->decl;
}

static outcome_t apply_rights(const context_t* context, const expr_t* expr, type_t* type) {
  compiler_t* c = context->c;
  const type_t* rights = type->decl->rights_type;
  if (!looks_like_rights(expr, rights)) return NO_MATCH;
  value_t value;
  if (!evaluate(context, expr, rights, &value)) return FAILED;
  if (type->has_rights) {
    report_error(&c->diagnostics, expr->span, 167, "the rights of this handle are constrained already");
    return FAILED;
  }
  type->has_rights = true;
  type->rights_expr = expr;
  type->rights = (uint32_t)value.u;
  return MATCHED;
}

static outcome_t apply_protocol(const context_t* context, const expr_t* expr, type_t* type) {
  compiler_t* c = context->c;
  if (expr->kind != EXPR_NAME || is_optional(expr)) return NO_MATCH;
  if (expr->name->member || expr->name->decl->kind != DECL_PROTOCOL) {
    report_error(&c->diagnostics, expr->span, 157, "`%s` is not a protocol", span_text(c->arena, expr->span));
    return FAILED;
  }
  if (type->protocol) {
    report_error(&c->diagnostics, expr->span, 167, "the protocol of this end is constrained already");
    return FAILED;
  }
  type->protocol = expr->name->decl;
  return MATCHED;
}

static outcome_t apply(const context_t* context, constraint_kind_t kind, const expr_t* expr, type_t* type) {
  switch (kind) {
    case CONSTRAINT_SIZE:
      return apply_size(context, expr, type);
    case CONSTRAINT_SUBTYPE:
      return apply_subtype(context, expr, type);
    case CONSTRAINT_RIGHTS:
      return apply_rights(context, expr, type);
    case CONSTRAINT_PROTOCOL:
      return apply_protocol(context, expr, type);
    case CONSTRAINT_OPTIONAL:
      return apply_optional(context, expr, type);
  }
  return NO_MATCH;
}

static bool names_resolved(const expr_t* expr) {
  if (expr->kind == EXPR_NAME) return !expr->name->failed;
  for (const expr_t* operand = expr->operands; operand; operand = operand->next) {
    if (!names_resolved(operand)) return false;
  }
  return true;
}

static bool apply_all(const context_t* context, const type_syntax_t* syntax, type_t* type) {
  compiler_t* c = context->c;
  constraint_kind_t kinds[3];
  if (type->kind == TYPE_IDENTIFIER && type->decl->kind == DECL_NEWTYPE) {
    diagnostic_t* error =
        report_error(&c->diagnostics, syntax->constraints_span, 179,
                     "`%s` is a new type: its uses cannot be constrained", type->decl->name->data);
    add_hint(&c->diagnostics, error, "constrain the type that it stands for, where it is declared");
    return false;
  }
  int count = accepted_kinds(type, kinds);
  int next = 0;
  int given = 0;
  for (const expr_t* expr = syntax->constraints; expr; expr = expr->next)
    given++;
  if (given > count) {
    report_error(&c->diagnostics, syntax->constraints_span, 164, "%s takes at most %d constraint%s",
                 type_text(c, type), count, count == 1 ? "" : "s");
    return false;
  }
  for (const expr_t* expr = syntax->constraints; expr; expr = expr->next) {
    if (!names_resolved(expr)) return false;
    outcome_t outcome = NO_MATCH;
    while (next < count && outcome == NO_MATCH)
      outcome = apply(context, kinds[next++], expr, type);
    if (outcome == FAILED) return false;
    if (outcome == MATCHED) continue;
    report_error(&c->diagnostics, expr->span, 166, "%s does not constrain %s here",
                 span_text(c->arena, expr->span), type_text(c, type));
    return false;
  }
  return true;
}

bool apply_constraints(const context_t* context, const type_syntax_t* syntax, type_t* type) {
  if (syntax->constraints && !apply_all(context, syntax, type)) return false;
  return true;
}

bool check_endpoint(const context_t* context, const type_syntax_t* syntax, const type_t* type) {
  if ((type->kind != TYPE_CLIENT_END && type->kind != TYPE_SERVER_END) || type->protocol) return true;
  report_error(&context->c->diagnostics, syntax->span, 168, "a %s needs its protocol as a constraint",
               type->kind == TYPE_CLIENT_END ? "client_end" : "server_end");
  return false;
}
