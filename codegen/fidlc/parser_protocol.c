// Protocols: openness, compose lines, methods and events.
#include "parser_internal.h"

// (), (Type) or (struct { ... }).
static bool parse_params(parser_t* parser, type_syntax_t** out) {
  if (!parser_expect(parser, '(')) return false;
  if (parser_accept(parser, ')')) return true;
  if (parser_at(parser, TOKEN_DOC)) {
    report_error(parser->diagnostics, parser->token.span, 24, "doc comments cannot be placed on a payload");
    while (parser_at(parser, TOKEN_DOC))
      parser_advance(parser);
  }
  *out = parse_type(parser);
  return *out && parser_expect(parser, ')');
}

static bool parse_event(parser_t* parser, method_syntax_t* method) {
  parser_advance(parser);
  method->has_response = true;
  if (!parser_ident(parser, &method->ident)) return false;
  return parse_params(parser, &method->response);
}

static bool parse_call(parser_t* parser, method_syntax_t* method) {
  method->has_request = true;
  if (!parser_ident(parser, &method->ident) || !parse_params(parser, &method->request)) return false;
  if (!parser_accept(parser, TOKEN_ARROW)) return true;
  method->has_response = true;
  if (!parse_params(parser, &method->response)) return false;
  if (!parser_at_word(parser, W_ERROR)) return true;
  parser_advance(parser);
  method->has_error = true;
  method->error = parse_type(parser);
  return method->error != NULL;
}

static bool parse_compose(parser_t* parser, method_syntax_t* method) {
  for (const modifier_t* modifier = method->modifiers; modifier; modifier = modifier->next) {
    report_error(parser->diagnostics, modifier->span, 30, "`%s` cannot modify a compose line",
                 span_text(parser->arena, modifier->span));
  }
  parser_advance(parser);
  method->compose = parse_name_ref(parser);
  return method->compose != NULL;
}

static void check_method_modifiers(parser_t* parser, const method_syntax_t* method) {
  for (const modifier_t* modifier = method->modifiers; modifier; modifier = modifier->next) {
    if (modifier->word == W_STRICT || modifier->word == W_FLEXIBLE) continue;
    report_error(parser->diagnostics, modifier->span, 20, "`%s` cannot modify a method",
                 span_text(parser->arena, modifier->span));
  }
  check_repeated_modifiers(parser, method->modifiers);
}

// A strictness word directly in front of an event's arrow is a modifier too.
static void parse_event_modifiers(parser_t* parser, method_syntax_t* method) {
  modifier_t** next = &method->modifiers;
  while (*next)
    next = &(*next)->next;
  if (parser_at(parser, TOKEN_NAME) &&
      (parser_at_word(parser, W_STRICT) || parser_at_word(parser, W_FLEXIBLE)) &&
      parser_peek(parser, 1)->kind == TOKEN_ARROW) {
    *next = arena_alloc(parser->arena, sizeof(modifier_t));
    (*next)->word = parser->token.name->word;
    (*next)->span = parser->token.span;
    parser_advance(parser);
  }
}

static method_syntax_t* parse_protocol_member(parser_t* parser) {
  method_syntax_t* method = arena_alloc(parser->arena, sizeof(*method));
  bool ok = true;
  parser_begin(parser);
  method->attributes = parse_attributes(parser, &ok);
  if (!ok) return NULL;
  span_t start = parser->token.span;
  method->modifiers = parse_modifiers(parser, &ok);
  if (!ok) return NULL;
  parse_event_modifiers(parser, method);
  if (parser_at_word(parser, W_COMPOSE) && parser_peek(parser, 1)->kind == TOKEN_NAME) {
    ok = parse_compose(parser, method);
  } else if (parser_at(parser, TOKEN_ARROW)) {
    ok = parse_event(parser, method);
  } else if (parser_at(parser, TOKEN_NAME) && parser_peek(parser, 1)->kind == '(') {
    ok = parse_call(parser, method);
  } else {
    diagnostic_t* error = parser_error(parser, parser->token.span, 20, "expected a protocol member");
    parser_hint(
        parser, error,
        "members are methods `M(...);`, calls `M(...) -> (...);`, events `-> E(...);` and `compose P;`");
    return NULL;
  }
  if (!ok) return NULL;
  if (!method->compose) check_method_modifiers(parser, method);
  method->span = parser_span_from(parser, start);
  return parser_end_member(parser) ? method : NULL;
}

bool parse_protocol(parser_t* parser, decl_syntax_t* decl) {
  bool ok = true;
  decl->kind = SYNTAX_PROTOCOL;
  decl->modifiers = parse_modifiers(parser, &ok);
  if (!ok) return false;
  if (!parser_at_word(parser, W_PROTOCOL)) {
    span_t span = decl->modifiers ? decl->modifiers->span : parser->token.span;
    report_error(parser->diagnostics, span, 6, "this does not begin a declaration");
    return false;
  }
  parser_advance(parser);
  for (const modifier_t* modifier = decl->modifiers; modifier; modifier = modifier->next) {
    if (modifier->word == W_OPEN || modifier->word == W_AJAR || modifier->word == W_CLOSED) continue;
    report_error(parser->diagnostics, modifier->span, 30, "`%s` cannot modify a protocol",
                 span_text(parser->arena, modifier->span));
  }
  check_repeated_modifiers(parser, decl->modifiers);
  if (!parser_ident(parser, &decl->ident) || !parser_expect(parser, '{')) return false;
  method_syntax_t** next = &decl->methods;
  while (!parser_at_close(parser)) {
    span_t first = parser->token.span;
    method_syntax_t* method = parse_protocol_member(parser);
    if (!method) {
      parser_recover_member(parser, first);
      continue;
    }
    *next = method;
    next = &method->next;
  }
  return parser_close(parser);
}
