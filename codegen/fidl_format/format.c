// Lays tokens out in lines. A line ends behind `;`, behind the brace that opens a body, behind an attribute
// in front of what it is placed on, and behind comments; a closing brace begins one. Lines that are too long
// are broken as the reference's formatter breaks them (breaks.c), so that sources it has formatted stay as
// they are.
#include "format.h"

#include <string.h>

#include "breaks.h"
#include "parser.h"
#include "tokens.h"

enum { kIndent = 4, kContinuation = 8, kColumns = 100, kMaxDepth = 512, kMaxEmptyLines = 2 };

// A part of a line that is not broken.
typedef struct chunk {
  char* text;
  size_t length;
  size_t capacity;
  size_t columns;
  bool space;           // before it, unless it begins a line
  break_level_t level;  // of the place before it
} chunk_t;

typedef struct formatter {
  arena_t* arena;
  tokens_t tokens;
  size_t at;
  char* out;
  size_t length;
  size_t capacity;
  int brackets[kMaxDepth];  // the open ones
  int depth;
  int indent;       // of open braces
  chunk_t* chunks;  // of the line being put together
  size_t chunk_count;
  size_t chunk_capacity;
  breaks_t breaks;  // of the statement or attribute being put together
  body_t bodies[kMaxDepth];
  bool continued;    // the statement began on an earlier line
  bool just_opened;  // a body: no empty line at its start
} formatter_t;

static void put(formatter_t* f, const char* text, size_t length) {
  if (f->length + length + 1 > f->capacity) {
    size_t capacity = 2 * (f->capacity + length + 1024);
    char* larger = arena_alloc(f->arena, capacity);
    if (f->length) memcpy(larger, f->out, f->length);
    f->out = larger;
    f->capacity = capacity;
  }
  memcpy(f->out + f->length, text, length);
  f->length += length;
}

static void put_spaces(formatter_t* f, int count) {
  while (count-- > 0)
    put(f, " ", 1);
}

static int enclosing(const formatter_t* f) {
  return f->depth ? f->brackets[f->depth - 1] : 0;
}

static size_t columns_of(const char* text, size_t length) {
  size_t columns = 0;
  for (size_t i = 0; i < length; i++)
    columns += ((unsigned char)text[i] & 0xc0) != 0x80;
  return columns;
}

static void append(formatter_t* f, chunk_t* chunk, const char* text, size_t length, bool space) {
  size_t at = chunk->length;
  if (at + length + 1 > chunk->capacity) {
    chunk->capacity = 2 * at + length + 1;
    char* larger = arena_alloc(f->arena, chunk->capacity);
    if (at) memcpy(larger, chunk->text, at);
    chunk->text = larger;
  }
  if (space && at) chunk->text[at++] = ' ';
  memcpy(chunk->text + at, text, length);
  chunk->columns += at - chunk->length + columns_of(text, length);
  chunk->length = at + length;
}

static void add_token(formatter_t* f, size_t i) {
  const token_t* token = &f->tokens.items[i];
  const char* text = token->span.source->data + token->span.offset;
  bool space = i && space_before(&f->tokens, i, enclosing(f));
  break_level_t level = breaks_before(&f->breaks, token, f->depth);
  if (f->chunk_count == 0 || level != BREAK_NONE) {
    if (f->chunk_count == f->chunk_capacity) {
      size_t capacity = f->chunk_capacity ? 2 * f->chunk_capacity : 16;
      chunk_t* larger = arena_alloc(f->arena, capacity * sizeof(chunk_t));
      if (f->chunk_count) memcpy(larger, f->chunks, f->chunk_count * sizeof(chunk_t));
      f->chunks = larger;
      f->chunk_capacity = capacity;
    }
    f->chunks[f->chunk_count++] = (chunk_t){.space = space, .level = level};
    space = false;
  }
  append(f, &f->chunks[f->chunk_count - 1], text, text_length(token), space);
}

// The columns of the chunks from `from` on, up to one that stands behind a break of at least `level`.
static size_t columns_until(const formatter_t* f, size_t from, break_level_t level) {
  size_t columns = f->chunks[from].columns;
  for (size_t i = from + 1; i < f->chunk_count && f->chunks[i].level < level; i++)
    columns += f->chunks[i].space + f->chunks[i].columns;
  return columns;
}

// Whether the chunks from `from` on, which end before a break of a level above `level`, are broken at
// `level`. What is short in front of the only break stays there: breaking behind it would gain no room.
static bool breaks_at(const formatter_t* f, size_t from, break_level_t level, int indent) {
  size_t parts = 1;
  for (size_t i = from + 1; i < f->chunk_count && f->chunks[i].level <= level; i++)
    parts += f->chunks[i].level == level;
  if ((size_t)indent + columns_until(f, from, level + 1) <= kColumns) return false;
  return parts > 2 || (parts == 2 && columns_until(f, from, level) >= kContinuation);
}

// Writes the line that was put together, broken where it is too long; `comment` goes behind it.
static void end_line(formatter_t* f, const token_t* comment, bool statement_ends) {
  int indent = f->indent * kIndent + (f->continued ? kContinuation : 0);
  bool outer = f->chunk_count && breaks_at(f, 0, BREAK_OUTER, indent);
  bool inner = outer && breaks_at(f, 0, BREAK_INNER, indent);
  if (f->chunk_count) put_spaces(f, indent);
  for (size_t i = 0; i < f->chunk_count; i++) {
    const chunk_t* chunk = &f->chunks[i];
    if (i && ((outer && chunk->level == BREAK_OUTER) || (inner && chunk->level == BREAK_INNER))) {
      put(f, "\n", 1);
      put_spaces(f, f->indent * kIndent + kContinuation);
    } else if (i && chunk->space) {
      put(f, " ", 1);
    }
    put(f, chunk->text, chunk->length);
  }
  if (comment) {
    if (f->chunk_count) put(f, " ", 1);
    put(f, comment->span.source->data + comment->span.offset, text_length(comment));
  }
  if (f->chunk_count || comment) put(f, "\n", 1);
  f->chunk_count = 0;
  f->continued = !statement_ends;
}

static const token_t* peek(const formatter_t* f) {
  return &f->tokens.items[f->at];
}

// A comment that stands behind the current line's last token, on the same line; consumed.
static const token_t* take_trailing_comment(formatter_t* f) {
  const token_t* token = peek(f);
  if (token->kind != TOKEN_COMMENT || token->newline_before) return NULL;
  f->at++;
  return token;
}

// A comment line of its own, also amid a statement.
static void put_comment_line(formatter_t* f, const token_t* comment) {
  bool inside = f->chunk_count || f->continued;
  if (f->chunk_count) end_line(f, NULL, false);
  put_spaces(f, f->indent * kIndent + (inside ? kContinuation : 0));
  put(f, comment->span.source->data + comment->span.offset, text_length(comment));
  put(f, "\n", 1);
}

// As many empty lines as stand before the next token, within bounds, unless there are some already.
static void put_empty_lines(formatter_t* f) {
  bool empty = f->length >= 2 && f->out[f->length - 2] == '\n';
  size_t count = empty_lines_before(&f->tokens, f->at);
  if (!f->length || empty) return;
  for (size_t i = 0; i < count && i < kMaxEmptyLines; i++)
    put(f, "\n", 1);
}

// Before the first line of a member or declaration. There is no empty line at the ends of a body.
static void begin_statement(formatter_t* f) {
  if (peek(f)->kind != '}' && !f->just_opened) put_empty_lines(f);
  f->just_opened = false;
}

static void open_bracket(formatter_t* f, int bracket) {
  if (f->depth < kMaxDepth) f->brackets[f->depth++] = bracket;
}

static void close_bracket(formatter_t* f) {
  if (f->depth) f->depth--;
}

// An attribute in front of a member or declaration has a line of its own.
static void put_attribute_line(formatter_t* f) {
  f->breaks = breaks_of_attribute(f->depth);
  add_token(f, f->at++);
  if (peek(f)->kind == TOKEN_NAME) add_token(f, f->at++);
  if (peek(f)->kind == '(') {
    int depth = 0;
    do {
      int kind = peek(f)->kind;
      if (kind == TOKEN_END) break;
      if (kind == TOKEN_COMMENT) {
        const token_t* comment = peek(f);
        f->at++;
        if (comment->newline_before) {
          put_comment_line(f, comment);
        } else {
          end_line(f, comment, false);
        }
        continue;
      }
      if (kind == ')') {
        depth--;
        close_bracket(f);
      }
      add_token(f, f->at++);
      if (kind == '(') {
        depth++;
        open_bracket(f, '(');
      }
    } while (depth);
  }
  const token_t* comment = take_trailing_comment(f);
  end_line(f, comment, true);
}

static bool body_is_empty(const formatter_t* f) {
  return f->tokens.items[f->at + 1].kind == '}';
}

static void put_open_brace(formatter_t* f) {
  add_token(f, f->at);
  if (body_is_empty(f)) {
    f->at++;
    add_token(f, f->at++);
    return;
  }
  body_t body = body_of_brace(&f->tokens, f->at, f->indent > 0 || f->breaks.kind != STATEMENT_OTHER);
  f->at++;
  const token_t* comment = take_trailing_comment(f);
  end_line(f, comment, true);
  open_bracket(f, '{');
  f->indent++;
  if (f->indent < kMaxDepth) f->bodies[f->indent] = body;
  f->just_opened = true;
}

static void put_close_brace(formatter_t* f) {
  if (f->chunk_count) end_line(f, NULL, true);
  close_bracket(f);
  if (f->indent) f->indent--;
  f->continued = false;
  add_token(f, f->at++);
}

// One token inside a statement; true when it ended the statement.
static bool put_token(formatter_t* f) {
  int kind = peek(f)->kind;
  switch (kind) {
    case '{':
      put_open_brace(f);
      return f->chunk_count == 0;
    case '}':
      put_close_brace(f);
      return false;
    case ';': {
      add_token(f, f->at++);
      const token_t* comment = take_trailing_comment(f);
      end_line(f, comment, true);
      return true;
    }
    case TOKEN_COMMENT: {
      const token_t* comment = peek(f);
      f->at++;
      if (comment->newline_before) {
        put_comment_line(f, comment);
      } else {
        end_line(f, comment, false);
      }
      return false;
    }
    case TOKEN_DOC:
      put_comment_line(f, peek(f));
      f->at++;
      return false;
    case ')':
    case '>':
      close_bracket(f);
      add_token(f, f->at++);
      return false;
    default:
      add_token(f, f->at++);
      if (kind == '(' || kind == '<') open_bracket(f, kind);
      return false;
  }
}

static void put_statement(formatter_t* f) {
  const token_t* first = peek(f);
  while (peek(f)->kind == TOKEN_COMMENT || peek(f)->kind == TOKEN_DOC || peek(f)->kind == '@') {
    bool is_comment = peek(f)->kind == TOKEN_COMMENT;
    if (peek(f)->kind == '@') {
      put_attribute_line(f);
    } else {
      put_comment_line(f, peek(f));
      f->at++;
      if (first->kind == TOKEN_COMMENT) return;  // what follows is looked at anew
    }
    // Attributes and documentation stand right at what they belong to.
    if (is_comment || peek(f)->kind == TOKEN_COMMENT) put_empty_lines(f);
  }
  if (peek(f)->kind == TOKEN_END) return;
  f->breaks = breaks_of_statement(peek(f), f->bodies[f->indent < kMaxDepth ? f->indent : 0], f->depth);
  while (peek(f)->kind != TOKEN_END && !put_token(f))
    continue;
}

static void format_all(formatter_t* f) {
  while (peek(f)->kind != TOKEN_END) {
    begin_statement(f);
    put_statement(f);
  }
  if (f->chunk_count) end_line(f, NULL, true);
  while (f->length >= 2 && f->out[f->length - 1] == '\n' && f->out[f->length - 2] == '\n')
    f->length--;
}

char* format_source(arena_t* arena, diagnostics_t* diagnostics, const char* name, const char* text,
                    size_t length, size_t* out_length) {
  interner_t names;
  interner_init(&names, arena);
  source_t* source = source_create(arena, name, text, length, 0);
  parse_file(arena, &names, diagnostics, source);
  if (diagnostics->errors) return NULL;
  formatter_t f = {.arena = arena};
  diagnostics_t ignored = {.arena = arena};
  f.tokens = read_tokens(arena, &names, &ignored, source);
  format_all(&f);
  put(&f, "", 1);
  *out_length = f.length - 1;
  source_t* result = source_create(arena, name, f.out, *out_length, 0);
  tokens_t again = read_tokens(arena, &names, &ignored, result);
  if (!same_tokens(&f.tokens, &again)) {
    report_error(diagnostics, (span_t){source, 0, 0}, 0,
                 "the formatter would change the meaning; it leaves the file");
    return NULL;
  }
  return f.out;
}
