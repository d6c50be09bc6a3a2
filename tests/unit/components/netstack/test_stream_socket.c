// Stream sockets as their clients see them, honest and hostile ones: messages on one side, the descriptor
// that the bytes travel on on the other.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <zircon/linux.h>
#include <zircon/syscalls.h>

#include "jx_test.h"
#include "two_netstacks.h"

#define STREAM(NAME) fuchsia_posix_socket_StreamSocket_##NAME
#define PORT 4000

typedef struct fixture {
  two_netstacks_t two;
  zx_handle_t provider[2];
} fixture_t;

static void set_up_with(fixture_t* f, const tcpip_quota_t* quota, uint32_t descriptors) {
  two_netstacks_start_limited(&f->two, quota, descriptors);
  for (int side = LEFT; side <= RIGHT; side++)
    f->provider[side] = two_netstacks_provider(&f->two, side);
}

static void set_up_limited(fixture_t* f, const tcpip_quota_t* quota) {
  set_up_with(f, quota, 0);
}

static void set_up(fixture_t* f) {
  set_up_limited(f, NULL);
}

static void tear_down(fixture_t* f) {
  for (int side = LEFT; side <= RIGHT; side++)
    zx_handle_close(f->provider[side]);
  two_netstacks_stop(&f->two);
}

static zx_time_t limit(void) {
  return zx_deadline_after(ZX_SEC(50));
}

// The program's end; -1 if it is not handed out (any more).
static int describe(zx_handle_t channel) {
  FIDL_BUFFER(buffer, STREAM(Describe_RESPONSE_SIZE));
  fidl_call_t call = FIDL_CALL(buffer, limit());
  fuchsia_posix_socket_StreamSocketDescribeResponse* response;
  ck_assert_int_eq(STREAM(Describe)(channel, &call, &response), ZX_OK);
  zx_handle_t end = fuchsia_posix_socket_StreamSocketDescribeResponse_take_socket(response);
  int fd = -1;
  if (end != ZX_HANDLE_INVALID) ck_assert_int_eq(zx_linux_socket_unwrap(end, &fd), ZX_OK);
  return fd;
}

static fuchsia_posix_Errno open_stream(zx_handle_t provider, app_socket_t* out) {
  fuchsia_posix_socket_ProviderStreamSocketRequest request = {.domain = fuchsia_posix_socket_Domain_IPV4};
  FIDL_BUFFER(buffer, fuchsia_posix_socket_Provider_StreamSocket_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, limit());
  fuchsia_posix_socket_Provider_StreamSocket_Result* result;
  ck_assert_int_eq(fuchsia_posix_socket_Provider_StreamSocket(provider, &request, &call, &result), ZX_OK);
  if (result->ordinal != 1) return result->err;
  *out = (app_socket_t){.channel = result->response.s, .fd = describe(result->response.s)};
  ck_assert_int_ge(out->fd, 0);
  return 0;
}

static app_socket_t stream(zx_handle_t provider) {
  app_socket_t made;
  ck_assert_int_eq(open_stream(provider, &made), 0);
  return made;
}

// Its port may be that of connections there were before.
static void reuse_address(const app_socket_t* socket) {
  fuchsia_posix_socket_BaseSocketSetReuseAddressRequest request = {.value = true};
  FIDL_BUFFER(buffer, fuchsia_posix_socket_BaseSocket_SetReuseAddress_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, limit());
  fuchsia_posix_socket_BaseSocket_SetReuseAddress_Result* result;
  ck_assert_int_eq(fuchsia_posix_socket_BaseSocket_SetReuseAddress(socket->channel, &request, &call, &result),
                   ZX_OK);
  ck_assert_uint_eq(result->ordinal, 1);
}

static app_socket_t listener(zx_handle_t provider) {
  app_socket_t made = stream(provider);
  reuse_address(&made);
  fuchsia_posix_socket_StreamSocketListenRequest request = {.backlog = 16};
  FIDL_BUFFER(buffer, STREAM(Listen_RESPONSE_SIZE));
  fidl_call_t call = FIDL_CALL(buffer, limit());
  fuchsia_posix_socket_StreamSocket_Listen_Result* result;
  ck_assert_int_eq(app_bind(&made, 0, PORT), 0);
  ck_assert_int_eq(STREAM(Listen)(made.channel, &request, &call, &result), ZX_OK);
  ck_assert_uint_eq(result->ordinal, 1);
  return made;
}

static fuchsia_posix_Errno accept_from(const app_socket_t* server, app_socket_t* out) {
  fuchsia_posix_socket_StreamSocketAcceptRequest request = {.want_addr = true};
  FIDL_BUFFER(buffer, STREAM(Accept_RESPONSE_SIZE));
  fidl_call_t call = FIDL_CALL(buffer, limit());
  fuchsia_posix_socket_StreamSocket_Accept_Result* result;
  ck_assert_int_eq(STREAM(Accept)(server->channel, &request, &call, &result), ZX_OK);
  if (result->ordinal != 1) return result->err;
  ck_assert_uint_eq(result->response->addr.ordinal, fuchsia_net_SocketAddress_Tag_ipv4);
  *out = (app_socket_t){.channel = result->response->s, .fd = describe(result->response->s)};
  return 0;
}

static short shown(int fd) {
  struct pollfd pollfd = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP};
  return poll(&pollfd, 1, 0) == 1 ? pollfd.revents : 0;
}

static short wait_for(int fd, short events) {
  struct pollfd pollfd = {.fd = fd, .events = events};
  ck_assert_int_eq(poll(&pollfd, 1, 50000), 1);
  return pollfd.revents;
}

// A connection from left to right.
static void connect_pair(fixture_t* f, app_socket_t* client, app_socket_t* server) {
  app_socket_t waiting = listener(f->provider[RIGHT]);
  *client = stream(f->provider[LEFT]);
  ck_assert_int_eq(app_connect(client, 2, PORT), EINPROGRESS);
  wait_for(client->fd, POLLOUT);
  ck_assert_int_eq(app_connect(client, 2, PORT), 0);
  ck_assert_int_eq(app_connect(client, 2, PORT), EISCONN);
  wait_for(waiting.fd, POLLIN);
  ck_assert_int_eq(accept_from(&waiting, server), 0);
  app_socket_release(&waiting);
}

static void expect_bytes(int fd, const char* bytes) {
  char got[64];
  size_t size = strlen(bytes);
  ck_assert_int_eq(recv(fd, got, size, MSG_WAITALL), (ssize_t)size);
  ck_assert_mem_eq(got, bytes, size);
}

// The kernel has no memory for so many writes to a program's descriptor.
static atomic_int failures;

ssize_t __real_sendmsg(int fd, const struct msghdr* message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr* message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr* message, int flags) {
  int type = 0;
  socklen_t length = sizeof(type);
  if (atomic_load(&failures) > 0 && getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 &&
      type == SOCK_STREAM && message->msg_controllen == 0) {
    int left = atomic_fetch_sub(&failures, 1);
    errno = left % 2 == 0 ? ENOBUFS : ENOMEM;
    return -1;
  }
  return __real_sendmsg(fd, message, flags);
}

START_TEST(bytes_that_the_kernel_has_no_memory_for_come_later) {
  fixture_t f;
  app_socket_t client, server;
  set_up(&f);
  connect_pair(&f, &client, &server);
  atomic_store(&failures, 5);
  ck_assert_int_eq(send(client.fd, "there", 5, 0), 5);
  expect_bytes(server.fd, "there");
  ck_assert_int_le(atomic_load(&failures), 0);
  app_socket_release(&client);
  app_socket_release(&server);
  tear_down(&f);
}
END_TEST

START_TEST(bytes_travel_on_the_descriptor_that_describe_hands_out_once) {
  fixture_t f;
  app_socket_t client, server;
  set_up(&f);
  connect_pair(&f, &client, &server);
  ck_assert_int_ge(server.fd, 0);
  ck_assert_int_eq(describe(client.channel), -1);
  ck_assert_int_eq(describe(server.channel), -1);
  ck_assert_int_eq(write(client.fd, "there", 5), 5);
  expect_bytes(server.fd, "there");
  ck_assert_int_eq(write(server.fd, "back", 4), 4);
  expect_bytes(client.fd, "back");
  app_socket_release(&client);
  app_socket_release(&server);
  tear_down(&f);
}
END_TEST

START_TEST(the_descriptor_shows_the_state_before_a_connection) {
  fixture_t f;
  app_socket_t accepted;
  set_up(&f);
  app_socket_t server = listener(f.provider[RIGHT]);
  ck_assert_int_eq(shown(server.fd), 0);
  ck_assert_int_eq(accept_from(&server, &accepted), EAGAIN);
  app_socket_t client = stream(f.provider[LEFT]);
  ck_assert_int_eq(shown(client.fd), POLLOUT);
  ck_assert_int_eq(app_connect(&client, 9, PORT), EINPROGRESS);  // nobody has that address
  ck_assert_int_eq(shown(client.fd), 0);
  ck_assert_int_eq(app_connect(&client, 9, PORT), EALREADY);
  app_socket_release(&client);
  app_socket_release(&server);
  tear_down(&f);
}
END_TEST

static fuchsia_posix_Errno shut_down(const app_socket_t* socket, fuchsia_posix_socket_ShutdownMode mode) {
  fuchsia_posix_socket_BaseNetworkSocketShutdownRequest request = {.mode = mode};
  FIDL_BUFFER(buffer, STREAM(Shutdown_RESPONSE_SIZE));
  fidl_call_t call = FIDL_CALL(buffer, limit());
  fuchsia_posix_socket_BaseNetworkSocket_Shutdown_Result* result;
  ck_assert_int_eq(STREAM(Shutdown)(socket->channel, &request, &call, &result), ZX_OK);
  return result->ordinal == 1 ? 0 : result->err;
}

START_TEST(a_connection_in_the_making_that_is_shut_down_counts_as_reset) {
  static const fuchsia_posix_socket_ShutdownMode modes[] = {fuchsia_posix_socket_ShutdownMode_READ,
                                                            fuchsia_posix_socket_ShutdownMode_WRITE};
  fixture_t f;
  set_up(&f);
  app_socket_t server = listener(f.provider[RIGHT]);
  for (size_t i = 0; i < 2; i++) {
    app_socket_t client = stream(f.provider[LEFT]);
    ck_assert_int_eq(shut_down(&client, modes[i]), ENOTCONN);
    ck_assert_int_eq(app_connect(&client, 9, PORT), EINPROGRESS);  // nobody has that address
    ck_assert_int_eq(shut_down(&client, modes[i]), 0);
    ck_assert_int_eq(shown(client.fd), POLLIN | POLLOUT);
    ck_assert_int_eq(app_get_error(&client), ECONNRESET);
    ck_assert_int_eq(shut_down(&client, modes[i]), ENOTCONN);
    ck_assert_int_eq(app_connect(&client, 2, PORT), EINPROGRESS);  // it may be tried again
    ck_assert_int_eq(wait_for(client.fd, POLLOUT), POLLOUT);
    app_socket_release(&client);
  }
  app_socket_release(&server);
  tear_down(&f);
}
END_TEST

START_TEST(a_refused_connection_shows_and_may_be_tried_again) {
  fixture_t f;
  app_socket_t accepted;
  set_up(&f);
  app_socket_t client = stream(f.provider[LEFT]);
  ck_assert_int_eq(app_connect(&client, 2, PORT), EINPROGRESS);
  ck_assert_int_eq(wait_for(client.fd, POLLOUT | POLLIN) & POLLHUP, 0);
  ck_assert_int_eq(app_get_error(&client), ECONNREFUSED);
  ck_assert_int_eq(app_get_error(&client), 0);
  ck_assert_int_eq(shown(client.fd), POLLOUT);
  app_socket_t server = listener(f.provider[RIGHT]);
  ck_assert_int_eq(app_connect(&client, 2, PORT), EINPROGRESS);
  wait_for(client.fd, POLLOUT);
  wait_for(server.fd, POLLIN);
  ck_assert_int_eq(accept_from(&server, &accepted), 0);
  ck_assert_int_eq(write(client.fd, "again", 5), 5);
  expect_bytes(accepted.fd, "again");
  app_socket_release(&client);
  app_socket_release(&accepted);
  app_socket_release(&server);
  tear_down(&f);
}
END_TEST

START_TEST(scribbling_before_a_connection_disturbs_nobody_else) {
  fixture_t f;
  app_socket_t client, server;
  static char rubbish[1 << 20];
  char taken[4096];
  set_up(&f);
  app_socket_t hostile = stream(f.provider[LEFT]);
  int large = 4 << 20;
  (void)setsockopt(hostile.fd, SOL_SOCKET, SO_SNDBUF, &large, sizeof(large));
  for (int i = 0; i < 8; i++)
    (void)send(hostile.fd, rubbish, sizeof(rubbish), MSG_DONTWAIT | MSG_NOSIGNAL);
  (void)recv(hostile.fd, taken, sizeof(taken), MSG_DONTWAIT);
  connect_pair(&f, &client, &server);
  (void)app_connect(&hostile, 2, PORT);
  (void)send(hostile.fd, rubbish, sizeof(rubbish), MSG_DONTWAIT | MSG_NOSIGNAL);
  shutdown(hostile.fd, SHUT_RDWR);
  ck_assert_int_eq(write(client.fd, "well", 4), 4);
  expect_bytes(server.fd, "well");
  app_socket_release(&hostile);
  app_socket_release(&client);
  app_socket_release(&server);
  tear_down(&f);
}
END_TEST

static fuchsia_posix_Errno stream_of(zx_handle_t provider, int fd, zx_handle_t* out) {
  fuchsia_posix_socket_ProviderStreamSocketOfRequest request = {0};
  ck_assert_int_eq(zx_linux_socket_wrap(fcntl(fd, F_DUPFD_CLOEXEC, 0), &request.socket), ZX_OK);
  FIDL_BUFFER(buffer, fuchsia_posix_socket_Provider_StreamSocketOf_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, limit());
  fuchsia_posix_socket_Provider_StreamSocketOf_Result* result;
  ck_assert_int_eq(fuchsia_posix_socket_Provider_StreamSocketOf(provider, &request, &call, &result), ZX_OK);
  if (result->ordinal != 1) return result->err;
  *out = result->response.s;
  return 0;
}

START_TEST(a_connection_outlives_its_channel_and_gets_another) {
  fixture_t f;
  app_socket_t client, server;
  set_up(&f);
  connect_pair(&f, &client, &server);
  uint16_t port = app_local_port(&client);
  zx_handle_close(client.channel);
  ck_assert_int_eq(write(client.fd, "alone", 5), 5);
  expect_bytes(server.fd, "alone");
  ck_assert_int_eq(stream_of(f.provider[LEFT], client.fd, &client.channel), 0);
  ck_assert_uint_eq(app_local_port(&client), port);
  app_socket_release(&client);
  char byte;
  ck_assert_int_eq(recv(server.fd, &byte, 1, 0), 0);
  app_socket_release(&server);
  tear_down(&f);
}
END_TEST

START_TEST(a_listener_outlives_its_channel_and_gets_another) {
  fixture_t f;
  app_socket_t accepted;
  set_up(&f);
  app_socket_t server = listener(f.provider[RIGHT]);
  zx_handle_close(server.channel);
  app_socket_t client = stream(f.provider[LEFT]);
  ck_assert_int_eq(app_connect(&client, 2, PORT), EINPROGRESS);
  wait_for(server.fd, POLLIN);
  ck_assert_int_eq(stream_of(f.provider[RIGHT], server.fd, &server.channel), 0);
  ck_assert_int_eq(accept_from(&server, &accepted), 0);
  ck_assert_int_eq(shown(server.fd), 0);
  app_socket_release(&accepted);
  app_socket_release(&client);
  app_socket_release(&server);
  tear_down(&f);
}
END_TEST

START_TEST(other_descriptors_lead_to_no_socket) {
  fixture_t f;
  int fds[2];
  zx_handle_t channel;
  set_up(&f);
  ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  ck_assert_int_eq(stream_of(f.provider[LEFT], fds[0], &channel), ENOTSOCK);
  app_socket_t right = stream(f.provider[RIGHT]);
  ck_assert_int_eq(stream_of(f.provider[LEFT], right.fd, &channel), ENOTSOCK);  // another netstack's
  app_socket_release(&right);
  close(fds[0]);
  close(fds[1]);
  tear_down(&f);
}
END_TEST

START_TEST(a_port_is_free_when_close_is_answered) {
  fixture_t f;
  set_up(&f);
  for (int i = 0; i < 20; i++) {
    app_socket_t server = listener(f.provider[LEFT]);
    close(server.fd);
    server.fd = -1;
    ck_assert_int_eq(app_close(&server), 0);
    app_socket_release(&server);
  }
  tear_down(&f);
}
END_TEST

START_TEST(a_port_whose_last_holder_said_nothing_is_free) {
  fixture_t f;
  set_up(&f);
  for (int i = 0; i < 20; i++) {
    app_socket_t server = listener(f.provider[LEFT]);
    ck_assert_int_eq(app_close(&server), 0);  // others may still hold the descriptor
    close(server.fd);
    zx_handle_close(server.channel);
  }
  tear_down(&f);
}
END_TEST

START_TEST(a_client_has_its_number_of_streams) {
  fixture_t f;
  const tcpip_quota_t quota = {.sockets = 2};
  app_socket_t streams[3];
  set_up_limited(&f, &quota);
  ck_assert_int_eq(open_stream(f.provider[LEFT], &streams[0]), 0);
  ck_assert_int_eq(open_stream(f.provider[LEFT], &streams[1]), 0);
  ck_assert_int_eq(open_stream(f.provider[LEFT], &streams[2]), EMFILE);
  zx_handle_t another = two_netstacks_provider(&f.two, LEFT);
  ck_assert_int_eq(open_stream(another, &streams[2]), 0);
  for (int i = 0; i < 3; i++)
    app_socket_release(&streams[i]);
  zx_handle_close(another);
  tear_down(&f);
}
END_TEST

// Ends that are given away and come back leave the account as it was.
START_TEST(an_end_that_comes_back_is_counted_once) {
  enum { ROUNDS = 50, SHARE = 20 };
  fixture_t f;
  app_socket_t streams[SHARE];
  int count = 0;
  set_up_with(&f, NULL, 2 * SHARE);
  for (int i = 0; i < ROUNDS; i++) {
    app_socket_t made = stream(f.provider[LEFT]);
    zx_handle_close(made.channel);
    ck_assert_int_eq(stream_of(f.provider[LEFT], made.fd, &made.channel), 0);
    app_socket_release(&made);
  }
  while (open_stream(f.provider[LEFT], &streams[count]) == 0)
    ck_assert_int_lt(++count, SHARE);
  ck_assert_int_ge(count, 2);
  while (count > 0)
    app_socket_release(&streams[--count]);
  tear_down(&f);
}
END_TEST

// Of a share of eight descriptors the listener takes three, and another stream three: what is left is enough
// for a stream, but not for a connection to it.
START_TEST(a_connection_stays_in_the_queue_until_there_is_room_for_all_of_it) {
  fixture_t f;
  app_socket_t accepted;
  fuchsia_posix_Errno error;
  set_up_with(&f, NULL, 16);
  app_socket_t server = listener(f.provider[RIGHT]), other = stream(f.provider[RIGHT]);
  app_socket_t client = stream(f.provider[LEFT]);
  ck_assert_int_eq(app_connect(&client, 2, PORT), EINPROGRESS);
  wait_for(server.fd, POLLIN);
  ck_assert_int_eq(accept_from(&server, &accepted), EMFILE);
  app_socket_release(&other);
  do {
    error = accept_from(&server, &accepted);
  } while (error == EMFILE);  // the other one is just going
  ck_assert_int_eq(error, 0);
  ck_assert_int_eq(write(client.fd, "x", 1), 1);
  wait_for(accepted.fd, POLLIN);
  app_socket_release(&accepted);
  app_socket_release(&client);
  app_socket_release(&server);
  tear_down(&f);
}
END_TEST

static app_socket_t described_stream(zx_handle_t provider) {
  fuchsia_posix_socket_ProviderStreamSocketDescribedRequest request = {.domain =
                                                                           fuchsia_posix_socket_Domain_IPV4};
  FIDL_BUFFER(buffer, fuchsia_posix_socket_Provider_StreamSocketDescribed_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, limit());
  fuchsia_posix_socket_Provider_StreamSocketDescribed_Result* result;
  ck_assert_int_eq(fuchsia_posix_socket_Provider_StreamSocketDescribed(provider, &request, &call, &result),
                   ZX_OK);
  ck_assert_uint_eq(result->ordinal, 1);
  app_socket_t made = {.channel = result->response->s};
  ck_assert_int_eq(zx_linux_socket_unwrap(result->response->socket, &made.fd), ZX_OK);
  return made;
}

static fuchsia_posix_Errno accept_described(const app_socket_t* server, app_socket_t* out) {
  fuchsia_posix_socket_StreamSocketAcceptDescribedRequest request = {.want_addr = true};
  FIDL_BUFFER(buffer, STREAM(AcceptDescribed_RESPONSE_SIZE));
  fidl_call_t call = FIDL_CALL(buffer, limit());
  fuchsia_posix_socket_StreamSocket_AcceptDescribed_Result* result;
  ck_assert_int_eq(STREAM(AcceptDescribed)(server->channel, &request, &call, &result), ZX_OK);
  if (result->ordinal != 1) return result->err;
  ck_assert_uint_eq(result->response->addr.ordinal, fuchsia_net_SocketAddress_Tag_ipv4);
  *out = (app_socket_t){.channel = result->response->s};
  ck_assert_int_eq(zx_linux_socket_unwrap(result->response->socket, &out->fd), ZX_OK);
  return 0;
}

START_TEST(one_answer_makes_a_stream_and_hands_out_its_descriptor) {
  fixture_t f;
  app_socket_t accepted;
  set_up(&f);
  app_socket_t server = listener(f.provider[RIGHT]);
  ck_assert_int_eq(accept_described(&server, &accepted), EAGAIN);
  app_socket_t client = described_stream(f.provider[LEFT]);
  ck_assert_int_eq(shown(client.fd), POLLOUT);
  ck_assert_int_eq(app_connect(&client, 2, PORT), EINPROGRESS);
  ck_assert_int_eq(wait_for(client.fd, POLLIN | POLLOUT), POLLOUT);  // by which it is known to be connected
  ck_assert_int_eq(describe(client.channel), -1);
  wait_for(server.fd, POLLIN);
  ck_assert_int_eq(accept_described(&server, &accepted), 0);
  ck_assert_int_eq(describe(accepted.channel), -1);
  ck_assert_int_eq(write(client.fd, "whole", 5), 5);
  expect_bytes(accepted.fd, "whole");
  app_socket_release(&client);
  app_socket_release(&accepted);
  app_socket_release(&server);
  tear_down(&f);
}
END_TEST

static void linger(const app_socket_t* socket, uint32_t secs) {
  fuchsia_posix_socket_BaseSocketSetLingerRequest request = {.linger = true, .length_secs = secs};
  FIDL_BUFFER(buffer, fuchsia_posix_socket_BaseSocket_SetLinger_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, limit());
  fuchsia_posix_socket_BaseSocket_SetLinger_Result* result;
  ck_assert_int_eq(fuchsia_posix_socket_BaseSocket_SetLinger(socket->channel, &request, &call, &result),
                   ZX_OK);
  ck_assert_uint_eq(result->ordinal, 1);
}

START_TEST(a_connection_closed_without_a_word_is_in_nobodys_way) {
  fixture_t f;
  const tcpip_quota_t quota = {.sockets = 2};
  app_socket_t accepted;
  set_up_limited(&f, &quota);
  app_socket_t server = listener(f.provider[RIGHT]);
  app_socket_t other = stream(f.provider[LEFT]);
  for (int i = 0; i < 20; i++) {
    app_socket_t client = described_stream(f.provider[LEFT]);  // the last that the client may have
    ck_assert_int_eq(app_bind(&client, 0, PORT + 1), 0);
    linger(&client, 0);
    ck_assert_int_eq(app_connect(&client, 2, PORT), EINPROGRESS);
    wait_for(client.fd, POLLOUT);
    wait_for(server.fd, POLLIN);
    ck_assert_int_eq(accept_described(&server, &accepted), 0);
    close(client.fd);
    zx_handle_close(client.channel);
    app_socket_release(&accepted);
  }
  app_socket_release(&other);
  app_socket_release(&server);
  tear_down(&f);
}
END_TEST

START_TEST(bytes_left_unread_reset_the_connection) {
  fixture_t f;
  app_socket_t client, server;
  char byte;
  set_up(&f);
  connect_pair(&f, &client, &server);
  ck_assert_int_eq(write(client.fd, "unread", 6), 6);
  wait_for(server.fd, POLLIN);
  app_socket_release(&server);
  ck_assert_int_ne(wait_for(client.fd, POLLRDHUP) & POLLHUP, 0);
  ck_assert_int_eq(app_get_error(&client), ECONNRESET);
  ck_assert_int_eq(recv(client.fd, &byte, 1, 0), 0);
  app_socket_release(&client);
  tear_down(&f);
}
END_TEST

static void give_right_another_address(void* context) {
  tcpip_t* engine = netstack_engine(((fixture_t*)context)->two.netstack[RIGHT]);
  const tcpip_subnet_t subnet = {.address = tcpip_ipv4((const uint8_t[]){10, 0, 0, 9}), .prefix_length = 24};
  ck_assert_int_eq(tcpip_address_add(engine, tcpip_interface_find(engine, "eth0"), &subnet, true), 0);
}

static void nothing(void* context) {}

START_TEST(a_connection_made_after_its_channel_is_gone_begins_with_the_programs_bytes) {
  fixture_t f;
  app_socket_t accepted;
  set_up(&f);
  app_socket_t server = listener(f.provider[RIGHT]);
  app_socket_t client = stream(f.provider[LEFT]);
  ck_assert_int_eq(app_connect(&client, 9, PORT), EINPROGRESS);  // nobody has that address yet
  zx_handle_close(client.channel);
  for (int i = 0; i < 10; i++)
    two_netstacks_do(&f.two, nothing, NULL);  // the netstack has seen that by then
  two_netstacks_do(&f.two, give_right_another_address, &f);
  wait_for(client.fd, POLLOUT);
  wait_for(server.fd, POLLIN);
  ck_assert_int_eq(accept_from(&server, &accepted), 0);
  ck_assert_int_eq(write(client.fd, "first", 5), 5);
  expect_bytes(accepted.fd, "first");
  close(client.fd);
  app_socket_release(&accepted);
  app_socket_release(&server);
  tear_down(&f);
}
END_TEST

// Writes until neither side takes any more; returns how much that was.
static size_t write_all_there_is_room_for(int fd) {
  static const char bytes[65536];
  size_t written = 0;
  struct pollfd pollfd = {.fd = fd, .events = POLLOUT};
  while (poll(&pollfd, 1, 500) == 1) {
    ssize_t count = send(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (count > 0) written += (size_t)count;
  }
  return written;
}

START_TEST(bytes_that_wait_for_room_come_when_nobody_speaks_for_the_stream) {
  fixture_t f;
  app_socket_t client, server;
  char bytes[4096];
  ssize_t count;
  set_up(&f);
  connect_pair(&f, &client, &server);
  write_all_there_is_room_for(client.fd);
  zx_handle_close(server.channel);
  ck_assert_int_eq(shutdown(client.fd, SHUT_WR), 0);
  do {
    wait_for(server.fd, POLLIN);
    count = recv(server.fd, bytes, sizeof(bytes), 0);
  } while (count > 0);
  ck_assert_int_eq(count, 0);
  close(server.fd);
  app_socket_release(&client);
  tear_down(&f);
}
END_TEST

START_TEST(lingering_ends_in_time_and_what_was_written_goes_on_without) {
  fixture_t f;
  app_socket_t client, server;
  static char bytes[65536];
  set_up(&f);
  connect_pair(&f, &client, &server);
  size_t written = write_all_there_is_room_for(client.fd);
  linger(&client, 1);
  close(client.fd);
  ck_assert_int_eq(app_close(&client), 0);
  size_t got = 0;
  for (ssize_t count; (count = recv(server.fd, bytes, sizeof(bytes), 0)) > 0;)
    got += (size_t)count;
  ck_assert_uint_eq(got, written);
  zx_handle_close(client.channel);
  app_socket_release(&server);
  tear_down(&f);
}
END_TEST

static void post(void* context) {
  sem_post(context);
}

typedef struct stopping {
  netstack_t* netstack;
  sem_t done;
} stopping_t;

static void stop_left(void* context) {
  stopping_t* stopping = context;
  netstack_stop(stopping->netstack, post, &stopping->done);
}

// Its programs are gone, one of them with much on its way and before that could be known; another one is not.
START_TEST(a_netstack_that_stops_lets_what_was_written_arrive) {
  fixture_t f;
  app_socket_t left, right, living, its_peer;
  stopping_t stopping;
  size_t received = 0;
  char bytes[65536];
  ssize_t count;
  set_up(&f);
  connect_pair(&f, &living, &its_peer);
  connect_pair(&f, &left, &right);
  size_t written = write_all_there_is_room_for(left.fd);
  app_socket_release(&left);
  ck_assert_int_eq(sem_init(&stopping.done, 0, 0), 0);
  stopping.netstack = f.two.netstack[LEFT];
  two_netstacks_do(&f.two, stop_left, &stopping);
  ck_assert_int_ne(sem_trywait(&stopping.done), 0);
  while ((count = read(right.fd, bytes, sizeof(bytes))) > 0)
    received += (size_t)count;
  ck_assert_int_eq(count, 0);
  ck_assert_uint_eq(received, written);
  while (sem_wait(&stopping.done) != 0)
    continue;
  wait_for(its_peer.fd, POLLIN);
  ck_assert_int_eq(app_get_error(&its_peer), ECONNRESET);
  app_socket_release(&living);
  app_socket_release(&its_peer);
  app_socket_release(&right);
  sem_destroy(&stopping.done);
  tear_down(&f);
}
END_TEST

START_TEST(nobody_joins_a_stream_that_lingers) {
  fixture_t f;
  app_socket_t client, server;
  set_up(&f);
  connect_pair(&f, &client, &server);
  write_all_there_is_room_for(client.fd);
  linger(&client, 1000);
  close(client.fd);
  FIDL_BUFFER(buffer, STREAM(Close_RESPONSE_SIZE));
  fidl_call_t call = FIDL_CALL(buffer, zx_deadline_after(ZX_MSEC(10)));
  fuchsia_unknown_Closeable_Close_Result* result;
  ck_assert_int_eq(STREAM(Close)(client.channel, &call, &result), ZX_ERR_TIMED_OUT);
  zx_handle_t joined;
  fuchsia_unknown_CloneableCloneRequest request;
  ck_assert_int_eq(zx_channel_create(0, &joined, &request.request), ZX_OK);
  ck_assert_int_eq(STREAM(Clone)(client.channel, &request), ZX_OK);
  ck_assert_int_eq(zx_object_wait_one(joined, ZX_CHANNEL_PEER_CLOSED, limit(), NULL), ZX_OK);
  zx_handle_close(joined);
  zx_handle_close(client.channel);
  app_socket_release(&server);
  tear_down(&f);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("stream socket");
  TCase* tc = jx_test_case(suite, "stream socket");
  tcase_add_test(tc, bytes_that_the_kernel_has_no_memory_for_come_later);
  tcase_add_test(tc, bytes_travel_on_the_descriptor_that_describe_hands_out_once);
  tcase_add_test(tc, the_descriptor_shows_the_state_before_a_connection);
  tcase_add_test(tc, a_connection_in_the_making_that_is_shut_down_counts_as_reset);
  tcase_add_test(tc, a_refused_connection_shows_and_may_be_tried_again);
  tcase_add_test(tc, scribbling_before_a_connection_disturbs_nobody_else);
  tcase_add_test(tc, a_connection_outlives_its_channel_and_gets_another);
  tcase_add_test(tc, a_listener_outlives_its_channel_and_gets_another);
  tcase_add_test(tc, other_descriptors_lead_to_no_socket);
  tcase_add_test(tc, a_port_is_free_when_close_is_answered);
  tcase_add_test(tc, a_port_whose_last_holder_said_nothing_is_free);
  tcase_add_test(tc, a_client_has_its_number_of_streams);
  tcase_add_test(tc, an_end_that_comes_back_is_counted_once);
  tcase_add_test(tc, a_connection_stays_in_the_queue_until_there_is_room_for_all_of_it);
  tcase_add_test(tc, one_answer_makes_a_stream_and_hands_out_its_descriptor);
  tcase_add_test(tc, a_connection_closed_without_a_word_is_in_nobodys_way);
  tcase_add_test(tc, bytes_left_unread_reset_the_connection);
  tcase_add_test(tc, a_connection_made_after_its_channel_is_gone_begins_with_the_programs_bytes);
  tcase_add_test(tc, bytes_that_wait_for_room_come_when_nobody_speaks_for_the_stream);
  tcase_add_test(tc, lingering_ends_in_time_and_what_was_written_goes_on_without);
  tcase_add_test(tc, a_netstack_that_stops_lets_what_was_written_arrive);
  tcase_add_test(tc, nobody_joins_a_stream_that_lingers);
  return jx_test_run(suite);
}
