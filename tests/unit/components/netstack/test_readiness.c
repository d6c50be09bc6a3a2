// What poll, select, epoll and the eventpair report as a socket's state changes.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fidl/fuchsia.posix.socket.h>
#include <tcpip/socket.h>
#include <zircon/linux.h>
#include <zircon/syscalls.h>

#include "jx_test.h"
#include "readiness.h"

// A readiness and what an application holds of it.
typedef struct fixture {
  readiness_t readiness;
  zx_handle_t event;
  int fd;
} fixture_t;

static void set_up(fixture_t* f, uint32_t state) {
  zx_handle_t descriptor;
  ck_assert_int_eq(readiness_init(&f->readiness, state), ZX_OK);
  ck_assert_int_eq(readiness_share(&f->readiness, &f->event, &descriptor), ZX_OK);
  ck_assert_int_eq(zx_linux_fd_unwrap(descriptor, &f->fd), ZX_OK);
}

static void tear_down(fixture_t* f) {
  readiness_deinit(&f->readiness);
  zx_handle_close(f->event);
  close(f->fd);
}

static short poll_now(int fd) {
  struct pollfd item = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP | POLLPRI};
  ck_assert_int_ge(poll(&item, 1, 0), 0);
  return item.revents;
}

static zx_signals_t signals_now(zx_handle_t event) {
  zx_signals_t observed = 0;
  zx_status_t status = zx_object_wait_one(event, 0, 0, &observed);
  ck_assert(status == ZX_OK || status == ZX_ERR_TIMED_OUT);
  return observed;
}

static const struct {
  uint32_t state;
  short poll;
  zx_signals_t signals;
} states[] = {
    {0, 0, 0},
    {TCPIP_EVENT_WRITABLE, POLLOUT, fuchsia_posix_socket_SIGNAL_DATAGRAM_OUTGOING},
    {TCPIP_EVENT_READABLE, POLLIN, fuchsia_posix_socket_SIGNAL_DATAGRAM_INCOMING},
    {TCPIP_EVENT_READABLE | TCPIP_EVENT_WRITABLE, POLLIN | POLLOUT,
     fuchsia_posix_socket_SIGNAL_DATAGRAM_INCOMING | fuchsia_posix_socket_SIGNAL_DATAGRAM_OUTGOING},
    {TCPIP_EVENT_ERROR, POLLIN, fuchsia_posix_socket_SIGNAL_DATAGRAM_ERROR},
    {TCPIP_EVENT_ERROR | TCPIP_EVENT_READABLE, POLLIN,
     fuchsia_posix_socket_SIGNAL_DATAGRAM_ERROR | fuchsia_posix_socket_SIGNAL_DATAGRAM_INCOMING},
    {TCPIP_EVENT_ERROR_QUEUE, POLLIN, fuchsia_posix_socket_SIGNAL_DATAGRAM_ERROR_QUEUE},
    {TCPIP_EVENT_WRITE_SHUTDOWN, POLLOUT, fuchsia_posix_socket_SIGNAL_DATAGRAM_SHUTDOWN_WRITE},
};
enum { STATES = sizeof(states) / sizeof(states[0]) };

static void check_state(const fixture_t* f, int i) {
  ck_assert_int_eq(poll_now(f->fd), states[i].poll);
  ck_assert_uint_eq(signals_now(f->event) & 0xff000000u, states[i].signals);
}

START_TEST(a_new_one_shows_its_first_state) {
  fixture_t f;
  set_up(&f, states[_i].state);
  check_state(&f, _i);
  tear_down(&f);
}
END_TEST

START_TEST(every_state_follows_every_other) {
  fixture_t f;
  set_up(&f, TCPIP_EVENT_WRITABLE);
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < STATES; i++) {
      for (int k = 0; k < STATES; k++) {
        readiness_update(&f.readiness, states[i].state);
        check_state(&f, i);
        readiness_update(&f.readiness, states[k].state);
        check_state(&f, k);
      }
    }
  }
  tear_down(&f);
}
END_TEST

START_TEST(read_shutdown_hangs_up_the_reading_side) {
  fixture_t f;
  set_up(&f, TCPIP_EVENT_WRITABLE);
  readiness_update(&f.readiness, TCPIP_EVENT_WRITABLE | TCPIP_EVENT_READ_SHUTDOWN);
  ck_assert_int_eq(poll_now(f.fd), POLLIN | POLLOUT | POLLRDHUP);
  ck_assert_uint_eq(
      signals_now(f.event) & 0xff000000u,
      fuchsia_posix_socket_SIGNAL_DATAGRAM_OUTGOING | fuchsia_posix_socket_SIGNAL_DATAGRAM_SHUTDOWN_READ);
  tear_down(&f);
}
END_TEST

START_TEST(the_end_of_the_socket_hangs_up) {
  fixture_t f;
  set_up(&f, TCPIP_EVENT_WRITABLE | TCPIP_EVENT_READABLE);
  readiness_deinit(&f.readiness);
  ck_assert_int_ne(poll_now(f.fd) & POLLHUP, 0);
  ck_assert_uint_ne(signals_now(f.event) & ZX_EVENTPAIR_PEER_CLOSED, 0);
  tear_down(&f);
}
END_TEST

START_TEST(select_agrees_with_poll) {
  fixture_t f;
  set_up(&f, TCPIP_EVENT_READABLE);
  fd_set readable, writable;
  struct timeval now = {0};
  FD_ZERO(&readable);
  FD_ZERO(&writable);
  FD_SET(f.fd, &readable);
  FD_SET(f.fd, &writable);
  ck_assert_int_eq(select(f.fd + 1, &readable, &writable, NULL, &now), 1);
  ck_assert(FD_ISSET(f.fd, &readable));
  ck_assert(!FD_ISSET(f.fd, &writable));
  tear_down(&f);
}
END_TEST

static int epoll_with(int fd, uint32_t events) {
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = events};
  ck_assert_int_eq(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
  return epoll;
}

static uint32_t epoll_now(int epoll) {
  struct epoll_event event;
  int count = epoll_wait(epoll, &event, 1, 0);
  ck_assert_int_ge(count, 0);
  return count == 0 ? 0 : event.events;
}

START_TEST(level_triggered_epoll_reports_until_taken_back) {
  fixture_t f;
  set_up(&f, 0);
  int epoll = epoll_with(f.fd, EPOLLIN);
  ck_assert_uint_eq(epoll_now(epoll), 0);
  readiness_update(&f.readiness, TCPIP_EVENT_READABLE);
  ck_assert_uint_eq(epoll_now(epoll), EPOLLIN);
  ck_assert_uint_eq(epoll_now(epoll), EPOLLIN);
  readiness_update(&f.readiness, 0);
  ck_assert_uint_eq(epoll_now(epoll), 0);
  close(epoll);
  tear_down(&f);
}
END_TEST

START_TEST(edge_triggered_epoll_reports_each_change_once) {
  fixture_t f;
  set_up(&f, 0);
  int epoll = epoll_with(f.fd, EPOLLIN | EPOLLET);
  for (int i = 0; i < 3; i++) {
    readiness_update(&f.readiness, TCPIP_EVENT_READABLE);
    ck_assert_uint_eq(epoll_now(epoll), EPOLLIN);
    ck_assert_uint_eq(epoll_now(epoll), 0);
    readiness_update(&f.readiness, 0);
    ck_assert_uint_eq(epoll_now(epoll), 0);
  }
  close(epoll);
  tear_down(&f);
}
END_TEST

START_TEST(edge_triggered_epoll_reports_room_to_write) {
  fixture_t f;
  set_up(&f, 0);
  int epoll = epoll_with(f.fd, EPOLLOUT | EPOLLET);
  ck_assert_uint_eq(epoll_now(epoll), 0);
  readiness_update(&f.readiness, TCPIP_EVENT_WRITABLE);
  ck_assert_uint_eq(epoll_now(epoll), EPOLLOUT);
  readiness_update(&f.readiness, 0);
  readiness_update(&f.readiness, TCPIP_EVENT_WRITABLE);
  ck_assert_uint_eq(epoll_now(epoll), EPOLLOUT);
  close(epoll);
  tear_down(&f);
}
END_TEST

// An application that plays with its descriptor spoils only what it sees itself, and never makes us wait.
START_TEST(an_application_that_meddles_blocks_nobody) {
  fixture_t f;
  char bytes[4096] = {0};
  set_up(&f, TCPIP_EVENT_READABLE | TCPIP_EVENT_WRITABLE);
  ck_assert_int_eq(recv(f.fd, bytes, sizeof(bytes), MSG_DONTWAIT), 1);
  while (send(f.fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
    continue;
  for (int i = 0; i < STATES; i++)
    readiness_update(&f.readiness, states[i].state);
  ck_assert_int_eq(shutdown(f.fd, SHUT_RDWR), 0);
  for (int i = 0; i < STATES; i++)
    readiness_update(&f.readiness, states[i].state);
  zx_handle_close(f.event);
  f.event = ZX_HANDLE_INVALID;
  for (int i = 0; i < STATES; i++)
    readiness_update(&f.readiness, states[i].state);
  tear_down(&f);
}
END_TEST

START_TEST(several_shares_show_the_same) {
  fixture_t f;
  zx_handle_t event, descriptor;
  int fd;
  set_up(&f, 0);
  ck_assert_int_eq(readiness_share(&f.readiness, &event, &descriptor), ZX_OK);
  ck_assert_int_eq(zx_linux_fd_unwrap(descriptor, &fd), ZX_OK);
  readiness_update(&f.readiness, TCPIP_EVENT_READABLE);
  ck_assert_int_eq(poll_now(fd), POLLIN);
  ck_assert_int_eq(poll_now(f.fd), POLLIN);
  ck_assert_uint_eq(signals_now(event), signals_now(f.event));
  close(fd);
  zx_handle_close(event);
  ck_assert_int_eq(poll_now(f.fd), POLLIN);
  tear_down(&f);
}
END_TEST

START_TEST(another_reason_to_read_is_another_edge) {
  static const uint32_t reasons[] = {TCPIP_EVENT_ERROR_QUEUE, TCPIP_EVENT_READABLE, TCPIP_EVENT_ERROR};
  fixture_t f;
  set_up(&f, 0);
  int epoll = epoll_with(f.fd, EPOLLIN | EPOLLET);
  struct epoll_event event;
  uint32_t state = 0;
  for (int i = 0; i < 3; i++) {
    state |= reasons[i];
    readiness_update(&f.readiness, state);
    ck_assert_int_eq(epoll_wait(epoll, &event, 1, 0), 1);
    ck_assert_int_eq(epoll_wait(epoll, &event, 1, 0), 0);
  }
  readiness_update(&f.readiness, TCPIP_EVENT_READABLE);  // one less is none
  ck_assert_int_eq(epoll_wait(epoll, &event, 1, 0), 0);
  ck_assert_int_eq(poll_now(f.fd), POLLIN);
  readiness_update(&f.readiness, 0);
  ck_assert_int_eq(poll_now(f.fd), 0);
  close(epoll);
  tear_down(&f);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("netstack_readiness");
  TCase* tc = jx_test_case(suite, "readiness");
  tcase_add_loop_test(tc, a_new_one_shows_its_first_state, 0, STATES);
  tcase_add_test(tc, every_state_follows_every_other);
  tcase_add_test(tc, read_shutdown_hangs_up_the_reading_side);
  tcase_add_test(tc, the_end_of_the_socket_hangs_up);
  tcase_add_test(tc, select_agrees_with_poll);
  tcase_add_test(tc, level_triggered_epoll_reports_until_taken_back);
  tcase_add_test(tc, edge_triggered_epoll_reports_each_change_once);
  tcase_add_test(tc, edge_triggered_epoll_reports_room_to_write);
  tcase_add_test(tc, an_application_that_meddles_blocks_nobody);
  tcase_add_test(tc, several_shares_show_the_same);
  tcase_add_test(tc, another_reason_to_read_is_another_edge);
  return jx_test_run(suite);
}
