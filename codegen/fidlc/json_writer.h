// JSON as it is written: nothing is kept but the nesting and a buffer, so that documents of any size take no
// memory. Initialise with `out` and `pretty`; all of it is written when the outermost bracket is closed.
#ifndef CODEGEN_FIDLC_JSON_WRITER_H_
#define CODEGEN_FIDLC_JSON_WRITER_H_

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct json_writer {
  FILE* out;
  bool pretty;  // one member a line, indented by two spaces; otherwise no white space at all
  uint32_t depth;
  bool filled;  // something stands in the object or array that is open
  size_t used;  // of `buffer`
  char buffer[8192];
} json_writer_t;

// In all of these `key` is the member's name inside an object, and NULL inside an array or for the whole
// document.
void json_open(json_writer_t* json, const char* key, char bracket);  // '{' or '['
void json_close(json_writer_t* json, char bracket);                  // '}' or ']'
// What is not UTF-8 becomes the replacement character: JSON can hold nothing else.
void json_string(json_writer_t* json, const char* key, const char* text);
void json_string_n(json_writer_t* json, const char* key, const char* text, size_t length);
void json_unsigned(json_writer_t* json, const char* key, uint64_t number);
void json_signed(json_writer_t* json, const char* key, int64_t number);
void json_bool(json_writer_t* json, const char* key, bool value);

#endif  // CODEGEN_FIDLC_JSON_WRITER_H_
