// Where lines may be broken: each statement has its own few places, and those of one level are used together.
#ifndef CODEGEN_FIDL_FORMAT_BREAKS_H_
#define CODEGEN_FIDL_FORMAT_BREAKS_H_

#include <stdbool.h>
#include <stddef.h>

#include "tokens.h"

// BREAK_INNER places are used if breaking at the BREAK_OUTER ones does not suffice.
typedef enum break_level { BREAK_NONE, BREAK_INNER, BREAK_OUTER } break_level_t;

// What stands in a body: lines of VALUES and LAYOUT are members of bits and enums, and of the other layouts.
typedef enum body { BODY_OTHER, BODY_VALUES, BODY_LAYOUT } body_t;

typedef enum statement_kind {
  STATEMENT_OTHER,      // a protocol or one of its members, a service ...: never broken
  STATEMENT_CONST,      // const NAME | TYPE || = VALUE
  STATEMENT_EQUAL,      // alias NAME || = TYPE, type NAME || = TYPE, NAME || = VALUE
  STATEMENT_USING,      // using LIBRARY || as NAME
  STATEMENT_MEMBER,     // 1: NAME || @ATTRIBUTE || TYPE || = DEFAULT
  STATEMENT_ATTRIBUTE,  // @NAME( || ARGUMENT, || ARGUMENT)
} statement_kind_t;

typedef struct breaks {
  statement_kind_t kind;
  int depth;          // of brackets around the statement
  size_t count;       // of its tokens so far
  int previous;       // the kind of the last one
  bool type_next;     // STATEMENT_MEMBER: an attribute or the type follows
  bool in_attribute;  // STATEMENT_MEMBER: the last token was of one
} breaks_t;

// For the statement that begins with `first` in `body`, or the attribute line, with `depth` open brackets.
breaks_t breaks_of_statement(const token_t* first, body_t body, int depth);
breaks_t breaks_of_attribute(int depth);

// Whether the line may be broken before `token`, the statement's next, with `depth` open brackets.
break_level_t breaks_before(breaks_t* breaks, const token_t* token, int depth);

// What the brace at `brace` opens, which may be the body of a layout.
body_t body_of_brace(const tokens_t* tokens, size_t brace, bool of_layout);

#endif  // CODEGEN_FIDL_FORMAT_BREAKS_H_
