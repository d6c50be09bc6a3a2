// The command line of fidlc.
#ifndef CODEGEN_FIDLC_OPTIONS_H_
#define CODEGEN_FIDLC_OPTIONS_H_

#include <stdbool.h>
#include <stddef.h>

#include "fidlc.h"

typedef struct plugin_option {
  const char* program;
  const char* out_dir;  // NULL: the current folder
} plugin_option_t;

typedef struct file_option {
  const char* path;
  size_t group;
} file_option_t;

typedef struct options {
  fidlc_options_t compile;
  file_option_t* files;
  size_t file_count;
  size_t group_count;
  const char** library_dirs;  // --libraries
  size_t library_dir_count;
  plugin_option_t* plugins;
  size_t plugin_count;
  const char** parameters;  // --plugin-opt
  size_t parameter_count;
  const char* ir_path;
  const char* json_path;
  const char* depfile;
  bool check;
  bool dump;
  bool json;    // --format=json
  int explain;  // --explain: a number of the table, or 0
  bool json_schema;
  bool help;
  bool version;
  int colour;      // -1: if stderr is a terminal
  char* self_dir;  // where the executable lies
  char** words;    // owned
  size_t word_count;
} options_t;

// Reads the command line, response files included. False (explained on stderr) for wrong usage.
bool options_parse(int argc, char** argv, options_t* out);
// A copy of `word` that lives as long as the options.
const char* options_keep(options_t* options, const char* word);
void options_free(options_t* options);
void options_print_help(FILE* out);

#endif  // CODEGEN_FIDLC_OPTIONS_H_
