// How an error of a manifest is recorded and shown.
#include "diagnostic.h"

#include <stdarg.h>
#include <string.h>

#include "utf8.h"

bool cml_fail(cml_error_t* error, cml_location_t location, const char* error_class, const char* format, ...) {
  va_list args;
  error->error_class = error_class;
  error->location = location;
  error->advice[0] = '\0';
  va_start(args, format);
  vsnprintf(error->message, sizeof error->message, format, args);
  va_end(args);
  return false;
}

bool cml_advise(cml_error_t* error, const char* format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(error->advice, sizeof error->advice, format, args);
  va_end(args);
  return false;
}

static bool continues_character(char byte) {
  return ((unsigned char)byte & 0xc0) == 0x80;
}

// LF, CR LF, or CR alone.
static bool ends_line(const char* text) {
  return *text == '\n' || (*text == '\r' && text[1] != '\n');
}

static size_t line_start(const cml_source_t* source, size_t offset) {
  while (offset > 0 && !ends_line(source->text + offset - 1))
    offset--;
  return offset;
}

void cml_location_position(cml_location_t location, uint32_t* out_line, uint32_t* out_column) {
  const cml_source_t* source = location.source;
  size_t offset = location.offset < source->size ? location.offset : source->size;
  uint32_t line = 1, column = 1;
  for (size_t i = 0; i < offset; i++)
    line += ends_line(source->text + i);
  for (size_t i = line_start(source, offset); i < offset; i++)
    column += !continues_character(source->text[i]);
  *out_line = line;
  *out_column = column;
}

// What would move the cursor of somebody's terminal becomes "?", as does what is no character: a message may
// have been cut within one.
static void print_harmless(const char* text, size_t size, FILE* out) {
  uint32_t c;
  for (size_t i = 0, length; i < size; i += length) {
    length = utf8_decode(text + i, size - i, &c);
    bool harmless = length > 0 && (c < 0x7f ? c >= ' ' || c == '\t' : c >= 0xa0);
    if (length == 0) length = 1;
    if (harmless) {
      fwrite(text + i, 1, length, out);
    } else {
      fputc('?', out);
    }
  }
}

// The source line, and under it blanks (tabs where the line has them, so that the caret stands right whatever
// a tab's width is), a caret and as many tildes as the location covers on this line.
static void print_excerpt(cml_location_t location, uint32_t line, FILE* out) {
  const char* text = location.source->text;
  size_t offset = location.offset < location.source->size ? location.offset : location.source->size;
  size_t start = line_start(location.source, offset);
  size_t end = offset + strcspn(text + offset, "\r\n");
  fprintf(out, "%5u | ", line);
  print_harmless(text + start, end - start, out);
  fputs("\n      | ", out);
  for (size_t i = start; i < offset; i++) {
    if (!continues_character(text[i])) fputc(text[i] == '\t' ? '\t' : ' ', out);
  }
  fputc('^', out);
  for (size_t i = offset + 1; i < end && i - offset < location.length; i++) {
    if (!continues_character(text[i])) fputc('~', out);
  }
  fputc('\n', out);
}

void cml_error_print(const cml_error_t* error, FILE* out) {
  uint32_t line = 0, column = 0;
  if (error->location.source) {
    cml_location_position(error->location, &line, &column);
    print_harmless(error->location.source->name, strlen(error->location.source->name), out);
    fprintf(out, ":%u:%u: ", line, column);
  }
  fprintf(out, "error: %s: ", error->error_class);
  print_harmless(error->message, strlen(error->message), out);
  fputc('\n', out);
  if (error->location.source) print_excerpt(error->location, line, out);
  if (!error->advice[0]) return;
  fputs("  help: ", out);
  print_harmless(error->advice, strlen(error->advice), out);
  fputc('\n', out);
}
