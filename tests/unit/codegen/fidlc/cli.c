#include "cli.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "jx_test.h"

cli_t cli;

const char kGood[] = "library a;\ntype S = struct {\n    x uint8;\n};\n";

void cli_set_up(void) {
  cli.dir = jx_test_make_folder();
  ck_assert_int_eq(chdir(cli.dir), 0);
}

void cli_tear_down(void) {
  char command[PATH_MAX];
  ck_assert_int_eq(chdir("/"), 0);
  snprintf(command, sizeof(command), "rm -rf '%s'", cli.dir);
  ck_assert_int_eq(system(command), 0);
  free(cli.dir);
}

void write_file(const char* path, const char* text) {
  FILE* file = fopen(path, "w");
  ck_assert_ptr_nonnull(file);
  fputs(text, file);
  fclose(file);
}

char* read_file(const char* path) {
  static char text[65536];
  FILE* file = fopen(path, "r");
  if (!file) return NULL;
  size_t length = fread(text, 1, sizeof(text) - 1, file);
  fclose(file);
  text[length] = '\0';
  return text;
}

int file_count(void) {
  DIR* handle = opendir(".");
  int count = 0;
  for (const struct dirent* entry; (entry = readdir(handle)) != NULL;)
    count += entry->d_name[0] != '.';
  closedir(handle);
  return count;
}

int run(const char* line) {
  char words[4096];
  char* argv[64] = {cli.fidlc};
  int argc = 1;
  posix_spawn_file_actions_t actions;
  pid_t pid = -1;
  int status = 0;
  snprintf(words, sizeof(words), "%s", line);
  for (char* word = strtok(words, " "); word; word = strtok(NULL, " "))
    argv[argc++] = word;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, ".fidlc-out", O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  ck_assert_int_eq(posix_spawn(&pid, cli.fidlc, &actions, NULL, argv, environ), 0);
  posix_spawn_file_actions_destroy(&actions);
  while (waitpid(pid, &status, 0) < 0)
    ck_assert_int_eq(errno, EINTR);
  ck_assert(WIFEXITED(status));
  snprintf(cli.output, sizeof(cli.output), "%s", read_file(".fidlc-out"));
  unlink(".fidlc-out");
  return WEXITSTATUS(status);
}
