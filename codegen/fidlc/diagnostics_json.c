// Diagnostics as a JSON array, one object each: category, number, message, path, start and end line and
// character (lines from 1, characters from 0, as editors count), notes and hint.
#include "diagnostics.h"
#include "json_writer.h"

static void put_span(diagnostics_t* diagnostics, json_writer_t* json, span_t span) {
  if (!span.source) return;
  position_t start = source_position(diagnostics->arena, span.source, span.offset);
  position_t end = source_position(diagnostics->arena, span.source, span.offset + span.length);
  json_string(json, "path", span.source->name);
  json_unsigned(json, "start_line", start.line);
  json_unsigned(json, "start_char", start.column - 1);
  json_unsigned(json, "end_line", end.line);
  json_unsigned(json, "end_char", end.column - 1);
}

static void put_one(diagnostics_t* diagnostics, json_writer_t* json, const diagnostic_t* diagnostic) {
  json_open(json, NULL, '{');
  json_string(json, "category", diagnostic->severity == SEVERITY_ERROR ? "fidlc/error" : "fidlc/warning");
  json_string(json, "error_id", arena_printf(diagnostics->arena, "fi-%04d", diagnostic->number));
  json_string(json, "message", diagnostic->text);
  put_span(diagnostics, json, diagnostic->span);
  json_open(json, "notes", '[');
  for (const note_t* note = diagnostic->notes; note; note = note->next) {
    json_open(json, NULL, '{');
    json_string(json, "message", note->text);
    put_span(diagnostics, json, note->span);
    json_close(json, '}');
  }
  json_close(json, ']');
  if (diagnostic->hint) json_string(json, "hint", diagnostic->hint);
  json_close(json, '}');
}

void diagnostics_print_json(diagnostics_t* diagnostics, FILE* out) {
  json_writer_t json = {.out = out};
  json_open(&json, NULL, '[');
  for (uint32_t i = 0; i < diagnostics->list.count; i++)
    put_one(diagnostics, &json, diagnostics->list.items[i]);
  json_close(&json, ']');
  fputc('\n', out);
}
