// FIDL source into tokens.
//
// The lexer reports characters and strings that are malformed and goes on; it always ends with TOKEN_END.
// There are no reserved words: every word is TOKEN_NAME.
#ifndef CODEGEN_FIDLC_LEXER_H_
#define CODEGEN_FIDLC_LEXER_H_

#include <stdbool.h>

#include "diagnostics.h"
#include "intern.h"
#include "source.h"

typedef enum token_kind {
  TOKEN_END,
  TOKEN_NAME,
  TOKEN_NUMBER,
  TOKEN_STRING,
  TOKEN_DOC,      // one line of ///
  TOKEN_COMMENT,  // only with keep_comments
  TOKEN_ARROW,
  // The others are their own character.
} token_kind_t;

typedef struct token {
  int kind;  // a token_kind_t or a punctuation character
  span_t span;
  const str_t* name;      // TOKEN_NAME
  bool blank_before;      // an empty line stands between this token and the one before
  bool comment_before;    // an ordinary comment does
  bool newline_before;    // this token begins its line
  bool after_invalid;     // something malformed stands right before it, and was reported
  uint32_t previous_end;  // where the token before it ended
} token_t;

typedef struct lexer {
  source_t* source;
  interner_t* names;
  diagnostics_t* diagnostics;
  bool keep_comments;
  uint32_t at;
  uint32_t previous_end;
  bool invalid;  // since the last token
  bool ended;    // TOKEN_END was given out
} lexer_t;

void lexer_init(lexer_t* lexer, source_t* source, interner_t* names, diagnostics_t* diagnostics);
token_t lexer_next(lexer_t* lexer);
// How a token of `kind` is called in messages.
const char* token_kind_name(arena_t* arena, int kind);

#endif  // CODEGEN_FIDLC_LEXER_H_
