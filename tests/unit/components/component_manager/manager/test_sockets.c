// Sockets that programs inherit, their ports in everybody's arguments, and the environment.
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "jx_test.h"
#include "manager_internal.h"

static cml_arena_t* arena;
static realm_t realm;
static manager_t manager;
static component_t component;
static program_socket_t socket_;
static cml_error_t error;

static void set_up(void) {
  arena = cml_arena_create();
  realm.arena = arena;
  realm.instance_count = 1;
  manager.realm = &realm;
  manager.components = &component;
  component.manager = &manager;
  component.label = "server";
  component.host_network = true;
  component.program.sockets = &socket_;
  component.program.socket_count = 1;
  component.program.inside = "/pkg/bin/x";
  socket_.name.text = "echo";
}

static void tear_down(void) {
  if (component.sockets && component.sockets[0] >= 0) close(component.sockets[0]);
  cml_arena_destroy(arena);
}

START_TEST(a_socket_is_bound_and_its_port_can_be_named) {
  cml_string_t argument = {.text = "port=${echo}"};
  char expected[32];
  struct sockaddr_in address;
  socklen_t size = sizeof address;
  socket_.address.text = "127.0.0.1:0";
  ck_assert_msg(component_bind_sockets(&component, &error), "%s", error.message);
  ck_assert_int_eq(getsockname(component.sockets[0], (struct sockaddr*)&address, &size), 0);
  ck_assert_uint_eq(ntohl(address.sin_addr.s_addr), INADDR_LOOPBACK);
  ck_assert_uint_ne(address.sin_port, 0);
  component.program.args = (cml_strings_t){&argument, 1};
  const environment_numbers_t numbers = {-1, -1, -1, -1, 1};
  const char* const* arguments = component_arguments(&component, arena, &numbers, &error);
  snprintf(expected, sizeof expected, "port=%u", ntohs(address.sin_port));
  ck_assert_str_eq(arguments[0], "/pkg/bin/x");
  ck_assert_str_eq(arguments[1], expected);
  ck_assert_ptr_null(arguments[2]);
}
END_TEST

static const char* const bad[] = {"127.0.0.1", "127.0.0.1:", "127.0.0.1:x",  "127.0.0.1:65536",
                                  "host:1",    ":1",         "127.0.0.1:-1", "1234567890123456789:1"};

START_TEST(what_is_no_address_and_port_is_refused) {
  socket_.address.text = bad[_i];
  ck_assert(!component_bind_sockets(&component, &error));
  ck_assert_str_eq(error.error_class, "InvalidField");
}
END_TEST

START_TEST(a_port_that_is_taken_is_told) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  int other = socket(AF_INET, SOCK_DGRAM, 0);
  ck_assert_int_eq(bind(other, (struct sockaddr*)&address, sizeof address), 0);
  getsockname(other, (struct sockaddr*)&address, &size);
  socket_.address.text = cml_arena_printf(arena, "127.0.0.1:%u", ntohs(address.sin_port));
  ck_assert(!component_bind_sockets(&component, &error));
  ck_assert_str_eq(error.error_class, "SocketError");
  ck_assert_ptr_nonnull(strstr(error.message, "in use"));
  close(other);
}
END_TEST

START_TEST(only_who_uses_the_hosts_network_has_sockets_of_it) {
  socket_.address.text = "127.0.0.1:0";
  component.host_network = false;
  ck_assert(!component_bind_sockets(&component, &error));
  ck_assert_ptr_nonnull(strstr(error.message, "does not use jacinth.host.Network"));
}
END_TEST

START_TEST(a_manifests_variable_takes_the_place_of_ours) {
  cml_string_t variables[] = {{.text = "PATH=/mine"}, {.text = "PATHS=2"}, {.text = "JACINTH_SVC=none"}};
  environment_numbers_t numbers = {.bootstrap = -1, .svc = 7, .trace = -1};
  component.program.runner = PROGRAM_POSIX;
  component.program.environ = (cml_strings_t){variables, 3};
  const char* const* environment = component_environment(&component, arena, &numbers, &error);
  ck_assert_ptr_nonnull(environment);
  size_t paths = 0, svcs = 0;
  for (; *environment; environment++) {
    if (strncmp(*environment, "PATH=", 5) == 0 && ++paths) ck_assert_str_eq(*environment, "PATH=/mine");
    if (strncmp(*environment, "JACINTH_SVC=", 12) == 0 && ++svcs)
      ck_assert_str_eq(*environment, "JACINTH_SVC=7");
  }
  ck_assert_uint_eq(paths, 1);
  ck_assert_uint_eq(svcs, 1);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("sockets");
  TCase* tc = jx_test_case(suite, "sockets");
  tcase_add_checked_fixture(tc, set_up, tear_down);
  tcase_add_test(tc, a_socket_is_bound_and_its_port_can_be_named);
  tcase_add_loop_test(tc, what_is_no_address_and_port_is_refused, 0, sizeof bad / sizeof *bad);
  tcase_add_test(tc, a_port_that_is_taken_is_told);
  tcase_add_test(tc, a_manifests_variable_takes_the_place_of_ours);
  tcase_add_test(tc, only_who_uses_the_hosts_network_has_sockets_of_it);
  return jx_test_run(suite);
}
