// Datagram sockets as applications use them: over real channels, between two netstacks and within one.
#include <errno.h>
#include <poll.h>
#include <string.h>

#include <zircon/syscalls.h>

#include "jx_test.h"
#include "two_netstacks.h"

typedef struct fixture {
  two_netstacks_t two;
  zx_handle_t provider[2];
  app_socket_t left, right;  // right is bound to 10.0.0.2:7
} fixture_t;

static app_datagram_t datagram;

static void set_up(fixture_t* f) {
  two_netstacks_start(&f->two, NULL);
  for (int side = LEFT; side <= RIGHT; side++)
    f->provider[side] = two_netstacks_provider(&f->two, side);
  f->left = app_socket_open(f->provider[LEFT], fuchsia_posix_socket_Domain_IPV4);
  f->right = app_socket_open(f->provider[RIGHT], fuchsia_posix_socket_Domain_IPV4);
  ck_assert_int_eq(app_bind(&f->right, 2, 7), 0);
}

static void tear_down(fixture_t* f) {
  app_socket_release(&f->left);
  app_socket_release(&f->right);
  zx_handle_close(f->provider[LEFT]);
  zx_handle_close(f->provider[RIGHT]);
  two_netstacks_stop(&f->two);
}

static short poll_now(int fd) {
  struct pollfd item = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP};
  ck_assert_int_ge(poll(&item, 1, 0), 0);
  return item.revents;
}

// What the eventpair shows, the descriptor shows a moment later: waits for it.
static void expect_poll(int fd, short event) {
  struct pollfd item = {.fd = fd, .events = event};
  ck_assert_int_eq(poll(&item, 1, 50000), 1);
  ck_assert_int_eq(item.revents & event, event);
}

START_TEST(nothing_received_would_block) {
  fixture_t f;
  set_up(&f);
  ck_assert_int_eq(app_recv(&f.right, 100, false, &datagram), EAGAIN);
  ck_assert_int_eq(poll_now(f.right.fd), POLLOUT);
  tear_down(&f);
}
END_TEST

START_TEST(a_datagram_crosses_the_wire_and_is_answered) {
  fixture_t f;
  set_up(&f);
  ck_assert_int_eq(app_send(&f.left, 2, 7, "ping", 4), 0);
  app_expect(&f.right, &datagram);
  ck_assert_uint_eq(datagram.size, 4);
  ck_assert_mem_eq(datagram.data, "ping", 4);
  ck_assert_mem_eq(datagram.from, ((uint8_t[]){10, 0, 0, 1}), 4);
  ck_assert_uint_eq(datagram.from_port, app_local_port(&f.left));
  ck_assert_int_eq(app_send(&f.right, 1, datagram.from_port, "pong!", 5), 0);
  app_expect(&f.left, &datagram);
  ck_assert_uint_eq(datagram.size, 5);
  ck_assert_uint_eq(datagram.from_port, 7);
  tear_down(&f);
}
END_TEST

START_TEST(readiness_goes_with_the_last_datagram) {
  fixture_t f;
  set_up(&f);
  for (int i = 0; i < 3; i++)
    ck_assert_int_eq(app_send(&f.left, 2, 7, "x", 1), 0);
  for (int i = 0; i < 3; i++) {
    app_wait(&f.right, fuchsia_posix_socket_SIGNAL_DATAGRAM_INCOMING);
    expect_poll(f.right.fd, POLLIN);
    ck_assert_int_eq(app_recv(&f.right, 100, false, &datagram), 0);
  }
  ck_assert_int_eq(poll_now(f.right.fd), POLLOUT);
  zx_signals_t observed = 0;
  (void)zx_object_wait_one(f.right.event, 0, 0, &observed);
  ck_assert_uint_eq(observed & fuchsia_posix_socket_SIGNAL_DATAGRAM_INCOMING, 0);
  tear_down(&f);
}
END_TEST

static const size_t sizes[] = {0, 1, 1400, 1472, 1473, 8000, 60000, 65000};

START_TEST(datagrams_of_all_sizes_arrive_whole) {
  fixture_t f;
  static uint8_t data[65536];
  set_up(&f);
  for (size_t i = 0; i < sizeof(data); i++)
    data[i] = (uint8_t)(i * 31 + i / 256);
  ck_assert_int_eq(app_send(&f.left, 2, 7, data, sizes[_i]), 0);
  app_expect(&f.right, &datagram);
  ck_assert_uint_eq(datagram.size, sizes[_i]);
  ck_assert_mem_eq(datagram.data, data, sizes[_i]);
  ck_assert_uint_eq(datagram.truncated, 0);
  tear_down(&f);
}
END_TEST

START_TEST(what_does_not_fit_is_cut_and_counted_and_peek_leaves_it) {
  fixture_t f;
  set_up(&f);
  ck_assert_int_eq(app_send(&f.left, 2, 7, "0123456789", 10), 0);
  app_wait(&f.right, fuchsia_posix_socket_SIGNAL_DATAGRAM_INCOMING);
  ck_assert_int_eq(app_recv(&f.right, 4, true, &datagram), 0);
  ck_assert_uint_eq(datagram.size, 4);
  ck_assert_uint_eq(datagram.truncated, 6);
  ck_assert_int_eq(poll_now(f.right.fd), POLLIN | POLLOUT);
  ck_assert_int_eq(app_recv(&f.right, 0, false, &datagram), 0);
  ck_assert_uint_eq(datagram.size, 0);
  ck_assert_uint_eq(datagram.truncated, 10);
  ck_assert_int_eq(app_recv(&f.right, 4, false, &datagram), EAGAIN);
  tear_down(&f);
}
END_TEST

START_TEST(a_connected_socket_sends_to_its_peer_and_hears_only_it) {
  fixture_t f;
  set_up(&f);
  ck_assert_int_eq(app_send(&f.left, 0, 0, "x", 1), EDESTADDRREQ);
  ck_assert_int_eq(app_connect(&f.left, 2, 7), 0);
  ck_assert_int_eq(app_send(&f.left, 0, 0, "hello", 5), 0);
  app_expect(&f.right, &datagram);
  uint16_t port = datagram.from_port;
  app_socket_t other = app_socket_open(f.provider[RIGHT], fuchsia_posix_socket_Domain_IPV4);
  ck_assert_int_eq(app_send(&other, 1, port, "stranger", 8), 0);
  ck_assert_int_eq(app_send(&f.right, 1, port, "peer", 4), 0);
  app_expect(&f.left, &datagram);
  ck_assert_mem_eq(datagram.data, "peer", 4);
  ck_assert_int_eq(app_recv(&f.left, 100, false, &datagram), EAGAIN);
  app_socket_release(&other);
  tear_down(&f);
}
END_TEST

START_TEST(nobody_at_the_port_is_reported_once) {
  fixture_t f;
  set_up(&f);
  ck_assert_int_eq(app_connect(&f.left, 2, 9), 0);
  ck_assert_int_eq(app_send(&f.left, 0, 0, "x", 1), 0);
  app_wait(&f.left, fuchsia_posix_socket_SIGNAL_DATAGRAM_ERROR);
  expect_poll(f.left.fd, POLLIN);
  ck_assert_int_eq(app_get_error(&f.left), ECONNREFUSED);
  ck_assert_int_eq(app_get_error(&f.left), 0);
  ck_assert_int_eq(poll_now(f.left.fd), POLLOUT);
  ck_assert_int_eq(app_send(&f.left, 0, 0, "x", 1), 0);
  app_wait(&f.left, fuchsia_posix_socket_SIGNAL_DATAGRAM_ERROR);
  ck_assert_int_eq(app_recv(&f.left, 100, false, &datagram), ECONNREFUSED);
  ck_assert_int_eq(app_recv(&f.left, 100, false, &datagram), EAGAIN);
  tear_down(&f);
}
END_TEST

START_TEST(an_error_waits_in_the_queue_with_its_datagram) {
  fixture_t f;
  set_up(&f);
  FIDL_BUFFER(buffer, 4096);
  fidl_call_t call = FIDL_CALL(buffer, ZX_TIME_INFINITE);
  fuchsia_posix_socket_BaseNetworkSocketSetIpReceiveErrorsRequest on = {.value = true};
  fuchsia_posix_socket_BaseNetworkSocket_SetIpReceiveErrors_Result* set;
  ck_assert_int_eq(fuchsia_posix_socket_BaseNetworkSocket_SetIpReceiveErrors(f.left.channel, &on, &call, &set), ZX_OK);
  ck_assert_int_eq(app_send(&f.left, 2, 9, "nobody", 6), 0);  // without a peer
  app_wait(&f.left, fuchsia_posix_socket_SIGNAL_DATAGRAM_ERROR | fuchsia_posix_socket_SIGNAL_DATAGRAM_ERROR_QUEUE);
  expect_poll(f.left.fd, POLLIN);
  fuchsia_posix_socket_BaseDatagramSocketRecvErrorRequest request = {.data_len = 4};
  fuchsia_posix_socket_BaseDatagramSocket_RecvError_Result* result;
  call = FIDL_CALL(buffer, ZX_TIME_INFINITE);
  ck_assert_int_eq(fuchsia_posix_socket_SynchronousDatagramSocket_RecvError(f.left.channel, &request, &call, &result),
                   ZX_OK);
  const fuchsia_posix_socket_BaseDatagramSocket_RecvError_Response* got = result->response;
  ck_assert_int_eq(got->error.error, ECONNREFUSED);
  ck_assert_int_eq(got->error.origin, fuchsia_posix_socket_ErrorOrigin_ICMP);
  ck_assert_uint_eq(got->error.to.ipv4->port, 9);
  ck_assert_mem_eq(got->error.offender.ipv4->address.addr, ((uint8_t[]){10, 0, 0, 2}), 4);
  ck_assert_uint_eq(got->data.count, 4);
  ck_assert_mem_eq(got->data.data, "nobo", 4);
  ck_assert_uint_eq(got->truncated, 2);
  ck_assert_int_eq(app_get_error(&f.left), 0);  // it was that of the last in the queue
  ck_assert_int_eq(poll_now(f.left.fd), POLLOUT);
  tear_down(&f);
}
END_TEST

START_TEST(a_port_is_taken_until_its_socket_is_closed) {
  fixture_t f;
  set_up(&f);
  app_socket_t second = app_socket_open(f.provider[RIGHT], fuchsia_posix_socket_Domain_IPV4);
  ck_assert_int_eq(app_bind(&second, 2, 7), EADDRINUSE);
  ck_assert_int_eq(app_bind(&second, 77, 7), EADDRNOTAVAIL);
  ck_assert_int_eq(app_close(&f.right), 0);
  ck_assert_int_eq(app_bind(&second, 2, 7), 0);
  ck_assert_int_eq(app_bind(&second, 2, 8), EINVAL);
  app_socket_release(&second);
  tear_down(&f);
}
END_TEST

static app_socket_t clone_of(const app_socket_t* socket) {
  app_socket_t copy = {.fd = -1};
  fuchsia_unknown_CloneableCloneRequest request;
  ck_assert_int_eq(zx_channel_create(0, &copy.channel, &request.request), ZX_OK);
  ck_assert_int_eq(SOCKET(Clone)(socket->channel, &request), ZX_OK);
  app_socket_describe(&copy);
  return copy;
}

START_TEST(a_socket_lives_until_its_last_connection_is_closed) {
  fixture_t f;
  set_up(&f);
  app_socket_t copy = clone_of(&f.right);
  ck_assert_int_eq(app_close(&f.right), 0);
  ck_assert_int_eq(app_send(&f.left, 2, 7, "still", 5), 0);
  app_expect(&copy, &datagram);
  ck_assert_mem_eq(datagram.data, "still", 5);
  app_socket_t again = clone_of(&copy);
  app_socket_release(&copy);
  ck_assert_int_eq(app_send(&f.left, 2, 7, "there", 5), 0);
  app_expect(&again, &datagram);
  ck_assert_int_eq(app_close(&again), 0);
  app_socket_t next = app_socket_open(f.provider[RIGHT], fuchsia_posix_socket_Domain_IPV4);
  ck_assert_int_eq(app_bind(&next, 2, 7), 0);
  app_socket_release(&next);
  app_socket_release(&again);
  tear_down(&f);
}
END_TEST

START_TEST(the_end_of_a_socket_is_seen_by_who_waits) {
  fixture_t f;
  set_up(&f);
  ck_assert_int_eq(app_close(&f.right), 0);
  app_wait(&f.right, ZX_EVENTPAIR_PEER_CLOSED);
  expect_poll(f.right.fd, POLLHUP);
  tear_down(&f);
}
END_TEST

START_TEST(sockets_outlive_the_connection_to_the_provider) {
  fixture_t f;
  set_up(&f);
  zx_handle_close(f.provider[RIGHT]);
  f.provider[RIGHT] = two_netstacks_provider(&f.two, RIGHT);
  ck_assert_int_eq(app_send(&f.left, 2, 7, "x", 1), 0);
  app_expect(&f.right, &datagram);
  tear_down(&f);
}
END_TEST

static fuchsia_posix_Errno app_shutdown(const app_socket_t* socket, fuchsia_posix_socket_ShutdownMode mode) {
  fuchsia_posix_socket_BaseNetworkSocketShutdownRequest request = {.mode = mode};
  FIDL_BUFFER(buffer, SOCKET(Shutdown_RESPONSE_SIZE));
  fidl_call_t call = FIDL_CALL(buffer, zx_deadline_after(ZX_SEC(50)));
  fuchsia_posix_socket_BaseNetworkSocket_Shutdown_Result* result;
  ck_assert_int_eq(SOCKET(Shutdown)(socket->channel, &request, &call, &result), ZX_OK);
  return result->ordinal == 1 ? 0 : result->err;
}

START_TEST(shutdown_ends_each_direction_for_itself) {
  fixture_t f;
  set_up(&f);
  ck_assert_int_eq(app_connect(&f.left, 2, 7), 0);
  ck_assert_int_eq(app_shutdown(&f.left, fuchsia_posix_socket_ShutdownMode_WRITE), 0);
  ck_assert_int_eq(app_send(&f.left, 0, 0, "x", 1), EPIPE);
  app_wait(&f.left, fuchsia_posix_socket_SIGNAL_DATAGRAM_SHUTDOWN_WRITE);
  ck_assert_int_eq(app_shutdown(&f.left, fuchsia_posix_socket_ShutdownMode_READ), 0);
  app_wait(&f.left, fuchsia_posix_socket_SIGNAL_DATAGRAM_SHUTDOWN_READ);
  expect_poll(f.left.fd, POLLRDHUP);
  ck_assert_int_eq(app_shutdown(&f.right, fuchsia_posix_socket_ShutdownMode_READ), ENOTCONN);
  tear_down(&f);
}
END_TEST

START_TEST(loopback_works_within_one_netstack) {
  fixture_t f;
  set_up(&f);
  app_socket_t server = app_socket_open(f.provider[LEFT], fuchsia_posix_socket_Domain_IPV4);
  ck_assert_int_eq(app_bind(&server, 127, 9000), 0);
  for (int i = 0; i < 20; i++) {
    ck_assert_int_eq(app_send(&f.left, 127, 9000, &i, sizeof(i)), 0);
    app_expect(&server, &datagram);
    ck_assert_mem_eq(datagram.data, &i, sizeof(i));
  }
  app_socket_release(&server);
  tear_down(&f);
}
END_TEST

START_TEST(what_is_sent_to_the_own_host_has_arrived_when_send_returns) {
  fixture_t f;
  set_up(&f);
  ck_assert_int_eq(app_bind(&f.left, 127, 9000), 0);
  for (int i = 0; i < 50; i++) {
    ck_assert_int_eq(app_send(&f.left, 127, 9000, &i, sizeof(i)), 0);
    ck_assert_int_eq(poll_now(f.left.fd), POLLIN | POLLOUT);
    ck_assert_int_eq(app_recv(&f.left, 100, false, &datagram), 0);
    ck_assert_int_eq(poll_now(f.left.fd), POLLOUT);
  }
  tear_down(&f);
}
END_TEST

START_TEST(a_message_that_is_no_request_ends_only_its_own_connection) {
  fixture_t f;
  set_up(&f);
  app_socket_t copy = clone_of(&f.right);
  uint8_t garbage[64];
  memset(garbage, 0xa5, sizeof(garbage));
  ck_assert_int_eq(zx_channel_write(f.right.channel, 0, garbage, sizeof(garbage), NULL, 0), ZX_OK);
  ck_assert_int_eq(
      zx_object_wait_one(f.right.channel, ZX_CHANNEL_PEER_CLOSED, zx_deadline_after(ZX_SEC(50)), NULL),
      ZX_OK);
  ck_assert_int_eq(app_send(&f.left, 2, 7, "x", 1), 0);
  app_expect(&copy, &datagram);
  app_socket_release(&copy);
  tear_down(&f);
}
END_TEST

START_TEST(a_client_has_no_more_sockets_than_its_quota) {
  two_netstacks_t two;
  tcpip_quota_t quota = {.sockets = 3};
  two_netstacks_start(&two, &quota);
  zx_handle_t first = two_netstacks_provider(&two, LEFT);
  zx_handle_t second = two_netstacks_provider(&two, LEFT);
  app_socket_t sockets[3], one_more;
  for (int i = 0; i < 3; i++) {
    sockets[i] = app_socket_open(first, fuchsia_posix_socket_Domain_IPV4);
  }
  ck_assert_int_eq(app_socket_try(first, fuchsia_posix_socket_Domain_IPV4, &one_more), EMFILE);
  one_more = app_socket_open(second, fuchsia_posix_socket_Domain_IPV4);
  app_socket_release(&one_more);
  ck_assert_int_eq(app_close(&sockets[0]), 0);
  app_socket_release(&sockets[0]);
  sockets[0] = app_socket_open(first, fuchsia_posix_socket_Domain_IPV4);
  for (int i = 0; i < 3; i++)
    app_socket_release(&sockets[i]);
  zx_handle_close(first);
  zx_handle_close(second);
  two_netstacks_stop(&two);
}
END_TEST

static int sockets_until_refused(zx_handle_t provider, app_socket_t* sockets, int capacity) {
  int count = 0;
  while (count < capacity && app_socket_try(provider, fuchsia_posix_socket_Domain_IPV4, &sockets[count]) == 0)
    count++;
  return count;
}

START_TEST(a_client_has_no_more_than_half_of_what_the_others_leave) {
  two_netstacks_t two;
  two_netstacks_start_limited(&two, NULL, 800);
  app_socket_t sockets[3][64];
  int count[3];
  zx_handle_t providers[3];
  for (int i = 0; i < 3; i++) {
    providers[i] = two_netstacks_provider(&two, LEFT);
    count[i] = sockets_until_refused(providers[i], sockets[i], 64);
  }
  ck_assert_int_eq(count[0], 50);
  ck_assert_int_eq(count[1], 25);
  ck_assert_int_eq(count[2], 12);
  for (int i = 0; i < 3; i++) {
    for (int k = 0; k < count[i]; k++) {
      ck_assert_int_eq(app_close(&sockets[i][k]), 0);
      app_socket_release(&sockets[i][k]);
    }
    ck_assert_int_eq(sockets_until_refused(providers[i], sockets[i], 1), 1);
    app_socket_release(&sockets[i][0]);
    zx_handle_close(providers[i]);
  }
  two_netstacks_stop(&two);
}
END_TEST

START_TEST(clones_count_towards_the_share_of_their_client) {
  two_netstacks_t two;
  two_netstacks_start_limited(&two, NULL, 80);
  zx_handle_t provider = two_netstacks_provider(&two, LEFT);
  app_socket_t socket = app_socket_open(provider, fuchsia_posix_socket_Domain_IPV4);
  app_socket_t copies[40];
  for (int i = 0; i < 32; i++)
    copies[i] = clone_of(&socket);
  fuchsia_unknown_CloneableCloneRequest request;
  zx_handle_t refused;
  ck_assert_int_eq(zx_channel_create(0, &refused, &request.request), ZX_OK);
  ck_assert_int_eq(SOCKET(Clone)(socket.channel, &request), ZX_OK);
  ck_assert_int_eq(zx_object_wait_one(refused, ZX_CHANNEL_PEER_CLOSED, zx_deadline_after(ZX_SEC(50)), NULL),
                   ZX_OK);
  zx_handle_close(refused);
  for (int i = 0; i < 32; i++)
    app_socket_release(&copies[i]);
  app_socket_release(&socket);
  zx_handle_close(provider);
  two_netstacks_stop(&two);
}
END_TEST

START_TEST(sockets_survive_the_death_of_the_driver) {
  fixture_t f;
  set_up(&f);
  ck_assert_int_eq(app_send(&f.left, 2, 7, "before", 6), 0);
  app_expect(&f.right, &datagram);
  two_netstacks_do(&f.two, (void (*)(void*))fake_device_kill, &f.two.device[LEFT]);
  zx_time_t limit = zx_deadline_after(ZX_SEC(50));
  zx_status_t status;
  do {  // what is sent while there is no driver is lost, or refused
    ck_assert_int_lt(zx_clock_get_monotonic(), limit);
    (void)app_send(&f.left, 2, 7, "after", 5);
    status = zx_object_wait_one(f.right.event, fuchsia_posix_socket_SIGNAL_DATAGRAM_INCOMING,
                                zx_deadline_after(ZX_MSEC(20)), NULL);
  } while (status != ZX_OK);
  app_expect(&f.right, &datagram);
  ck_assert_mem_eq(datagram.data, "after", 5);
  tear_down(&f);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("netstack_datagram_socket");
  TCase* tc = jx_test_case(suite, "datagram_socket");
  tcase_add_test(tc, nothing_received_would_block);
  tcase_add_test(tc, a_datagram_crosses_the_wire_and_is_answered);
  tcase_add_test(tc, readiness_goes_with_the_last_datagram);
  tcase_add_loop_test(tc, datagrams_of_all_sizes_arrive_whole, 0, (int)(sizeof(sizes) / sizeof(sizes[0])));
  tcase_add_test(tc, what_does_not_fit_is_cut_and_counted_and_peek_leaves_it);
  tcase_add_test(tc, a_connected_socket_sends_to_its_peer_and_hears_only_it);
  tcase_add_test(tc, nobody_at_the_port_is_reported_once);
  tcase_add_test(tc, an_error_waits_in_the_queue_with_its_datagram);
  tcase_add_test(tc, a_port_is_taken_until_its_socket_is_closed);
  tcase_add_test(tc, a_socket_lives_until_its_last_connection_is_closed);
  tcase_add_test(tc, the_end_of_a_socket_is_seen_by_who_waits);
  tcase_add_test(tc, sockets_outlive_the_connection_to_the_provider);
  tcase_add_test(tc, shutdown_ends_each_direction_for_itself);
  tcase_add_test(tc, loopback_works_within_one_netstack);
  tcase_add_test(tc, what_is_sent_to_the_own_host_has_arrived_when_send_returns);
  tcase_add_test(tc, a_message_that_is_no_request_ends_only_its_own_connection);
  tcase_add_test(tc, a_client_has_no_more_sockets_than_its_quota);
  tcase_add_test(tc, a_client_has_no_more_than_half_of_what_the_others_leave);
  tcase_add_test(tc, clones_count_towards_the_share_of_their_client);
  tcase_add_test(tc, sockets_survive_the_death_of_the_driver);
  return jx_test_run(suite);
}
