// fidlc as a program: exit status, response files, depfiles, diagnostics, plug-ins.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "ir.pb-c.h"
#include "jx_test.h"
#include "plugin_stub.h"

static char self[PATH_MAX];

static int run_plugin(const char* behaviour, const char* more) {
  char line[PATH_MAX + 256];
  char name[64];
  snprintf(name, sizeof(name), "plugin-%s", behaviour);
  ck_assert_int_eq(symlink(self, name), 0);
  snprintf(line, sizeof(line), "--plugin ./%s:gen %s --files a.fidl", name, more);
  int status = run(line);
  unlink(name);
  return status;
}

START_TEST(good_library_is_written) {
  write_file("a.fidl", kGood);
  ck_assert_int_eq(run("--ir out/deep/a.pb --depfile a.d --files a.fidl"), 0);
  ck_assert_str_eq(cli.output, "");
  ck_assert_int_eq(access("out/deep/a.pb", R_OK), 0);
  ck_assert_str_eq(read_file("a.d"), "out/deep/a.pb : a.fidl\n");
}
END_TEST

static void write_libraries(void) {
  ck_assert_int_eq(mkdir("first", 0700) | mkdir("first/b", 0700), 0);
  ck_assert_int_eq(mkdir("second", 0700) | mkdir("second/b", 0700) | mkdir("second/c.d", 0700), 0);
  write_file("first/b/two.fidl", "library b;\n// using nothing;\nusing c.d as other;\nalias X = other.Y;\n");
  write_file("first/b/one.fidl", "/// Has two files.\nlibrary b;\nalias Z = X;\n");
  write_file("first/b/notes.txt", "not FIDL");
  write_file("second/b/b.fidl", "library b;\nalias X = nonsense;\n");
  write_file("second/c.d/d.fidl", "library c.d;\nalias Y = uint8;\n");
  write_file("a.fidl", "library a;\nusing b;\nusing c.d;\ntype S = struct {\n    z b.Z;\n    y c.d.Y;\n};\n");
}

START_TEST(used_libraries_are_found_in_the_folders_in_order) {
  write_libraries();
  ck_assert_int_eq(run("--ir a.pb --depfile a.d --libraries first --libraries second --files a.fidl"), 0);
  ck_assert_str_eq(cli.output, "");
  ck_assert_str_eq(read_file("a.d"), "a.pb : second/c.d/d.fidl first/b/one.fidl first/b/two.fidl a.fidl\n");
}
END_TEST

START_TEST(given_libraries_come_before_those_in_folders) {
  write_libraries();
  write_file("b.fidl", "library b;\nusing c.d;\nalias Z = c.d.Y;\n");
  ck_assert_int_eq(
      run("--ir a.pb --depfile a.d --libraries first --libraries second --files b.fidl --files a.fidl"), 0);
  ck_assert_str_eq(cli.output, "");
  ck_assert_str_eq(read_file("a.d"), "a.pb : second/c.d/d.fidl b.fidl a.fidl\n");
}
END_TEST

START_TEST(libraries_that_no_folder_has_and_circles_are_reported) {
  write_libraries();
  ck_assert_int_eq(run("--check --libraries first --files a.fidl"), 1);
  ck_assert_ptr_nonnull(strstr(cli.output, "the library `c.d` is unknown"));
  write_file("second/c.d/d.fidl", "library c.d;\nusing b;\nalias Y = uint8;\n");
  ck_assert_int_eq(run("--check --libraries first --libraries second --files a.fidl"), 1);
  ck_assert_ptr_nonnull(strstr(cli.output, "the library `b` is unknown"));
  write_file("a.fidl", "library a;\nusing ;\n");
  ck_assert_int_eq(run("--check --libraries first --files a.fidl"), 1);
}
END_TEST

START_TEST(library_becomes_json) {
  write_file("a.fidl", kGood);
  ck_assert_int_eq(run("--json out/a.json --ir a.pb --depfile a.d --files a.fidl"), 0);
  ck_assert_str_eq(cli.output, "");
  ck_assert_ptr_nonnull(strstr(read_file("out/a.json"), "\"name\": \"a/S\""));
  ck_assert_str_eq(read_file("a.d"), "a.pb : a.fidl\nout/a.json : a.fidl\n");
  ck_assert_int_eq(run("--json-schema"), 0);
  ck_assert_ptr_nonnull(strstr(cli.output, "\"struct_declarations\""));
}
END_TEST

START_TEST(without_outputs_it_only_diagnoses) {
  write_file("a.fidl", kGood);
  ck_assert_int_eq(run("--files a.fidl"), 0);
  ck_assert_int_eq(file_count(), 1);
  write_file("a.fidl", "library a;\ntype S = struct { x Nothing; };\n");
  ck_assert_int_eq(run("--files a.fidl"), 1);
}
END_TEST

START_TEST(numbers_are_explained) {
  ck_assert_int_eq(run("--explain FI-0052"), 0);
  ck_assert_str_eq(cli.output, "FI-0052 (error): a name that nothing has\n");
  ck_assert_int_eq(run("--explain 5"), 0);
  ck_assert_ptr_nonnull(strstr(cli.output, "FI-0005 (retired)"));
}
END_TEST

START_TEST(errors_leave_outputs_as_they_were) {
  write_file("a.fidl", "library a;\ntype S = struct { x Nothing; };\n");
  write_file("a.pb", "before");
  ck_assert_int_eq(run("--ir a.pb --depfile a.d --files a.fidl"), 1);
  ck_assert_ptr_nonnull(strstr(cli.output, "a.fidl:2:21: error: cannot find `Nothing`"));
  ck_assert_ptr_nonnull(strstr(cli.output, "[FI-0052]"));
  ck_assert_str_eq(read_file("a.pb"), "before");
  ck_assert_int_eq(file_count(), 2);
}
END_TEST

START_TEST(wrong_usage_is_told) {
  static const struct {
    const char* line;
    const char* told;
  } kLines[] = {
      {"--check --files=a.fidl", "fidlc: files stand behind --files and a space: a.fidl\n"},
      {"--check=1 --files a.fidl", "fidlc: this option takes no value: --check\n"},
      {"--check --files a.fidl a.fidl", "fidlc: a file is given twice: a.fidl\n"},
  };
  write_file("a.fidl", kGood);
  for (size_t i = 0; i < sizeof(kLines) / sizeof(kLines[0]); i++) {
    ck_assert_int_eq(run(kLines[i].line), 2);
    ck_assert_msg(strncmp(cli.output, kLines[i].told, strlen(kLines[i].told)) == 0, "%s", cli.output);
  }
}
END_TEST

START_TEST(wrong_usage_has_its_own_status) {
  static const char* const kLines[] = {
      "",
      "--check",
      "--check --files",
      "--nonsense --check --files a.fidl",
      "--check --experimental unheard_of --files a.fidl",
      "--check --format=xml --files a.fidl",
      "a.fidl",
      "--check --files missing.fidl",
      "--check @missing.rsp",
      "--ir",
      "--check --available test --files a.fidl",
      "--check --available test:0 --files a.fidl",
      "--check --available test:2,1 --files a.fidl",
      "--check --available test:1 --available test:2 --files a.fidl",
      "--explain FI-0224",
      "--explain nothing",
      "--depfile a.d --files a.fidl",
      "--check --ir a.pb --depfile a.d --files a.fidl",
  };
  write_file("a.fidl", kGood);
  for (size_t i = 0; i < sizeof(kLines) / sizeof(kLines[0]); i++) {
    ck_assert_msg(run(kLines[i]) == 2, "%s", kLines[i]);
    ck_assert_str_ne(cli.output, "");
  }
}
END_TEST

START_TEST(help_and_version_go_to_standard_output) {
  ck_assert_int_eq(run("--help"), 0);
  ck_assert_ptr_nonnull(strstr(cli.output, "usage: fidlc"));
  ck_assert_int_eq(run("--version"), 0);
}
END_TEST

START_TEST(response_file_is_expanded) {
  write_file("a.fidl", kGood);
  write_file("args", "--check\n  --name\ta\n--files a.fidl\n");
  ck_assert_int_eq(run("@args"), 0);
  write_file("name", "--name a ");
  ck_assert_int_eq(run("--check @name --files a.fidl"), 0);
  write_file("nested", "@name");
  ck_assert_int_eq(run("--check @nested --files a.fidl"), 2);
}
END_TEST

START_TEST(library_must_have_the_name_asked_for) {
  write_file("a.fidl", kGood);
  ck_assert_int_eq(run("--check --name b --files a.fidl"), 1);
}
END_TEST

START_TEST(library_must_be_versioned_as_asked_for) {
  write_file("a.fidl", kGood);
  ck_assert_int_eq(run("--versioned unversioned --files a.fidl"), 0);
  ck_assert_int_eq(run("--versioned a --files a.fidl"), 1);
  write_file("a.fidl", "@available(added=2)\nlibrary a;\n");
  ck_assert_int_eq(run("--available a:HEAD --versioned a --files a.fidl"), 0);
  ck_assert_int_eq(run("--available a:HEAD --versioned a:2 --files a.fidl"), 0);
  ck_assert_int_eq(run("--available a:HEAD --versioned a:3 --files a.fidl"), 1);
  ck_assert_int_eq(run("--available a:HEAD --versioned b --files a.fidl"), 1);
  ck_assert_int_eq(run("--available a:HEAD --versioned unversioned --files a.fidl"), 1);
}
END_TEST

START_TEST(unused_library_is_an_error_unless_it_is_zx) {
  write_file("a.fidl", kGood);
  write_file("b.fidl", "library b;\n");
  write_file("zx.fidl", "library zx;\n");
  ck_assert_int_eq(run("--check --files b.fidl --files a.fidl"), 1);
  ck_assert_int_eq(run("--check --files zx.fidl --files a.fidl"), 0);
}
END_TEST

START_TEST(warnings_fail_only_when_asked) {
  write_file("a.fidl", "library a;\n\n@discoverble\nprotocol P {};\n");
  ck_assert_int_eq(run("--check --files a.fidl"), 0);
  ck_assert_ptr_nonnull(strstr(cli.output, "warning:"));
  ck_assert_int_eq(run("--check --werror --files a.fidl"), 1);
  ck_assert_ptr_nonnull(strstr(cli.output, "a.fidl:3:2: error: @discoverble"));
  ck_assert_ptr_nonnull(strstr(cli.output, "1 error reported."));
}
END_TEST

START_TEST(diagnostics_can_be_json) {
  write_file("a.fidl", "library a;\ntype S = struct { x Nothing; };\n");
  ck_assert_int_eq(run("--check --format=json --files a.fidl"), 1);
  ck_assert_ptr_nonnull(strstr(cli.output, "\"error_id\":\"fi-0052\""));
  ck_assert_ptr_nonnull(
      strstr(cli.output, "\"start_line\":2,\"start_char\":20,\"end_line\":2,\"end_char\":27"));
}
END_TEST

START_TEST(json_holds_no_bytes_that_are_not_utf8) {
  write_file("\xff.fidl", "library a;\n\xff \xc3\xa4\n");
  ck_assert_int_eq(run("--check --format json --files \xff.fidl"), 1);
  ck_assert_ptr_null(strchr(cli.output, '\xff'));
  ck_assert_ptr_nonnull(strstr(cli.output, "\\ufffd"));
  ck_assert_ptr_nonnull(strstr(cli.output, "\xc3\xa4"));
}
END_TEST

START_TEST(colour_is_only_printed_when_wanted) {
  write_file("a.fidl", "library a;\ntype S = struct { x Nothing; };\n");
  ck_assert_int_eq(run("--check --files a.fidl"), 1);
  ck_assert_ptr_null(strchr(cli.output, '\033'));
  ck_assert_int_eq(run("--check --colour always --files a.fidl"), 1);
  ck_assert_ptr_nonnull(strchr(cli.output, '\033'));
}
END_TEST

START_TEST(what_a_terminal_would_act_upon_is_not_printed) {
  write_file("a.fidl", "library a;\nconst X uint8 = \"\033[31m\302\233\342\200\256\377\303\251\";\n");
  ck_assert_int_eq(run("--check --files a.fidl"), 1);
  for (const char* at = cli.output; *at; at++)
    ck_assert_msg((unsigned char)*at >= 0x20 || *at == '\n', "byte %#x is printed", (unsigned char)*at);
  ck_assert_ptr_null(strstr(cli.output, "\302\233"));
  ck_assert_ptr_null(strstr(cli.output, "\342\200\256"));
  ck_assert_ptr_null(strchr(cli.output, '\377'));
  // One caret for each character that is shown.
  ck_assert_ptr_nonnull(strstr(cli.output,
                               "\nconst X uint8 = \"\357\277\275[31m\357\277\275\357\277\275"
                               "\357\277\275\303\251\";\n                ^~~~~~~~~~~\n"));
}
END_TEST

// Runs fidlc with a terminal for its standard error, of which `output` gets what is printed.
static void run_on_terminal(const char* no_color) {
  char* argv[] = {cli.fidlc, (char*)(uintptr_t) "--files", (char*)(uintptr_t) "a.fidl", NULL};
  char* environment[] = {(char*)(uintptr_t)no_color, NULL};
  posix_spawn_file_actions_t actions;
  pid_t pid = -1;
  size_t length = 0;
  int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  ck_assert_int_ge(master, 0);
  ck_assert_int_eq(grantpt(master) | unlockpt(master), 0);
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 2, ptsname(master), O_RDWR | O_NOCTTY, 0);
  ck_assert_int_eq(posix_spawn(&pid, cli.fidlc, &actions, NULL, argv, environment), 0);
  posix_spawn_file_actions_destroy(&actions);
  // The other end is gone when reading fails.
  for (ssize_t count; (count = read(master, cli.output + length, sizeof(cli.output) - 1 - length)) > 0;)
    length += (size_t)count;
  cli.output[length] = '\0';
  close(master);
  while (waitpid(pid, NULL, 0) < 0)
    ck_assert_int_eq(errno, EINTR);
}

START_TEST(colour_is_printed_on_a_terminal) {
  write_file("a.fidl", "library a;\ntype S = struct { x Nothing; };\n");
  run_on_terminal("OTHER=1");
  ck_assert_ptr_nonnull(strstr(cli.output, "\033[1;31merror:\033[0m"));
  run_on_terminal("NO_COLOR=1");
  ck_assert_ptr_nonnull(strstr(cli.output, "error: cannot find"));
  ck_assert_ptr_null(strchr(cli.output, '\033'));
}
END_TEST

START_TEST(plugin_writes_below_its_folder) {
  write_file("a.fidl", kGood);
  ck_assert_int_eq(run_plugin("writes", "--plugin-opt key=value"), 0);
  ck_assert_str_eq(read_file("gen/sub/a.txt"), "key=value");
}
END_TEST

START_TEST(plugin_that_fails_writes_nothing) {
  static const char* const kBehaviours[] = {"refuses", "escapes", "crashes", "babbles"};
  write_file("a.fidl", kGood);
  for (size_t i = 0; i < 4; i++) {
    ck_assert_msg(run_plugin(kBehaviours[i], "--ir a.pb") == 1, "%s", kBehaviours[i]);
    ck_assert_str_ne(cli.output, "");
    ck_assert_int_ne(access("a.pb", F_OK), 0);
    ck_assert_int_ne(access("gen/sub/a.txt", F_OK), 0);
    ck_assert_int_ne(access("a.txt", F_OK), 0);
  }
  ck_assert_int_eq(run("--plugin ./no-such-program --files a.fidl"), 1);
}
END_TEST

int main(int argc, char** argv) {
  const char* name = strrchr(argv[0], '/');
  const char* behaviour = strstr(name ? name : argv[0], "plugin-");
  if (behaviour) return plugin_stub(behaviour + strlen("plugin-"));
  if (argc < 2) return 2;
  cli.fidlc = realpath(argv[1], NULL);
  ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
  if (!cli.fidlc || length < 0) return 2;
  Suite* suite = suite_create("fidlc cli");
  TCase* tc = jx_test_case(suite, "cli");
  tcase_add_checked_fixture(tc, cli_set_up, cli_tear_down);
  tcase_add_test(tc, good_library_is_written);
  tcase_add_test(tc, used_libraries_are_found_in_the_folders_in_order);
  tcase_add_test(tc, given_libraries_come_before_those_in_folders);
  tcase_add_test(tc, libraries_that_no_folder_has_and_circles_are_reported);
  tcase_add_test(tc, library_becomes_json);
  tcase_add_test(tc, without_outputs_it_only_diagnoses);
  tcase_add_test(tc, numbers_are_explained);
  tcase_add_test(tc, errors_leave_outputs_as_they_were);
  tcase_add_test(tc, wrong_usage_has_its_own_status);
  tcase_add_test(tc, wrong_usage_is_told);
  tcase_add_test(tc, help_and_version_go_to_standard_output);
  tcase_add_test(tc, response_file_is_expanded);
  tcase_add_test(tc, library_must_have_the_name_asked_for);
  tcase_add_test(tc, library_must_be_versioned_as_asked_for);
  tcase_add_test(tc, unused_library_is_an_error_unless_it_is_zx);
  tcase_add_test(tc, warnings_fail_only_when_asked);
  tcase_add_test(tc, diagnostics_can_be_json);
  tcase_add_test(tc, json_holds_no_bytes_that_are_not_utf8);
  tcase_add_test(tc, colour_is_only_printed_when_wanted);
  tcase_add_test(tc, what_a_terminal_would_act_upon_is_not_printed);
  tcase_add_test(tc, colour_is_printed_on_a_terminal);
  tcase_add_test(tc, plugin_writes_below_its_folder);
  tcase_add_test(tc, plugin_that_fails_writes_nothing);
  return jx_test_run(suite);
}
