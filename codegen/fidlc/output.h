// Files are written whole or not at all: everything goes to temporary files beside their places, and is
// renamed into them only when all were written.
#ifndef CODEGEN_FIDLC_OUTPUT_H_
#define CODEGEN_FIDLC_OUTPUT_H_

#include <stdbool.h>
#include <stddef.h>

typedef struct output_file {
  struct output_file* next;
  char* path;
  char* temporary;
} output_file_t;

typedef struct output {
  output_file_t* files;
} output_t;

// Writes `path` to its temporary file, making folders as needed. False (explained on stderr) on failure.
bool output_add(output_t* output, const char* path, const void* bytes, size_t length);
// Renames everything into place.
bool output_commit(output_t* output);
// Removes what was not committed, and frees.
void output_discard(output_t* output);

// Reads a whole file; NULL (errno is set) on failure. The caller frees it.
char* read_whole_file(const char* path, size_t* out_length);
bool read_whole_fd(int fd, char** out_bytes, size_t* out_length);

#endif  // CODEGEN_FIDLC_OUTPUT_H_
