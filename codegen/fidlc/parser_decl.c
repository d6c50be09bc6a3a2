// Declarations other than protocols.
#include "parser_internal.h"

static bool parse_const(parser_t* parser, decl_syntax_t* decl) {
  decl->kind = SYNTAX_CONST;
  parser_advance(parser);
  if (!parser_ident(parser, &decl->ident)) return false;
  decl->type = parse_type(parser);
  if (!decl->type || !parser_expect(parser, '=')) return false;
  decl->value = parse_expr(parser);
  return decl->value != NULL;
}

static bool parse_alias(parser_t* parser, decl_syntax_t* decl) {
  decl->kind = SYNTAX_ALIAS;
  parser_advance(parser);
  if (!parser_ident(parser, &decl->ident) || !parser_expect(parser, '=')) return false;
  decl->type = parse_type(parser);
  return decl->type != NULL;
}

static bool parse_type_decl(parser_t* parser, decl_syntax_t* decl) {
  decl->kind = SYNTAX_TYPE;
  parser_advance(parser);
  if (!parser_ident(parser, &decl->ident) || !parser_expect(parser, '=')) return false;
  decl->type = parse_type(parser);
  if (!decl->type) return false;
  if (decl->type->layout && decl->type->attributes) {
    diagnostic_t* error = report_error(parser->diagnostics, decl->type->attributes->span, 23,
                                       "attributes cannot stand between `=` and the layout");
    add_hint(parser->diagnostics, error, "put them in front of `type`");
  }
  return true;
}

static bool parse_service(parser_t* parser, decl_syntax_t* decl) {
  decl->kind = SYNTAX_SERVICE;
  parser_advance(parser);
  return parser_ident(parser, &decl->ident) && parser_expect(parser, '{') && parse_named_types(parser, decl);
}

static bool parse_resource(parser_t* parser, decl_syntax_t* decl) {
  decl->kind = SYNTAX_RESOURCE;
  parser_advance(parser);
  if (!parser_ident(parser, &decl->ident)) return false;
  if (parser_accept(parser, ':')) {
    type_syntax_t* type = arena_alloc(parser->arena, sizeof(*type));
    type->name = parse_name_ref(parser);
    if (!type->name) return false;
    type->span = type->name_span = type->name->span;
    decl->type = type;
  }
  if (!parser_expect(parser, '{') || !parser_expect_word(parser, W_PROPERTIES, "properties")) return false;
  if (!parser_expect(parser, '{') || !parse_named_types(parser, decl)) return false;
  if (!decl->members && !decl->incomplete) {
    report_error(parser->diagnostics, decl->ident.span, 29, "the resource `%s` has no properties",
                 decl->ident.name->data);
  }
  return parser_expect(parser, ';') && parser_expect(parser, '}');
}

static bool parse_any(parser_t* parser, decl_syntax_t* decl) {
  word_t word = parser_at(parser, TOKEN_NAME) ? parser->token.name->word : W_NONE;
  bool modified = at_modifier(parser);
  switch (modified ? W_PROTOCOL : word) {
    case W_CONST:
      return parse_const(parser, decl);
    case W_ALIAS:
      return parse_alias(parser, decl);
    case W_TYPE:
      return parse_type_decl(parser, decl);
    case W_SERVICE:
      return parse_service(parser, decl);
    case W_RESOURCE_DEFINITION:
      return parse_resource(parser, decl);
    case W_PROTOCOL:
      return parse_protocol(parser, decl);
    default:
      break;
  }
  diagnostic_t* error = parser_error(parser, parser->token.span, 6, "this does not begin a declaration");
  parser_hint(parser, error,
              "declarations begin with alias, const, protocol, resource_definition, service, type or using");
  return false;
}

decl_syntax_t* parse_decl(parser_t* parser, attribute_t* attributes) {
  decl_syntax_t* decl = arena_alloc(parser->arena, sizeof(*decl));
  decl->attributes = attributes;
  span_t start = parser->token.span;
  if (!parse_any(parser, decl)) return NULL;
  decl->span = parser_span_from(parser, start);
  // A declaration whose `;` is missing is whole all the same; what stands in the `;`'s place is skipped.
  if (!parser_expect(parser, ';') && !parser_at_decl(parser) && !parser_at(parser, '@') &&
      !parser_at(parser, TOKEN_DOC)) {
    parser_recover_decl(parser, parser->token.span);
  }
  return decl;
}
