// Files are written whole or not at all: everything goes to temporary files beside their places, and is
// renamed into them only when all were written. A file that has the content already is left alone, so that
// build tools see that nothing changed.
#ifndef CODEGEN_FIDLC_OUTPUT_H_
#define CODEGEN_FIDLC_OUTPUT_H_

#include <stdbool.h>
#include <stddef.h>

typedef struct output_file {
  struct output_file* next;
  char* path;
  char* bytes;
  size_t length;
  char* place;      // where it goes: the path, links followed
  char* temporary;  // NULL: there is none (any more)
  bool is_stream;   // a device, pipe or the like is at the path: it is written to, not replaced
} output_file_t;

// A file that was read: it must stay.
typedef struct output_input {
  struct output_input* next;
  const char* path;
} output_input_t;

typedef struct output {
  output_file_t* files;  // in the order in which they were added
  output_file_t* last;
  output_input_t* inputs;
} output_t;

// Nothing will be written to the file at `path`, which must stay valid, by whatever name it goes.
void output_keep(output_t* output, const char* path);

// Takes what `path` is to hold, allocated with malloc. False (explained on stderr) if it was added before.
bool output_add(output_t* output, const char* path, char* bytes, size_t length);
// Puts everything into place, making folders as needed. False (explained on stderr) on failure: then no file
// that was there is touched, unless moving one into its place is what failed.
bool output_commit(output_t* output);
// Removes what was not committed, and frees.
void output_discard(output_t* output);
// Ends standard output. False (explained on stderr) if not all that was printed could be written.
bool output_finish_printing(void);

// Reads a whole file; NULL (errno is set) on failure. The caller frees it.
char* read_whole_file(const char* path, size_t* out_length);
bool read_whole_fd(int fd, char** out_bytes, size_t* out_length);

#endif  // CODEGEN_FIDLC_OUTPUT_H_
