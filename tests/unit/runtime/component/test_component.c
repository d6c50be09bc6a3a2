// A component as its own main sees it, with the test as its component manager at the other end of the
// channels.
#include <fcntl.h>
#include <fidl/fuchsia.io.h>
#include <fidl/jacinth.process.h>
#include <lib/async-loop/loop.h>
#include <lib/component/component.h>
#include <lib/trace/trace.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zircon/linux.h>
#include <zircon/syscalls.h>

#include "jx_test.h"

static async_loop_t* loop;
static async_dispatcher_t* dispatcher;
static component_t* component;
static zx_handle_t svc, outgoing, lifecycle;  // the manager's ends

static void set_up(void) {
  ck_assert_int_eq(async_loop_create(NULL, &loop), ZX_OK);
  dispatcher = async_loop_get_dispatcher(loop);
}

static void tear_down(void) {
  async_loop_shutdown(loop);
  component_destroy(component);
  async_loop_destroy(loop);
  zx_handle_close(svc);
  zx_handle_close(outgoing);
  zx_handle_close(lifecycle);
}

// Says what a manager says and makes the component.
static void start_component(zx_handle_t trace) {
  zx_handle_t manager, bootstrap, svc_client, outgoing_server, lifecycle_server;
  ck_assert_int_eq(zx_channel_create(0, &manager, &bootstrap), ZX_OK);
  ck_assert_int_eq(zx_channel_create(0, &svc_client, &svc), ZX_OK);
  ck_assert_int_eq(zx_channel_create(0, &outgoing, &outgoing_server), ZX_OK);
  ck_assert_int_eq(zx_channel_create(0, &lifecycle, &lifecycle_server), ZX_OK);
  jacinth_process_NamespaceEntry entry = {.path = fidl_string("/svc"), .directory = svc_client};
  jacinth_process_BootstrapStartRequest request = {.moniker = fidl_string("net/stack"),
                                                   .outgoing = outgoing_server,
                                                   .lifecycle = lifecycle_server,
                                                   .trace = trace};
  request.namespace_.count = 1;
  request.namespace_.data = &entry;
  ck_assert_int_eq(jacinth_process_Bootstrap_Start(manager, &request), ZX_OK);
  zx_handle_close(manager);
  ck_assert_int_eq(component_create_from_channel(dispatcher, bootstrap, &component), ZX_OK);
}

static void run(void) {
  while (async_loop_run(loop, zx_deadline_after(ZX_MSEC(0)), true) == ZX_OK)
    continue;
}

START_TEST(a_component_takes_what_it_is_given) {
  start_component(ZX_HANDLE_INVALID);
  ck_assert_str_eq(component_moniker(component), "net/stack");
  ck_assert_uint_ne(component_directory(component, "/svc"), ZX_HANDLE_INVALID);
  ck_assert_uint_eq(component_directory(component, "/data"), ZX_HANDLE_INVALID);
}
END_TEST

START_TEST(a_manager_that_says_nothing_is_an_error) {
  zx_handle_t manager, bootstrap;
  ck_assert_int_eq(zx_channel_create(0, &manager, &bootstrap), ZX_OK);
  zx_handle_close(manager);
  ck_assert_int_eq(component_create_from_channel(dispatcher, bootstrap, &component), ZX_ERR_PEER_CLOSED);
}
END_TEST

// A signal may tell the loop to quit before there is a component.
START_TEST(a_loop_that_has_been_told_to_quit_makes_no_component) {
  zx_handle_t manager, bootstrap;
  ck_assert_int_eq(zx_channel_create(0, &manager, &bootstrap), ZX_OK);
  async_loop_quit(loop);
  ck_assert_int_eq(component_create_from_channel(dispatcher, bootstrap, &component), ZX_ERR_CANCELED);
  ck_assert_int_eq(async_loop_run(loop, ZX_TIME_INFINITE, false), ZX_ERR_CANCELED);
  zx_handle_close(manager);
}
END_TEST

START_TEST(a_manager_that_says_nonsense_is_an_error) {
  zx_handle_t manager, bootstrap;
  ck_assert_int_eq(zx_channel_create(0, &manager, &bootstrap), ZX_OK);
  ck_assert_int_eq(zx_channel_write(manager, 0, "nonsense", 8, NULL, 0), ZX_OK);
  ck_assert_int_eq(component_create_from_channel(dispatcher, bootstrap, &component), ZX_ERR_INVALID_ARGS);
  zx_handle_close(manager);
}
END_TEST

START_TEST(a_process_nobody_started_is_no_component) {
  unsetenv("JACINTH_BOOTSTRAP");
  ck_assert_int_eq(component_create(dispatcher, &component), ZX_ERR_NOT_FOUND);
  setenv("JACINTH_BOOTSTRAP", "12x", 1);
  ck_assert_int_eq(component_create(dispatcher, &component), ZX_ERR_NOT_FOUND);
  setenv("JACINTH_BOOTSTRAP", "999", 1);
  ck_assert_int_eq(component_create(dispatcher, &component), ZX_ERR_NOT_FOUND);
}
END_TEST

static char opened[64];
static zx_handle_t opened_object;

static void manager_open(void* context, fuchsia_io_DirectoryOpenRequest* request) {
  snprintf(opened, sizeof opened, "%.*s", (int)request->path.size, request->path.data);
  opened_object = request->object;
  request->object = ZX_HANDLE_INVALID;
}

START_TEST(connecting_opens_a_name_in_svc) {
  static const fuchsia_io_Directory_ops_t ops = {.Open = manager_open};
  zx_handle_t client_end, server_end;
  start_component(ZX_HANDLE_INVALID);
  ck_assert_int_eq(fuchsia_io_Directory_bind(dispatcher, svc, &ops, NULL, NULL, NULL), ZX_OK);
  svc = ZX_HANDLE_INVALID;
  ck_assert_int_eq(zx_channel_create(0, &client_end, &server_end), ZX_OK);
  ck_assert_int_eq(component_connect(component, "sample.Echo", server_end), ZX_OK);
  run();
  ck_assert_str_eq(opened, "sample.Echo");
  ck_assert_uint_ne(opened_object, ZX_HANDLE_INVALID);
  zx_handle_close(opened_object);
  zx_handle_close(client_end);
}
END_TEST

static int served;

static void connect(void* context, zx_handle_t server_end) {
  served += *(int*)context;
  zx_handle_close(server_end);
}

static zx_handle_t open_outgoing(const char* path) {
  zx_handle_t client_end, server_end;
  ck_assert_int_eq(zx_channel_create(0, &client_end, &server_end), ZX_OK);
  fuchsia_io_DirectoryOpenRequest request = {.path = fidl_string(path), .object = server_end};
  ck_assert_int_eq(fuchsia_io_Directory_Open(outgoing, &request), ZX_OK);
  run();
  return client_end;
}

START_TEST(what_is_served_is_found_in_the_outgoing_directory) {
  int two = 2;
  start_component(ZX_HANDLE_INVALID);
  ck_assert_int_eq(component_serve(component, "sample.Echo", connect, &two), ZX_OK);
  ck_assert_int_eq(component_serve(component, "sample.Echo", connect, &two), ZX_ERR_ALREADY_EXISTS);
  zx_handle_close(open_outgoing("svc/sample.Echo"));
  zx_handle_close(open_outgoing("svc/sample.Echo"));
  ck_assert_int_eq(served, 4);
}
END_TEST

static const char* const unknown[] = {"svc/sample.Ech", "svc/", "sample.Echo", "svc/sample.Echo/x",
                                      "/svc/sample.Echo"};

START_TEST(what_is_not_served_is_closed) {
  int two = 2;
  zx_signals_t pending;
  start_component(ZX_HANDLE_INVALID);
  ck_assert_int_eq(component_serve(component, "sample.Echo", connect, &two), ZX_OK);
  zx_handle_t client_end = open_outgoing(unknown[_i]);
  ck_assert_int_eq(served, 0);
  ck_assert_int_eq(zx_object_wait_one(client_end, ZX_CHANNEL_PEER_CLOSED, ZX_TIME_INFINITE, &pending), ZX_OK);
  zx_handle_close(client_end);
}
END_TEST

static void stop(void* context) {
  async_loop_quit(loop);
}

START_TEST(a_request_to_stop_reaches_the_component) {
  start_component(ZX_HANDLE_INVALID);
  component_on_stop(component, stop, NULL);
  ck_assert_int_eq(jacinth_process_Lifecycle_Stop(lifecycle), ZX_OK);
  ck_assert_int_eq(async_loop_run(loop, ZX_TIME_INFINITE, false), ZX_ERR_CANCELED);
}
END_TEST

START_TEST(a_traced_component_records_its_points) {
  zx_handle_t vmo;
  trace_reader_t reader;
  trace_event_t event;
  int fd = memfd_create("trace", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  ck_assert_int_eq(ftruncate(fd, TRACE_BUFFER_MIN_BYTES), 0);
  ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
  void* memory = mmap(NULL, TRACE_BUFFER_MIN_BYTES, PROT_READ, MAP_SHARED, fd, 0);
  ck_assert_int_eq(zx_linux_vmo_from_fd(fd, &vmo), ZX_OK);
  start_component(vmo);
  trace_point("here", 7);
  ck_assert(trace_reader_init(&reader, memory, TRACE_BUFFER_MIN_BYTES));
  bool found = false;
  while (trace_reader_next(&reader, &event))
    found = found || strcmp(event.name, "here") == 0;
  ck_assert(found);
  munmap(memory, TRACE_BUFFER_MIN_BYTES);
}
END_TEST

START_TEST(a_log_line_is_one_line_with_its_severity) {
  char line[64] = {0};
  int ends[2], old = dup(STDERR_FILENO);
  ck_assert_int_eq(pipe(ends), 0);
  dup2(ends[1], STDERR_FILENO);
  component_log(NULL, COMPONENT_LOG_WARNING, "%d frames lost", 3);
  dup2(old, STDERR_FILENO);
  ck_assert_int_gt(read(ends[0], line, sizeof line - 1), 0);
  close(old);
  close(ends[0]);
  close(ends[1]);
  ck_assert_str_eq(line, "WARNING: 3 frames lost\n");
}
END_TEST

int main(void) {
  Suite* suite = suite_create("component");
  TCase* tc = jx_test_case(suite, "component");
  tcase_add_checked_fixture(tc, set_up, tear_down);
  tcase_add_test(tc, a_component_takes_what_it_is_given);
  tcase_add_test(tc, a_manager_that_says_nothing_is_an_error);
  tcase_add_test(tc, a_manager_that_says_nonsense_is_an_error);
  tcase_add_test(tc, a_loop_that_has_been_told_to_quit_makes_no_component);
  tcase_add_test(tc, a_process_nobody_started_is_no_component);
  tcase_add_test(tc, connecting_opens_a_name_in_svc);
  tcase_add_test(tc, what_is_served_is_found_in_the_outgoing_directory);
  tcase_add_loop_test(tc, what_is_not_served_is_closed, 0, sizeof unknown / sizeof *unknown);
  tcase_add_test(tc, a_request_to_stop_reaches_the_component);
  tcase_add_test(tc, a_traced_component_records_its_points);
  tcase_add_test(tc, a_log_line_is_one_line_with_its_severity);
  return jx_test_run(suite);
}
