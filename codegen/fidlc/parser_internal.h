// What the files of the parser share. Functions that parse return NULL (or false) after they reported an
// error; the caller then passes that up to the nearest place that can recover.
#ifndef CODEGEN_FIDLC_PARSER_INTERNAL_H_
#define CODEGEN_FIDLC_PARSER_INTERNAL_H_

#include "diagnostics.h"
#include "lexer.h"
#include "syntax.h"

// Layouts, constraints and parentheses nest at most so deep; recursion of all later phases is bounded by it.
#define PARSER_MAX_NESTING 100

typedef struct parser {
  arena_t* arena;
  interner_t* names;
  diagnostics_t* diagnostics;
  lexer_t lexer;
  token_t token;     // the current one
  token_t ahead[4];  // those behind it, as far as they were looked at
  int ahead_count;
  span_t last;  // of the token consumed last
  int nesting;
  bool tainted;  // something malformed, which was reported, stands in the member or declaration being read
} parser_t;

// Tokens.
void parser_advance(parser_t* parser);
const token_t* parser_peek(parser_t* parser, int ahead);  // 0: current; up to 4
bool parser_at(const parser_t* parser, int kind);
bool parser_at_word(const parser_t* parser, word_t word);
bool parser_accept(parser_t* parser, int kind);
bool parser_expect(parser_t* parser, int kind);  // reports FI-0008
// Call where a member or a declaration begins.
void parser_begin(parser_t* parser);
// The `;` behind a member. Where it is missing at the end of a line, that is reported and the member is whole
// all the same; false where something else stands in its place.
bool parser_end_member(parser_t* parser);
// Reports at `span`; NULL, and no report, behind something malformed that was reported.
diagnostic_t* parser_error(parser_t* parser, span_t span, int number, const char* format, ...)
    __attribute__((format(printf, 4, 5)));
void parser_hint(parser_t* parser, diagnostic_t* error, const char* hint);
bool parser_expect_word(parser_t* parser, word_t word, const char* text);  // reports FI-0009
bool parser_ident(parser_t* parser, ident_t* out);
// Behind `start`: the span from there to the last consumed token.
span_t parser_span_from(const parser_t* parser, span_t start);
// Enters a level of nesting; false (reported) if it is too deep. Leave with parser->nesting--.
bool parser_nest(parser_t* parser);
// Skips to behind the `;` that ends the member that began at `start`, or to the `}` that ends its list.
void parser_recover_member(parser_t* parser, span_t start);
// Skips the declaration that began at `start`, which could not be read.
void parser_recover_decl(parser_t* parser, span_t start);
// True behind the last member of a list: at its `}`, at the end of the file, or where the next declaration
// begins because the `}` was forgotten.
bool parser_at_close(parser_t* parser);
// The `}` of a list of members. Where it was forgotten, that is reported and the list is whole all the same.
bool parser_close(parser_t* parser);
// True at a word that begins a declaration on a line of its own.
bool parser_at_decl(const parser_t* parser);

// parser_expr.c
name_ref_t* parse_name_ref(parser_t* parser);
expr_t* parse_expr(parser_t* parser);
// Attributes and doc comments; NULL when there are none. `*ok` turns false when one was malformed.
attribute_t* parse_attributes(parser_t* parser, bool* ok);
// (added=2, removed=3) behind a modifier; NULL if none.
attribute_t* parse_modifier_availability(parser_t* parser, span_t span, bool* ok);

// parser_type.c
type_syntax_t* parse_type(parser_t* parser);
// Modifier words in front of a layout, protocol or method; a word that nothing follows is a name.
modifier_t* parse_modifiers(parser_t* parser, bool* ok);
bool at_modifier(parser_t* parser);

// parser_layout.c
// From the opening brace. `modifiers` and `subtype` came before it.
layout_syntax_t* parse_layout(parser_t* parser, layout_kind_t kind, modifier_t* modifiers,
                              type_syntax_t* subtype);
// Reports modifiers that repeat or contradict each other.
void check_repeated_modifiers(parser_t* parser, const modifier_t* modifiers);
// NAME TYPE; lines, the members of `decl`, up to the closing brace, which it consumes.
bool parse_named_types(parser_t* parser, decl_syntax_t* decl);

// parser_decl.c
decl_syntax_t* parse_decl(parser_t* parser, attribute_t* attributes);
// parser_protocol.c
bool parse_protocol(parser_t* parser, decl_syntax_t* decl);

#endif  // CODEGEN_FIDLC_PARSER_INTERNAL_H_
