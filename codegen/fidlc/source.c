#include "source.h"

#include <string.h>

source_t* source_create(arena_t* arena, const char* name, const char* data, size_t length, uint32_t index) {
  source_t* source = arena_alloc(arena, sizeof(*source));
  const char* nul = length ? memchr(data, 0, length) : NULL;
  if (nul) length = (size_t)(nul - data);
  if (length > INT32_MAX) length = INT32_MAX;
  source->name = arena_copy(arena, name, strlen(name));
  source->data = arena_copy(arena, data, length);
  source->length = (uint32_t)length;
  source->index = index;
  source->ends_at_nul = nul != NULL;
  return source;
}

static void build_lines(arena_t* arena, source_t* source) {
  uint32_t count = 1;
  for (uint32_t i = 0; i < source->length; i++)
    count += source->data[i] == '\n';
  source->line_starts = arena_alloc(arena, count * sizeof(uint32_t));
  uint32_t line = 1;
  for (uint32_t i = 0; i < source->length; i++) {
    if (source->data[i] == '\n') source->line_starts[line++] = i + 1;
  }
  source->line_count = count;
}

position_t source_position(arena_t* arena, source_t* source, uint32_t offset) {
  if (!source->line_starts) build_lines(arena, source);
  uint32_t low = 0;
  uint32_t high = source->line_count;
  while (high - low > 1) {
    uint32_t middle = low + (high - low) / 2;
    if (source->line_starts[middle] <= offset) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return (position_t){.line = low + 1, .column = offset - source->line_starts[low] + 1};
}

span_t source_line(arena_t* arena, source_t* source, uint32_t line) {
  if (!source->line_starts) build_lines(arena, source);
  uint32_t start = source->line_starts[line - 1];
  uint32_t end = line < source->line_count ? source->line_starts[line] - 1 : source->length;
  if (end > start && source->data[end - 1] == '\r') end--;
  return (span_t){source, start, end - start};
}

span_t span_join(span_t first, span_t last) {
  if (!first.source) return last;
  if (!last.source) return first;
  uint32_t end = last.offset + last.length;
  return (span_t){first.source, first.offset, end > first.offset ? end - first.offset : first.length};
}

const char* span_text(arena_t* arena, span_t span) {
  return span.source ? arena_copy(arena, span.source->data + span.offset, span.length) : "";
}
