// run and exec: starting a tree and waiting for its end.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inet/capture.h>
#include <inet/publication.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "life.h"
#include "manager.h"
#include "route.h"
#include "show.h"
#include "trace_file.h"

typedef struct run_options {
  bool life, tree, quiet;
  const char *trace, *capture;  // the files to write a trace and a capture to, or NULL
  manager_options_t manager;
} run_options_t;

static const char* describe_before(void* context, const realm_instance_t* instance) {
  const realm_t* realm = context;
  cml_error_t error;
  const char* runner = instance->document.has_program ? realm_route_runner(realm, instance, &error) : NULL;
  const json5_value_t* binary =
      instance->document.has_program ? json5_get(&instance->document.program, "binary") : NULL;
  if (!runner || !binary) return NULL;
  return cml_arena_printf(realm->arena, "%s %s%s", runner, binary->as.string.text,
                          instance->child && instance->child->eager ? ", eager" : "");
}

typedef struct after {
  const realm_t* realm;
  const manager_t* manager;
} after_t;

static const char* describe_after(void* context, const realm_instance_t* instance) {
  const after_t* after = context;
  int process = manager_process(after->manager, instance);
  if (!instance->document.has_program) return NULL;
  return process ? cml_arena_printf(after->realm->arena, "process %d", process) : "never started";
}

static int run_manager(const realm_t* realm, const run_options_t* options, FILE* trace) {
  manager_t* manager;
  cml_error_t error;
  if (!manager_create(realm, &options->manager, &manager, &error)) {
    cml_error_print(&error, stderr);
    return 1;
  }
  if (!options->quiet) realm_show_tree(realm, stdout, describe_before, (void*)(uintptr_t)realm);
  fflush(stdout);
  int status = manager_run(manager);
  after_t after = {realm, manager};
  if (options->tree) realm_show_tree(realm, stdout, describe_after, &after);
  if (options->life && !life_print(realm, manager, stdout) && status == 0) status = 1;
  fflush(stdout);
  if (trace && !trace_file_write(trace, options->trace, realm, manager) && status == 0) status = 1;
  manager_destroy(manager);
  return status;
}

// Files that cannot be written are told before anything starts.
static bool begin_file(const char* path, const char* what, FILE** out) {
  *out = path ? fopen(path, "we") : NULL;
  if (!path || *out) return true;
  fprintf(stderr, "jacinth: cannot write a %s to %s: %s\n", what, path, strerror(errno));
  return false;
}

static int run_tree(const realm_t* realm, run_options_t* options) {
  FILE *trace = NULL, *capture = NULL;
  bool ok = begin_file(options->trace, "trace", &trace) && begin_file(options->capture, "capture", &capture);
  if (ok && capture) {
    options->manager.capture = fileno(capture);
    ok = capture_begin(options->manager.capture);
    if (!ok)
      fprintf(stderr, "jacinth: cannot write a capture to %s: %s\n", options->capture, strerror(errno));
  }
  int status = ok ? run_manager(realm, options, trace) : 1;
  if (trace) fclose(trace);
  if (capture) fclose(capture);
  return status;
}

// What run and exec have in common.
static bool take_option(cli_t* cli, run_options_t* options) {
  const char* value;
  if (cli_take_flag(cli, "--verbose")) {
    options->manager.verbose = true;
  } else if ((value = cli_take_value(cli, "--trace"))) {
    options->trace = value;
    options->manager.trace = true;
  } else if ((value = cli_take_value(cli, "--capture"))) {
    options->capture = value;
  } else {
    return false;
  }
  return true;
}

// The option that stands without its value: as the last word, or with nothing behind the "="; NULL if none
// does.
static const char* option_without_value(const cli_t* cli) {
  static const char* const options[] = {"--publish", "-p", "--manifest", "--trace", "--capture"};
  for (size_t i = 0; cli->argc > 0 && i < sizeof options / sizeof *options; i++) {
    size_t length = strlen(options[i]);
    if (strncmp(cli->argv[0], options[i], length) != 0) continue;
    const char* rest = cli->argv[0] + length;
    if ((*rest == '\0' && cli->argc == 1) || strcmp(rest, "=") == 0) return options[i];
  }
  return NULL;
}

int cli_run(cli_t* cli) {
  run_options_t options = {0};
  realm_t realm;
  int status;
  for (;;) {
    if (cli_take_flag(cli, "--life")) {
      options.life = options.manager.trace = true;
    } else if (cli_take_flag(cli, "--tree")) {
      options.tree = true;
    } else if (cli_take_flag(cli, "--quiet")) {
      options.quiet = true;
    } else if (!take_option(cli, &options)) {
      break;
    }
  }
  const char* bare = option_without_value(cli);
  if (bare) return cli_usage(cli, cml_arena_printf(cli->arena, "%s what?", bare));
  return cli_load(cli, &realm, &status) ? run_tree(&realm, &options) : status;
}

static bool is_program(const char* path) {
  struct stat info;
  return stat(path, &info) == 0 && S_ISREG(info.st_mode) && access(path, X_OK) == 0;
}

// As a shell would: a name with a slash is a path, any other is looked up in PATH.
static const char* find_program(cli_t* cli, const char* name) {
  const char* list = getenv("PATH");
  if (strchr(name, '/')) {
    char* path = is_program(name) ? realpath(name, NULL) : NULL;
    const char* out = path ? cml_arena_printf(cli->arena, "%s", path) : NULL;
    free(path);
    return out;
  }
  for (const char* at = list ? list : "/usr/bin:/bin"; at;
       at = strchr(at, ':') ? strchr(at, ':') + 1 : NULL) {
    int size = (int)strcspn(at, ":");
    const char* path = cml_arena_printf(cli->arena, "%.*s/%s", size, at, name);
    if (size > 0 && at[0] == '/' && is_program(path)) return path;
  }
  return NULL;
}

// Where a program answers datagrams from one port, its answers have one port of the host to leave from.
static bool is_twice(const publication_t* publication, const char* const* before, size_t count) {
  publication_t other;
  for (size_t i = 0; i < count && publication->datagrams; i++) {
    if (publication_parse(before[i], &other) && other.datagrams && other.port == publication->port)
      return true;
  }
  return false;
}

// Whether a port can be published as the last of `texts` says. Tried before anything starts, because whoever
// made a mistake wants to hear of it and not of a program without connections.
static bool can_publish(const char* const* texts, size_t count) {
  const char* text = texts[count - 1];
  publication_t publication;
  if (!publication_parse(text, &publication)) {
    fprintf(stderr,
            "jacinth exec: \"%s\" is no port to publish: it is " PUBLICATION_FORM
            ", the host's port first, such as 8080:80 or 0.0.0.0:8080:80\n",
            text);
    return false;
  }
  if (is_twice(&publication, texts, count - 1)) {
    fprintf(stderr,
            "jacinth exec: the program's port %u/udp is published twice; datagrams have one way each\n",
            publication.port);
    return false;
  }
  int fd = publication_open(&publication);
  if (fd >= 0) {
    close(fd);
    return true;
  }
  fprintf(stderr, "jacinth exec: cannot publish \"%s\": %s%s\n", text, strerror(-fd),
          fd == -EACCES ? "; ordinary users have ports from 1024 on" : "");
  return false;
}

// What an environment variable says of a descriptor that is the runtime's business, if we run in a component.
static bool is_runtimes(int fd) {
  static const char* const variables[] = {"JACINTH_SVC", "JACINTH_TRACE", "JACINTH_BOOTSTRAP"};
  for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
    const char* number = getenv(variables[i]);
    if (number && atoi(number) == fd) return true;
  }
  return false;
}

static int compare_numbers(const void* a, const void* b) {
  return *(const int*)a - *(const int*)b;
}

// The descriptors that the caller has left open for its program. Nothing of ours is among them: that would
// not survive an exec.
static void keep_descriptors(cli_t* cli, manager_options_t* options) {
  DIR* directory = opendir("/proc/self/fd");
  struct dirent* entry;
  size_t count = 0, room = 0;
  if (!directory) return;
  while (readdir(directory))
    room++;
  int* kept = cml_arena_alloc(cli->arena, room * sizeof *kept);
  rewinddir(directory);
  while (count < room && (entry = readdir(directory))) {
    int fd = atoi(entry->d_name), flags = fd > STDERR_FILENO ? fcntl(fd, F_GETFD) : -1;
    if (flags < 0 || flags & FD_CLOEXEC || is_runtimes(fd)) continue;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    kept[count++] = fd;
  }
  closedir(directory);
  qsort(kept, count, sizeof *kept, compare_numbers);
  options->kept = kept;
  options->kept_count = count;
}

int cli_exec(cli_t* cli) {
  run_options_t options = {.quiet = true};
  const char** publish = NULL;
  size_t publish_count = 0;
  keep_descriptors(cli, &options.manager);
  const char* manifest = cml_arena_printf(cli->arena, "%s/meta/exec.cml", cli->package);
  realm_t realm;
  for (const char* value;;) {
    if ((value = cli_take_value(cli, "--manifest"))) {
      manifest = value;
    } else if ((value = cli_take_value(cli, "--publish")) || (value = cli_take_value(cli, "-p"))) {
      *cml_arena_push(cli->arena, &publish, &publish_count) = value;
    } else if (!take_option(cli, &options)) {
      break;
    }
  }
  bool separated = cli_take_flag(cli, "--");
  const char* bare = separated ? NULL : option_without_value(cli);
  if (bare) return cli_usage(cli, cml_arena_printf(cli->arena, "%s what?", bare));
  if (cli->argc == 0) return cli_usage(cli, "which program?");
  if (!separated && cli->argv[0][0] == '-')
    return cli_usage(cli, cml_arena_printf(cli->arena, "unknown option %s", cli->argv[0]));
  const char** command = cml_arena_alloc(cli->arena, ((size_t)cli->argc + 2) * sizeof *command);
  command[0] = find_program(cli, cli->argv[0]);
  if (!command[0]) {
    fprintf(stderr, "jacinth exec: there is no program %s\n", cli->argv[0]);
    return 127;
  }
  for (int i = 0; i < cli->argc; i++)
    command[i + 1] = cli->argv[i];
  options.manager.command = command;
  for (size_t i = 0; i < publish_count; i++) {
    if (!can_publish(publish, i + 1)) return 1;
  }
  if (publish_count > 0) *cml_arena_push(cli->arena, &publish, &publish_count) = NULL;
  options.manager.publish = publish;
  return cli_load_path(cli, manifest, &realm) ? run_tree(&realm, &options) : 1;
}
