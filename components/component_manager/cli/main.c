// The `jacinth` program: which command, and where the package is that comes with it.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "realm_check.h"

static const struct {
  const char* name;
  int (*run)(cli_t* cli);
  const char* usage;
} commands[] = {
    {"run", cli_run,
     "run [--life] [--trace FILE] [--capture FILE] [--tree] [--quiet] [--verbose] MANIFEST.cml\n"
     "    Start the components of a manifest; ends with its main component, or with Ctrl-C.\n"
     "    --life: print the life of one datagram sent and of one received    --tree: print the tree again at "
     "the end\n"
     "    --trace: record who does what when, for https://ui.perfetto.dev    --capture: record all frames, "
     "for "
     "Wireshark\n"
     "    --quiet: do not print the tree                                     --verbose: show all that "
     "components log\n"},
    {"exec", cli_exec,
     "exec [--publish PORT:PORT] [--trace FILE] [--capture FILE] [--manifest NET.cml] [--verbose] -- PROGRAM "
     "[ARGUMENT...]\n"
     "    Run a program with a network stack of its own. Its working directory can be written, the rest is "
     "read-only.\n"
     "    --publish, -p: a port of the host that leads to the program: 8080:80, 0.0.0.0:8080:80, "
     "5353:53/udp; any "
     "number of times\n"
     "    --trace: record who does what when, for https://ui.perfetto.dev    --capture: record all frames, "
     "for "
     "Wireshark\n"
     "    --manifest: a tree whose main component's program it replaces, instead of netstack and slirp\n"},
    {"check", cli_check,
     "check MANIFEST.cml\n"
     "    Read a manifest and all below it, and report what is wrong with it.\n"},
    {"show", cli_show,
     "show MANIFEST.cml\n"
     "    Print the tree of a manifest, and for each capability where it comes from.\n"},
    {"graph", cli_graph,
     "graph MANIFEST.cml\n"
     "    The same for Graphviz: jacinth graph x.cml | dot -Tsvg > x.svg\n"},
};
#define COMMAND_COUNT (sizeof commands / sizeof *commands)

static void print_usage(FILE* out, const char* command) {
  fputs("usage:\n", out);
  for (size_t i = 0; i < COMMAND_COUNT; i++) {
    if (!command || strcmp(command, commands[i].name) == 0) fprintf(out, "  jacinth %s", commands[i].usage);
  }
}

int cli_usage(const cli_t* cli, const char* problem) {
  fprintf(stderr, "jacinth %s: %s\n", cli->command, problem);
  print_usage(stderr, cli->command);
  return 2;
}

bool cli_take_flag(cli_t* cli, const char* name) {
  if (cli->argc == 0 || strcmp(cli->argv[0], name) != 0) return false;
  cli->argc--;
  cli->argv++;
  return true;
}

const char* cli_take_value(cli_t* cli, const char* name) {
  size_t length = strlen(name);
  if (cli->argc > 1 && cli_take_flag(cli, name)) {
    cli->argc--;
    return *cli->argv++;
  }
  bool joined = cli->argc > 0 && strncmp(cli->argv[0], name, length) == 0 && cli->argv[0][length] == '=';
  if (!joined || cli->argv[0][length + 1] == '\0') return NULL;
  cli->argc--;
  return *cli->argv++ + length + 1;
}

static void print_warning(void* context, const cml_error_t* warning) {
  (void)context;
  fputs("warning, for it is optional: ", stderr);
  cml_error_print(warning, stderr);
}

bool cli_load_path(cli_t* cli, const char* path, realm_t* realm) {
  cml_error_t error;
  if (realm_load(realm, cli->arena, path, cli->package, &error) &&
      realm_check(realm, print_warning, NULL, &error))
    return true;
  cml_error_print(&error, stderr);
  return false;
}

bool cli_load(cli_t* cli, realm_t* realm, int* out_status) {
  *out_status = 2;
  if (cli->argc == 1 && cli->argv[0][0] != '-') {
    *out_status = 1;
    return cli_load_path(cli, cli->argv[0], realm);
  }
  cli_usage(cli, cli->argc == 0           ? "which manifest?"
                 : cli->argv[0][0] == '-' ? cml_arena_printf(cli->arena, "unknown option %s", cli->argv[0])
                                          : "one manifest at a time");
  return false;
}

static bool is_package(cml_arena_t* arena, const char* path) {
  return access(cml_arena_printf(arena, "%s/bin/jacinth-init", path), X_OK) == 0;
}

// In a build tree the program lies beside pkg/, installed in PREFIX/bin with the package in
// PREFIX/libexec/jacinth, wherever PREFIX has been moved to, or else where the build was told to put it.
static const char* find_package(cml_arena_t* arena) {
  static const char* const places[] = {"pkg", "../libexec/jacinth"};
  char self[PATH_MAX];
  const char* given = getenv("JACINTH_PACKAGE");
  if (given) {
    // From the root directory on: processes look it up from elsewhere.
    char* real = realpath(given, NULL);
    const char* path = real ? cml_arena_printf(arena, "%s", real) : given;
    free(real);
    return is_package(arena, path) ? path : NULL;
  }
  ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
  if (size <= 0) return NULL;
  self[size] = '\0';
  char* slash = strrchr(self, '/');
  if (slash) *slash = '\0';
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    const char* path = cml_arena_printf(arena, "%s/%s", self, places[i]);
    if (is_package(arena, path)) return path;
  }
  return is_package(arena, JACINTH_INSTALLED_PACKAGE) ? JACINTH_INSTALLED_PACKAGE : NULL;
}

// Whoever starts us may have closed these; what is opened next must not be taken for them.
static void have_standard_streams(void) {
  for (int fd = 0; fd <= 2; fd++) {
    if (fcntl(fd, F_GETFD) < 0) open("/dev/null", O_RDWR);
  }
}

// What was asked for and could not be written has not been given.
static int flush_output(int status) {
  if (fflush(stdout) == 0 && !ferror(stdout)) return status;
  fprintf(stderr, "jacinth: cannot write to standard output: %s\n", strerror(errno));
  return status ? status : 1;
}

static int run_command(int argc, char** argv) {
  cli_t cli = {.arena = cml_arena_create(), .command = argv[1], .argc = argc - 2, .argv = argv + 2};
  int status = 2;
  size_t i = 0;
  while (i < COMMAND_COUNT && strcmp(commands[i].name, argv[1]) != 0)
    i++;
  cli.package = find_package(cli.arena);
  if (i == COMMAND_COUNT) {
    fprintf(stderr, "jacinth: there is no command \"%s\"\n", argv[1]);
    print_usage(stderr, NULL);
  } else if (!cli.package) {
    fputs(
        "jacinth: cannot find the package that belongs to this program; is it installed whole? "
        "(JACINTH_PACKAGE names one)\n",
        stderr);
    status = 1;
  } else {
    status = commands[i].run(&cli);
    // A tree that has run is not called a failure because it could not be drawn.
    if (commands[i].run != cli_run && commands[i].run != cli_exec) status = flush_output(status);
  }
  cml_arena_destroy(cli.arena);
  return status;
}

static bool is_command(const char* word) {
  for (size_t i = 0; i < COMMAND_COUNT; i++) {
    if (strcmp(commands[i].name, word) == 0) return true;
  }
  return false;
}

static bool asks_for_help(const char* word) {
  return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

int main(int argc, char** argv) {
  have_standard_streams();
  if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
    puts("jacinth " JACINTH_VERSION);
    return flush_output(0);
  }
  if (argc < 2) {
    print_usage(stderr, NULL);
    return 2;
  }
  bool help = strcmp(argv[1], "help") == 0 || asks_for_help(argv[1]);
  bool help_with = argc > 2 && is_command(argv[1]) && asks_for_help(argv[2]);
  if (help || help_with) {
    const char* about = help_with ? argv[1] : argc > 2 && is_command(argv[2]) ? argv[2] : NULL;
    print_usage(stdout, about);
    return flush_output(0);
  }
  return run_command(argc, argv);
}
