// What components write, as it reaches a person: whole lines, named, harmless.
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jx_test.h"
#include "manager_internal.h"

static manager_t manager;
static component_t component = {.manager = &manager, .label = "net/stack"};
static log_stream_t stream;
static int to_log;
static FILE* shown;
static int real_stderr;

static void set_up(void) {
  ck_assert_int_eq(async_loop_create(NULL, &manager.loop), ZX_OK);
  manager.dispatcher = async_loop_get_dispatcher(manager.loop);
  stream.fd.fd = -1;
  to_log = log_stream_open(&stream, &component);
  ck_assert_int_ge(to_log, 0);
  shown = tmpfile();
  real_stderr = dup(STDERR_FILENO);
  dup2(fileno(shown), STDERR_FILENO);
}

static void tear_down(void) {
  dup2(real_stderr, STDERR_FILENO);
  close(real_stderr);
  fclose(shown);
  if (to_log >= 0) close(to_log);
  log_stream_close(&stream);
  async_loop_shutdown(manager.loop);
  async_loop_destroy(manager.loop);
}

static void component_writes(const char* text) {
  ck_assert_int_eq(write(to_log, text, strlen(text)), (ssize_t)strlen(text));
  while (async_loop_run(manager.loop, 0, true) == ZX_OK)
    continue;
}

static const char* what_is_shown(void) {
  static char text[8192];
  ssize_t size = pread(fileno(shown), text, sizeof text - 1, 0);
  text[size > 0 ? size : 0] = '\0';
  return text;
}

START_TEST(each_line_has_the_name_of_who_wrote_it) {
  component_writes("ERROR: one\ntwo\n");
  ck_assert_str_eq(what_is_shown(), "[net/stack] ERROR: one\n[net/stack] two\n");
}
END_TEST

START_TEST(a_line_that_comes_in_pieces_is_one_line) {
  component_writes("o");
  ck_assert_str_eq(what_is_shown(), "");
  component_writes("ne\n");
  ck_assert_str_eq(what_is_shown(), "[net/stack] one\n");
}
END_TEST

START_TEST(information_is_shown_only_to_who_asks_for_it) {
  component_writes("INFO: a\nDEBUG: b\nWARNING: c\n");
  ck_assert_str_eq(what_is_shown(), "[net/stack] WARNING: c\n");
  manager.options.verbose = true;
  component_writes("INFO: d\n");
  ck_assert_ptr_nonnull(strstr(what_is_shown(), "[net/stack] INFO: d\n"));
}
END_TEST

START_TEST(control_characters_do_not_reach_the_terminal) {
  component_writes("a\033[2Jb\rc\td\n");
  ck_assert_str_eq(what_is_shown(), "[net/stack] a?[2Jb?c\td\n");
}
END_TEST

START_TEST(neither_do_those_beyond_ascii) {
  component_writes(
      "\x7f \xc2\x9b"
      "2J \xc2\x80\xc2\x9f \xc2\xa0 \xc3\x80 \xe2\x80\x9b\n");
  ck_assert_str_eq(what_is_shown(), "[net/stack] ? ??2J ???? \xc2\xa0 \xc3\x80 \xe2\x80\x9b\n");
}
END_TEST

// Such as the name of a protocol that was asked for.
START_TEST(what_the_manager_says_of_a_component_is_one_harmless_line) {
  manager_say(&manager, "%s asked for %s", "net/stack", "\033[2Jx\njacinth: all is well");
  ck_assert_str_eq(what_is_shown(), "jacinth: net/stack asked for ?[2Jx?jacinth: all is well\n");
}
END_TEST

START_TEST(the_rest_of_a_long_line_is_shown_as_its_beginning_is) {
  char text[3001];
  memset(text, 'x', 3000);
  memcpy(text, "INFO: ", 6);
  text[2999] = '\n';
  text[3000] = '\0';
  component_writes(text);
  component_writes("next\n");
  ck_assert_str_eq(what_is_shown(), "[net/stack] next\n");
}
END_TEST

// Such as `less`, and nobody presses a key.
START_TEST(a_reader_that_has_stopped_does_not_stop_the_manager) {
  static char filling[65536], said[65536];
  int ends[2];
  ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
  ck_assert_int_ge(fcntl(ends[1], F_SETPIPE_SZ, 4096), 4096);
  int size = fcntl(ends[1], F_GETPIPE_SZ);
  ck_assert_int_le(size, (int)sizeof filling);
  ck_assert_int_eq(write(ends[1], filling, (size_t)size), size);
  dup2(ends[1], STDERR_FILENO);
  component_writes("one\ntwo\n");
  manager_say(&manager, "three");
  ck_assert_int_eq(read(ends[0], said, sizeof said), size);
  component_writes("four\n");
  ssize_t got = read(ends[0], said, sizeof said - 1);
  said[got > 0 ? got : 0] = '\0';
  close(ends[0]);
  close(ends[1]);
  ck_assert_str_eq(said, "jacinth: 3 lines were lost, for nobody read them\n[net/stack] four\n");
}
END_TEST

START_TEST(what_is_left_at_the_end_is_shown) {
  component_writes("last words");
  close(to_log);
  to_log = -1;
  log_stream_close(&stream);
  ck_assert_str_eq(what_is_shown(), "[net/stack] last words\n");
}
END_TEST

START_TEST(a_line_without_end_is_cut) {
  char text[2501];
  memset(text, 'x', 2500);
  text[2500] = '\0';
  component_writes(text);
  component_writes("\n");
  const char* said = what_is_shown();
  ck_assert_uint_eq(strlen(said), 2500 + 3 * strlen("[net/stack] \n"));
}
END_TEST

int main(void) {
  Suite* suite = suite_create("log");
  TCase* tc = jx_test_case(suite, "log");
  tcase_add_checked_fixture(tc, set_up, tear_down);
  tcase_add_test(tc, each_line_has_the_name_of_who_wrote_it);
  tcase_add_test(tc, a_line_that_comes_in_pieces_is_one_line);
  tcase_add_test(tc, information_is_shown_only_to_who_asks_for_it);
  tcase_add_test(tc, control_characters_do_not_reach_the_terminal);
  tcase_add_test(tc, neither_do_those_beyond_ascii);
  tcase_add_test(tc, what_the_manager_says_of_a_component_is_one_harmless_line);
  tcase_add_test(tc, the_rest_of_a_long_line_is_shown_as_its_beginning_is);
  tcase_add_test(tc, a_reader_that_has_stopped_does_not_stop_the_manager);
  tcase_add_test(tc, what_is_left_at_the_end_is_shown);
  tcase_add_test(tc, a_line_without_end_is_cut);
  return jx_test_run(suite);
}
