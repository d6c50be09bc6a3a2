// The commands of the `jacinth` program. Each takes the arguments after its name and returns the exit status:
// 0, 1 for what it was asked to do and could not, 2 for a mistake in the arguments.
#ifndef COMPONENT_MANAGER_CLI_CLI_H_
#define COMPONENT_MANAGER_CLI_CLI_H_

#include "realm.h"

typedef struct cli {
  cml_arena_t* arena;
  const char* package;  // the package that comes with Jacinth
  const char* command;
  int argc;  // arguments that are left
  char** argv;
} cli_t;

int cli_run(cli_t* cli);
int cli_exec(cli_t* cli);
int cli_check(cli_t* cli);
int cli_show(cli_t* cli);
int cli_graph(cli_t* cli);

// Takes the option `name` off the front of the arguments if it stands there.
bool cli_take_flag(cli_t* cli, const char* name);

// The value of the option `name`, taken off the front of the arguments, "NAME VALUE" or "NAME=VALUE"; NULL if
// it does not stand there, or without a value (with an empty one, neither).
const char* cli_take_value(cli_t* cli, const char* name);

// Complains about the arguments, tells how they should be, and returns 2.
int cli_usage(const cli_t* cli, const char* problem);

// Reads the manifest that is the one argument left, with all its tree, and checks it. False (having said why)
// if something is wrong; `*out_status` is then the exit status.
bool cli_load(cli_t* cli, realm_t* realm, int* out_status);

// The same for a manifest by its path.
bool cli_load_path(cli_t* cli, const char* path, realm_t* realm);

#endif  // COMPONENT_MANAGER_CLI_CLI_H_
