// Diagnostics as a JSON array, one object each: category, number, message, path, start and end line and
// character (lines from 1, characters from 0, as editors count), notes and hint.
#include "diagnostics.h"

// The length of the well-formed UTF-8 sequence at `text`, or 0.
static int sequence_length(const unsigned char* text) {
  int length = text[0] < 0x80 ? 1 : text[0] >= 0xc2 && text[0] < 0xe0 ? 2 : (text[0] & 0xf0) == 0xe0 ? 3 : 4;
  if (length == 4 && (text[0] < 0xf0 || text[0] > 0xf4)) return 0;
  for (int i = 1; i < length; i++) {
    if ((text[i] & 0xc0) != 0x80) return 0;
  }
  bool overlong = (text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xf0 && text[1] < 0x90);
  bool surrogate = text[0] == 0xed && text[1] >= 0xa0;
  bool too_large = text[0] == 0xf4 && text[1] >= 0x90;
  return overlong || surrogate || too_large ? 0 : length;
}

// What is not UTF-8 in a source becomes the replacement character: JSON can hold nothing else.
static void print_string(FILE* out, const char* text) {
  fputc('"', out);
  for (const unsigned char* c = (const unsigned char*)text; *c;) {
    int length = sequence_length(c);
    if (*c == '"' || *c == '\\') {
      fprintf(out, "\\%c", *c);
    } else if (*c < 0x20) {
      fprintf(out, "\\u%04x", *c);
    } else if (length) {
      fwrite(c, 1, (size_t)length, out);
    } else {
      fputs("\\ufffd", out);
    }
    c += length ? length : 1;
  }
  fputc('"', out);
}

static void print_span(diagnostics_t* diagnostics, FILE* out, span_t span) {
  if (!span.source) return;
  position_t start = source_position(diagnostics->arena, span.source, span.offset);
  position_t end = source_position(diagnostics->arena, span.source, span.offset + span.length);
  fputs(",\"path\":", out);
  print_string(out, span.source->name);
  fprintf(out, ",\"start_line\":%u,\"start_char\":%u,\"end_line\":%u,\"end_char\":%u", start.line,
          start.column - 1, end.line, end.column - 1);
}

static void print_one(diagnostics_t* diagnostics, FILE* out, const diagnostic_t* diagnostic) {
  fprintf(out, "{\"category\":\"fidlc/%s\",\"error_id\":\"fi-%04d\",\"message\":",
          diagnostic->severity == SEVERITY_ERROR ? "error" : "warning", diagnostic->number);
  print_string(out, diagnostic->text);
  print_span(diagnostics, out, diagnostic->span);
  fputs(",\"notes\":[", out);
  for (const note_t* note = diagnostic->notes; note; note = note->next) {
    fputs(note == diagnostic->notes ? "{\"message\":" : ",{\"message\":", out);
    print_string(out, note->text);
    print_span(diagnostics, out, note->span);
    fputc('}', out);
  }
  fputc(']', out);
  if (diagnostic->hint) {
    fputs(",\"hint\":", out);
    print_string(out, diagnostic->hint);
  }
  fputc('}', out);
}

void diagnostics_print_json(diagnostics_t* diagnostics, FILE* out) {
  fputc('[', out);
  for (uint32_t i = 0; i < diagnostics->list.count; i++) {
    if (i) fputc(',', out);
    print_one(diagnostics, out, diagnostics->list.items[i]);
  }
  fputs("]\n", out);
}
