// Names, constants and attributes.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parser_internal.h"

name_ref_t* parse_name_ref(parser_t* parser) {
  ident_t parts[64];
  uint32_t count = 0;
  do {
    if (count == 64) {
      report_error(parser->diagnostics, parser->token.span, 7, "a name has at most 64 components");
      return NULL;
    }
    if (!parser_ident(parser, &parts[count])) return NULL;
    count++;
  } while (parser_accept(parser, '.'));
  name_ref_t* name = arena_alloc(parser->arena, sizeof(*name));
  name->count = count;
  name->parts = arena_alloc(parser->arena, count * sizeof(ident_t));
  memcpy(name->parts, parts, count * sizeof(ident_t));
  name->span = parser_span_from(parser, parts[0].span);
  return name;
}

static expr_t* parse_operand(parser_t* parser) {
  expr_t* expr = arena_alloc(parser->arena, sizeof(*expr));
  expr->span = parser->token.span;
  if (parser_at(parser, TOKEN_NUMBER) || parser_at(parser, TOKEN_STRING)) {
    expr->kind = parser_at(parser, TOKEN_NUMBER) ? EXPR_NUMBER : EXPR_STRING;
    parser_advance(parser);
    return expr;
  }
  bool word = parser_at_word(parser, W_TRUE) || parser_at_word(parser, W_FALSE);
  if (word && parser_peek(parser, 1)->kind != '.') {
    expr->kind = parser_at_word(parser, W_TRUE) ? EXPR_TRUE : EXPR_FALSE;
    parser_advance(parser);
    return expr;
  }
  if (parser_at(parser, TOKEN_NAME)) {
    expr->kind = EXPR_NAME;
    expr->name = parse_name_ref(parser);
    if (!expr->name) return NULL;
    expr->span = expr->name->span;
    return expr;
  }
  if (!parser_at(parser, '(')) {
    parser_error(parser, parser->token.span, 7, "expected a constant, found %s",
                 token_kind_name(parser->arena, parser->token.kind));
    return NULL;
  }
  parser_advance(parser);
  expr_t* inner = parser_nest(parser) ? parse_expr(parser) : NULL;
  parser->nesting--;
  return inner && parser_expect(parser, ')') ? inner : NULL;
}

expr_t* parse_expr(parser_t* parser) {
  expr_t* first = parse_operand(parser);
  if (!first || !parser_at(parser, '|')) return first;
  expr_t* all = arena_alloc(parser->arena, sizeof(*all));
  all->kind = EXPR_OR;
  all->operands = first;
  expr_t* last = first;
  while (parser_accept(parser, '|')) {
    last->next = parse_operand(parser);
    last = last->next;
    if (!last) return NULL;
  }
  all->span = parser_span_from(parser, first->span);
  return all;
}

static attribute_arg_t* parse_attribute_arg(parser_t* parser) {
  attribute_arg_t* arg = arena_alloc(parser->arena, sizeof(*arg));
  span_t start = parser->token.span;
  if (parser_at(parser, TOKEN_NAME) && parser_peek(parser, 1)->kind == '=') {
    parser_ident(parser, &arg->name);
    parser_advance(parser);
  }
  arg->value = parse_expr(parser);
  arg->span = parser_span_from(parser, start);
  return arg->value ? arg : NULL;
}

static bool parse_attribute_args(parser_t* parser, attribute_t* attribute) {
  span_t open = parser->token.span;
  if (!parser_accept(parser, '(')) return true;
  if (parser_accept(parser, ')')) {
    diagnostic_t* error = report_error(parser->diagnostics, parser_span_from(parser, open), 14,
                                       "attribute without arguments has parentheses");
    add_hint(parser->diagnostics, error, "write @%s", attribute->name.name->data);
    return true;
  }
  attribute_arg_t** next = &attribute->args;
  bool unnamed = false;
  do {
    *next = parse_attribute_arg(parser);
    if (!*next) return false;
    unnamed = unnamed || !(*next)->name.name;
    next = &(*next)->next;
  } while (parser_accept(parser, ','));
  if (unnamed && attribute->args->next) {
    report_error(parser->diagnostics, attribute->args->span, 15,
                 "an attribute with several arguments must name them all");
  }
  return parser_expect(parser, ')');
}

static attribute_t* parse_attribute(parser_t* parser) {
  attribute_t* attribute = arena_alloc(parser->arena, sizeof(*attribute));
  span_t start = parser->token.span;
  parser_advance(parser);
  if (!parser_ident(parser, &attribute->name)) return NULL;
  if (!parse_attribute_args(parser, attribute)) return NULL;
  attribute->span = parser_span_from(parser, start);
  return attribute;
}

static void check_doc_line(parser_t* parser, bool first) {
  if (first) return;
  if (parser->token.comment_before) {
    report_warning(parser->diagnostics, parser->token.span, 26, "comment inside a block of doc comments");
  } else if (parser->token.blank_before) {
    report_warning(parser->diagnostics, parser->token.span, 27, "empty line inside a block of doc comments");
  }
}

// A run of doc comment lines is one @doc attribute.
static attribute_t* parse_doc(parser_t* parser) {
  attribute_t* attribute = arena_alloc(parser->arena, sizeof(*attribute));
  expr_t* value = arena_alloc(parser->arena, sizeof(*value));
  attribute->is_doc_comment = true;
  attribute->name = (ident_t){intern_cstr(parser->names, "doc"), parser->token.span};
  span_t start = parser->token.span;
  char* text = NULL;
  size_t size = 0;
  FILE* out = open_memstream(&text, &size);
  for (bool first = true; parser_at(parser, TOKEN_DOC); first = false) {
    check_doc_line(parser, first);
    span_t line = parser->token.span;
    if (out) fprintf(out, "%.*s\n", (int)line.length - 3, line.source->data + line.offset + 3);
    parser_advance(parser);
  }
  if (out) fclose(out);
  value->kind = EXPR_DOC;
  value->text = arena_copy(parser->arena, text ? text : "", size);
  free(text);
  value->span = attribute->span = parser_span_from(parser, start);
  if (parser_at(parser, TOKEN_END)) {
    report_warning(parser->diagnostics, attribute->span, 28, "this doc comment documents nothing");
  }
  attribute->args = arena_alloc(parser->arena, sizeof(attribute_arg_t));
  attribute->args->value = value;
  attribute->args->span = value->span;
  return attribute;
}

attribute_t* parse_attributes(parser_t* parser, bool* ok) {
  attribute_t* first = NULL;
  attribute_t** next = &first;
  while (parser_at(parser, TOKEN_DOC) || parser_at(parser, '@')) {
    bool doc = parser_at(parser, TOKEN_DOC);
    if (doc && first) {
      report_error(parser->diagnostics, parser->token.span, 7,
                   "a doc comment must stand before other attributes");
    }
    *next = doc ? parse_doc(parser) : parse_attribute(parser);
    if (!*next) {
      *ok = false;
      return first;
    }
    next = &(*next)->next;
  }
  return first;
}

attribute_t* parse_modifier_availability(parser_t* parser, span_t span, bool* ok) {
  if (!parser_at(parser, '(')) return NULL;
  attribute_t* attribute = arena_alloc(parser->arena, sizeof(*attribute));
  attribute->name = (ident_t){intern_cstr(parser->names, "available"), span};
  if (!parse_attribute_args(parser, attribute)) *ok = false;
  attribute->span = parser_span_from(parser, span);
  return attribute;
}
