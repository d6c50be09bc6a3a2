// Diagnostics as text:
//
//   a.fidl:3:14: error: cannot find `Strin` [FI-0052]
//     member Strin;
//            ^~~~~
//   a.fidl:1:1: note: ...
//   hint: ...
#include <string.h>

#include "diagnostics.h"

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

// The caret line repeats the tabs of the source line, so that it lines up at any tab width.
static void print_source_line(diagnostics_t* diagnostics, FILE* out, span_t span, const style_t* style) {
  position_t at = source_position(diagnostics->arena, span.source, span.offset);
  span_t line = visible_part(source_line(diagnostics->arena, span.source, at.line), span.offset);
  const char* text = line.source->data + line.offset;
  uint32_t start = span.offset - line.offset;
  fprintf(out, "%.*s\n", (int)line.length, text);
  for (uint32_t i = 0; i < start; i++) {
    char c = i < line.length ? text[i] : ' ';
    if (!is_continuation(c)) fputc(c == '\t' ? '\t' : ' ', out);
  }
  fprintf(out, "%s^", style->caret);
  uint32_t end = start + span.length;
  if (end > line.length) end = line.length;
  for (uint32_t i = start + 1; i < end; i++) {
    if (!is_continuation(text[i])) fputc('~', out);
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
  fprintf(out, "%s%s:%s %s", error ? style->error : style->warning, error ? "error" : "warning", style->plain,
          diagnostic->text);
  if (diagnostic->number) fprintf(out, " [FI-%04d]", diagnostic->number);
  fputc('\n', out);
  if (diagnostic->span.source) print_source_line(diagnostics, out, diagnostic->span, style);
  for (const note_t* note = diagnostic->notes; note; note = note->next) {
    print_place(diagnostics, out, note->span, style);
    fprintf(out, "%snote:%s %s\n", style->note, style->plain, note->text);
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
