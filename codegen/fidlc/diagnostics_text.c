// Diagnostics as text:
//
//   a.fidl:3:14: error: cannot find `Strin` [FI-0052]
//     member Strin;
//            ^~~~~
//   a.fidl:1:1: note: ...
//   hint: ...
#include <string.h>

#include "diagnostics.h"
#include "utf8.h"

typedef struct style {
  const char* place;
  const char* error;
  const char* warning;
  const char* note;
  const char* caret;
  const char* plain;
} style_t;

static const style_t kPlain = {"", "", "", "", "", ""};
static const style_t kColour = {"\033[1m", "\033[1;31m", "\033[1;35m", "\033[1;36m", "\033[1;32m", "\033[0m"};

static bool is_continuation(char c) {
  return ((unsigned char)c & 0xc0) == 0x80;
}

// The part of a long line that is shown: some text before the place, more behind it.
static span_t visible_part(span_t line, uint32_t offset) {
  enum { kBefore = 80, kShown = 240 };
  if (line.length <= kShown) return line;
  uint32_t start = offset > line.offset + kBefore ? offset - kBefore : line.offset;
  while (start > line.offset && is_continuation(line.source->data[start]))
    start--;
  uint32_t end = line.offset + line.length;
  if (end - start > kShown) end = start + kShown;
  while (end < line.offset + line.length && is_continuation(line.source->data[end]))
    end++;
  return (span_t){line.source, start, end - start};
}

// Characters that a terminal acts upon rather than shows: controls, and those that turn the direction.
static bool is_control(const char* text, uint32_t length) {
  unsigned char first = (unsigned char)text[0];
  if (length == 1) return first < 0x20 || first == 0x7f;
  if (length == 2) return first == 0xc2 && (unsigned char)text[1] < 0xa0;
  if (length != 3 || first != 0xe2) return false;
  unsigned char last = (unsigned char)text[2];
  return (text[1] == '\x80' && last >= 0xaa && last <= 0xae) ||
         (text[1] == '\x81' && last >= 0xa6 && last <= 0xa9);
}

// Prints text of a source, which may hold anything, so that a terminal shows it and does not act upon it.
static void print_text(FILE* out, const char* text, uint32_t length) {
  for (uint32_t i = 0; i < length;) {
    uint32_t bytes = (uint32_t)utf8_length(text + i, length - i);
    if (text[i] == '\t' || (bytes && !is_control(text + i, bytes))) {
      fwrite(text + i, 1, bytes, out);
    } else {
      fputs("\xef\xbf\xbd", out);  // the replacement character
    }
    i += bytes ? bytes : 1;
  }
}

// `fill` for each character from `start` to `end` of a line; tabs stay what they are if `tabs` says so.
static void print_fill(FILE* out, span_t line, uint32_t start, uint32_t end, char fill, bool tabs) {
  const char* text = line.source->data + line.offset;
  for (uint32_t i = start; i < end;) {
    uint32_t bytes = i < line.length ? (uint32_t)utf8_length(text + i, line.length - i) : 1;
    fputc(tabs && i < line.length && text[i] == '\t' ? '\t' : fill, out);
    i += bytes ? bytes : 1;
  }
}

// The caret line repeats the tabs of the source line, so that it lines up at any tab width.
static void print_source_line(diagnostics_t* diagnostics, FILE* out, span_t span, const style_t* style) {
  position_t at = source_position(diagnostics->arena, span.source, span.offset);
  span_t line = visible_part(source_line(diagnostics->arena, span.source, at.line), span.offset);
  const char* text = line.source->data + line.offset;
  uint32_t start = span.offset - line.offset;
  print_text(out, text, line.length);
  fputc('\n', out);
  print_fill(out, line, 0, start, ' ', true);
  fprintf(out, "%s^", style->caret);
  uint32_t end = start + span.length;
  if (end > line.length) end = line.length;
  if (start < end) {
    uint32_t first = (uint32_t)utf8_length(text + start, line.length - start);
    print_fill(out, line, start + (first ? first : 1), end, '~', false);
  }
  fprintf(out, "%s\n", style->plain);
}

static void print_place(diagnostics_t* diagnostics, FILE* out, span_t span, const style_t* style) {
  if (!span.source) return;
  position_t at = source_position(diagnostics->arena, span.source, span.offset);
  fprintf(out, "%s%s:%u:%u:%s ", style->place, span.source->name, at.line, at.column, style->plain);
}

static void print_one(diagnostics_t* diagnostics, FILE* out, const diagnostic_t* diagnostic,
                      const style_t* style) {
  bool error = diagnostic->severity == SEVERITY_ERROR;
  print_place(diagnostics, out, diagnostic->span, style);
  fprintf(out, "%s%s:%s ", error ? style->error : style->warning, error ? "error" : "warning", style->plain);
  print_text(out, diagnostic->text, (uint32_t)strlen(diagnostic->text));
  if (diagnostic->number) fprintf(out, " [FI-%04d]", diagnostic->number);
  fputc('\n', out);
  if (diagnostic->span.source) print_source_line(diagnostics, out, diagnostic->span, style);
  for (const note_t* note = diagnostic->notes; note; note = note->next) {
    print_place(diagnostics, out, note->span, style);
    fprintf(out, "%snote:%s ", style->note, style->plain);
    print_text(out, note->text, (uint32_t)strlen(note->text));
    fputc('\n', out);
    if (note->span.source) print_source_line(diagnostics, out, note->span, style);
  }
  if (diagnostic->hint) fprintf(out, "%shint:%s %s\n", style->note, style->plain, diagnostic->hint);
}

void diagnostics_print(diagnostics_t* diagnostics, FILE* out, bool colour) {
  for (uint32_t i = 0; i < diagnostics->list.count; i++) {
    print_one(diagnostics, out, diagnostics->list.items[i], colour ? &kColour : &kPlain);
  }
  uint32_t errors = diagnostics->errors;
  uint32_t warnings = diagnostics->warnings;
  if (errors) fprintf(out, "%u error%s", errors, errors == 1 ? "" : "s");
  if (errors && warnings) fprintf(out, " and ");
  if (warnings) fprintf(out, "%u warning%s", warnings, warnings == 1 ? "" : "s");
  if (errors || warnings) fprintf(out, " reported.\n");
  uint32_t left_out = errors + warnings - diagnostics->list.count;
  if (left_out) fprintf(out, "The last %u are not shown.\n", left_out);
}
