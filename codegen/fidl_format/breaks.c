// Where lines may be broken.
#include "breaks.h"

static statement_kind_t kind_of_declaration(word_t word) {
  switch (word) {
    case W_CONST:
      return STATEMENT_CONST;
    case W_ALIAS:
    case W_TYPE:
      return STATEMENT_EQUAL;
    case W_USING:
      return STATEMENT_USING;
    default:
      return STATEMENT_OTHER;
  }
}

breaks_t breaks_of_statement(const token_t* first, body_t body, int depth) {
  breaks_t breaks = {.kind = STATEMENT_OTHER, .depth = depth};
  if (first->kind == '}') return breaks;
  if (body == BODY_VALUES) breaks.kind = STATEMENT_EQUAL;
  if (body == BODY_LAYOUT) breaks.kind = STATEMENT_MEMBER;
  if (depth == 0 && first->kind == TOKEN_NAME) breaks.kind = kind_of_declaration(first->name->word);
  return breaks;
}

breaks_t breaks_of_attribute(int depth) {
  return (breaks_t){.kind = STATEMENT_ATTRIBUTE, .depth = depth};
}

// Behind the name of a member there are attributes, each with its arguments, and then the type.
static break_level_t break_in_member(breaks_t* breaks, const token_t* token) {
  bool begins_part = breaks->type_next;
  switch (token->kind) {
    case '@':
      breaks->in_attribute = breaks->type_next;
      breaks->type_next = false;
      break;
    case '(':
      // The arguments of the attribute; those of a modifier are part of the type.
      breaks->type_next = false;
      return BREAK_NONE;
    case ')':
      breaks->type_next = breaks->in_attribute;
      return BREAK_NONE;
    case TOKEN_NAME:
      // The name of a member or an attribute is followed by the next part.
      if (breaks->previous == '@')
        breaks->type_next = breaks->in_attribute;
      else
        breaks->type_next = breaks->count == 0 || (breaks->count == 2 && breaks->previous == ':');
      if (begins_part) breaks->in_attribute = breaks->type_next = false;
      break;
    case '=':
      return BREAK_OUTER;
    default:
      break;
  }
  return begins_part ? BREAK_OUTER : BREAK_NONE;
}

static break_level_t find_break(breaks_t* breaks, const token_t* token, int depth) {
  bool inside = depth > breaks->depth;
  switch (breaks->kind) {
    case STATEMENT_CONST:
      if (breaks->count == 2) return BREAK_INNER;
      return token->kind == '=' && !inside ? BREAK_OUTER : BREAK_NONE;
    case STATEMENT_EQUAL:
      return token->kind == '=' && !inside ? BREAK_OUTER : BREAK_NONE;
    case STATEMENT_USING:
      return breaks->count > 1 && token->kind == TOKEN_NAME && breaks->previous == TOKEN_NAME &&
                     token->name->word == W_AS
                 ? BREAK_OUTER
                 : BREAK_NONE;
    case STATEMENT_MEMBER:
      return inside ? BREAK_NONE : break_in_member(breaks, token);
    case STATEMENT_ATTRIBUTE:
      if (depth != breaks->depth + 1) return BREAK_NONE;
      return breaks->previous == '(' || breaks->previous == ',' ? BREAK_OUTER : BREAK_NONE;
    case STATEMENT_OTHER:
      break;
  }
  return BREAK_NONE;
}

break_level_t breaks_before(breaks_t* breaks, const token_t* token, int depth) {
  break_level_t level = find_break(breaks, token, depth);
  breaks->previous = token->kind;
  breaks->count++;
  return level;
}

body_t body_of_brace(const tokens_t* tokens, size_t brace, bool of_layout) {
  size_t i = brace;
  if (!of_layout) return BODY_OTHER;
  do
    i--;
  while (i && tokens->items[i].kind == TOKEN_COMMENT);
  if (tokens->items[i].kind != TOKEN_NAME) return BODY_OTHER;
  // enum : a.b.c {
  size_t name = i;
  while (i > 1 && (tokens->items[i].kind == TOKEN_NAME || tokens->items[i].kind == '.'))
    i--;
  if (tokens->items[i].kind == ':') return BODY_VALUES;
  switch (tokens->items[name].name->word) {
    case W_BITS:
    case W_ENUM:
      return BODY_VALUES;
    case W_OVERLAY:
    case W_STRUCT:
    case W_TABLE:
    case W_UNION:
      return BODY_LAYOUT;
    default:
      return BODY_OTHER;
  }
}
