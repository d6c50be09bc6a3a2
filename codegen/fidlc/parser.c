// The parser's tokens and recovery, and the frame of a file: library line, imports, declarations.
#include "parser.h"

#include "parser_internal.h"

void parser_advance(parser_t* parser) {
  parser->last = parser->token.span;
  if (parser->ahead_count) {
    parser->token = parser->ahead[0];
    parser->ahead[0] = parser->ahead[1];
    parser->ahead[1] = parser->ahead[2];
    parser->ahead_count--;
  } else {
    parser->token = lexer_next(&parser->lexer);
  }
}

const token_t* parser_peek(parser_t* parser, int ahead) {
  if (ahead == 0) return &parser->token;
  while (parser->ahead_count < ahead)
    parser->ahead[parser->ahead_count++] = lexer_next(&parser->lexer);
  return &parser->ahead[ahead - 1];
}

bool parser_at(const parser_t* parser, int kind) {
  return parser->token.kind == kind;
}

bool parser_at_word(const parser_t* parser, word_t word) {
  return parser->token.kind == TOKEN_NAME && parser->token.name->word == word;
}

bool parser_accept(parser_t* parser, int kind) {
  if (!parser_at(parser, kind)) return false;
  parser_advance(parser);
  return true;
}

diagnostic_t* parser_error(parser_t* parser, span_t span, int number, const char* format, ...) {
  if (parser->token.after_invalid) return NULL;
  va_list args;
  va_start(args, format);
  const char* text = arena_vprintf(parser->arena, format, args);
  va_end(args);
  return report_error(parser->diagnostics, span, number, "%s", text);
}

void parser_hint(parser_t* parser, diagnostic_t* error, const char* hint) {
  if (error) add_hint(parser->diagnostics, error, "%s", hint);
}

static const char* describe_token(parser_t* parser) {
  if (parser_at(parser, TOKEN_NAME)) return arena_printf(parser->arena, "`%s`", parser->token.name->data);
  return token_kind_name(parser->arena, parser->token.kind);
}

bool parser_expect(parser_t* parser, int kind) {
  if (parser_accept(parser, kind)) return true;
  span_t span = parser->token.span;
  // A missing `;` is shown where it is missing, not at whatever stands on the next line.
  if (kind == ';' && parser->token.newline_before && parser->last.source) {
    span = (span_t){parser->last.source, parser->last.offset + parser->last.length, 0};
  }
  parser_error(parser, span, 8, "expected %s, found %s", token_kind_name(parser->arena, kind),
               describe_token(parser));
  return false;
}

bool parser_expect_word(parser_t* parser, word_t word, const char* text) {
  if (parser_at_word(parser, word)) {
    parser_advance(parser);
    return true;
  }
  parser_error(parser, parser->token.span, parser_at(parser, TOKEN_NAME) ? 9 : 8, "expected `%s`, found %s",
               text, describe_token(parser));
  return false;
}

bool parser_ident(parser_t* parser, ident_t* out) {
  *out = (ident_t){parser->token.name, parser->token.span};
  return parser_expect(parser, TOKEN_NAME);
}

span_t parser_span_from(const parser_t* parser, span_t start) {
  return span_join(start, parser->last);
}

bool parser_nest(parser_t* parser) {
  if (parser->nesting++ < PARSER_MAX_NESTING) return true;
  report_error(parser->diagnostics, parser->token.span, 7, "nested more than %d levels deep",
               PARSER_MAX_NESTING);
  return false;
}

void parser_recover_member(parser_t* parser) {
  parser->diagnostics->incomplete = true;
  int depth = 0;
  for (; !parser_at(parser, TOKEN_END); parser_advance(parser)) {
    if (parser_at(parser, '{')) depth++;
    if (parser_at(parser, '}') && depth-- == 0) return;
    if (parser_at(parser, ';') && depth == 0) {
      parser_advance(parser);
      return;
    }
  }
}

static bool at_decl_word(const parser_t* parser) {
  if (!parser_at(parser, TOKEN_NAME)) return false;
  switch (parser->token.name->word) {
    case W_AJAR:
    case W_ALIAS:
    case W_CLOSED:
    case W_CONST:
    case W_OPEN:
    case W_PROTOCOL:
    case W_RESOURCE_DEFINITION:
    case W_SERVICE:
    case W_TYPE:
    case W_USING:
      return true;
    default:
      return false;
  }
}

bool parser_at_decl(const parser_t* parser) {
  return parser->token.newline_before && at_decl_word(parser);
}

// Skips a declaration that could not be read: to behind its `;`, or to a word in the first column that begins
// one.
void parser_recover_decl(parser_t* parser) {
  parser->diagnostics->incomplete = true;
  int depth = 0;
  bool first = true;
  for (; !parser_at(parser, TOKEN_END); parser_advance(parser), first = false) {
    if (!first && parser_at_decl(parser) &&
        (depth <= 0 ||
         source_position(parser->arena, parser->token.span.source, parser->token.span.offset).column == 1)) {
      return;
    }
    if (parser_at(parser, '{')) depth++;
    if (parser_at(parser, '}')) depth--;
    if (parser_at(parser, ';') && depth <= 0) {
      parser_advance(parser);
      return;
    }
  }
}

static bool parse_using(parser_t* parser, using_syntax_t** out) {
  span_t start = parser->token.span;
  parser_advance(parser);
  using_syntax_t* using = arena_alloc(parser->arena, sizeof(*using));
  using->library_name = parse_name_ref(parser);
  if (!using->library_name) return false;
  if (parser_at_word(parser, W_AS)) {
    parser_advance(parser);
    if (!parser_ident(parser, &using->alias)) return false;
  }
  using->span = parser_span_from(parser, start);
  *out = using;
  return parser_expect(parser, ';');
}

static bool parse_library_line(parser_t* parser, file_syntax_t* file, bool* have_attributes,
                               attribute_t** pending) {
  bool ok = true;
  attribute_t* attributes = parse_attributes(parser, &ok);
  if (!parser_at_word(parser, W_LIBRARY)) {
    parser_expect_word(parser, W_LIBRARY, "library");
    // A misspelt word is skipped with its line; a declaration in its place is read.
    if (parser_at(parser, TOKEN_NAME) && !at_decl_word(parser)) return false;
    *pending = attributes;
    *have_attributes = true;
    return false;
  }
  file->attributes = attributes;
  parser_advance(parser);
  file->library_name = parse_name_ref(parser);
  return file->library_name && parser_expect(parser, ';') && ok;
}

static void parse_top_level(parser_t* parser, file_syntax_t* file, bool have_attributes,
                            attribute_t* attributes) {
  using_syntax_t** next_using = &file->usings;
  decl_syntax_t** next_decl = &file->decls;
  while (!parser_at(parser, TOKEN_END)) {
    bool ok = true;
    if (!have_attributes) attributes = parse_attributes(parser, &ok);
    have_attributes = false;
    if (parser_at(parser, TOKEN_END)) {
      for (; ok && attributes; attributes = attributes->next) {
        if (attributes->is_doc_comment) continue;
        parser_error(parser, attributes->span, 8, "nothing follows this attribute");
        break;
      }
      return;
    }
    if (!ok) {
      parser_recover_decl(parser);
    } else if (parser_at_word(parser, W_USING) && parser_peek(parser, 1)->kind == TOKEN_NAME) {
      if (attributes) {
        report_error(parser->diagnostics, attributes->span, 45, "attributes cannot be placed on a `using`");
      }
      if (file->decls) {
        diagnostic_t* error = report_error(parser->diagnostics, parser->token.span, 25,
                                           "`using` must stand before all declarations of the file");
        add_note(parser->diagnostics, error, file->decls->ident.span, "the first declaration");
      }
      if (parse_using(parser, next_using)) {
        next_using = &(*next_using)->next;
      } else {
        *next_using = NULL;
        parser_recover_decl(parser);
      }
    } else {
      decl_syntax_t* decl = parse_decl(parser, attributes);
      if (decl) {
        decl->file = file;
        *next_decl = decl;
        next_decl = &decl->next;
      } else {
        parser_recover_decl(parser);
      }
    }
  }
}

file_syntax_t* parse_file(arena_t* arena, interner_t* names, diagnostics_t* diagnostics, source_t* source) {
  parser_t parser = {.arena = arena, .names = names, .diagnostics = diagnostics};
  lexer_init(&parser.lexer, source, names, diagnostics);
  parser_advance(&parser);
  file_syntax_t* file = arena_alloc(arena, sizeof(*file));
  file->source = source;
  bool have_attributes = false;
  attribute_t* pending = NULL;
  if (!parse_library_line(&parser, file, &have_attributes, &pending) && !have_attributes)
    parser_recover_decl(&parser);
  parse_top_level(&parser, file, have_attributes, pending);
  return file;
}
