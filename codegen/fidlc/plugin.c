// Running a back end. It gets its input through a temporary file rather than a pipe, so that neither side can
// block the other.
#include "plugin.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

static char* find_program(const options_t* options, const char* program) {
  char* path = NULL;
  if (strchr(program, '/') || !options->self_dir) return strdup(program);
  for (size_t i = 0; i < 2; i++) {
    int length = i == 0 ? asprintf(&path, "%s/%s", options->self_dir, program)
                        : asprintf(&path, "%s/../%s/%s", options->self_dir, program, program);
    if (length < 0) abort();
    if (access(path, X_OK) == 0) return path;
    free(path);
  }
  return strdup(program);
}

static int request_fd(const options_t* options, const Fidl__Ir__Library* library) {
  Fidl__Ir__GenerateRequest request = FIDL__IR__GENERATE_REQUEST__INIT;
  request.library = (Fidl__Ir__Library*)(uintptr_t)library;
  request.n_parameters = options->parameter_count;
  request.parameters = (char**)(uintptr_t)options->parameters;
  size_t length = fidl__ir__generate_request__get_packed_size(&request);
  uint8_t* bytes = malloc(length ? length : 1);
  int fd = memfd_create("fidl request", MFD_CLOEXEC);
  if (!bytes || fd < 0) abort();
  fidl__ir__generate_request__pack(&request, bytes);
  for (size_t at = 0; at < length;) {
    ssize_t count = write(fd, bytes + at, length - at);
    if (count < 0 && errno != EINTR) abort();
    if (count > 0) at += (size_t)count;
  }
  free(bytes);
  lseek(fd, 0, SEEK_SET);
  return fd;
}

// Runs `path` with `in` as standard input; its standard output is returned whole.
static bool run(const char* name, const char* path, int in, char** out_bytes, size_t* out_length) {
  int pipe_fds[2];
  if (pipe2(pipe_fds, O_CLOEXEC) < 0) return false;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDOUT_FILENO);
  char* argv[] = {(char*)(uintptr_t)path, NULL};
  pid_t pid = -1;
  int error = posix_spawnp(&pid, path, &actions, NULL, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  close(pipe_fds[1]);
  if (error) {
    fprintf(stderr, "fidlc: cannot run the plug-in %s: %s\n", name, strerror(error));
    close(pipe_fds[0]);
    return false;
  }
  bool ok = read_whole_fd(pipe_fds[0], out_bytes, out_length);
  close(pipe_fds[0]);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
    continue;
  if (ok && WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
  if (ok) free(*out_bytes);
  if (WIFSIGNALED(status)) {
    fprintf(stderr, "fidlc: the plug-in %s was killed by signal %d\n", name, WTERMSIG(status));
  } else {
    fprintf(stderr, "fidlc: the plug-in %s ended with status %d\n", name, WEXITSTATUS(status));
  }
  return false;
}

// A back end may only write below its folder.
static bool is_safe_path(const char* path) {
  if (path[0] == '/' || path[0] == '\0') return false;
  for (const char* at = path; at; at = strchr(at, '/')) {
    if (*at == '/') at++;
    if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || at[2] == '\0')) return false;
  }
  return true;
}

static bool add_files(const plugin_option_t* plugin, const Fidl__Ir__GenerateResponse* response,
                      output_t* output) {
  for (size_t i = 0; i < response->n_files; i++) {
    const Fidl__Ir__GenerateResponse__File* file = response->files[i];
    if (!is_safe_path(file->path)) {
      fprintf(stderr, "fidlc: the plug-in %s names a file outside its folder: %s\n", plugin->program,
              file->path);
      return false;
    }
    char* path = NULL;
    const char* dir = plugin->out_dir && plugin->out_dir[0] ? plugin->out_dir : ".";
    if (asprintf(&path, "%s/%s", dir, file->path) < 0) abort();
    char* bytes = malloc(file->content.len ? file->content.len : 1);
    if (!bytes) abort();
    if (file->content.len) memcpy(bytes, file->content.data, file->content.len);
    bool ok = output_add(output, path, bytes, file->content.len);
    free(path);
    if (!ok) return false;
  }
  return true;
}

bool plugin_run(const options_t* options, const plugin_option_t* plugin, const Fidl__Ir__Library* library,
                output_t* output) {
  char* path = find_program(options, plugin->program);
  char* bytes = NULL;
  size_t length = 0;
  int in = request_fd(options, library);
  bool ok = run(plugin->program, path, in, &bytes, &length);
  close(in);
  free(path);
  if (!ok) return false;
  Fidl__Ir__GenerateResponse* response =
      fidl__ir__generate_response__unpack(NULL, length, (const uint8_t*)bytes);
  free(bytes);
  if (!response) {
    fprintf(stderr, "fidlc: the plug-in %s answered with something else than a GenerateResponse\n",
            plugin->program);
    return false;
  }
  for (size_t i = 0; i < response->n_errors; i++) {
    fprintf(stderr, "fidlc: %s: %s\n", plugin->program, response->errors[i]);
  }
  ok = response->n_errors == 0 && add_files(plugin, response, output);
  fidl__ir__generate_response__free_unpacked(response, NULL);
  return ok;
}
