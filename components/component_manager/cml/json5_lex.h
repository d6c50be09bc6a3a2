// The tokens of JSON5. Used by the parser only.
#ifndef COMPONENT_MANAGER_CML_JSON5_LEX_H_
#define COMPONENT_MANAGER_CML_JSON5_LEX_H_

#include "json5.h"

typedef enum json5_token_kind {
  JSON5_TOKEN_END,
  JSON5_TOKEN_PUNCTUATION,  // one of {}[]:,
  JSON5_TOKEN_STRING,
  JSON5_TOKEN_NUMBER,
  JSON5_TOKEN_IDENTIFIER,  // also true, false, null, Infinity, NaN
} json5_token_kind_t;

typedef struct json5_token {
  json5_token_kind_t kind;
  cml_location_t location;
  char punctuation;
  double number;
  const char* text;  // of a string or identifier, escapes resolved
  size_t size;
} json5_token_t;

typedef struct json5_lexer {
  cml_arena_t* arena;
  const cml_source_t* source;
  size_t position;
  cml_error_t* error;
} json5_lexer_t;

// Reads the next token. False with the lexer's error filled.
bool json5_lex(json5_lexer_t* lexer, json5_token_t* out);

#endif  // COMPONENT_MANAGER_CML_JSON5_LEX_H_
