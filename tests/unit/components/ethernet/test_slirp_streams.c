// The connections that the slirp wire forwards: those of a real TCP/IP client, to sockets of the host's
// loopback.
#include <errno.h>
#include <jx_test.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zircon/syscalls.h>

#include "slirp_fixture.h"

START_TEST(a_stream_carries_bytes_both_ways_in_runs_of_segments) {
  pair_t pair = connect_pair();
  exchange(&pair, 16 << 20);
  ck_assert_uint_gt(world.longest_frame, 20000);
  close_pair(&pair);
}
END_TEST

START_TEST(a_stream_carries_bytes_to_a_client_that_knows_no_offloads) {
  fixture_teardown();
  fixture_begin(&(world_config_t){.offloads = 0});
  pair_t pair = connect_pair();
  exchange(&pair, 4 << 20);
  ck_assert_uint_le(world.longest_frame, 1514);
  close_pair(&pair);
}
END_TEST

START_TEST(a_stream_carries_bytes_through_large_frames) {
  fixture_teardown();
  fixture_begin(&(world_config_t){.offloads = OFFLOAD_CHECKSUM, .mtu = SLIRP_WIRE_MTU_MAX});
  pair_t pair = connect_pair();
  exchange(&pair, 16 << 20);
  close_pair(&pair);
}
END_TEST

START_TEST(a_stream_carries_bytes_over_ipv6) {
  close(listener);
  listener = world_host_socket(AF_INET6, SOCK_STREAM, &port);
  if (listener < 0) return;  // a host without IPv6 loopback
  gateway = "fec0::2";
  pair_t pair = connect_pair();
  exchange(&pair, 1 << 20);
  close_pair(&pair);
}
END_TEST

static void expect_refusal(const char* address, uint16_t to, int error) {
  tcpip_socket_t* stream = call(address, to);
  WORLD_RUN_UNTIL(&world, tcpip_socket_poll(stream) & TCPIP_EVENT_ERROR);
  ck_assert_int_eq(tcpip_socket_take_error(stream), -error);
  tcpip_socket_destroy(stream);
}

START_TEST(a_connection_that_the_host_cannot_make_is_refused) {
  close(listener);
  expect_refusal(gateway, port, ECONNREFUSED);
  expect_refusal("fec0::2", port, ECONNREFUSED);
  expect_refusal("10.0.2.3", 80, ECONNREFUSED);  // there is a name server and nothing else
  listener = world_host_socket(AF_INET, SOCK_STREAM, &port);
}
END_TEST

START_TEST(the_hosts_loopback_can_be_switched_off) {
  fixture_teardown();
  fixture_begin(&(world_config_t){.offloads = OFFLOAD_ALL, .no_loopback = true});
  expect_refusal(gateway, port, ECONNREFUSED);
  ck_assert_int_eq(accept(listener, NULL, NULL), -1);
}
END_TEST

START_TEST(either_side_may_shut_down_first) {
  for (int client_first = 0; client_first < 2; client_first++) {
    pair_t pair = connect_pair();
    if (client_first) {
      ck_assert_int_eq(tcpip_socket_shutdown(pair.client, false, true), 0);
      WORLD_RUN_UNTIL(&world, host_read(pair.host, 0) == -1);
      ck_assert_uint_eq(host_write(pair.host, 0, 1000), 1000);
      WORLD_RUN_UNTIL(&world, tcpip_socket_next_length(pair.client) == 1000);
    } else {
      ck_assert_int_eq(shutdown(pair.host, SHUT_WR), 0);
      WORLD_RUN_UNTIL(&world, client_read(pair.client, 0) == -1);
      ck_assert_uint_eq(client_write(pair.client, 0, 1000), 1000);
      WORLD_RUN_UNTIL(&world, host_read(pair.host, 0) == 1000);
    }
    close_pair(&pair);
  }
}
END_TEST

START_TEST(a_reset_by_the_host_reaches_the_client) {
  pair_t pair = connect_pair();
  struct linger at_once = {.l_onoff = 1};
  ck_assert_int_eq(setsockopt(pair.host, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
  close(pair.host);
  WORLD_RUN_UNTIL(&world, tcpip_socket_poll(pair.client) & TCPIP_EVENT_ERROR);
  ck_assert_int_eq(tcpip_socket_take_error(pair.client), -ECONNRESET);
  tcpip_socket_destroy(pair.client);
}
END_TEST

// How much of what a host has written is still in its own socket.
static int unsent(int host) {
  int count = -1;
  ck_assert_int_eq(ioctl(host, SIOCOUTQ, &count), 0);
  return count;
}

static int unread(int host) {
  int count = -1;
  ck_assert_int_eq(ioctl(host, FIONREAD, &count), 0);
  return count;
}

// More than the client has room for, and no more than the wire's socket has.
START_TEST(what_the_host_said_before_its_reset_is_not_lost) {
  const size_t length = 48 << 10;
  pair_t pair = connect_with_buffer(4096);
  size_t written = 0, read = 0;
  WORLD_RUN_UNTIL(&world, (written += host_write(pair.host, written, length)) == length);
  WORLD_RUN_UNTIL(&world, unsent(pair.host) == 0);
  ck_assert_uint_eq(client_write(pair.client, 0, 10), 10);
  WORLD_RUN_UNTIL(&world, unread(pair.host) == 10);
  close(pair.host);  // with bytes unread: a reset
  WORLD_RUN_UNTIL(&world, (read += (size_t)client_read(pair.client, read)) == length);
  WORLD_RUN_UNTIL(&world, tcpip_socket_poll(pair.client) & TCPIP_EVENT_ERROR);
  ck_assert_int_eq(tcpip_socket_take_error(pair.client), -ECONNRESET);
  tcpip_socket_destroy(pair.client);
}
END_TEST

START_TEST(a_reset_by_the_client_reaches_the_host) {
  pair_t pair = connect_pair();
  ck_assert_int_eq(tcpip_socket_set(pair.client, TCPIP_LINGER, 0), 0);
  tcpip_socket_destroy(pair.client);
  char byte;
  WORLD_RUN_UNTIL(&world, recv(pair.host, &byte, 1, 0) == 0 || errno != EAGAIN);
  ck_assert_int_eq(errno, ECONNRESET);
  close(pair.host);
}
END_TEST

START_TEST(a_host_that_does_not_read_stops_the_client_and_nothing_is_lost) {
  pair_t pair = connect_pair();
  const size_t length = 64 << 20;
  size_t written = 0, stalled = 0;
  while (written < length && stalled < 2000) {
    size_t count = client_write(pair.client, written, length);
    written += count;
    stalled = count ? 0 : stalled + 1;
    world_step(&world);
  }
  ck_assert_uint_lt(written, length);
  (void)tcpip_socket_shutdown(pair.client, false, true);
  size_t read = 0;
  for (ssize_t count = 0; count >= 0; world_step(&world)) {
    count = host_read(pair.host, read);
    if (count > 0) read += (size_t)count;
  }
  ck_assert_uint_eq(read, written);
  close_pair(&pair);
}
END_TEST

START_TEST(a_client_that_does_not_read_stops_the_host_and_nothing_is_lost) {
  pair_t pair = connect_pair();
  const size_t length = 64 << 20;
  size_t written = 0, stalled = 0;
  while (written < length && stalled < 2000) {
    size_t count = host_write(pair.host, written, length);
    written += count;
    stalled = count ? 0 : stalled + 1;
    world_step(&world);
  }
  ck_assert_uint_lt(written, length);
  (void)shutdown(pair.host, SHUT_WR);
  size_t read = 0;
  for (ssize_t count = 0; count >= 0; world_step(&world)) {
    count = client_read(pair.client, read);
    if (count > 0) read += (size_t)count;
  }
  ck_assert_uint_eq(read, written);
  close_pair(&pair);
}
END_TEST

START_TEST(a_device_without_buffers_holds_everything_up_and_loses_nothing) {
  pair_t pair = connect_pair();
  size_t written = host_write(pair.host, 0, 32768);
  world.open = false;
  for (int i = 0; i < 20; i++)
    world_step(&world);
  size_t before = world.received_frames;
  world_step(&world);
  ck_assert_uint_eq(world.received_frames, before);
  world.open = true;
  world.wire->ops->resume(world.wire);
  size_t read = 0;
  WORLD_RUN_UNTIL(&world, (read += (size_t)client_read(pair.client, read)) == written);
  close_pair(&pair);
}
END_TEST

#define MANY 300

START_TEST(many_connections_at_once_and_their_descriptors_come_back) {
  static pair_t pairs[MANY];
  int before = jx_test_open_fds();
  for (size_t i = 0; i < MANY; i++)
    pairs[i].client = call(gateway, port);
  for (size_t i = 0; i < MANY; i++) {
    WORLD_RUN_UNTIL(&world,
                    (pairs[i].host = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0);
  }
  for (size_t i = 0; i < MANY; i++)
    WORLD_RUN_UNTIL(&world, state_of(pairs[i].client) == TCPIP_TCP_ESTABLISHED);
  for (size_t i = 0; i < MANY; i++)
    close_pair(&pairs[i]);
  WORLD_RUN_UNTIL(&world, jx_test_open_fds() == before);
}
END_TEST

START_TEST(a_wire_that_goes_ends_what_had_its_end_and_resets_the_rest) {
  pair_t ended = connect_pair(), open = connect_pair();
  ck_assert_int_eq(tcpip_socket_shutdown(ended.client, false, true), 0);
  WORLD_RUN_UNTIL(&world, host_read(ended.host, 0) == -1);
  world_deinit(&world);
  char byte;
  ck_assert_int_eq(recv(ended.host, &byte, 1, 0), 0);
  ck_assert_int_eq(recv(open.host, &byte, 1, 0), -1);
  ck_assert_int_eq(errno, ECONNRESET);
  close(ended.host);
  close(open.host);
  world_init(&world, &(world_config_t){.offloads = 0});
}
END_TEST

START_TEST(a_wire_is_unfinished_until_the_host_has_taken_everything) {
  pair_t pair = connect_pair();
  size_t written = 0, stalled = 0, read = 0;
  ck_assert(!world.wire->ops->is_unfinished(world.wire));
  for (size_t count; written < 64 << 20 && stalled < 2000; world_step(&world)) {
    written += count = client_write(pair.client, written, 64 << 20);
    stalled = count ? 0 : stalled + 1;
  }
  tcpip_socket_destroy(pair.client);
  ck_assert(world.wire->ops->is_unfinished(world.wire));
  WORLD_RUN_UNTIL(&world, (read += (size_t)host_read(pair.host, read)) == written);
  WORLD_RUN_UNTIL(&world, host_read(pair.host, read) == -1);
  ck_assert(!world.wire->ops->is_unfinished(world.wire));
  close(pair.host);
}
END_TEST

START_TEST(a_client_that_has_gone_leaves_no_streams) {
  pair_t open = connect_pair(), ended = connect_pair(), full = connect_pair();
  char byte;
  ck_assert_int_eq(tcpip_socket_shutdown(ended.client, false, true), 0);
  WORLD_RUN_UNTIL(&world, host_read(ended.host, 0) == -1);
  size_t written = 0, stalled = 0, read = 0;
  for (size_t count; written < 64 << 20 && stalled < 2000; world_step(&world)) {
    written += count = client_write(full.client, written, 64 << 20);
    stalled = count ? 0 : stalled + 1;
  }
  tcpip_socket_t* unanswered = call(gateway, port);
  world.wire->ops->deserted(world.wire);
  WORLD_RUN_UNTIL(&world, recv(open.host, &byte, 1, 0) < 0 && errno == ECONNRESET);
  ck_assert_int_eq(recv(ended.host, &byte, 1, 0), 0);
  // What the wire had taken arrives before the reset.
  ck_assert(world.wire->ops->is_unfinished(world.wire));
  for (errno = 0; errno != ECONNRESET;) {
    world_step(&world);
    errno = 0;
    ssize_t count = host_read(full.host, read);
    ck_assert_int_ge(count, 0);
    read += (size_t)count;
  }
  ck_assert_uint_gt(read, 0);
  ck_assert(!world.wire->ops->is_unfinished(world.wire));
  tcpip_socket_destroy(unanswered);
  close_pair(&open);
  close_pair(&ended);
  close_pair(&full);
}
END_TEST

static void reset_by_host(int host) {
  struct linger at_once = {.l_onoff = 1};
  ck_assert_int_eq(setsockopt(host, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
  close(host);
}

START_TEST(a_connection_that_the_host_resets_at_once_is_made_and_then_reset) {
  pair_t first = connect_pair();  // the neighbours know each other
  tcpip_socket_t* client = call(gateway, port);
  int host = -1;
  while (world_send(&world))
    continue;
  // The wire has not been told yet that the host has accepted.
  host = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  ck_assert_int_ge(host, 0);
  ck_assert_uint_eq(host_write(host, 0, 100), 100);
  reset_by_host(host);
  size_t read = 0;
  WORLD_RUN_UNTIL(&world, (read += (size_t)client_read(client, read)) == 100);
  WORLD_RUN_UNTIL(&world, tcpip_socket_poll(client) & TCPIP_EVENT_ERROR);
  ck_assert_int_eq(tcpip_socket_take_error(client), -ECONNRESET);
  tcpip_socket_destroy(client);
  close_pair(&first);
}
END_TEST

START_TEST(a_reset_by_the_host_after_its_end_reaches_the_client) {
  pair_t pair = connect_pair();
  ck_assert_int_eq(shutdown(pair.host, SHUT_WR), 0);
  WORLD_RUN_UNTIL(&world, client_read(pair.client, 0) == -1);
  reset_by_host(pair.host);
  WORLD_RUN_UNTIL(&world, tcpip_socket_poll(pair.client) & TCPIP_EVENT_ERROR);
  tcpip_socket_destroy(pair.client);
}
END_TEST

START_TEST(an_urgent_byte_and_what_follows_it_do_not_stay_behind) {
  pair_t pair = connect_pair();
  for (size_t at = 0; at < 600; at += 6) {
    uint8_t bytes[6];
    for (size_t i = 0; i < sizeof(bytes); i++)
      bytes[i] = pattern(at + i, 2);
    ck_assert_int_eq(send(pair.host, bytes, 4, MSG_NOSIGNAL | MSG_OOB), 4);  // the fourth is urgent
    ck_assert_int_eq(send(pair.host, bytes + 4, 2, MSG_NOSIGNAL), 2);
    size_t read = at;
    WORLD_RUN_UNTIL(&world, (read += (size_t)client_read(pair.client, read)) == at + 6);
  }
  close_pair(&pair);
}
END_TEST

START_TEST(streams_outlive_a_change_of_what_the_device_takes) {
  pair_t pair = connect_pair();
  size_t written = 0, read = 0;
  for (unsigned change = 0; change < 6; change++) {
    written += host_write(pair.host, written, written + 32768);
    world_step(&world);
    world.wire->ops->accept(world.wire, change % 2 ? OFFLOAD_ALL : 0);
    WORLD_RUN_UNTIL(&world, (read += (size_t)client_read(pair.client, read)) == written);
  }
  close_pair(&pair);
}
END_TEST

START_TEST(a_wire_that_is_stopped_sends_nothing_more) {
  pair_t pair = connect_pair();
  ck_assert_uint_eq(client_write(pair.client, 0, 1), 1);
  WORLD_RUN_UNTIL(&world, host_read(pair.host, 0) == 1);
  async_loop_shutdown(world.loop);
  size_t before = world.received_frames;
  world.wire->ops->destroy(world.wire);
  ck_assert_uint_eq(world.received_frames, before);
  async_loop_destroy(world.loop);
  tcpip_destroy(world.engine);
  close(pair.host);
  world_init(&world, &(world_config_t){.offloads = 0});
}
END_TEST

// The descriptor of this process, which is the wire's as well, that is connected to `host`.
static int other_end_of(int host) {
  struct sockaddr_in want, is;
  socklen_t length = sizeof(want);
  ck_assert_int_eq(getpeername(host, (struct sockaddr*)&want, &length), 0);
  for (int fd = 3; fd < 1024; fd++) {
    length = sizeof(is);
    if (fd != host && getsockname(fd, (struct sockaddr*)&is, &length) == 0 && length == sizeof(is) &&
        is.sin_family == AF_INET && is.sin_port == want.sin_port)
      return fd;
  }
  return -1;
}

START_TEST(a_host_that_has_gone_without_a_word_is_found_out) {
  pair_t pair = connect_pair();
  int on = 0;
  socklen_t length = sizeof(on);
  int fd = other_end_of(pair.host);
  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, &length), 0);
  ck_assert_int_eq(on, 1);
  close_pair(&pair);
}
END_TEST

START_TEST(a_device_without_buffers_leaves_the_wire_at_rest) {
  pair_t pair = connect_pair();
  world.open = false;
  for (size_t written = 0, stalled = 0; stalled < 20;) {
    size_t count = host_write(pair.host, written, SIZE_MAX / 2);
    written += count;
    stalled = count ? 0 : stalled + 1;
    world_step(&world);
  }
  // Each run of the loop waits for something; retransmissions are far between.
  unsigned runs = 0;
  for (zx_time_t end = zx_deadline_after(ZX_MSEC(100)); zx_clock_get_monotonic() < end; runs++)
    (void)async_loop_run(world.loop, end, true);
  ck_assert_uint_lt(runs, 50);
  world.open = true;
  world.wire->ops->resume(world.wire);
  close_pair(&pair);
}
END_TEST

#define DESCRIPTORS 150

START_TEST(connections_beyond_the_descriptors_leave_some_to_the_rest_of_the_program) {
  static tcpip_socket_t* clients[2 * DESCRIPTORS];
  struct rlimit limit;
  ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = DESCRIPTORS;
  ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
  fixture_teardown();
  fixture_setup();
  size_t established = 0;
  for (size_t i = 0; i < 2 * DESCRIPTORS; i++) {
    clients[i] = call(gateway, port);
    if (i >= 50) {  // more wait for an answer that does not come
      world_step(&world);
      continue;
    }
    WORLD_RUN_UNTIL(&world, state_of(clients[i]) == TCPIP_TCP_ESTABLISHED);
  }
  for (size_t i = 0; i < 2 * DESCRIPTORS; i++)
    established += state_of(clients[i]) == TCPIP_TCP_ESTABLISHED;
  ck_assert_uint_lt(established, DESCRIPTORS);
  int others[16];
  for (size_t i = 0; i < 16; i++)
    ck_assert_int_ge(others[i] = dup(listener), 0);
  for (size_t i = 0; i < 16; i++)
    close(others[i]);
  for (size_t i = 0; i < 2 * DESCRIPTORS; i++)
    tcpip_socket_destroy(clients[i]);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("slirp_streams");
  TCase* streams = jx_test_case(suite, "streams");
  tcase_add_checked_fixture(streams, fixture_setup, fixture_teardown);
  tcase_add_test(streams, a_stream_carries_bytes_both_ways_in_runs_of_segments);
  tcase_add_test(streams, a_stream_carries_bytes_to_a_client_that_knows_no_offloads);
  tcase_add_test(streams, a_stream_carries_bytes_through_large_frames);
  tcase_add_test(streams, a_stream_carries_bytes_over_ipv6);
  tcase_add_test(streams, a_connection_that_the_host_cannot_make_is_refused);
  tcase_add_test(streams, the_hosts_loopback_can_be_switched_off);
  tcase_add_test(streams, either_side_may_shut_down_first);
  tcase_add_test(streams, a_reset_by_the_host_reaches_the_client);
  tcase_add_test(streams, what_the_host_said_before_its_reset_is_not_lost);
  tcase_add_test(streams, a_reset_by_the_client_reaches_the_host);
  tcase_add_test(streams, a_host_that_does_not_read_stops_the_client_and_nothing_is_lost);
  tcase_add_test(streams, a_client_that_does_not_read_stops_the_host_and_nothing_is_lost);
  tcase_add_test(streams, a_device_without_buffers_holds_everything_up_and_loses_nothing);
  tcase_add_test(streams, many_connections_at_once_and_their_descriptors_come_back);
  tcase_add_test(streams, a_wire_that_goes_ends_what_had_its_end_and_resets_the_rest);
  tcase_add_test(streams, a_wire_is_unfinished_until_the_host_has_taken_everything);
  tcase_add_test(streams, a_client_that_has_gone_leaves_no_streams);
  tcase_add_test(streams, a_connection_that_the_host_resets_at_once_is_made_and_then_reset);
  tcase_add_test(streams, a_reset_by_the_host_after_its_end_reaches_the_client);
  tcase_add_test(streams, an_urgent_byte_and_what_follows_it_do_not_stay_behind);
  tcase_add_test(streams, streams_outlive_a_change_of_what_the_device_takes);
  tcase_add_test(streams, a_wire_that_is_stopped_sends_nothing_more);
  tcase_add_test(streams, a_host_that_has_gone_without_a_word_is_found_out);
  tcase_add_test(streams, a_device_without_buffers_leaves_the_wire_at_rest);
  tcase_add_test(streams, connections_beyond_the_descriptors_leave_some_to_the_rest_of_the_program);
  return jx_test_run(suite);
}
