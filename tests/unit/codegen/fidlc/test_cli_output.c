// What fidlc leaves behind: files written whole or not at all, whatever goes wrong, and unchanged ones
// untouched.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "jx_test.h"

static const char kOther[] = "library a;\ntype S = struct {\n    x uint8;\n    y string;\n};\n";

static struct stat status_of(const char* path) {
  struct stat status;
  ck_assert_msg(stat(path, &status) == 0, "%s", path);
  return status;
}

START_TEST(outputs_that_would_not_change_are_left_alone) {
  static const char* const kPaths[] = {"a.json", "out/a.pb", "a.d", "gen/fidl/a.h"};
  static const char kLine[] = "--json a.json --ir out/a.pb --c-out gen --depfile a.d --files a.fidl";
  ino_t before[4];
  write_file("a.fidl", kGood);
  ck_assert_int_eq(run(kLine), 0);
  for (size_t i = 0; i < 4; i++)
    before[i] = status_of(kPaths[i]).st_ino;
  ck_assert_int_eq(run(kLine), 0);
  for (size_t i = 0; i < 4; i++)
    ck_assert_uint_eq(status_of(kPaths[i]).st_ino, before[i]);
  write_file("a.fidl", kOther);
  ck_assert_int_eq(run(kLine), 0);
  ck_assert_uint_eq(status_of("a.d").st_ino, before[2]);
  ck_assert_uint_ne(status_of("a.json").st_ino, before[0]);
  ck_assert_uint_ne(status_of("gen/fidl/a.h").st_ino, before[3]);
}
END_TEST

START_TEST(a_shorter_or_longer_file_is_replaced) {
  write_file("a.fidl", kGood);
  ck_assert_int_eq(run("--json a.json --files a.fidl"), 0);
  char* whole = strdup(read_file("a.json"));
  size_t length = strlen(whole);
  ck_assert_int_eq(truncate("a.json", (off_t)length - 1), 0);
  ck_assert_int_eq(run("--json a.json --files a.fidl"), 0);
  ck_assert_str_eq(read_file("a.json"), whole);
  FILE* file = fopen("a.json", "a");
  fputs("\n", file);
  fclose(file);
  ck_assert_int_eq(run("--json a.json --files a.fidl"), 0);
  ck_assert_str_eq(read_file("a.json"), whole);
  free(whole);
}
END_TEST

START_TEST(replaced_file_keeps_its_permissions_and_its_links) {
  write_file("a.fidl", kGood);
  ck_assert_int_eq(mkdir("elsewhere", 0700), 0);
  write_file("elsewhere/real.json", "before");
  ck_assert_int_eq(chmod("elsewhere/real.json", 0640), 0);
  ck_assert_int_eq(symlink("elsewhere/real.json", "a.json"), 0);
  ck_assert_int_eq(run("--json a.json --files a.fidl"), 0);
  struct stat link;
  ck_assert_int_eq(lstat("a.json", &link), 0);
  ck_assert(S_ISLNK(link.st_mode));
  ck_assert_uint_eq(status_of("elsewhere/real.json").st_mode & 07777, 0640);
  ck_assert_ptr_nonnull(strstr(read_file("elsewhere/real.json"), "\"a/S\""));
}
END_TEST

START_TEST(what_is_no_file_is_written_to) {
  char part[16] = "";
  write_file("a.fidl", kGood);
  ck_assert_int_eq(mkfifo("pipe", 0600), 0);
  int fd = open("pipe", O_RDWR | O_CLOEXEC);
  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(run("--json pipe --files a.fidl"), 0);
  ck_assert(S_ISFIFO(status_of("pipe").st_mode));
  ck_assert_int_eq(read(fd, part, 1), 1);
  ck_assert_str_eq(part, "{");
  close(fd);
}
END_TEST

START_TEST(two_outputs_of_one_name_are_an_error) {
  write_file("a.fidl", kGood);
  ck_assert_int_eq(run("--json a.out --ir a.out --files a.fidl"), 1);
  ck_assert_str_eq(cli.output, "fidlc: a.out is to be written twice\n");
  ck_assert_int_eq(file_count(), 1);
}
END_TEST

START_TEST(two_outputs_in_one_place_are_an_error) {
  write_file("a.fidl", kGood);
  ck_assert_int_eq(run("--json out --ir ./out --files a.fidl"), 1);
  ck_assert_str_eq(cli.output, "fidlc: ./out and out are one file\n");
  ck_assert_int_eq(file_count(), 1);
  write_file("out", "before");
  ck_assert_int_eq(symlink("out", "link"), 0);
  ck_assert_int_eq(run("--json out --ir link --files a.fidl"), 1);
  ck_assert_str_eq(cli.output, "fidlc: link and out are one file\n");
  ck_assert_str_eq(read_file("out"), "before");
}
END_TEST

START_TEST(what_was_read_is_not_written_over) {
  write_file("a.fidl", kGood);
  ck_assert_int_eq(run("--json b.json --ir ./a.fidl --files a.fidl"), 1);
  ck_assert_str_eq(cli.output, "fidlc: ./a.fidl would be written over a.fidl, which was read\n");
  ck_assert_str_eq(read_file("a.fidl"), kGood);
  ck_assert_int_eq(file_count(), 1);
  ck_assert_int_eq(symlink("a.fidl", "link"), 0);
  ck_assert_int_eq(run("--depfile link --json b.json --files a.fidl"), 1);
  ck_assert_str_eq(cli.output, "fidlc: link would be written over a.fidl, which was read\n");
  ck_assert_str_eq(read_file("a.fidl"), kGood);
}
END_TEST

START_TEST(a_link_to_nothing_is_followed) {
  struct stat link;
  write_file("a.fidl", kGood);
  ck_assert_int_eq(mkdir("elsewhere", 0700), 0);
  ck_assert_int_eq(symlink("second", "elsewhere/first"), 0);
  ck_assert_int_eq(symlink("elsewhere/first", "a.json"), 0);
  ck_assert_int_eq(run("--json a.json --files a.fidl"), 0);
  ck_assert_int_eq(lstat("a.json", &link), 0);
  ck_assert(S_ISLNK(link.st_mode));
  ck_assert_int_eq(lstat("elsewhere/second", &link), 0);
  ck_assert(S_ISREG(link.st_mode));
  ck_assert_int_eq(symlink("round", "round"), 0);
  ck_assert_int_eq(run("--json round --files a.fidl"), 1);
  ck_assert_ptr_nonnull(strstr(cli.output, "fidlc: cannot write round: "));
}
END_TEST

START_TEST(folders_that_cannot_be_written_to_leave_all_outputs_as_they_were) {
  static const char* const kPlaces[] = {"a.fidl/b.pb", "folder", "/proc/none/b.pb"};
  write_file("a.fidl", kGood);
  write_file("a.json", "before");
  ck_assert_int_eq(mkdir("folder", 0700), 0);
  for (size_t i = 0; i < 3; i++) {
    char line[128];
    snprintf(line, sizeof(line), "--ir %s --json a.json --depfile a.d --files a.fidl", kPlaces[i]);
    ck_assert_msg(run(line) == 1, "%s", line);
    ck_assert_ptr_nonnull(strstr(cli.output, "fidlc: cannot "));
    ck_assert_str_eq(read_file("a.json"), "before");
    ck_assert_int_eq(file_count(), 3);
  }
}
END_TEST

// A bound on the size of files does what a full disk does.
START_TEST(a_full_disk_leaves_all_outputs_as_they_were) {
  const struct rlimit limit = {128, 128};
  write_file("a.fidl", kGood);
  write_file("a.json", "before");
  write_file("a.d", "before");
  signal(SIGXFSZ, SIG_IGN);
  ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
  ck_assert_int_eq(run("--depfile a.d --json a.json --files a.fidl"), 1);
  ck_assert_ptr_nonnull(strstr(cli.output, "fidlc: cannot write a.json: "));
  ck_assert_str_eq(read_file("a.json"), "before");
  ck_assert_str_eq(read_file("a.d"), "before");
  ck_assert_int_eq(file_count(), 3);
}
END_TEST

START_TEST(printing_to_a_full_disk_is_an_error) {
  write_file("a.fidl", kGood);
  static const char* const kOptions[] = {"--dump --files a.fidl", "--help", "--json-schema"};
  for (size_t i = 0; i < 3; i++) {
    char line[256];
    snprintf(line, sizeof(line), "'%s' %s >/dev/full 2>/dev/null", cli.fidlc, kOptions[i]);
    int status = system(line);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 1, "%s", kOptions[i]);
  }
}
END_TEST

// Runs fidlc under the eyes of this process, and ends it with `signal` when it has begun or ended `stops`
// system calls. Returns how many it made: fewer if it came to its end. -1: this machine does not let us
// watch.
static int run_and_end(char** argv, int stops, int signal) {
  int status = 0;
  int count = 0;
  pid_t pid = fork();
  ck_assert_int_ge(pid, 0);
  if (pid == 0) {
    setenv("ASAN_OPTIONS", "detect_leaks=0", 1);  // the leak checker cannot be watched itself
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0) _exit(99);
    execv(argv[0], argv);
    _exit(98);
  }
  while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
    if (count == stops) kill(pid, signal);
    // A signal that it is stopped with is let through.
    int through = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
    ptrace(PTRACE_SYSCALL, pid, NULL, through);
    count++;
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 99 ? -1 : count;
}

static char* copy_of(const char* path) {
  const char* text = read_file(path);
  return strdup(text ? text : "");
}

// Whatever is at a name is whole: what was there before or what replaces it.
static void check_ended_run(const char* const* paths, char** old, char** new, int stops, int signal) {
  for (size_t i = 0; i < 2; i++) {
    const char* text = read_file(paths[i]);
    ck_assert_msg(text && (strcmp(text, old[i]) == 0 || strcmp(text, new[i]) == 0),
                  "%s is broken after signal %d at stop %d", paths[i], signal, stops);
  }
  // Of the signals that can be waited for, none leaves a temporary file behind.
  if (signal != SIGKILL)
    ck_assert_msg(file_count() == 3, "files left after signal %d at stop %d", signal, stops);
}

START_TEST(ending_it_at_any_system_call_leaves_whole_files) {
  static const char* const kPaths[] = {"a.json", "a.pb"};
  static const int kSignals[] = {SIGKILL, SIGTERM};
  char words[] = "--json\0a.json\0--ir\0a.pb\0--files\0a.fidl";
  char* argv[] = {cli.fidlc, words, words + 7, words + 14, words + 19, words + 24, words + 32, NULL};
  char* old[2];
  char* new[2];
  write_file("a.fidl", kOther);
  ck_assert_int_eq(run("--json a.json --ir a.pb --files a.fidl"), 0);
  for (size_t i = 0; i < 2; i++)
    new[i] = copy_of(kPaths[i]);
  write_file("a.fidl", kGood);
  ck_assert_int_eq(run("--json a.json --ir a.pb --files a.fidl"), 0);
  for (size_t i = 0; i < 2; i++)
    old[i] = copy_of(kPaths[i]);
  write_file("a.fidl", kOther);
  int total = run_and_end(argv, -1, 0);
  if (total >= 0) {
    ck_assert_str_eq(read_file("a.json"), new[0]);
    // Outputs are all that it does in the end.
    for (int stops = total > 90 ? total - 90 : 1; stops < total; stops++) {
      int signal = kSignals[stops % 4 / 2];
      write_file("a.json", old[0]);
      write_file("a.pb", old[1]);
      run_and_end(argv, stops, signal);
      check_ended_run(kPaths, old, new, stops, signal);
      ck_assert_int_eq(system("rm -f a.json.* a.pb.*"), 0);
    }
  }
  for (size_t i = 0; i < 2; i++) {
    free(old[i]);
    free(new[i]);
  }
}
END_TEST

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  cli.fidlc = realpath(argv[1], NULL);
  if (!cli.fidlc) return 2;
  Suite* suite = suite_create("fidlc cli output");
  TCase* tc = jx_test_case(suite, "output");
  tcase_set_timeout(tc, 240);
  tcase_add_checked_fixture(tc, cli_set_up, cli_tear_down);
  tcase_add_test(tc, outputs_that_would_not_change_are_left_alone);
  tcase_add_test(tc, a_shorter_or_longer_file_is_replaced);
  tcase_add_test(tc, replaced_file_keeps_its_permissions_and_its_links);
  tcase_add_test(tc, what_is_no_file_is_written_to);
  tcase_add_test(tc, two_outputs_of_one_name_are_an_error);
  tcase_add_test(tc, two_outputs_in_one_place_are_an_error);
  tcase_add_test(tc, what_was_read_is_not_written_over);
  tcase_add_test(tc, a_link_to_nothing_is_followed);
  tcase_add_test(tc, folders_that_cannot_be_written_to_leave_all_outputs_as_they_were);
  tcase_add_test(tc, a_full_disk_leaves_all_outputs_as_they_were);
  tcase_add_test(tc, printing_to_a_full_disk_is_an_error);
  tcase_add_test(tc, ending_it_at_any_system_call_leaves_whole_files);
  return jx_test_run(suite);
}
