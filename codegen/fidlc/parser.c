// The parser's tokens and recovery, and the frame of a file: library line, imports, declarations.
#include "parser.h"

#include "parser_internal.h"

void parser_advance(parser_t* parser) {
  parser->last = parser->token.span;
  if (parser->ahead_count) {
    parser->token = parser->ahead[0];
    parser->ahead[0] = parser->ahead[1];
    parser->ahead[1] = parser->ahead[2];
    parser->ahead[2] = parser->ahead[3];
    parser->ahead_count--;
  } else {
    parser->token = lexer_next(&parser->lexer);
  }
  parser->tainted = parser->tainted || parser->token.after_invalid;
}

void parser_begin(parser_t* parser) {
  parser->tainted = parser->token.after_invalid;
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
  if (parser->tainted) return NULL;
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

bool parser_end_member(parser_t* parser) {
  if (parser_expect(parser, ';')) return true;
  return parser->token.newline_before && !parser_at(parser, TOKEN_END);
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

// Remembers every name between `start` and the current token.
static void lose_names(parser_t* parser, span_t start) {
  diagnostics_t ignored = {.arena = parser->arena};
  lexer_t lexer;
  lexer_init(&lexer, start.source, parser->names, &ignored);
  lexer.at = start.offset;
  for (token_t token = lexer_next(&lexer); token.kind != TOKEN_END; token = lexer_next(&lexer)) {
    if (token.span.offset >= parser->token.span.offset) break;
    if (token.kind == TOKEN_NAME)
      str_map_add(parser->arena, &parser->diagnostics->lost, token.name, (void*)(uintptr_t)token.name);
  }
}

static void skip_member(parser_t* parser) {
  int depth = 0;
  for (; !parser_at(parser, TOKEN_END); parser_advance(parser)) {
    if (depth == 0 && parser_at_close(parser)) return;
    if (parser_at(parser, '{')) depth++;
    if (parser_at(parser, '}')) depth--;
    if (parser_at(parser, ';') && depth == 0) {
      parser_advance(parser);
      return;
    }
  }
}

void parser_recover_member(parser_t* parser, span_t start) {
  skip_member(parser);
  lose_names(parser, start);
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

// Every word may name a member, so only what no member can look like counts: `type T = struct {`, `protocol P
// {`, `const C type`.
static bool at_unmistakable_decl(parser_t* parser) {
  if (!parser_at_decl(parser) || parser_peek(parser, 1)->kind != TOKEN_NAME) return false;
  int third = parser_peek(parser, 2)->kind;
  switch (parser->token.name->word) {
    case W_PROTOCOL:
    case W_SERVICE:
    case W_RESOURCE_DEFINITION:
      return third == '{';
    case W_CONST:
      return third == TOKEN_NAME;
    case W_OPEN:
    case W_AJAR:
    case W_CLOSED:
      return parser_peek(parser, 1)->name->word == W_PROTOCOL && third == TOKEN_NAME;
    case W_TYPE: {
      if (third != '=' || parser_peek(parser, 3)->kind != TOKEN_NAME) return false;
      int fifth = parser_peek(parser, 4)->kind;
      return fifth == '{' || fifth == TOKEN_NAME;
    }
    default:
      return false;
  }
}

bool parser_at_close(parser_t* parser) {
  return parser_at(parser, '}') || parser_at(parser, TOKEN_END) || at_unmistakable_decl(parser);
}

bool parser_close(parser_t* parser) {
  if (parser_expect(parser, '}')) return true;
  if (!at_unmistakable_decl(parser)) return false;
  parser->tainted = true;  // that the `;` is missing, too, was said with it
  return true;
}

// To behind the `;` of the declaration, or to a word in the first column that begins another one.
static void skip_decl(parser_t* parser, span_t start) {
  int depth = 0;
  for (; !parser_at(parser, TOKEN_END); parser_advance(parser)) {
    bool first = parser->token.span.offset == start.offset;
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

void parser_recover_decl(parser_t* parser, span_t start) {
  skip_decl(parser, start);
  lose_names(parser, start);
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
    span_t start = parser->token.span;
    parser_begin(parser);
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
      parser_recover_decl(parser, start);
    } else if (parser_at_word(parser, W_USING) && parser_peek(parser, 1)->kind == TOKEN_NAME) {
      if (attributes) {
        report_error(parser->diagnostics, attributes->span, 45, "attributes cannot be placed on a `using`");
      }
      if (file->decls) {
        diagnostic_t* error = report_error(parser->diagnostics, parser->token.span, 25,
                                           "`using` must stand before all declarations of the file");
        add_note(parser->diagnostics, error, file->decls->ident.span, "the first declaration");
      }
      bool late = file->decls != NULL;
      if (parse_using(parser, next_using)) {
        (*next_using)->used = late;  // one mistake is enough
        next_using = &(*next_using)->next;
      } else {
        *next_using = NULL;
        parser_recover_decl(parser, start);
      }
    } else {
      decl_syntax_t* decl = parse_decl(parser, attributes);
      if (decl) {
        decl->file = file;
        *next_decl = decl;
        next_decl = &decl->next;
      } else {
        parser_recover_decl(parser, start);
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
  span_t start = parser.token.span;
  if (!parse_library_line(&parser, file, &have_attributes, &pending) && !have_attributes)
    parser_recover_decl(&parser, start);
  parse_top_level(&parser, file, have_attributes, pending);
  return file;
}
