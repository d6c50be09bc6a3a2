// The program section as the two runners read it.
#include "program.h"

#include <string.h>
#include <sys/stat.h>

#include "jx_test.h"
#include "package_fixture.h"

static realm_t realm;
static cml_error_t error;

static bool read_program(const char* text, program_t* out) {
  package_write("bin/x", "");
  chmod(package_path("bin/x"), 0755);
  package_write("bin/data", "");
  package_write("meta/root.cml", cml_arena_printf(package_arena, "{ program: %s }", text));
  ck_assert_msg(package_load(&realm, &error), "%s", error.message);
  return program_read(&realm, realm.root, out, &error);
}

START_TEST(an_elf_program_is_found_in_its_package) {
  program_t program;
  ck_assert(read_program(
      "{ runner: 'elf', binary: 'bin/x', args: ['--fast'], lifecycle: { stop_event: 'notify' } }", &program));
  ck_assert_int_eq(program.runner, PROGRAM_ELF);
  ck_assert_str_eq(program.inside, "/pkg/bin/x");
  ck_assert_str_eq(program.binary, package_path("bin/x"));
  ck_assert(program.notify_stop);
  ck_assert_int_eq(program.output, PROGRAM_OUTPUT_LOG);
}
END_TEST

START_TEST(a_posix_program_may_lie_anywhere) {
  program_t program;
  ck_assert(
      read_program("{ runner: 'posix', binary: '/bin/sh', sockets: [{ name: 's', datagram: '127.0.0.1:0' }], "
                   "name_server: '10.0.2.3' }",
                   &program));
  ck_assert_str_eq(program.inside, "/bin/sh");
  ck_assert_int_eq(program.output, PROGRAM_OUTPUT_TERMINAL);
  ck_assert_uint_eq(program.socket_count, 1);
}
END_TEST

// Writes a program with so many sockets.
static const char* program_with_sockets(unsigned count) {
  static char text[4096];
  size_t size = (size_t)snprintf(text, sizeof text, "{ runner: 'posix', binary: '/bin/sh', sockets: [");
  for (unsigned i = 0; i < count; i++)
    size += (size_t)snprintf(text + size, sizeof text - size, "{ name: 's%u', datagram: '127.0.0.1:0' },", i);
  snprintf(text + size, sizeof text - size, "] }");
  return text;
}

START_TEST(a_program_inherits_no_more_sockets_than_it_can_be_given) {
  program_t program;
  ck_assert(read_program(program_with_sockets(PROGRAM_SOCKETS_MAX), &program));
  ck_assert_uint_eq(program.socket_count, PROGRAM_SOCKETS_MAX);
  ck_assert(!read_program(program_with_sockets(PROGRAM_SOCKETS_MAX + 1), &program));
  ck_assert_str_eq(error.error_class, "InvalidField");
}
END_TEST

static const struct {
  const char* text;
  const char* error_class;
  const char* message;
} refused[] = {
    {"{ runner: 'elf' }", "MissingField", "no \"binary\""},
    {"{ runner: 'elf', binary: 'bin/gone' }", "MissingBinary", "there is no"},
    {"{ runner: 'elf', binary: 'bin/data' }", "MissingBinary", "be executed"},
    {"{ runner: 'elf', binary: 'bin' }", "MissingBinary", "be executed"},
    {"{ runner: 'elf', binary: '/bin/sh' }", "InvalidField", "must lie in the package"},
    {"{ runner: 'elf', binary: 'bin/../../x' }", "InvalidField", "must lie in the package"},
    {"{ runner: 'wasm', binary: 'bin/x' }", "UseFromEnvironmentNotFound", "no runner \"wasm\""},
    {"{ runner: 'elf', binary: 'bin/x', argz: [] }", "ParseError", "no key \"argz\""},
    {"{ runner: 'elf', binary: 'bin/x', sockets: [] }", "ParseError", "no key \"sockets\""},
    {"{ runner: 'elf', binary: 'bin/x', environ: ['A'] }", "InvalidField", "NAME=VALUE"},
    {"{ runner: 'elf', binary: 'bin/x', lifecycle: { stop_event: 'later' } }", "ParseError",
     "stop_event cannot be"},
    {"{ runner: 'elf', binary: 'bin/x', forward_stdout_to: 'terminal' }", "InvalidField", "runner \"posix\""},
    {"{ runner: 'posix', binary: 'bin/x', name_server: 'dns.example.org' }", "InvalidField", "no address"},
    {"{ runner: 'posix', binary: 'bin/x', sockets: [{ name: 's' }] }", "MissingField", "a socket needs"},
};

START_TEST(what_no_runner_understands_is_refused) {
  program_t program;
  ck_assert(!read_program(refused[_i].text, &program));
  ck_assert_str_eq(error.error_class, refused[_i].error_class);
  ck_assert_msg(strstr(error.message, refused[_i].message), "%s", error.message);
}
END_TEST

static const char* lookup(void* context, const char* name, size_t size) {
  return size == 4 && strncmp(name, "port", 4) == 0 ? "1234" : NULL;
}

static const struct {
  const char* text;
  const char* expanded;
} expansions[] = {
    {"plain", "plain"},
    {"${port}", "1234"},
    {"a${port}b${port}", "a1234b1234"},
    {"$x $ ${port:-9}", "$x $ 1234"},
    {"${gone:-9}", "9"},
    {"${gone:-}", ""},
    {"${gone}", NULL},
    {"${port", NULL},
};

START_TEST(variables_are_replaced) {
  cml_string_t text = {expansions[_i].text, {0}};
  const char* out = program_expand(package_arena, &text, lookup, NULL, &error);
  if (expansions[_i].expanded) {
    ck_assert_str_eq(out, expansions[_i].expanded);
  } else {
    ck_assert_ptr_null(out);
  }
}
END_TEST

int main(void) {
  Suite* suite = suite_create("program");
  TCase* tc = jx_test_case(suite, "program");
  tcase_add_checked_fixture(tc, package_set_up, package_tear_down);
  tcase_add_test(tc, an_elf_program_is_found_in_its_package);
  tcase_add_test(tc, a_posix_program_may_lie_anywhere);
  tcase_add_test(tc, a_program_inherits_no_more_sockets_than_it_can_be_given);
  tcase_add_loop_test(tc, what_no_runner_understands_is_refused, 0, sizeof refused / sizeof *refused);
  tcase_add_loop_test(tc, variables_are_replaced, 0, sizeof expansions / sizeof *expansions);
  return jx_test_run(suite);
}
