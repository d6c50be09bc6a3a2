// A program as one is written for Zircon: nothing but its headers, nothing but its calls. 0, or the line that
// failed.
#include <zircon/compiler.h>
#include <zircon/errors.h>
#include <zircon/process.h>
#include <zircon/rights.h>
#include <zircon/status.h>
#include <zircon/syscalls.h>
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

static int talk_through_a_channel(void) {
  zx_handle_t a, b, event, got;
  zx_info_handle_basic_t info;
  uint32_t bytes, handles;
  char text[8];
  OK(zx_channel_create(0, &a, &b));
  OK(zx_event_create(0, &event));
  OK(zx_object_get_info(a, ZX_INFO_HANDLE_BASIC, &info, sizeof(info), NULL, NULL));
  CHECK(info.type == ZX_OBJ_TYPE_CHANNEL && info.rights == ZX_DEFAULT_CHANNEL_RIGHTS);
  zx_channel_iovec_t parts[] = {{"he", 2, 0}, {"llo", 3, 0}};
  zx_handle_disposition_t moved = {ZX_HANDLE_OP_MOVE, event, ZX_OBJ_TYPE_EVENT,
                                   ZX_RIGHT_SIGNAL | ZX_RIGHT_TRANSFER | ZX_RIGHT_WAIT, ZX_OK};
  OK(zx_channel_write_etc(a, ZX_CHANNEL_WRITE_USE_IOVEC, parts, 2, &moved, 1));
  CHECK(zx_channel_read(b, 0, NULL, NULL, 0, 0, &bytes, &handles) == ZX_ERR_BUFFER_TOO_SMALL);
  CHECK(bytes == 5 && handles == 1);
  OK(zx_channel_read(b, 0, text, &got, bytes, handles, &bytes, &handles));
  CHECK(text[0] == 'h' && text[4] == 'o');
  OK(zx_object_signal(got, 0, ZX_EVENT_SIGNALED));
  CHECK(zx_handle_duplicate(got, ZX_RIGHT_SAME_RIGHTS, &event) == ZX_ERR_ACCESS_DENIED);
  OK(zx_handle_close(got));
  OK(zx_handle_close(a));
  zx_signals_t observed;
  OK(zx_object_wait_one(b, ZX_CHANNEL_PEER_CLOSED, ZX_TIME_INFINITE, &observed));
  CHECK(observed == ZX_CHANNEL_PEER_CLOSED);
  return zx_handle_close(b) == ZX_OK ? 0 : __LINE__;
}

static int wait_at_a_port(void) {
  zx_handle_t port, timer, pair[2];
  zx_port_packet_t packet = {.key = 1, .type = ZX_PKT_TYPE_USER, .user = {.u64 = {1, 2, 3, 4}}};
  OK(zx_port_create(0, &port));
  OK(zx_port_queue(port, &packet));
  OK(zx_port_wait(port, 0, &packet));
  CHECK(packet.user.u64[3] == 4);
  OK(zx_timer_create(ZX_TIMER_SLACK_CENTER, ZX_CLOCK_MONOTONIC, &timer));
  OK(zx_object_wait_async(timer, port, 2, ZX_TIMER_SIGNALED, ZX_WAIT_ASYNC_TIMESTAMP));
  zx_time_t deadline = zx_time_add_duration(zx_clock_get_monotonic(), ZX_MSEC(1));
  OK(zx_timer_set(timer, deadline, ZX_USEC(10)));
  OK(zx_port_wait(port, zx_deadline_after(ZX_SEC(10)), &packet));
  CHECK(packet.key == 2 && packet.type == ZX_PKT_TYPE_SIGNAL_ONE && packet.signal.timestamp >= deadline);
  OK(zx_eventpair_create(0, &pair[0], &pair[1]));
  OK(zx_object_wait_async(pair[0], port, 3, ZX_EVENTPAIR_PEER_CLOSED, ZX_WAIT_ASYNC_ONCE));
  OK(zx_port_cancel(port, pair[0], 3));
  CHECK(zx_port_cancel(port, pair[0], 3) == ZX_ERR_NOT_FOUND);
  zx_handle_t all[] = {port, timer, pair[0], pair[1]};
  return zx_handle_close_many(all, 4) == ZX_OK ? 0 : __LINE__;
}

static int move_bytes(void) {
  zx_handle_t fifo[2], socket[2];
  uint64_t value = 42;
  size_t actual;
  char c;
  OK(zx_fifo_create(4, sizeof(value), 0, &fifo[0], &fifo[1]));
  OK(zx_fifo_write(fifo[0], sizeof(value), &value, 1, &actual));
  value = 0;
  OK(zx_fifo_read(fifo[1], sizeof(value), &value, 1, &actual));
  CHECK(value == 42 && actual == 1);
  OK(zx_socket_create(ZX_SOCKET_STREAM, &socket[0], &socket[1]));
  OK(zx_socket_write(socket[0], 0, "x", 1, &actual));
  OK(zx_socket_set_disposition(socket[0], ZX_SOCKET_DISPOSITION_WRITE_DISABLED, 0));
  OK(zx_socket_read(socket[1], 0, &c, 1, &actual));
  CHECK(zx_socket_read(socket[1], 0, &c, 1, &actual) == ZX_ERR_BAD_STATE);
  OK(zx_handle_close_many(fifo, 2));
  return zx_handle_close_many(socket, 2) == ZX_OK ? 0 : __LINE__;
}

static int map_memory(void) {
  const uint64_t page = zx_system_get_page_size();
  zx_handle_t vmo, child;
  zx_vaddr_t at;
  uint64_t size;
  OK(zx_vmo_create(page + 1, 0, &vmo));
  OK(zx_vmo_get_size(vmo, &size));
  CHECK(size == 2 * page);
  OK(zx_object_set_property(vmo, ZX_PROP_NAME, "memory", 6));
  OK(zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, vmo, 0, page, &at));
  *(volatile char*)at = 7;
  OK(zx_vmo_create_child(vmo, ZX_VMO_CHILD_SNAPSHOT, 0, page, &child));
  *(volatile char*)at = 8;
  char byte = 0;
  OK(zx_vmo_read(child, &byte, 0, 1));
  CHECK(byte == 7);
  OK(zx_vmar_unmap(zx_vmar_root_self(), at, page));
  OK(zx_handle_close(child));
  return zx_handle_close(vmo) == ZX_OK ? 0 : __LINE__;
}

int zircon_program(void) {
  int failed = talk_through_a_channel();
  if (!failed) failed = wait_at_a_port();
  if (!failed) failed = move_bytes();
  if (!failed) failed = map_memory();
  CHECK(zx_status_get_string(ZX_ERR_TIMED_OUT)[0] == 'Z');
  return failed;
}
