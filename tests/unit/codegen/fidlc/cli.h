// Running fidlc as a program, in a folder of the test's own.
#ifndef TESTS_UNIT_CODEGEN_FIDLC_CLI_H_
#define TESTS_UNIT_CODEGEN_FIDLC_CLI_H_

#include <limits.h>

extern char** environ;

// A program with one right library, which is `a`.
extern const char kGood[];

typedef struct cli {
  char* fidlc;
  char* dir;
  char output[65536];  // what the last run printed
} cli_t;

extern cli_t cli;

// Fixtures: the test's folder is the current one.
void cli_set_up(void);
void cli_tear_down(void);

void write_file(const char* path, const char* text);
// The text of a file, until the next call; NULL if it cannot be read.
char* read_file(const char* path);
// How many files and folders there are, hidden ones left out.
int file_count(void);
// Runs fidlc with the words of `line`. Returns its exit status.
int run(const char* line);

#endif  // TESTS_UNIT_CODEGEN_FIDLC_CLI_H_
