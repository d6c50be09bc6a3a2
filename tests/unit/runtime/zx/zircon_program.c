// A program as one is written for Zircon: C11, its headers, and each of their calls, used as their
// documentation has it. 0, or the line that failed. check_zircon_program.py sees to it that no call is
// missing.
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include <zircon/compiler.h>
#include <zircon/errors.h>
#include <zircon/process.h>
#include <zircon/rights.h>
#include <zircon/status.h>
#include <zircon/syscalls.h>
#include <zircon/syscalls/clock.h>
#include <zircon/syscalls/object.h>
#include <zircon/syscalls/port.h>
#include <zircon/time.h>
#include <zircon/types.h>

__BEGIN_CDECLS
int zircon_program(void);
__END_CDECLS

#define CHECK(what) \
  if (!(what)) return __LINE__
#define OK(what) CHECK((what) == ZX_OK)

static zx_koid_t koid_of(zx_handle_t handle) {
  zx_info_handle_basic_t info;
  size_t actual, avail;
  zx_status_t status = zx_object_get_info(handle, ZX_INFO_HANDLE_BASIC, &info, sizeof(info), &actual, &avail);
  return status == ZX_OK && actual == 1 && avail == 1 ? info.koid : ZX_KOID_INVALID;
}

static int hold_handles(void) {
  zx_handle_t event, copy, weak;
  zx_info_handle_basic_t info;
  zx_info_handle_count_t count;
  OK(zx_event_create(0, &event));
  CHECK((event & ZX_HANDLE_FIXED_BITS_MASK) == ZX_HANDLE_FIXED_BITS_MASK);
  OK(zx_object_get_info(event, ZX_INFO_HANDLE_VALID, NULL, 0, NULL, NULL));
  OK(zx_handle_duplicate(event, ZX_RIGHT_SAME_RIGHTS, &copy));
  CHECK(copy != event && koid_of(copy) == koid_of(event) && koid_of(copy) >= ZX_KOID_FIRST);
  OK(zx_object_get_info(event, ZX_INFO_HANDLE_COUNT, &count, sizeof(count), NULL, NULL));
  CHECK(count.handle_count == 2);
  OK(zx_handle_replace(copy, ZX_RIGHTS_BASIC, &weak));
  CHECK(zx_handle_close(copy) == ZX_ERR_BAD_HANDLE);
  OK(zx_object_get_info(weak, ZX_INFO_HANDLE_BASIC, &info, sizeof(info), NULL, NULL));
  CHECK(info.type == ZX_OBJ_TYPE_EVENT && info.rights == ZX_RIGHTS_BASIC && info.related_koid == 0);
  CHECK(zx_object_signal(weak, 0, ZX_EVENT_SIGNALED) == ZX_ERR_ACCESS_DENIED);
  CHECK(zx_handle_replace(weak, ZX_RIGHT_SIGNAL, &copy) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_object_get_info(weak, ZX_INFO_HANDLE_VALID, NULL, 0, NULL, NULL) == ZX_ERR_BAD_HANDLE);
  zx_handle_t all[] = {event, ZX_HANDLE_INVALID, event};
  CHECK(zx_handle_close_many(all, 3) == ZX_ERR_BAD_HANDLE);
  return zx_handle_close(ZX_HANDLE_INVALID) == ZX_OK ? 0 : __LINE__;
}

static int send_messages(void) {
  zx_handle_t a, b, event, got;
  zx_handle_info_t info;
  uint32_t bytes, handles;
  char text[8];
  OK(zx_channel_create(0, &a, &b));
  OK(zx_event_create(0, &event));
  zx_channel_iovec_t parts[] = {{"he", 2, 0}, {"llo", 3, 0}};
  zx_handle_disposition_t moved = {ZX_HANDLE_OP_MOVE, event, ZX_OBJ_TYPE_EVENT,
                                   ZX_RIGHT_SIGNAL | ZX_RIGHT_TRANSFER | ZX_RIGHT_WAIT, ZX_OK};
  OK(zx_channel_write_etc(a, ZX_CHANNEL_WRITE_USE_IOVEC, parts, 2, &moved, 1));
  CHECK(zx_channel_read(b, 0, NULL, NULL, 0, 0, &bytes, &handles) == ZX_ERR_BUFFER_TOO_SMALL);
  CHECK(bytes == 5 && handles == 1);
  OK(zx_channel_read(b, 0, text, &got, bytes, handles, &bytes, &handles));
  CHECK(memcmp(text, "hello", 5) == 0);
  CHECK(zx_handle_duplicate(got, ZX_RIGHT_SAME_RIGHTS, &event) == ZX_ERR_ACCESS_DENIED);
  OK(zx_channel_write(a, 0, "x", 1, &got, 1));
  OK(zx_channel_read_etc(b, 0, text, &info, 1, 1, &bytes, &handles));
  CHECK(info.type == ZX_OBJ_TYPE_EVENT && info.rights == moved.rights);
  OK(zx_handle_close(info.handle));
  OK(zx_channel_write(a, 0, "too long", 8, NULL, 0));
  CHECK(zx_channel_read(b, ZX_CHANNEL_READ_MAY_DISCARD, text, NULL, 2, 0, &bytes, NULL) ==
        ZX_ERR_BUFFER_TOO_SMALL);
  CHECK(zx_channel_read(b, 0, text, NULL, 8, 0, &bytes, NULL) == ZX_ERR_SHOULD_WAIT);
  OK(zx_object_signal_peer(a, 0, ZX_USER_SIGNAL_7));
  OK(zx_handle_close(a));
  zx_signals_t observed;
  OK(zx_object_wait_one(b, ZX_CHANNEL_PEER_CLOSED, ZX_TIME_INFINITE, &observed));
  CHECK(observed == (ZX_CHANNEL_PEER_CLOSED | ZX_USER_SIGNAL_7));
  CHECK(zx_channel_write(b, 0, "x", 1, NULL, 0) == ZX_ERR_PEER_CLOSED);
  return zx_handle_close(b) == ZX_OK ? 0 : __LINE__;
}

// Answers each message with its own bytes and handles, until the other end goes.
static int answer_all(zx_handle_t channel) {
  zx_handle_t handles[4];
  uint32_t num_bytes, num_handles;
  char bytes[64];
  for (;;) {
    zx_signals_t observed;
    OK(zx_object_wait_one(channel, ZX_CHANNEL_READABLE | ZX_CHANNEL_PEER_CLOSED, ZX_TIME_INFINITE,
                          &observed));
    if (!(observed & ZX_CHANNEL_READABLE)) return 0;
    OK(zx_channel_read(channel, 0, bytes, handles, sizeof(bytes), 4, &num_bytes, &num_handles));
    OK(zx_channel_write(channel, 0, bytes, num_bytes, handles, num_handles));
  }
}

static void* answer(void* context) {
  return (void*)(intptr_t)answer_all(*(zx_handle_t*)context);
}

struct request {
  zx_txid_t txid;
  uint32_t number;
};

static int call_a_server(void) {
  zx_handle_t client, server, vmo, got;
  uint32_t bytes, handles;
  pthread_t thread;
  OK(zx_channel_create(0, &client, &server));
  OK(zx_vmo_create(1, 0, &vmo));
  CHECK(pthread_create(&thread, NULL, answer, &server) == 0);
  struct request request = {.number = 17}, response = {0};
  zx_channel_call_args_t args = {.wr_bytes = &request,
                                 .wr_handles = &vmo,
                                 .rd_bytes = &response,
                                 .rd_handles = &got,
                                 .wr_num_bytes = sizeof(request),
                                 .wr_num_handles = 1,
                                 .rd_num_bytes = sizeof(response),
                                 .rd_num_handles = 1};
  OK(zx_channel_call(client, 0, ZX_TIME_INFINITE, &args, &bytes, &handles));
  CHECK(bytes == sizeof(response) && handles == 1 && response.number == 17 && response.txid >= 0x80000000u);
  zx_handle_disposition_t sent = {ZX_HANDLE_OP_DUPLICATE, got, ZX_OBJ_TYPE_VMO, ZX_RIGHT_SAME_RIGHTS, ZX_OK};
  zx_handle_info_t info;
  zx_channel_call_etc_args_t etc = {.wr_bytes = &request,
                                    .wr_handles = &sent,
                                    .rd_bytes = &response,
                                    .rd_handles = &info,
                                    .wr_num_bytes = sizeof(request),
                                    .wr_num_handles = 1,
                                    .rd_num_bytes = sizeof(response),
                                    .rd_num_handles = 1};
  OK(zx_channel_call_etc(client, 0, zx_deadline_after(ZX_SEC(60)), &etc, &bytes, &handles));
  CHECK(handles == 1 && info.type == ZX_OBJ_TYPE_VMO && koid_of(info.handle) == koid_of(got));
  OK(zx_handle_close(client));
  void* failed;
  CHECK(pthread_join(thread, &failed) == 0);
  if (failed) return (int)(intptr_t)failed;
  zx_handle_t all[] = {server, got, info.handle};
  return zx_handle_close_many(all, 3) == ZX_OK ? 0 : __LINE__;
}

static int wait_for_signals(void) {
  zx_handle_t event, pair[2];
  OK(zx_event_create(0, &event));
  OK(zx_eventpair_create(0, &pair[0], &pair[1]));
  zx_wait_item_t items[] = {{event, ZX_EVENT_SIGNALED, 0}, {pair[0], ZX_EVENTPAIR_SIGNALED, 0}};
  CHECK(zx_object_wait_many(items, 2, zx_deadline_after(ZX_USEC(10))) == ZX_ERR_TIMED_OUT);
  OK(zx_object_signal_peer(pair[1], 0, ZX_EVENTPAIR_SIGNALED | ZX_USER_SIGNAL_0));
  OK(zx_object_wait_many(items, 2, ZX_TIME_INFINITE));
  CHECK(items[0].pending == 0 && items[1].pending == (ZX_EVENTPAIR_SIGNALED | ZX_USER_SIGNAL_0));
  OK(zx_object_signal(pair[0], ZX_EVENTPAIR_SIGNALED, ZX_USER_SIGNAL_1));
  zx_signals_t observed;
  CHECK(zx_object_wait_one(pair[0], 0, ZX_TIME_INFINITE_PAST, &observed) == ZX_ERR_TIMED_OUT);
  CHECK(observed == (ZX_USER_SIGNAL_0 | ZX_USER_SIGNAL_1));
  zx_handle_t all[] = {event, pair[0], pair[1]};
  return zx_handle_close_many(all, 3) == ZX_OK ? 0 : __LINE__;
}

static int wait_at_a_port(void) {
  zx_handle_t port, timer, pair[2];
  zx_info_timer_t info;
  zx_port_packet_t packet = {.key = 1, .type = ZX_PKT_TYPE_USER, .user = {.u64 = {1, 2, 3, 4}}};
  OK(zx_port_create(0, &port));
  OK(zx_port_queue(port, &packet));
  OK(zx_port_wait(port, 0, &packet));
  CHECK(packet.user.u64[3] == 4);
  OK(zx_timer_create(ZX_TIMER_SLACK_CENTER, ZX_CLOCK_MONOTONIC, &timer));
  OK(zx_timer_set(timer, zx_deadline_after(ZX_HOUR(1)), ZX_MSEC(1)));
  OK(zx_object_get_info(timer, ZX_INFO_TIMER, &info, sizeof(info), NULL, NULL));
  CHECK(info.deadline > zx_clock_get_monotonic() && info.slack == ZX_MSEC(1));
  OK(zx_timer_cancel(timer));
  OK(zx_object_wait_async(timer, port, 2, ZX_TIMER_SIGNALED, ZX_WAIT_ASYNC_TIMESTAMP));
  zx_time_t deadline = zx_time_add_duration(zx_clock_get_monotonic(), ZX_MSEC(1));
  OK(zx_timer_set(timer, deadline, ZX_USEC(10)));
  OK(zx_port_wait(port, zx_deadline_after(ZX_SEC(60)), &packet));
  CHECK(packet.key == 2 && packet.type == ZX_PKT_TYPE_SIGNAL_ONE && packet.signal.timestamp >= deadline);
  CHECK(packet.signal.trigger == ZX_TIMER_SIGNALED && packet.signal.count == 1);
  OK(zx_eventpair_create(0, &pair[0], &pair[1]));
  OK(zx_object_wait_async(pair[0], port, 3, ZX_EVENTPAIR_PEER_CLOSED, ZX_WAIT_ASYNC_ONCE));
  OK(zx_port_cancel(port, pair[0], 3));
  CHECK(zx_port_cancel(port, pair[0], 3) == ZX_ERR_NOT_FOUND);
  zx_handle_t all[] = {port, timer, pair[0], pair[1]};
  return zx_handle_close_many(all, 4) == ZX_OK ? 0 : __LINE__;
}

static int queue_elements(void) {
  zx_handle_t fifo[2];
  uint64_t values[4] = {40, 41, 42, 43};
  size_t actual;
  OK(zx_fifo_create(3, sizeof(values[0]), 0, &fifo[0], &fifo[1]));
  OK(zx_fifo_write(fifo[0], sizeof(values[0]), values, 4, &actual));
  CHECK(actual == 3);
  CHECK(zx_fifo_write(fifo[0], sizeof(values[0]), values, 1, NULL) == ZX_ERR_SHOULD_WAIT);
  OK(zx_fifo_read(fifo[1], sizeof(values[0]), values, 1, NULL));
  OK(zx_handle_close(fifo[0]));
  OK(zx_fifo_read(fifo[1], sizeof(values[0]), &values[1], 3, &actual));
  CHECK(actual == 2 && values[0] == 40 && values[1] == 41 && values[2] == 42);
  return zx_handle_close(fifo[1]) == ZX_OK ? 0 : __LINE__;
}

static int stream_bytes(void) {
  zx_handle_t socket[2];
  zx_info_socket_t info;
  size_t actual, threshold = 3;
  char bytes[4];
  OK(zx_socket_create(ZX_SOCKET_STREAM, &socket[0], &socket[1]));
  OK(zx_object_set_property(socket[1], ZX_PROP_SOCKET_RX_THRESHOLD, &threshold, sizeof(threshold)));
  OK(zx_socket_write(socket[0], 0, "xyz", 3, &actual));
  OK(zx_object_wait_one(socket[1], ZX_SOCKET_READ_THRESHOLD, ZX_TIME_INFINITE, NULL));
  OK(zx_object_get_info(socket[1], ZX_INFO_SOCKET, &info, sizeof(info), NULL, NULL));
  CHECK(info.rx_buf_size == 3 && info.rx_buf_max >= 3);
  threshold = 0;
  OK(zx_object_get_property(socket[1], ZX_PROP_SOCKET_RX_THRESHOLD, &threshold, sizeof(threshold)));
  CHECK(threshold == 3);
  OK(zx_object_set_property(socket[0], ZX_PROP_SOCKET_TX_THRESHOLD, &threshold, sizeof(threshold)));
  OK(zx_socket_set_disposition(socket[0], ZX_SOCKET_DISPOSITION_WRITE_DISABLED, 0));
  OK(zx_socket_read(socket[1], ZX_SOCKET_PEEK, bytes, 4, &actual));
  OK(zx_socket_read(socket[1], 0, bytes, 4, &actual));
  CHECK(actual == 3 && zx_socket_read(socket[1], 0, bytes, 1, &actual) == ZX_ERR_BAD_STATE);
  OK(zx_socket_set_disposition(socket[0], ZX_SOCKET_DISPOSITION_WRITE_ENABLED, 0));
  OK(zx_socket_shutdown(socket[1], ZX_SOCKET_SHUTDOWN_READ));
  CHECK(zx_socket_write(socket[0], 0, "x", 1, &actual) == ZX_ERR_BAD_STATE);
  OK(zx_handle_close_many(socket, 2));
  OK(zx_socket_create(ZX_SOCKET_DATAGRAM, &socket[0], &socket[1]));
  OK(zx_socket_write(socket[0], 0, "first", 5, &actual));
  OK(zx_socket_write(socket[0], 0, "2nd", 3, &actual));
  OK(zx_socket_read(socket[1], 0, bytes, 4, &actual));
  OK(zx_socket_read(socket[1], 0, bytes, 4, &actual));
  CHECK(actual == 3 && bytes[0] == '2');
  return zx_handle_close_many(socket, 2) == ZX_OK ? 0 : __LINE__;
}

static int share_memory(void) {
  const uint64_t page = zx_system_get_page_size();
  zx_handle_t vmo, child;
  zx_info_vmo_t info;
  char name[ZX_MAX_NAME_LEN];
  uint64_t size;
  OK(zx_vmo_create(page + 1, ZX_VMO_RESIZABLE, &vmo));
  OK(zx_vmo_get_size(vmo, &size));
  CHECK(size == 2 * page);
  OK(zx_object_get_property(vmo, ZX_PROP_VMO_CONTENT_SIZE, &size, sizeof(size)));
  CHECK(size == page + 1);
  OK(zx_vmo_set_size(vmo, 3 * page));
  OK(zx_object_set_property(vmo, ZX_PROP_NAME, "memory", 6));
  OK(zx_object_get_property(vmo, ZX_PROP_NAME, name, sizeof(name)));
  CHECK(strcmp(name, "memory") == 0);
  OK(zx_vmo_write(vmo, "abc", page - 1, 3));
  OK(zx_vmo_create_child(vmo, ZX_VMO_CHILD_SNAPSHOT, 0, 2 * page, &child));
  OK(zx_vmo_op_range(vmo, ZX_VMO_OP_ZERO, 0, 3 * page, NULL, 0));
  OK(zx_vmo_read(child, name, page - 1, 3));
  CHECK(memcmp(name, "abc", 3) == 0);
  OK(zx_object_get_info(vmo, ZX_INFO_VMO, &info, sizeof(info), NULL, NULL));
  CHECK(info.num_children == 1 && info.size_bytes == 3 * page && (info.flags & ZX_INFO_VMO_RESIZABLE));
  OK(zx_handle_close(child));
  OK(zx_object_wait_one(vmo, ZX_VMO_ZERO_CHILDREN, ZX_TIME_INFINITE, NULL));
  return zx_handle_close(vmo) == ZX_OK ? 0 : __LINE__;
}

static int map_memory(void) {
  const uint64_t page = zx_system_get_page_size();
  const zx_handle_t self = zx_vmar_root_self();
  zx_handle_t vmo;
  zx_vaddr_t at, same;
  char byte = 0;
  OK(zx_vmo_create(2 * page, 0, &vmo));
  OK(zx_vmar_map(self, ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, vmo, 0, 2 * page, &at));
  *(volatile char*)(at + page) = 7;
  OK(zx_vmo_read(vmo, &byte, page, 1));
  CHECK(byte == 7);
  OK(zx_vmar_protect(self, ZX_VM_PERM_READ, at, page));
  CHECK(zx_vmar_map(self, ZX_VM_PERM_READ | ZX_VM_SPECIFIC, at, vmo, 0, page, &same) ==
        ZX_ERR_ALREADY_EXISTS);
  OK(zx_vmar_map(self, ZX_VM_PERM_READ | ZX_VM_SPECIFIC_OVERWRITE, at, vmo, page, page, &same));
  CHECK(same == at && *(volatile char*)at == 7);
  OK(zx_handle_close(vmo));
  CHECK(*(volatile char*)(at + page) == 7);
  return zx_vmar_unmap(self, at, 2 * page) == ZX_OK ? 0 : __LINE__;
}

static int tell_the_time(void) {
  zx_time_t start = zx_clock_get_monotonic();
  zx_ticks_t ticks = zx_ticks_get();
  OK(zx_nanosleep(zx_deadline_after(ZX_USEC(50))));
  CHECK(zx_clock_get_monotonic() - start >= ZX_USEC(50) && zx_ticks_get() > ticks);
  CHECK(zx_ticks_per_second() > 0 && zx_clock_get_boot() >= start);
  CHECK(zx_deadline_after(ZX_TIME_INFINITE) == ZX_TIME_INFINITE);
  CHECK(zx_time_add_duration(ZX_TIME_INFINITE, 1) == ZX_TIME_INFINITE);
  CHECK(zx_duration_mul_int64(ZX_MIN(1), 60) == zx_duration_from_hour(1));
  CHECK(zx_duration_from_timespec(zx_timespec_from_duration(ZX_MSEC(1500))) == ZX_MSEC(1500));
  return 0;
}

static int keep_a_clock(void) {
  zx_handle_t utc;
  zx_time_t now;
  zx_clock_details_v1_t details;
  zx_clock_create_args_v1_t made = {.backstop_time = 5500};
  zx_clock_update_args_v2_t update = {.synthetic_value = 6000, .rate_adjust = -20};
  OK(zx_clock_create(ZX_CLOCK_ARGS_VERSION(1) | ZX_CLOCK_OPT_MONOTONIC, &made, &utc));
  OK(zx_clock_read(utc, &now));
  CHECK(now == 5500);
  OK(zx_clock_update(utc,
                     ZX_CLOCK_ARGS_VERSION(2) | ZX_CLOCK_UPDATE_OPTION_SYNTHETIC_VALUE_VALID |
                         ZX_CLOCK_UPDATE_OPTION_RATE_ADJUST_VALID,
                     &update));
  OK(zx_object_wait_one(utc, ZX_CLOCK_STARTED, ZX_TIME_INFINITE, NULL));
  OK(zx_clock_get_details(utc, ZX_CLOCK_ARGS_VERSION(1), &details));
  CHECK(details.reference_to_synthetic.synthetic_offset == 6000 && details.backstop_time == 5500);
  return zx_handle_close(utc) == ZX_OK ? 0 : __LINE__;
}

int zircon_program(void) {
  int (*const parts[])(void) = {hold_handles,   send_messages,  call_a_server, wait_for_signals,
                                wait_at_a_port, queue_elements, stream_bytes,  share_memory,
                                map_memory,     tell_the_time,  keep_a_clock};
  for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
    int failed = parts[i]();
    if (failed) return failed;
  }
  CHECK(strcmp(zx_status_get_string(ZX_ERR_TIMED_OUT), "ZX_ERR_TIMED_OUT") == 0);
  return 0;
}
