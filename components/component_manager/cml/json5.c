// From tokens to a tree, by recursive descent with a bound on the depth.
#include "json5.h"

#include <string.h>

#include "json5_lex.h"
#include "utf8.h"

typedef struct parser {
  json5_lexer_t lexer;
  json5_token_t token;  // the one being looked at
  unsigned depth;
} parser_t;

static bool parse_value(parser_t* parser, json5_value_t* out);

static bool advance(parser_t* parser) {
  return json5_lex(&parser->lexer, &parser->token);
}

static bool at(const parser_t* parser, char punctuation) {
  return parser->token.kind == JSON5_TOKEN_PUNCTUATION && parser->token.punctuation == punctuation;
}

static bool expected(parser_t* parser, const char* what) {
  const json5_token_t* token = &parser->token;
  if (token->kind == JSON5_TOKEN_END) {
    return cml_fail(parser->lexer.error, token->location, "ParseError",
                    "expected %s, found the end of the file", what);
  }
  uint32_t shown = token->location.length < 40 ? token->location.length : 40;
  return cml_fail(parser->lexer.error, token->location, "ParseError", "expected %s, found %.*s", what,
                  (int)shown, parser->lexer.source->text + token->location.offset);
}

// Makes `value` reach from where it began to the end of the token being looked at.
static void extend(json5_value_t* value, const json5_token_t* last) {
  value->location.length = last->location.offset + last->location.length - value->location.offset;
}

static bool parse_key(parser_t* parser, const json5_value_t* object, json5_member_t* member) {
  const json5_token_t* token = &parser->token;
  if (token->kind != JSON5_TOKEN_STRING && token->kind != JSON5_TOKEN_IDENTIFIER)
    return expected(parser, "a key or \"}\"");
  member->key = token->text;
  member->key_size = token->size;
  member->key_location = token->location;
  if (memchr(token->text, '\0', token->size)) {
    return cml_fail(parser->lexer.error, token->location, "ParseError",
                    "a key may not contain a NUL character");
  }
  for (size_t i = 0; i < object->as.object.count; i++) {
    const json5_member_t* other = &object->as.object.members[i];
    if (other->key_size == token->size && memcmp(other->key, token->text, token->size) == 0) {
      return cml_fail(parser->lexer.error, token->location, "ParseError",
                      "this object has a key \"%s\" already", token->text);
    }
  }
  if (!advance(parser)) return false;
  if (!at(parser, ':')) return expected(parser, "\":\" after the key");
  return advance(parser);
}

static bool parse_object(parser_t* parser, json5_value_t* out) {
  out->type = JSON5_OBJECT;
  if (!advance(parser)) return false;
  while (!at(parser, '}')) {
    json5_member_t member = {0};
    if (!parse_key(parser, out, &member) || !parse_value(parser, &member.value)) return false;
    *cml_arena_push(parser->lexer.arena, &out->as.object.members, &out->as.object.count) = member;
    if (at(parser, ',')) {
      if (!advance(parser)) return false;
    } else if (!at(parser, '}')) {
      return expected(parser, "\",\" or \"}\" after the value");
    }
  }
  extend(out, &parser->token);
  return advance(parser);
}

static bool parse_array(parser_t* parser, json5_value_t* out) {
  out->type = JSON5_ARRAY;
  if (!advance(parser)) return false;
  while (!at(parser, ']')) {
    json5_value_t element = {0};
    if (!parse_value(parser, &element)) return false;
    *cml_arena_push(parser->lexer.arena, &out->as.array.elements, &out->as.array.count) = element;
    if (at(parser, ',')) {
      if (!advance(parser)) return false;
    } else if (!at(parser, ']')) {
      return expected(parser, "\",\" or \"]\" after the element");
    }
  }
  extend(out, &parser->token);
  return advance(parser);
}

static bool parse_word(parser_t* parser, json5_value_t* out) {
  const char* word = parser->token.text;
  if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0) {
    out->type = JSON5_BOOL;
    out->as.boolean = *word == 't';
  } else if (strcmp(word, "null") == 0) {
    out->type = JSON5_NULL;
  } else if (strcmp(word, "Infinity") == 0 || strcmp(word, "NaN") == 0) {
    out->type = JSON5_NUMBER;
    out->as.number = *word == 'I' ? __builtin_inf() : __builtin_nan("");
  } else {
    expected(parser, "a value");
    return cml_advise(parser->lexer.error, "a string is written in quotes: \"%.100s\"", word);
  }
  return advance(parser);
}

static bool parse_nested(parser_t* parser, json5_value_t* out) {
  if (++parser->depth > JSON5_MAX_DEPTH) {
    return cml_fail(parser->lexer.error, parser->token.location, "ParseError", "nested more than %u deep",
                    JSON5_MAX_DEPTH);
  }
  bool ok = at(parser, '{') ? parse_object(parser, out) : parse_array(parser, out);
  parser->depth--;
  return ok;
}

static bool parse_value(parser_t* parser, json5_value_t* out) {
  const json5_token_t* token = &parser->token;
  out->location = token->location;
  switch (token->kind) {
    case JSON5_TOKEN_STRING:
      out->type = JSON5_STRING;
      out->as.string.text = token->text;
      out->as.string.size = token->size;
      return advance(parser);
    case JSON5_TOKEN_NUMBER:
      out->type = JSON5_NUMBER;
      out->as.number = token->number;
      return advance(parser);
    case JSON5_TOKEN_IDENTIFIER:
      return parse_word(parser, out);
    case JSON5_TOKEN_PUNCTUATION:
      if (at(parser, '{') || at(parser, '[')) return parse_nested(parser, out);
      return expected(parser, "a value");
    case JSON5_TOKEN_END:
      break;
  }
  return expected(parser, "a value");
}

static bool check_text(const cml_source_t* source, cml_error_t* error) {
  uint32_t character;
  if (source->size > JSON5_MAX_BYTES) {
    return cml_fail(error, (cml_location_t){0}, "ParseError", "%s has %zu bytes, more than %u", source->name,
                    source->size, JSON5_MAX_BYTES);
  }
  for (size_t i = 0, length; i < source->size; i += length) {
    length = utf8_decode(source->text + i, source->size - i, &character);
    if (length == 0) {
      return cml_fail(error, (cml_location_t){source, (uint32_t)i, 1}, "ParseError",
                      "byte 0x%02x is not UTF-8", (unsigned char)source->text[i]);
    }
  }
  return true;
}

bool json5_parse(cml_arena_t* arena, const cml_source_t* source, json5_value_t* out, cml_error_t* error) {
  parser_t parser = {.lexer = {.arena = arena, .source = source, .error = error}};
  memset(out, 0, sizeof *out);
  if (!check_text(source, error) || !advance(&parser) || !parse_value(&parser, out)) return false;
  return parser.token.kind == JSON5_TOKEN_END || expected(&parser, "the end of the file");
}

const json5_value_t* json5_get(const json5_value_t* object, const char* key) {
  if (object->type != JSON5_OBJECT) return NULL;
  for (size_t i = 0; i < object->as.object.count; i++) {
    if (strcmp(object->as.object.members[i].key, key) == 0) return &object->as.object.members[i].value;
  }
  return NULL;
}

const char* json5_type_name(json5_type_t type) {
  static const char* const names[] = {"null", "a boolean", "a number", "a string", "an array", "an object"};
  return names[type];
}
