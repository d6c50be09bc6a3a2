// Types where they are used: names with arguments and constraints, or layouts written in place.
#include "parser_internal.h"

bool at_modifier(parser_t* parser) {
  if (!parser_at(parser, TOKEN_NAME)) return false;
  switch (parser->token.name->word) {
    case W_STRICT:
    case W_FLEXIBLE:
    case W_RESOURCE:
    case W_OPEN:
    case W_AJAR:
    case W_CLOSED:
      break;
    default:
      return false;
  }
  int next = parser_peek(parser, 1)->kind;
  if (next == TOKEN_NAME) return true;
  if (next != '(') return false;
  return parser_peek(parser, 2)->kind == TOKEN_NAME && parser_peek(parser, 3)->kind == '=';
}

modifier_t* parse_modifiers(parser_t* parser, bool* ok) {
  modifier_t* first = NULL;
  modifier_t** next = &first;
  while (at_modifier(parser)) {
    modifier_t* modifier = arena_alloc(parser->arena, sizeof(*modifier));
    modifier->word = parser->token.name->word;
    modifier->span = parser->token.span;
    parser_advance(parser);
    modifier->available = parse_modifier_availability(parser, modifier->span, ok);
    if (!*ok) break;
    *next = modifier;
    next = &modifier->next;
  }
  return first;
}

static int layout_kind_of(word_t word) {
  switch (word) {
    case W_BITS:
      return LAYOUT_BITS;
    case W_ENUM:
      return LAYOUT_ENUM;
    case W_STRUCT:
      return LAYOUT_STRUCT;
    case W_TABLE:
      return LAYOUT_TABLE;
    case W_UNION:
      return LAYOUT_UNION;
    case W_OVERLAY:
      return LAYOUT_OVERLAY;
    default:
      return -1;
  }
}

static bool parse_args(parser_t* parser, type_syntax_t* type) {
  span_t start = parser->token.span;
  if (!parser_accept(parser, '<')) return true;
  type_arg_t** next = &type->args;
  do {
    type_arg_t* arg = arena_alloc(parser->arena, sizeof(*arg));
    bool word = (parser_at_word(parser, W_TRUE) || parser_at_word(parser, W_FALSE));
    if (parser_at(parser, TOKEN_NUMBER) || parser_at(parser, TOKEN_STRING) || parser_at(parser, '(') ||
        word) {
      arg->literal = parse_expr(parser);
      if (!arg->literal) return false;
      arg->span = arg->literal->span;
    } else {
      arg->type = parse_type(parser);
      if (!arg->type) return false;
      arg->span = arg->type->span;
      if (arg->type->name && !arg->type->args_span.source && !arg->type->constraints_span.source) {
        arg->literal = arena_alloc(parser->arena, sizeof(expr_t));
        *arg->literal = (expr_t){.kind = EXPR_NAME, .span = arg->span, .name = arg->type->name};
      }
    }
    *next = arg;
    next = &arg->next;
  } while (parser_accept(parser, ','));
  if (!parser_expect(parser, '>')) return false;
  type->args_span = parser_span_from(parser, start);
  return true;
}

static bool parse_constraints(parser_t* parser, type_syntax_t* type) {
  span_t start = parser->token.span;
  if (parser_accept(parser, '<')) {
    expr_t** next = &type->constraints;
    do {
      *next = parse_expr(parser);
      if (!*next) return false;
      next = &(*next)->next;
    } while (parser_accept(parser, ','));
    if (!parser_expect(parser, '>')) return false;
  } else {
    type->constraints = parse_expr(parser);
    if (!type->constraints) return false;
  }
  type->constraints_span = parser_span_from(parser, start);
  return true;
}

static void check_plain_name(parser_t* parser, const type_syntax_t* type, const modifier_t* modifiers) {
  for (; modifiers; modifiers = modifiers->next) {
    report_error(parser->diagnostics, modifiers->span, 30, "`%s` cannot modify the use of a named type",
                 span_text(parser->arena, modifiers->span));
  }
  if (type->attributes) {
    report_error(parser->diagnostics, type->attributes->span, 22,
                 "attributes cannot be placed on the use of a named type");
  }
}

static bool parse_constraint_lists(parser_t* parser, type_syntax_t* type) {
  if (!parser_accept(parser, ':')) return true;
  if (!parse_constraints(parser, type)) return false;
  while (parser_at(parser, ':')) {
    report_error(parser->diagnostics, parser->token.span, 163, "a type has only one list of constraints");
    parser_advance(parser);
    type_syntax_t second = {0};
    if (!parse_constraints(parser, &second)) return false;
  }
  return true;
}

// What looked like a constraint was the subtype of a layout: `enum : uint8 {`.
static bool constraint_as_subtype(parser_t* parser, type_syntax_t* type, type_syntax_t** out) {
  if (!type->constraints) return true;
  expr_t* only = type->constraints;
  if (only->kind != EXPR_NAME || only->next) {
    report_error(parser->diagnostics, type->constraints_span, 13,
                 "the subtype of a layout is the name of a type");
    return false;
  }
  *out = arena_alloc(parser->arena, sizeof(type_syntax_t));
  **out = (type_syntax_t){.span = only->span, .name_span = only->span, .name = only->name};
  type->constraints = NULL;
  type->constraints_span = (span_t){0};
  return true;
}

static bool parse_body(parser_t* parser, type_syntax_t* type, modifier_t* modifiers) {
  int kind = type->name->count == 1 && !type->args_span.source
                 ? layout_kind_of(type->name->parts[0].name->word)
                 : -1;
  if (kind < 0) {
    diagnostic_t* error =
        report_error(parser->diagnostics, type->name_span, 12, "`%s` is not a kind of layout",
                     span_text(parser->arena, type->name_span));
    add_hint(parser->diagnostics, error, "layouts are bits, enum, struct, table and union");
    return false;
  }
  type_syntax_t* subtype = NULL;
  if (!constraint_as_subtype(parser, type, &subtype)) return false;
  type->name = NULL;
  type->layout = parse_layout(parser, (layout_kind_t)kind, modifiers, subtype);
  if (!type->layout) return false;
  type->layout->kind_span = type->name_span;
  return parse_constraint_lists(parser, type);
}

static type_syntax_t* parse_type_inner(parser_t* parser) {
  type_syntax_t* type = arena_alloc(parser->arena, sizeof(*type));
  bool ok = true;
  type->attributes = parse_attributes(parser, &ok);
  if (!ok) return NULL;
  span_t start = parser->token.span;
  modifier_t* modifiers = parse_modifiers(parser, &ok);
  if (!ok) return NULL;
  type->name = parse_name_ref(parser);
  if (!type->name) return NULL;
  type->name_span = type->name->span;
  if (!parse_args(parser, type) || !parse_constraint_lists(parser, type)) return NULL;
  if (parser_at(parser, '{')) {
    if (!parse_body(parser, type, modifiers)) return NULL;
    type->layout->span = span_join(start, type->layout->span);
  } else {
    check_plain_name(parser, type, modifiers);
  }
  type->span = parser_span_from(parser, start);
  return type;
}

type_syntax_t* parse_type(parser_t* parser) {
  type_syntax_t* type = parser_nest(parser) ? parse_type_inner(parser) : NULL;
  parser->nesting--;
  return type;
}
