// Channels: writing, reading, calling, and what becomes of handles.
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zircon/linux.h>
#include <zircon/syscalls.h>

#include "jx_test.h"

static zx_handle_t ends[2];

static void make_channel(void) {
  ck_assert_int_eq(zx_channel_create(0, &ends[0], &ends[1]), ZX_OK);
}

static void close_channel(void) {
  zx_handle_close(ends[0]);
  zx_handle_close(ends[1]);
}

static zx_signals_t state(zx_handle_t handle) {
  zx_signals_t observed = 0;
  ck_assert_int_eq(zx_object_wait_one(handle, 0, 0, &observed), ZX_ERR_TIMED_OUT);
  return observed;
}

static bool is_closed(zx_handle_t handle) {
  return zx_object_get_info(handle, ZX_INFO_HANDLE_VALID, NULL, 0, NULL, NULL) == ZX_ERR_BAD_HANDLE;
}

START_TEST(creation_gives_default_rights_and_related_koids) {
  zx_info_handle_basic_t a, b;
  ck_assert_int_eq(zx_object_get_info(ends[0], ZX_INFO_HANDLE_BASIC, &a, sizeof(a), NULL, NULL), ZX_OK);
  ck_assert_int_eq(zx_object_get_info(ends[1], ZX_INFO_HANDLE_BASIC, &b, sizeof(b), NULL, NULL), ZX_OK);
  ck_assert_uint_eq(a.rights, ZX_DEFAULT_CHANNEL_RIGHTS);
  ck_assert_uint_eq(a.type, ZX_OBJ_TYPE_CHANNEL);
  ck_assert(a.koid == b.related_koid && b.koid == a.related_koid && a.koid != b.koid);
  ck_assert_uint_eq(state(ends[0]), ZX_CHANNEL_WRITABLE);
  zx_handle_t x, y;
  ck_assert_int_eq(zx_channel_create(1, &x, &y), ZX_ERR_INVALID_ARGS);
}
END_TEST

START_TEST(messages_arrive_whole_and_in_order) {
  for (uint32_t i = 0; i < 5; i++)
    ck_assert_int_eq(zx_channel_write(ends[0], 0, &i, sizeof(i), NULL, 0), ZX_OK);
  ck_assert_int_eq(zx_channel_write(ends[0], 0, NULL, 0, NULL, 0), ZX_OK);
  ck_assert_uint_eq(state(ends[1]), ZX_CHANNEL_READABLE | ZX_CHANNEL_WRITABLE);
  uint32_t got, bytes, handles;
  for (uint32_t i = 0; i < 5; i++) {
    ck_assert_int_eq(zx_channel_read(ends[1], 0, &got, NULL, sizeof(got), 0, &bytes, &handles), ZX_OK);
    ck_assert_uint_eq(got, i);
    ck_assert_uint_eq(bytes, 4);
    ck_assert_uint_eq(handles, 0);
  }
  ck_assert_int_eq(zx_channel_read(ends[1], 0, NULL, NULL, 0, 0, &bytes, NULL), ZX_OK);
  ck_assert_uint_eq(bytes, 0);
  ck_assert_int_eq(zx_channel_read(ends[1], 0, NULL, NULL, 0, 0, NULL, NULL), ZX_ERR_SHOULD_WAIT);
  ck_assert_uint_eq(state(ends[1]), ZX_CHANNEL_WRITABLE);
}
END_TEST

START_TEST(a_message_too_large_for_the_reader_stays) {
  zx_handle_t event;
  ck_assert_int_eq(zx_event_create(0, &event), ZX_OK);
  ck_assert_int_eq(zx_channel_write(ends[0], 0, "0123456789", 10, &event, 1), ZX_OK);
  ck_assert_int_eq(zx_channel_write(ends[0], 0, "next", 4, NULL, 0), ZX_OK);
  char small[4], big[16];
  uint32_t bytes = 0, handles = 0;
  zx_handle_t got;
  ck_assert_int_eq(zx_channel_read(ends[1], 0, small, NULL, 4, 0, &bytes, &handles), ZX_ERR_BUFFER_TOO_SMALL);
  ck_assert(bytes == 10 && handles == 1);
  ck_assert_int_eq(zx_channel_read(ends[1], 0, big, NULL, 16, 0, &bytes, &handles), ZX_ERR_BUFFER_TOO_SMALL);
  ck_assert(state(ends[1]) & ZX_CHANNEL_READABLE);
  ck_assert_int_eq(zx_channel_read(ends[1], 0, big, &got, 16, 1, &bytes, &handles), ZX_OK);
  ck_assert(bytes == 10 && handles == 1 && memcmp(big, "0123456789", 10) == 0);
  zx_handle_close(got);
  ck_assert_int_eq(zx_channel_read(ends[1], 0, big, NULL, 16, 0, &bytes, NULL), ZX_OK);
  ck_assert(bytes == 4 && memcmp(big, "next", 4) == 0);
}
END_TEST

START_TEST(a_message_too_large_goes_if_the_reader_may_discard) {
  zx_handle_t event;
  ck_assert_int_eq(zx_event_create(0, &event), ZX_OK);
  ck_assert_int_eq(zx_channel_write(ends[0], 0, "0123456789", 10, &event, 1), ZX_OK);
  uint32_t bytes = 0, handles = 0;
  ck_assert_int_eq(zx_channel_read(ends[1], ZX_CHANNEL_READ_MAY_DISCARD, NULL, NULL, 0, 0, &bytes, &handles),
                   ZX_ERR_BUFFER_TOO_SMALL);
  ck_assert(bytes == 10 && handles == 1);
  ck_assert_int_eq(zx_channel_read(ends[1], 0, NULL, NULL, 0, 0, NULL, NULL), ZX_ERR_SHOULD_WAIT);
  ck_assert_int_eq(zx_channel_read(ends[1], 2, NULL, NULL, 0, 0, NULL, NULL), ZX_ERR_NOT_SUPPORTED);
}
END_TEST

START_TEST(the_largest_message_with_the_most_handles_passes) {
  static char out[ZX_CHANNEL_MAX_MSG_BYTES], in[ZX_CHANNEL_MAX_MSG_BYTES];
  zx_handle_t events[ZX_CHANNEL_MAX_MSG_HANDLES], got[ZX_CHANNEL_MAX_MSG_HANDLES];
  for (int i = 0; i < 64; i++)
    ck_assert_int_eq(zx_event_create(0, &events[i]), ZX_OK);
  for (size_t i = 0; i < sizeof(out); i++)
    out[i] = (char)(i * 7);
  ck_assert_int_eq(zx_channel_write(ends[0], 0, out, sizeof(out), events, 64), ZX_OK);
  uint32_t bytes, handles;
  ck_assert_int_eq(zx_channel_read(ends[1], 0, in, got, sizeof(in), 64, &bytes, &handles), ZX_OK);
  ck_assert(bytes == sizeof(out) && handles == 64 && memcmp(in, out, sizeof(out)) == 0);
  ck_assert_int_eq(zx_handle_close_many(got, 64), ZX_OK);
  ck_assert_int_eq(zx_channel_write(ends[0], 0, out, sizeof(out) + 1, NULL, 0), ZX_ERR_OUT_OF_RANGE);
}
END_TEST

START_TEST(every_failing_write_consumes_its_handles) {
  zx_handle_t events[65], no_transfer, h;
  for (int i = 0; i < 65; i++)
    ck_assert_int_eq(zx_event_create(0, &events[i]), ZX_OK);
  ck_assert_int_eq(zx_channel_write(ends[0], 0, NULL, 0, events, 65), ZX_ERR_OUT_OF_RANGE);
  for (int i = 0; i < 65; i++)
    ck_assert(is_closed(events[i]));

  ck_assert_int_eq(zx_event_create(0, &events[0]), ZX_OK);
  ck_assert_int_eq(zx_handle_replace(events[0], ZX_RIGHT_WAIT, &no_transfer), ZX_OK);
  ck_assert_int_eq(zx_event_create(0, &events[1]), ZX_OK);
  zx_handle_t two[] = {no_transfer, events[1]};
  ck_assert_int_eq(zx_channel_write(ends[0], 0, NULL, 0, two, 2), ZX_ERR_ACCESS_DENIED);
  ck_assert(is_closed(two[0]) && is_closed(two[1]));

  ck_assert_int_eq(zx_event_create(0, &h), ZX_OK);
  zx_handle_t twice[] = {h, h};
  ck_assert_int_eq(zx_channel_write(ends[0], 0, NULL, 0, twice, 2), ZX_ERR_BAD_HANDLE);
  ck_assert(is_closed(h));

  ck_assert_int_eq(zx_event_create(0, &h), ZX_OK);
  ck_assert_int_eq(zx_channel_write(ends[0], 1, NULL, 0, &h, 1), ZX_ERR_INVALID_ARGS);
  ck_assert(is_closed(h));
  ck_assert_int_eq(zx_channel_read(ends[1], 0, NULL, NULL, 0, 0, NULL, NULL), ZX_ERR_SHOULD_WAIT);
}
END_TEST

START_TEST(an_endpoint_cannot_travel_through_itself) {
  zx_handle_t self = ends[0];
  ck_assert_int_eq(zx_channel_write(ends[0], 0, NULL, 0, &self, 1), ZX_ERR_NOT_SUPPORTED);
  ck_assert(is_closed(ends[0]));
  ck_assert_uint_eq(state(ends[1]), ZX_CHANNEL_PEER_CLOSED);
}
END_TEST

START_TEST(messages_are_read_after_the_peer_closed_then_peer_closed) {
  ck_assert_int_eq(zx_channel_write(ends[1], 0, "x", 1, NULL, 0), ZX_OK);  // unread at the closing end
  ck_assert_int_eq(zx_channel_write(ends[0], 0, "a", 1, NULL, 0), ZX_OK);
  ck_assert_int_eq(zx_channel_write(ends[0], 0, "b", 1, NULL, 0), ZX_OK);
  zx_handle_close(ends[0]);
  ck_assert_uint_eq(state(ends[1]), ZX_CHANNEL_READABLE | ZX_CHANNEL_PEER_CLOSED);
  ck_assert_int_eq(zx_channel_write(ends[1], 0, "x", 1, NULL, 0), ZX_ERR_PEER_CLOSED);
  char c;
  ck_assert_int_eq(zx_channel_read(ends[1], 0, &c, NULL, 1, 0, NULL, NULL), ZX_OK);
  ck_assert_int_eq(c, 'a');
  ck_assert_int_eq(zx_channel_read(ends[1], 0, &c, NULL, 1, 0, NULL, NULL), ZX_OK);
  ck_assert_int_eq(zx_channel_read(ends[1], 0, &c, NULL, 1, 0, NULL, NULL), ZX_ERR_PEER_CLOSED);
  ck_assert_uint_eq(state(ends[1]), ZX_CHANNEL_PEER_CLOSED);
}
END_TEST

START_TEST(handles_of_unread_messages_are_closed_with_the_endpoint) {
  zx_handle_t inner[2];
  ck_assert_int_eq(zx_channel_create(0, &inner[0], &inner[1]), ZX_OK);
  ck_assert_int_eq(zx_channel_write(ends[0], 0, NULL, 0, &inner[0], 1), ZX_OK);
  zx_handle_close(ends[1]);
  zx_signals_t observed;
  ck_assert_int_eq(
      zx_object_wait_one(inner[1], ZX_CHANNEL_PEER_CLOSED, zx_deadline_after(ZX_SEC(60)), &observed), ZX_OK);
  zx_handle_close(inner[1]);
}
END_TEST

START_TEST(a_full_queue_says_should_wait_until_the_reader_reads) {
  static char block[16384];
  zx_status_t status;
  int written = 0;
  while ((status = zx_channel_write(ends[0], 0, block, sizeof(block), NULL, 0)) == ZX_OK)
    written++;
  ck_assert_int_eq(status, ZX_ERR_SHOULD_WAIT);
  ck_assert_int_gt(written, 4);
  ck_assert_uint_eq(state(ends[0]) & ZX_CHANNEL_WRITABLE, 0);
  while (zx_channel_read(ends[1], 0, block, NULL, sizeof(block), 0, NULL, NULL) == ZX_OK)
    written--;
  ck_assert_int_eq(written, 0);
  ck_assert_int_eq(zx_object_wait_one(ends[0], ZX_CHANNEL_WRITABLE, zx_deadline_after(ZX_SEC(60)), NULL),
                   ZX_OK);
}
END_TEST

START_TEST(iovecs_are_gathered) {
  zx_channel_iovec_t iovecs[100];
  char expected[300], got[300], *at = expected;
  static const char* const words[] = {"alpha", "", "be", "c"};
  for (int i = 0; i < 100; i++) {
    const char* word = words[i % 4];
    iovecs[i] = (zx_channel_iovec_t){.buffer = word, .capacity = (uint32_t)strlen(word)};
    at = stpcpy(at, word);
  }
  uint32_t bytes;
  for (uint32_t count = 4; count <= 100; count += 96) {
    ck_assert_int_eq(zx_channel_write(ends[0], ZX_CHANNEL_WRITE_USE_IOVEC, iovecs, count, NULL, 0), ZX_OK);
    ck_assert_int_eq(zx_channel_read(ends[1], 0, got, NULL, sizeof(got), 0, &bytes, NULL), ZX_OK);
    ck_assert_uint_eq(bytes, count / 4 * 8);
    ck_assert_int_eq(memcmp(got, expected, bytes), 0);
  }
  iovecs[1].reserved = 1;
  ck_assert_int_eq(zx_channel_write(ends[0], ZX_CHANNEL_WRITE_USE_IOVEC, iovecs, 4, NULL, 0),
                   ZX_ERR_INVALID_ARGS);
}
END_TEST

START_TEST(dispositions_change_rights_and_report_each_entry) {
  zx_handle_t event;
  ck_assert_int_eq(zx_event_create(0, &event), ZX_OK);
  zx_handle_disposition_t d[2] = {{.operation = ZX_HANDLE_OP_DUPLICATE,
                                   .handle = event,
                                   .type = ZX_OBJ_TYPE_EVENT,
                                   .rights = ZX_RIGHT_WAIT},
                                  {.operation = ZX_HANDLE_OP_MOVE,
                                   .handle = event,
                                   .type = ZX_OBJ_TYPE_CHANNEL,
                                   .rights = ZX_RIGHT_SAME_RIGHTS}};
  ck_assert_int_eq(zx_channel_write_etc(ends[0], 0, NULL, 0, d, 2), ZX_ERR_WRONG_TYPE);
  ck_assert(d[0].result == ZX_OK && d[1].result == ZX_ERR_WRONG_TYPE);
  ck_assert(is_closed(event));
  ck_assert_int_eq(zx_event_create(0, &d[0].handle), ZX_OK);
  ck_assert_int_eq(zx_channel_write_etc(ends[0], 0, NULL, 0, d, 1), ZX_OK);
  ck_assert(!is_closed(d[0].handle));
  zx_handle_info_t info;
  uint32_t handles;
  ck_assert_int_eq(zx_channel_read_etc(ends[1], 0, NULL, &info, 0, 1, NULL, &handles), ZX_OK);
  ck_assert(info.type == ZX_OBJ_TYPE_EVENT && info.rights == ZX_RIGHT_WAIT && handles == 1);
  // The event is one: a signal through the kept handle is seen through the one that travelled.
  ck_assert_int_eq(zx_object_signal(d[0].handle, 0, ZX_USER_SIGNAL_3), ZX_OK);
  ck_assert_int_eq(zx_object_wait_one(info.handle, ZX_USER_SIGNAL_3, zx_deadline_after(ZX_SEC(60)), NULL),
                   ZX_OK);
  zx_handle_close(info.handle);
  zx_handle_close(d[0].handle);
}
END_TEST

START_TEST(user_signals_reach_the_peer) {
  ck_assert_int_eq(zx_object_signal_peer(ends[0], 0, ZX_USER_SIGNAL_1), ZX_OK);
  zx_signals_t observed;
  ck_assert_int_eq(zx_object_wait_one(ends[1], ZX_USER_SIGNAL_1, zx_deadline_after(ZX_SEC(60)), &observed),
                   ZX_OK);
  ck_assert_uint_eq(observed, ZX_USER_SIGNAL_1 | ZX_CHANNEL_WRITABLE);
  ck_assert_int_eq(zx_channel_read(ends[1], 0, NULL, NULL, 0, 0, NULL, NULL), ZX_ERR_SHOULD_WAIT);
  ck_assert_int_eq(zx_object_signal_peer(ends[0], 0, ZX_EVENT_SIGNALED), ZX_ERR_INVALID_ARGS);
}
END_TEST

static zx_status_t call(zx_handle_t channel, zx_time_t deadline, void* out, uint32_t size, uint32_t* actual) {
  char request[8] = "....ping";
  zx_channel_call_args_t args = {
      .wr_bytes = request, .wr_num_bytes = sizeof(request), .rd_bytes = out, .rd_num_bytes = size};
  uint32_t handles;
  return zx_channel_call(channel, 0, deadline, &args, actual, &handles);
}

// Answers `count` calls in reverse order, with a message nobody asked for in between.
static void* serve(void* context) {
  int count = *(int*)context;
  char requests[32][8];
  for (int i = 0; i < count; i++) {
    ck_assert_int_eq(zx_object_wait_one(ends[1], ZX_CHANNEL_READABLE, ZX_TIME_INFINITE, NULL), ZX_OK);
    zx_status_t status = zx_channel_read(ends[1], 0, requests[i], NULL, 8, 0, NULL, NULL);
    if (status == ZX_ERR_SHOULD_WAIT) i--;
  }
  ck_assert_int_eq(zx_channel_write(ends[1], 0, "\1\0\0\0event", 9, NULL, 0), ZX_OK);
  for (int i = count; i-- > 0;)
    ck_assert_int_eq(zx_channel_write(ends[1], 0, requests[i], 8, NULL, 0), ZX_OK);
  return NULL;
}

static void* caller(void* context) {
  char answer[8];
  uint32_t actual;
  ck_assert_int_eq(call(ends[0], ZX_TIME_INFINITE, answer, sizeof(answer), &actual), ZX_OK);
  ck_assert(actual == 8 && memcmp(answer + 4, "ping", 4) == 0 && (answer[3] & 0x80));
  return NULL;
}

START_TEST(twenty_threads_call_at_once) {
  int count = 20;
  pthread_t server, callers[20];
  ck_assert_int_eq(pthread_create(&server, NULL, serve, &count), 0);
  for (int i = 0; i < count; i++)
    ck_assert_int_eq(pthread_create(&callers[i], NULL, caller, NULL), 0);
  for (int i = 0; i < count; i++)
    pthread_join(callers[i], NULL);
  pthread_join(server, NULL);
  char message[9];
  ck_assert_int_eq(zx_channel_read(ends[0], 0, message, NULL, 9, 0, NULL, NULL), ZX_OK);
  ck_assert_int_eq(memcmp(message + 4, "event", 5), 0);
}
END_TEST

START_TEST(a_call_between_processes_without_threads) {
  pid_t child = fork();
  ck_assert_int_ge(child, 0);
  if (child == 0) {
    char request[8];
    zx_linux_after_fork_keep(&ends[1], 1);
    for (;;) {
      if (zx_object_wait_one(ends[1], ZX_CHANNEL_READABLE | ZX_CHANNEL_PEER_CLOSED, ZX_TIME_INFINITE, NULL) !=
          ZX_OK)
        _exit(1);
      zx_status_t status = zx_channel_read(ends[1], 0, request, NULL, 8, 0, NULL, NULL);
      if (status == ZX_ERR_PEER_CLOSED) _exit(0);
      if (status != ZX_OK || zx_channel_write(ends[1], 0, request, 8, NULL, 0) != ZX_OK) _exit(2);
    }
  }
  zx_linux_after_fork_leave(&ends[1], 1);
  char answer[8];
  uint32_t actual;
  for (int i = 0; i < 100; i++)
    ck_assert_int_eq(call(ends[0], ZX_TIME_INFINITE, answer, 8, &actual), ZX_OK);
  ck_assert_int_eq(call(ends[0], ZX_TIME_INFINITE, answer, 7, &actual), ZX_ERR_BUFFER_TOO_SMALL);
  ck_assert_uint_eq(actual, 8);
  zx_handle_close(ends[0]);
  int status;
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(a_call_with_a_past_deadline_is_sent_and_its_late_answer_is_queued) {
  char answer[8];
  uint32_t actual;
  ck_assert_int_eq(call(ends[0], 0, answer, 8, &actual), ZX_ERR_TIMED_OUT);
  ck_assert_int_eq(zx_channel_read(ends[1], 0, answer, NULL, 8, 0, NULL, NULL), ZX_OK);
  ck_assert_int_eq(zx_channel_write(ends[1], 0, answer, 8, NULL, 0), ZX_OK);
  ck_assert_int_eq(zx_channel_read(ends[0], 0, answer, NULL, 8, 0, NULL, NULL), ZX_OK);
}
END_TEST

START_TEST(a_call_checks_its_arguments) {
  char bytes[8] = {0};
  uint32_t actual, handles;
  zx_channel_call_args_t args = {.wr_bytes = bytes, .wr_num_bytes = 3, .rd_bytes = bytes, .rd_num_bytes = 8};
  ck_assert_int_eq(zx_channel_call(ends[0], 0, 0, &args, &actual, &handles), ZX_ERR_INVALID_ARGS);
  args.wr_num_bytes = 4;
  ck_assert_int_eq(zx_channel_call(ends[0], 0, 0, &args, NULL, &handles), ZX_ERR_TIMED_OUT);
  zx_handle_close(ends[1]);
  ck_assert_int_eq(zx_channel_call(ends[0], 0, ZX_TIME_INFINITE, &args, &actual, &handles),
                   ZX_ERR_PEER_CLOSED);
}
END_TEST

static void* close_end_0(void* context) {
  // Once the request is there the caller is inside the call.
  ck_assert_int_eq(zx_object_wait_one(ends[1], ZX_CHANNEL_READABLE, ZX_TIME_INFINITE, NULL), ZX_OK);
  ck_assert_int_eq(zx_handle_close(ends[context ? 1 : 0]), ZX_OK);
  return NULL;
}

START_TEST(closing_the_handle_cancels_a_call) {
  pthread_t thread;
  char answer[8];
  uint32_t actual;
  ck_assert_int_eq(pthread_create(&thread, NULL, close_end_0, NULL), 0);
  ck_assert_int_eq(call(ends[0], ZX_TIME_INFINITE, answer, 8, &actual), ZX_ERR_CANCELED);
  pthread_join(thread, NULL);
  ck_assert_uint_eq(state(ends[1]), ZX_CHANNEL_READABLE | ZX_CHANNEL_PEER_CLOSED);
}
END_TEST

START_TEST(closing_the_peer_ends_a_call) {
  pthread_t thread;
  char answer[8];
  uint32_t actual;
  ck_assert_int_eq(pthread_create(&thread, NULL, close_end_0, ends), 0);
  ck_assert_int_eq(call(ends[0], ZX_TIME_INFINITE, answer, 8, &actual), ZX_ERR_PEER_CLOSED);
  pthread_join(thread, NULL);
}
END_TEST

START_TEST(garbage_from_the_peer_is_a_clean_close) {
  int fds[2];
  static const char* const garbage[] = {"",
                                        "x",
                                        "Jabcdefg",
                                        "J\0\0\0\xff\xff\xff\xff",
                                        "J\0\1\0\0\0\0\0",
                                        "J\0\xff\xff\0\0\0\0",
                                        "K\0\0\0\0\0\0\0",
                                        "J\0\0\0\1\0\0\0"};
  static const size_t sizes[] = {0, 1, 8, 8, 8, 8, 8, 8};
  for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
    zx_handle_t h;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
    ck_assert_int_eq(zx_linux_channel_from_fd(fds[0], &h), ZX_OK);
    ck_assert_int_eq(send(fds[1], garbage[i], sizes[i], 0), (ssize_t)sizes[i]);
    char buffer[8];
    ck_assert_int_eq(zx_channel_read(h, 0, buffer, NULL, 8, 0, NULL, NULL), ZX_ERR_PEER_CLOSED);
    ck_assert(state(h) & ZX_CHANNEL_PEER_CLOSED);
    zx_handle_close(h);
    close(fds[1]);
  }
}
END_TEST

// A socket that is a pipe, in the layout of runtime/zx/packet.h.
START_TEST(a_handle_that_is_not_what_it_says_is_a_clean_close) {
  int fds[2], pipe_fds[2];
  zx_handle_t h, received;
  unsigned char packet[8 + 96] = {0x4a, 0, 1};
  char control[CMSG_SPACE(sizeof(int))] = {0};
  struct iovec iov = {packet, sizeof(packet)};
  struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control};
  packet[8] = ZX_OBJ_TYPE_SOCKET;
  packet[8 + 15] = 0x10;  // a koid
  packet[8 + 24] = 1;     // one descriptor
  message.msg_controllen = sizeof(control);
  *CMSG_FIRSTHDR(&message) =
      (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
  ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
  memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), &pipe_fds[0], sizeof(int));
  ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
  ck_assert_int_eq(zx_linux_channel_from_fd(fds[0], &h), ZX_OK);
  ck_assert_int_eq(sendmsg(fds[1], &message, 0), sizeof(packet));
  ck_assert_int_eq(zx_channel_read(h, 0, NULL, &received, 0, 1, NULL, NULL), ZX_ERR_PEER_CLOSED);
  ck_assert_uint_eq(state(h), ZX_CHANNEL_PEER_CLOSED);
  zx_handle_close(h);
  close(fds[1]);
  close(pipe_fds[0]);
  close(pipe_fds[1]);
}
END_TEST

START_TEST(a_channel_becomes_a_descriptor_and_a_channel_again) {
  int fd, other;
  ck_assert_int_eq(zx_linux_channel_to_fd(ends[0], &fd), ZX_OK);
  ck_assert(is_closed(ends[0]));
  other = dup(fd);
  ck_assert_int_eq(zx_linux_channel_from_fd(fd, &ends[0]), ZX_OK);
  zx_handle_t shared;
  ck_assert_int_eq(zx_linux_channel_from_fd(other, &shared), ZX_OK);
  ck_assert_int_eq(zx_channel_write(shared, 0, "a", 1, NULL, 0), ZX_OK);
  zx_handle_close(shared);
  char c;
  ck_assert_int_eq(zx_channel_read(ends[1], 0, &c, NULL, 1, 0, NULL, NULL), ZX_OK);
  ck_assert_int_eq(zx_channel_read(ends[1], 0, &c, NULL, 1, 0, NULL, NULL), ZX_ERR_SHOULD_WAIT);
}
END_TEST

START_TEST(a_wrapped_descriptor_travels) {
  int pipes[2], got;
  zx_handle_t h;
  ck_assert_int_eq(pipe(pipes), 0);
  ck_assert_int_eq(zx_linux_fd_wrap(pipes[1], &h), ZX_OK);
  ck_assert_int_eq(zx_object_wait_one(h, ZX_OBJECT_WRITABLE, ZX_TIME_INFINITE, NULL), ZX_OK);
  ck_assert_int_eq(zx_channel_write(ends[0], 0, NULL, 0, &h, 1), ZX_OK);
  ck_assert_int_eq(zx_channel_read(ends[1], 0, NULL, &h, 0, 1, NULL, NULL), ZX_OK);
  ck_assert_int_eq(zx_linux_fd_unwrap(h, &got), ZX_OK);
  ck_assert_int_eq(write(got, "x", 1), 1);
  close(got);
  char c[2];
  ck_assert_int_eq(read(pipes[0], c, 2), 1);
  ck_assert_int_eq(read(pipes[0], c, 2), 0);
  close(pipes[0]);
}
END_TEST

START_TEST(channels_nested_in_each_other_are_freed) {
  // The kernel limits how deep; what it refuses is reported and closed.
  zx_handle_t inner = ends[1];
  for (int i = 0; i < 200; i++) {
    zx_handle_t pair[2];
    ck_assert_int_eq(zx_channel_create(0, &pair[0], &pair[1]), ZX_OK);
    zx_status_t status = zx_channel_write(pair[0], 0, NULL, 0, &inner, 1);
    zx_handle_close(pair[0]);
    inner = pair[1];
    ck_assert(status == ZX_OK || status == ZX_ERR_NO_RESOURCES);
  }
  zx_handle_close(inner);
  ck_assert_int_eq(zx_object_wait_one(ends[0], ZX_CHANNEL_PEER_CLOSED, zx_deadline_after(ZX_SEC(60)), NULL),
                   ZX_OK);
}
END_TEST

START_TEST(a_queue_filled_by_signals_is_not_writable) {
  zx_status_t status;
  while ((status = zx_object_signal_peer(ends[0], 0, ZX_USER_SIGNAL_0)) == ZX_OK) {
  }
  ck_assert_int_eq(status, ZX_ERR_SHOULD_WAIT);
  ck_assert_uint_eq(state(ends[0]) & ZX_CHANNEL_WRITABLE, 0);
  ck_assert_uint_eq(state(ends[1]) & ZX_USER_SIGNAL_0, ZX_USER_SIGNAL_0);
  while (zx_object_wait_one(ends[0], ZX_CHANNEL_WRITABLE, 0, NULL) != ZX_OK)
    state(ends[1]);  // takes the signals in, so many at a time
}
END_TEST

int main(void) {
  Suite* suite = suite_create("channel");
  TCase* tc = jx_test_case(suite, "channel");
  tcase_add_checked_fixture(tc, make_channel, close_channel);
  tcase_add_test(tc, creation_gives_default_rights_and_related_koids);
  tcase_add_test(tc, messages_arrive_whole_and_in_order);
  tcase_add_test(tc, a_message_too_large_for_the_reader_stays);
  tcase_add_test(tc, a_message_too_large_goes_if_the_reader_may_discard);
  tcase_add_test(tc, the_largest_message_with_the_most_handles_passes);
  tcase_add_test(tc, every_failing_write_consumes_its_handles);
  tcase_add_test(tc, an_endpoint_cannot_travel_through_itself);
  tcase_add_test(tc, messages_are_read_after_the_peer_closed_then_peer_closed);
  tcase_add_test(tc, handles_of_unread_messages_are_closed_with_the_endpoint);
  tcase_add_test(tc, a_full_queue_says_should_wait_until_the_reader_reads);
  tcase_add_test(tc, iovecs_are_gathered);
  tcase_add_test(tc, dispositions_change_rights_and_report_each_entry);
  tcase_add_test(tc, user_signals_reach_the_peer);
  tcase_add_test(tc, twenty_threads_call_at_once);
  tcase_add_test(tc, a_call_between_processes_without_threads);
  tcase_add_test(tc, a_call_with_a_past_deadline_is_sent_and_its_late_answer_is_queued);
  tcase_add_test(tc, a_call_checks_its_arguments);
  tcase_add_test(tc, closing_the_handle_cancels_a_call);
  tcase_add_test(tc, closing_the_peer_ends_a_call);
  tcase_add_test(tc, garbage_from_the_peer_is_a_clean_close);
  tcase_add_test(tc, a_handle_that_is_not_what_it_says_is_a_clean_close);
  tcase_add_test(tc, a_channel_becomes_a_descriptor_and_a_channel_again);
  tcase_add_test(tc, a_wrapped_descriptor_travels);
  tcase_add_test(tc, channels_nested_in_each_other_are_freed);
  tcase_add_test(tc, a_queue_filled_by_signals_is_not_writable);
  return jx_test_run(suite);
}
