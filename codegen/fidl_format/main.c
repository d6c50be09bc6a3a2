// fidl-format: formats files in place, checks them, or prints them formatted.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format.h"
#include "output.h"

static const char kHelp[] =
    "usage: fidl-format [OPTION]... FILE...\n"
    "\n"
    "Formats FIDL sources and prints them. The file - is standard input.\n"
    "\n"
    "  -i, --in-place   write each file back, if it changes\n"
    "  --check          print the names of files that are not formatted; exit status 1 if there are any\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0, 1 for errors in a file or unformatted files, 2 for wrong usage.\n";

typedef enum mode { MODE_PRINT, MODE_IN_PLACE, MODE_CHECK } format_mode_t;

static bool write_back(const char* path, const char* text, size_t length) {
  output_t output = {0};
  char* bytes = malloc(length ? length : 1);
  if (!bytes) abort();
  memcpy(bytes, text, length);
  bool ok = output_add(&output, path, bytes, length) && output_commit(&output);
  output_discard(&output);
  return ok;
}

static bool deliver(format_mode_t mode, const char* path, const char* before, size_t before_length,
                    const char* after, size_t after_length) {
  bool changed = before_length != after_length || memcmp(before, after, after_length) != 0;
  switch (mode) {
    case MODE_PRINT:
      return fwrite(after, 1, after_length, stdout) == after_length;
    case MODE_CHECK:
      if (changed) puts(path);
      return !changed;
    case MODE_IN_PLACE:
      return !changed || write_back(path, after, after_length);
  }
  return false;
}

static char* read_input(const char* path, size_t* out_length) {
  char* text = NULL;
  if (strcmp(path, "-") != 0) return read_whole_file(path, out_length);
  return read_whole_fd(STDIN_FILENO, &text, out_length) ? text : NULL;
}

static bool format_file(format_mode_t mode, const char* path) {
  size_t length = 0;
  char* text = read_input(path, &length);
  bool is_input = strcmp(path, "-") == 0;
  if (is_input && mode == MODE_IN_PLACE) mode = MODE_PRINT;
  if (!text) {
    fprintf(stderr, "fidl-format: cannot read %s: %s\n", path, strerror(errno));
    return false;
  }
  arena_t arena;
  arena_init(&arena);
  diagnostics_t diagnostics = {.arena = &arena};
  size_t formatted_length = 0;
  const char* formatted =
      format_source(&arena, &diagnostics, is_input ? "<stdin>" : path, text, length, &formatted_length);
  diagnostics_finish(&diagnostics);
  if (!formatted) diagnostics_print(&diagnostics, stderr, isatty(STDERR_FILENO) && !getenv("NO_COLOR"));
  bool ok = formatted && deliver(mode, path, text, length, formatted, formatted_length);
  arena_deinit(&arena);
  free(text);
  return ok;
}

int main(int argc, char** argv) {
  format_mode_t mode = MODE_PRINT;
  int files = 0;
  bool ok = true;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "-i") == 0 || strcmp(argv[i], "--in-place") == 0) {
      mode = MODE_IN_PLACE;
    } else if (strcmp(argv[i], "--check") == 0) {
      mode = MODE_CHECK;
    } else if (strcmp(argv[i], "--help") == 0) {
      fputs(kHelp, stdout);
      return output_finish_printing() ? 0 : 1;
    } else if (strcmp(argv[i], "--version") == 0) {
      puts("fidl-format (Jacinth) " FIDLC_VERSION);
      return output_finish_printing() ? 0 : 1;
    } else if (argv[i][0] == '-' && argv[i][1]) {
      fprintf(stderr, "fidl-format: unknown option %s\nTry `fidl-format --help`.\n", argv[i]);
      return 2;
    } else {
      argv[++files] = argv[i];
    }
  }
  if (!files) {
    fputs("fidl-format: no files\nTry `fidl-format --help`.\n", stderr);
    return 2;
  }
  for (int i = 1; i <= files; i++)
    ok = format_file(mode, argv[i]) && ok;
  ok = output_finish_printing() && ok;
  return ok ? 0 : 1;
}
