// The sentences of the objects' contract that no single object's tests cover: which error comes first, what a
// wait observes, signals that come and go between two looks, edges, and what travels with a handle.
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zircon/linux.h>
#include <zircon/syscalls.h>

#include "asleep.h"
#include "jx_test.h"
#include "mappings.h"

static zx_time_t soon(void) {
  return zx_deadline_after(ZX_SEC(60));
}

static zx_handle_t reduced(zx_handle_t handle, zx_rights_t rights) {
  zx_handle_t out;
  ck_assert_int_eq(zx_handle_replace(handle, rights, &out), ZX_OK);
  return out;
}

// --- the order of checks: handle, type, rights, the rest

enum { BAD, WRONG, WEAK, GOOD };  // no handle; of another type; right type without rights; all rights

static zx_handle_t make(int kind, zx_handle_t* other, zx_obj_type_t type) {
  zx_handle_t h[2] = {0};
  if (kind == BAD) return 0x7fffffff;
  if (kind == WRONG) type = type == ZX_OBJ_TYPE_EVENT ? ZX_OBJ_TYPE_TIMER : ZX_OBJ_TYPE_EVENT;
  if (type == ZX_OBJ_TYPE_CHANNEL) ck_assert_int_eq(zx_channel_create(0, &h[0], &h[1]), ZX_OK);
  if (type == ZX_OBJ_TYPE_FIFO) ck_assert_int_eq(zx_fifo_create(4, 4, 0, &h[0], &h[1]), ZX_OK);
  if (type == ZX_OBJ_TYPE_SOCKET) ck_assert_int_eq(zx_socket_create(0, &h[0], &h[1]), ZX_OK);
  if (type == ZX_OBJ_TYPE_EVENT) ck_assert_int_eq(zx_event_create(0, &h[0]), ZX_OK);
  if (type == ZX_OBJ_TYPE_TIMER) ck_assert_int_eq(zx_timer_create(0, 0, &h[0]), ZX_OK);
  if (type == ZX_OBJ_TYPE_PORT) ck_assert_int_eq(zx_port_create(0, &h[0]), ZX_OK);
  if (type == ZX_OBJ_TYPE_VMO) ck_assert_int_eq(zx_vmo_create(4096, 0, &h[0]), ZX_OK);
  *other = h[1];
  return kind == WEAK || kind == WRONG ? reduced(h[0], ZX_RIGHT_NONE) : h[0];
}

// Each call with arguments that are wrong as well: what is wrong with the handle comes first.
static zx_status_t call_channel_write(zx_handle_t h) {
  return zx_channel_write(h, 0, NULL, 5, NULL, 70);
}
static zx_status_t call_channel_write_etc(zx_handle_t h) {
  return zx_channel_write_etc(h, 0, NULL, 5, NULL, 70);
}
static zx_status_t call_channel_read(zx_handle_t h) {
  return zx_channel_read(h, 0, NULL, NULL, 4, 4, NULL, NULL);
}
static zx_status_t call_channel_read_etc(zx_handle_t h) {
  return zx_channel_read_etc(h, 0, NULL, NULL, 4, 4, NULL, NULL);
}
static zx_status_t call_channel_call(zx_handle_t h) {
  zx_channel_call_args_t args = {.wr_num_bytes = 3};
  return zx_channel_call(h, 0, 0, &args, NULL, NULL);
}
static zx_status_t call_fifo_write(zx_handle_t h) {
  return zx_fifo_write(h, 5, NULL, 0, NULL);
}
static zx_status_t call_fifo_read(zx_handle_t h) {
  return zx_fifo_read(h, 5, NULL, 0, NULL);
}
static zx_status_t call_socket_write(zx_handle_t h) {
  return zx_socket_write(h, 77, NULL, 1, NULL);
}
static zx_status_t call_socket_read(zx_handle_t h) {
  return zx_socket_read(h, 77, NULL, 1, NULL);
}
static zx_status_t call_socket_disposition(zx_handle_t h) {
  return zx_socket_set_disposition(h, 3, 3);
}
static zx_status_t call_socket_shutdown(zx_handle_t h) {
  return zx_socket_shutdown(h, 77);
}
static zx_status_t call_timer_set(zx_handle_t h) {
  return zx_timer_set(h, 0, 0) == ZX_OK ? ZX_ERR_INVALID_ARGS : zx_timer_set(h, 0, 0);
}
static zx_status_t call_port_queue(zx_handle_t h) {
  return zx_port_queue(h, NULL);
}
static zx_status_t call_port_wait(zx_handle_t h) {
  return zx_port_wait(h, 0, NULL);
}
static zx_status_t call_port_cancel(zx_handle_t h) {
  zx_status_t status = zx_port_cancel(h, 0, 0);
  return status == ZX_ERR_BAD_HANDLE && h != 0x7fffffff ? ZX_ERR_INVALID_ARGS : status;
}
static zx_status_t call_vmo_read(zx_handle_t h) {
  return zx_vmo_read(h, NULL, 0, 1);
}
static zx_status_t call_vmo_write(zx_handle_t h) {
  return zx_vmo_write(h, NULL, 0, 1);
}
static zx_status_t call_vmo_child(zx_handle_t h) {
  zx_handle_t out;
  return zx_vmo_create_child(h, 0, 1, 1, &out);
}
static zx_status_t call_vmo_map(zx_handle_t h) {
  zx_vaddr_t at;
  return zx_vmar_map(zx_vmar_root_self(), ~0u, 1, h, 1, 0, &at);
}

START_TEST(what_is_wrong_with_the_handle_comes_first) {
  static const struct {
    zx_status_t (*call)(zx_handle_t);
    zx_obj_type_t type;
    zx_status_t otherwise;
  } calls[] = {{call_channel_write, ZX_OBJ_TYPE_CHANNEL, ZX_ERR_INVALID_ARGS},
               {call_channel_write_etc, ZX_OBJ_TYPE_CHANNEL, ZX_ERR_INVALID_ARGS},
               {call_channel_read, ZX_OBJ_TYPE_CHANNEL, ZX_ERR_INVALID_ARGS},
               {call_channel_read_etc, ZX_OBJ_TYPE_CHANNEL, ZX_ERR_INVALID_ARGS},
               {call_channel_call, ZX_OBJ_TYPE_CHANNEL, ZX_ERR_INVALID_ARGS},
               {call_fifo_write, ZX_OBJ_TYPE_FIFO, ZX_ERR_OUT_OF_RANGE},
               {call_fifo_read, ZX_OBJ_TYPE_FIFO, ZX_ERR_OUT_OF_RANGE},
               {call_socket_write, ZX_OBJ_TYPE_SOCKET, ZX_ERR_INVALID_ARGS},
               {call_socket_read, ZX_OBJ_TYPE_SOCKET, ZX_ERR_INVALID_ARGS},
               {call_socket_disposition, ZX_OBJ_TYPE_SOCKET, ZX_ERR_INVALID_ARGS},
               {call_socket_shutdown, ZX_OBJ_TYPE_SOCKET, ZX_ERR_INVALID_ARGS},
               {call_timer_set, ZX_OBJ_TYPE_TIMER, ZX_ERR_INVALID_ARGS},
               {call_port_queue, ZX_OBJ_TYPE_PORT, ZX_ERR_INVALID_ARGS},
               {call_port_wait, ZX_OBJ_TYPE_PORT, ZX_ERR_INVALID_ARGS},
               {call_port_cancel, ZX_OBJ_TYPE_PORT, ZX_ERR_INVALID_ARGS},
               {call_vmo_read, ZX_OBJ_TYPE_VMO, ZX_ERR_INVALID_ARGS},
               {call_vmo_write, ZX_OBJ_TYPE_VMO, ZX_ERR_INVALID_ARGS},
               {call_vmo_child, ZX_OBJ_TYPE_VMO, ZX_ERR_INVALID_ARGS},
               {call_vmo_map, ZX_OBJ_TYPE_VMO, ZX_ERR_INVALID_ARGS}};
  for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
    const zx_status_t expected[] = {ZX_ERR_BAD_HANDLE, ZX_ERR_WRONG_TYPE, ZX_ERR_ACCESS_DENIED,
                                    calls[i].otherwise};
    for (int kind = BAD; kind <= GOOD; kind++) {
      zx_handle_t other = 0;
      zx_handle_t h = make(kind, &other, calls[i].type);
      zx_status_t status = calls[i].call(h);
      ck_assert_msg(status == expected[kind], "call %zu, handle %d: %s, expected %s", i, kind,
                    zx_status_get_string(status), zx_status_get_string(expected[kind]));
      if (kind != BAD) zx_handle_close(h);
      zx_handle_close(other);
    }
  }
}
END_TEST

START_TEST(options_of_writes_and_calls_come_even_before_the_handle) {
  zx_channel_call_args_t args = {0};
  ck_assert_int_eq(zx_channel_write(0x7fffffff, 1, NULL, 0, NULL, 0), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_channel_call(0x7fffffff, 1, 0, &args, NULL, NULL), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_timer_set(0x7fffffff, 0, -1), ZX_ERR_OUT_OF_RANGE);
  zx_handle_t event, port;
  ck_assert_int_eq(zx_event_create(0, &event), ZX_OK);
  ck_assert_int_eq(zx_port_create(ZX_PORT_BIND_TO_INTERRUPT, &port), ZX_OK);
  ck_assert_int_eq(zx_object_wait_async(event, 0x7fffffff, 0, 1, 77), ZX_ERR_BAD_HANDLE);
  ck_assert_int_eq(zx_object_wait_async(event, event, 0, 1, 77), ZX_ERR_WRONG_TYPE);
  ck_assert_int_eq(zx_object_wait_async(0x7fffffff, port, 0, 1, 77), ZX_ERR_BAD_HANDLE);
  ck_assert_int_eq(zx_object_wait_async(event, port, 0, 1, 77), ZX_ERR_INVALID_ARGS);
  zx_handle_close(event);
  zx_handle_close(port);
  ck_assert_int_eq(zx_port_create(2, &port), ZX_ERR_INVALID_ARGS);
}
END_TEST

START_TEST(a_fifo_looks_at_peer_and_room_before_the_data) {
  zx_handle_t f[2];
  uint32_t value = 0;
  ck_assert_int_eq(zx_fifo_create(1, 4, 0, &f[0], &f[1]), ZX_OK);
  ck_assert_int_eq(zx_fifo_read(f[1], 4, NULL, 1, NULL), ZX_ERR_SHOULD_WAIT);
  ck_assert_int_eq(zx_fifo_write(f[0], 4, NULL, 1, NULL), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_fifo_write(f[0], 4, &value, 1, NULL), ZX_OK);
  ck_assert_int_eq(zx_fifo_write(f[0], 4, NULL, 1, NULL), ZX_ERR_SHOULD_WAIT);
  ck_assert_int_eq(zx_fifo_read(f[1], 4, NULL, 1, NULL), ZX_ERR_INVALID_ARGS);
  zx_handle_close(f[0]);
  ck_assert_int_eq(zx_fifo_write(f[1], 4, NULL, 1, NULL), ZX_ERR_PEER_CLOSED);
  ck_assert_int_eq(zx_fifo_read(f[1], 4, &value, 1, NULL), ZX_OK);
  ck_assert_int_eq(zx_fifo_read(f[1], 4, NULL, 1, NULL), ZX_ERR_PEER_CLOSED);
  zx_handle_close(f[1]);
}
END_TEST

START_TEST(properties_belong_to_types) {
  zx_handle_t vmo, s[2];
  size_t threshold = 1;
  uint64_t size;
  char name[ZX_MAX_NAME_LEN];
  ck_assert_int_eq(zx_vmo_create(1, 0, &vmo), ZX_OK);
  ck_assert_int_eq(zx_socket_create(0, &s[0], &s[1]), ZX_OK);
  ck_assert_int_eq(zx_object_get_property(vmo, ZX_PROP_SOCKET_RX_THRESHOLD, &threshold, 8),
                   ZX_ERR_WRONG_TYPE);
  ck_assert_int_eq(zx_object_set_property(vmo, ZX_PROP_SOCKET_RX_THRESHOLD, &threshold, 8),
                   ZX_ERR_WRONG_TYPE);
  ck_assert_int_eq(zx_object_get_property(s[0], ZX_PROP_VMO_CONTENT_SIZE, &size, 8), ZX_ERR_WRONG_TYPE);
  ck_assert_int_eq(zx_object_get_property(s[0], ZX_PROP_NAME, name, 32), ZX_ERR_WRONG_TYPE);
  ck_assert_int_eq(zx_object_get_property(s[0], 9999, name, 32), ZX_ERR_NOT_SUPPORTED);
  ck_assert_int_eq(zx_object_get_property(vmo, 9999, name, 32), ZX_ERR_NOT_SUPPORTED);
  threshold = 262145;
  ck_assert_int_eq(zx_object_set_property(s[0], ZX_PROP_SOCKET_TX_THRESHOLD, &threshold, 8),
                   ZX_ERR_INVALID_ARGS);
  threshold = 5;
  ck_assert_int_eq(zx_object_set_property(s[0], ZX_PROP_SOCKET_TX_THRESHOLD, &threshold, 4),
                   ZX_ERR_BUFFER_TOO_SMALL);
  zx_handle_close(s[1]);
  ck_assert_int_eq(zx_object_set_property(s[0], ZX_PROP_SOCKET_TX_THRESHOLD, &threshold, 8),
                   ZX_ERR_PEER_CLOSED);
  ck_assert_int_eq(zx_object_set_property(s[0], ZX_PROP_SOCKET_RX_THRESHOLD, &threshold, 8), ZX_OK);
  zx_handle_close(s[0]);
  zx_handle_close(vmo);
}
END_TEST

START_TEST(signals_have_their_masks) {
  zx_handle_t c[2], f[2], s[2], vmo, timer, port;
  ck_assert_int_eq(zx_channel_create(0, &c[0], &c[1]), ZX_OK);
  ck_assert_int_eq(zx_fifo_create(1, 1, 0, &f[0], &f[1]), ZX_OK);
  ck_assert_int_eq(zx_socket_create(0, &s[0], &s[1]), ZX_OK);
  ck_assert_int_eq(zx_vmo_create(1, 0, &vmo), ZX_OK);
  ck_assert_int_eq(zx_timer_create(0, 0, &timer), ZX_OK);
  ck_assert_int_eq(zx_port_create(0, &port), ZX_OK);
  zx_handle_t all[] = {c[0], f[0], s[0], vmo, timer};
  for (size_t i = 0; i < 5; i++) {
    ck_assert_int_eq(zx_object_signal(all[i], 0, ZX_USER_SIGNAL_ALL), ZX_OK);
    ck_assert_int_eq(zx_object_signal(all[i], ZX_USER_SIGNAL_ALL, 0), ZX_OK);
    for (int bit = 0; bit < 24; bit++)
      ck_assert_int_eq(zx_object_signal(all[i], 0, 1u << bit), ZX_ERR_INVALID_ARGS);
    zx_status_t none = i < 3 ? ZX_OK : ZX_ERR_ACCESS_DENIED;  // vmos and timers lack SIGNAL_PEER
    ck_assert_int_eq(zx_object_signal_peer(all[i], 0, ZX_USER_SIGNAL_0), none);
  }
  ck_assert_int_eq(zx_object_signal(port, 0, ZX_USER_SIGNAL_0), ZX_ERR_ACCESS_DENIED);
  ck_assert_int_eq(zx_object_signal(zx_vmar_root_self(), 0, ZX_USER_SIGNAL_0), ZX_ERR_ACCESS_DENIED);
  ck_assert_int_eq(zx_object_wait_one(zx_vmar_root_self(), 1, 0, NULL), ZX_ERR_ACCESS_DENIED);
  zx_info_handle_basic_t basic;
  ck_assert_int_eq(
      zx_object_get_info(zx_vmar_root_self(), ZX_INFO_HANDLE_BASIC, &basic, sizeof(basic), NULL, NULL),
      ZX_OK);
  ck_assert(basic.type == ZX_OBJ_TYPE_VMAR && basic.rights == ZX_DEFAULT_VMAR_RIGHTS);
  ck_assert_int_eq(zx_handle_close(zx_vmar_root_self()), ZX_ERR_BAD_HANDLE);
  for (size_t i = 0; i < 3; i++) {
    zx_handle_t ends[] = {c[1], f[1], s[1]};
    zx_handle_close(ends[i]);
    ck_assert_int_eq(zx_object_signal_peer(all[i], 0, 1), ZX_ERR_INVALID_ARGS);
    ck_assert_int_eq(zx_object_signal_peer(all[i], 0, ZX_USER_SIGNAL_0), ZX_ERR_PEER_CLOSED);
  }
  zx_handle_close_many(all, 5);
  zx_handle_close(port);
}
END_TEST

// --- what a wait observes

START_TEST(a_wait_observes_all_signals_that_are_on) {
  zx_handle_t c[2], event;
  zx_signals_t observed = 0;
  ck_assert_int_eq(zx_channel_create(0, &c[0], &c[1]), ZX_OK);
  ck_assert_int_eq(zx_event_create(0, &event), ZX_OK);
  ck_assert_int_eq(zx_channel_write(c[1], 0, "x", 1, NULL, 0), ZX_OK);
  ck_assert_int_eq(zx_object_wait_one(c[0], ZX_CHANNEL_WRITABLE, ZX_TIME_INFINITE, &observed), ZX_OK);
  ck_assert_uint_eq(observed, ZX_CHANNEL_READABLE | ZX_CHANNEL_WRITABLE);
  ck_assert_int_eq(zx_object_signal(event, 0, ZX_EVENT_SIGNALED), ZX_OK);
  zx_wait_item_t items[] = {{event, ZX_EVENT_SIGNALED, 0}, {c[0], ZX_CHANNEL_PEER_CLOSED, 0}};
  ck_assert_int_eq(zx_object_wait_many(items, 2, ZX_TIME_INFINITE), ZX_OK);
  ck_assert_uint_eq(items[1].pending, ZX_CHANNEL_READABLE | ZX_CHANNEL_WRITABLE);
  zx_handle_close(c[1]);
  // Memory still takes the channel to be writable; it is not.
  ck_assert_int_eq(zx_object_wait_one(c[0], ZX_CHANNEL_WRITABLE | ZX_CHANNEL_PEER_CLOSED, soon(), &observed),
                   ZX_OK);
  ck_assert_uint_eq(observed, ZX_CHANNEL_READABLE | ZX_CHANNEL_PEER_CLOSED);
  zx_handle_close(c[0]);
  zx_handle_close(event);
}
END_TEST

START_TEST(a_packet_tells_all_signals_that_are_on) {
  zx_handle_t c[2], port;
  zx_port_packet_t packet;
  ck_assert_int_eq(zx_channel_create(0, &c[0], &c[1]), ZX_OK);
  ck_assert_int_eq(zx_port_create(0, &port), ZX_OK);
  ck_assert_int_eq(zx_channel_write(c[1], 0, "x", 1, NULL, 0), ZX_OK);
  ck_assert_int_eq(zx_object_wait_async(c[0], port, 1, ZX_CHANNEL_WRITABLE, 0), ZX_OK);
  ck_assert_int_eq(zx_port_wait(port, 0, &packet), ZX_OK);
  ck_assert_uint_eq(packet.signal.observed, ZX_CHANNEL_READABLE | ZX_CHANNEL_WRITABLE);
  zx_handle_close_many(c, 2);
  zx_handle_close(port);
}
END_TEST

START_TEST(a_channel_with_nothing_but_a_signal_in_its_queue_is_not_readable) {
  zx_handle_t c[2];
  ck_assert_int_eq(zx_channel_create(0, &c[0], &c[1]), ZX_OK);
  ck_assert_int_eq(zx_object_signal_peer(c[1], 0, ZX_USER_SIGNAL_3), ZX_OK);
  ck_assert_int_eq(zx_object_wait_one(c[0], ZX_CHANNEL_READABLE, zx_deadline_after(ZX_MSEC(1)), NULL),
                   ZX_ERR_TIMED_OUT);
  ck_assert_int_eq(zx_channel_write(c[1], 0, "x", 1, NULL, 0), ZX_OK);
  zx_signals_t observed;
  ck_assert_int_eq(zx_object_wait_one(c[0], ZX_CHANNEL_READABLE, soon(), &observed), ZX_OK);
  ck_assert_uint_eq(observed, ZX_CHANNEL_READABLE | ZX_CHANNEL_WRITABLE | ZX_USER_SIGNAL_3);
  zx_handle_close_many(c, 2);
}
END_TEST

// --- signals that come and go between two looks

struct waiter {
  zx_handle_t handle;
  zx_signals_t signals;
  zx_status_t status;
  zx_signals_t observed;
  atomic_int thread;
};

static void* wait_in_thread(void* context) {
  struct waiter* w = context;
  atomic_store(&w->thread, gettid());
  w->status = zx_object_wait_one(w->handle, w->signals, soon(), &w->observed);
  return NULL;
}

static void let_it_sleep(const struct waiter* w) {
  let_thread_sleep(&w->thread);
}

START_TEST(a_signal_that_is_set_and_cleared_wakes_who_waits) {
  for (int i = 0; i < 40; i++) {
    zx_handle_t e[2];
    pthread_t thread;
    ck_assert_int_eq(zx_eventpair_create(0, &e[0], &e[1]), ZX_OK);
    struct waiter w = {.handle = e[0], .signals = ZX_EVENTPAIR_SIGNALED};
    pthread_create(&thread, NULL, wait_in_thread, &w);
    let_it_sleep(&w);
    ck_assert_int_eq(zx_object_signal_peer(e[1], 0, ZX_EVENTPAIR_SIGNALED), ZX_OK);
    ck_assert_int_eq(zx_object_signal_peer(e[1], ZX_EVENTPAIR_SIGNALED, 0), ZX_OK);
    pthread_join(thread, NULL);
    ck_assert_int_eq(w.status, ZX_OK);
    ck_assert_uint_eq(w.observed & ZX_EVENTPAIR_SIGNALED, ZX_EVENTPAIR_SIGNALED);
    // A wait that begins after it was over knows nothing of it.
    ck_assert_int_eq(zx_object_signal_peer(e[1], 0, ZX_USER_SIGNAL_0), ZX_OK);
    ck_assert_int_eq(zx_object_signal_peer(e[1], ZX_USER_SIGNAL_0, 0), ZX_OK);
    ck_assert_int_eq(zx_object_wait_one(e[0], ZX_USER_SIGNAL_0, zx_deadline_after(ZX_USEC(100)), NULL),
                     ZX_ERR_TIMED_OUT);
    zx_handle_close_many(e, 2);
  }
}
END_TEST

START_TEST(a_message_another_thread_reads_wakes_who_waits) {
  for (int i = 0; i < 40; i++) {
    zx_handle_t c[2], f[2];
    pthread_t threads[2];
    uint32_t value = 1;
    ck_assert_int_eq(zx_channel_create(0, &c[0], &c[1]), ZX_OK);
    ck_assert_int_eq(zx_fifo_create(4, 4, 0, &f[0], &f[1]), ZX_OK);
    struct waiter w[2] = {{.handle = c[0], .signals = ZX_CHANNEL_READABLE},
                          {.handle = f[0], .signals = ZX_FIFO_READABLE}};
    for (int t = 0; t < 2; t++)
      pthread_create(&threads[t], NULL, wait_in_thread, &w[t]);
    let_it_sleep(&w[0]);
    let_it_sleep(&w[1]);
    ck_assert_int_eq(zx_channel_write(c[1], 0, &value, 4, NULL, 0), ZX_OK);
    ck_assert_int_eq(zx_channel_read(c[0], 0, &value, NULL, 4, 0, NULL, NULL), ZX_OK);
    ck_assert_int_eq(zx_fifo_write(f[1], 4, &value, 1, NULL), ZX_OK);
    ck_assert_int_eq(zx_fifo_read(f[0], 4, &value, 1, NULL), ZX_OK);
    for (int t = 0; t < 2; t++) {
      pthread_join(threads[t], NULL);
      ck_assert_int_eq(w[t].status, ZX_OK);
      ck_assert_uint_eq(w[t].observed & ZX_OBJECT_READABLE, ZX_OBJECT_READABLE);
    }
    zx_handle_close_many(c, 2);
    zx_handle_close_many(f, 2);
  }
}
END_TEST

START_TEST(what_was_on_before_the_port_is_asked_still_makes_a_packet) {
  zx_handle_t e[2], c[2], timer, port;
  zx_port_packet_t packet;
  char byte;
  ck_assert_int_eq(zx_eventpair_create(0, &e[0], &e[1]), ZX_OK);
  ck_assert_int_eq(zx_channel_create(0, &c[0], &c[1]), ZX_OK);
  ck_assert_int_eq(zx_timer_create(0, 0, &timer), ZX_OK);
  ck_assert_int_eq(zx_port_create(0, &port), ZX_OK);
  ck_assert_int_eq(zx_object_wait_async(e[0], port, 1, ZX_EVENTPAIR_SIGNALED, 0), ZX_OK);
  ck_assert_int_eq(zx_object_signal_peer(e[1], 0, ZX_EVENTPAIR_SIGNALED), ZX_OK);
  ck_assert_int_eq(zx_object_signal(e[0], ZX_EVENTPAIR_SIGNALED, 0), ZX_OK);
  ck_assert_int_eq(zx_port_wait(port, 0, &packet), ZX_OK);
  ck_assert(packet.key == 1 && packet.signal.observed == ZX_EVENTPAIR_SIGNALED);
  ck_assert_int_eq(zx_object_wait_async(e[0], port, 2, ZX_EVENTPAIR_SIGNALED, 0), ZX_OK);
  ck_assert_int_eq(zx_object_signal_peer(e[1], 0, ZX_EVENTPAIR_SIGNALED), ZX_OK);
  ck_assert_int_eq(zx_object_signal_peer(e[1], ZX_EVENTPAIR_SIGNALED, 0), ZX_OK);
  ck_assert_int_eq(zx_port_wait(port, soon(), &packet), ZX_OK);
  ck_assert(packet.key == 2 && packet.signal.observed == ZX_EVENTPAIR_SIGNALED);
  ck_assert_int_eq(zx_object_wait_async(c[0], port, 3, ZX_CHANNEL_READABLE, 0), ZX_OK);
  ck_assert_int_eq(zx_channel_write(c[1], 0, "x", 1, NULL, 0), ZX_OK);
  ck_assert_int_eq(zx_channel_read(c[0], 0, &byte, NULL, 1, 0, NULL, NULL), ZX_OK);
  ck_assert_int_eq(zx_port_wait(port, 0, &packet), ZX_OK);
  ck_assert_uint_eq(packet.key, 3);
  ck_assert_int_eq(zx_object_wait_async(timer, port, 4, ZX_TIMER_SIGNALED, 0), ZX_OK);
  ck_assert_int_eq(zx_timer_set(timer, zx_deadline_after(ZX_MSEC(1)), 0), ZX_OK);
  ck_assert_int_eq(zx_object_wait_one(timer, ZX_TIMER_SIGNALED, soon(), NULL), ZX_OK);
  ck_assert_int_eq(zx_timer_cancel(timer), ZX_OK);
  ck_assert_int_eq(zx_port_wait(port, 0, &packet), ZX_OK);
  ck_assert_uint_eq(packet.key, 4);
  zx_handle_close_many(e, 2);
  zx_handle_close_many(c, 2);
  zx_handle_close(timer);
  zx_handle_close(port);
}
END_TEST

// A look at an object must not swallow the bell that rang for somebody else's wait.
static void signal_later(zx_handle_t end, zx_signals_t signals) {
  pid_t child = fork();
  if (child == 0) {
    zx_linux_after_fork_keep(&end, 1);
    zx_nanosleep(zx_deadline_after(ZX_MSEC(20)));
    zx_object_signal_peer(end, 0, signals);
    _exit(0);
  }
  ck_assert_int_gt(child, 0);
}

START_TEST(a_blocking_wait_leaves_the_bell_to_the_port_as_well) {
  zx_handle_t e[2], port;
  zx_port_packet_t packet;
  ck_assert_int_eq(zx_eventpair_create(0, &e[0], &e[1]), ZX_OK);
  ck_assert_int_eq(zx_port_create(0, &port), ZX_OK);
  ck_assert_int_eq(zx_object_wait_async(e[0], port, 1, ZX_USER_SIGNAL_0, 0), ZX_OK);
  ck_assert_int_eq(zx_port_wait(port, 0, &packet), ZX_ERR_TIMED_OUT);  // armed
  signal_later(e[1], ZX_USER_SIGNAL_0 | ZX_USER_SIGNAL_1);
  ck_assert_int_eq(zx_object_wait_one(e[0], ZX_USER_SIGNAL_1, soon(), NULL), ZX_OK);
  ck_assert_int_eq(zx_port_wait(port, soon(), &packet), ZX_OK);
  wait(NULL);
  ck_assert_int_eq(zx_object_signal(e[0], ZX_USER_SIGNAL_ALL, 0), ZX_OK);
  ck_assert_int_eq(zx_object_wait_async(e[0], port, 2, ZX_USER_SIGNAL_0, 0), ZX_OK);
  ck_assert_int_eq(zx_port_wait(port, 0, &packet), ZX_ERR_TIMED_OUT);
  signal_later(e[1], ZX_USER_SIGNAL_0);
  wait(NULL);
  zx_signals_t observed;
  ck_assert_int_eq(zx_object_wait_one(e[0], 0, 0, &observed), ZX_ERR_TIMED_OUT);
  ck_assert_uint_eq(observed, ZX_USER_SIGNAL_0);
  ck_assert_int_eq(zx_port_wait(port, soon(), &packet), ZX_OK);
  ck_assert_uint_eq(packet.key, 2);
  zx_handle_close_many(e, 2);
  zx_handle_close(port);
}
END_TEST

// --- edges

static zx_handle_t port;
static zx_port_packet_t packet;

static void wait_for_edge(zx_handle_t handle, uint64_t key, zx_signals_t signals) {
  ck_assert_int_eq(zx_object_wait_async(handle, port, key, signals, ZX_WAIT_ASYNC_EDGE), ZX_OK);
  ck_assert_int_eq(zx_port_wait(port, 0, &packet), ZX_ERR_TIMED_OUT);
  ck_assert_int_eq(zx_port_wait(port, zx_deadline_after(ZX_USEC(200)), &packet), ZX_ERR_TIMED_OUT);
}

static void expect_edge(uint64_t key) {
  ck_assert_int_eq(zx_port_wait(port, soon(), &packet), ZX_OK);
  ck_assert_uint_eq(packet.key, key);
  ck_assert_int_eq(zx_port_wait(port, 0, &packet), ZX_ERR_TIMED_OUT);
}

START_TEST(an_edge_is_seen_after_the_signal_was_off) {
  zx_handle_t event, e[2], c[2], f[2], s[2];
  uint32_t value = 7;
  ck_assert_int_eq(zx_port_create(0, &port), ZX_OK);
  ck_assert_int_eq(zx_event_create(0, &event), ZX_OK);
  ck_assert_int_eq(zx_object_signal(event, 0, ZX_EVENT_SIGNALED), ZX_OK);
  wait_for_edge(event, 1, ZX_EVENT_SIGNALED);
  ck_assert_int_eq(zx_object_signal(event, 0, ZX_EVENT_SIGNALED), ZX_OK);
  ck_assert_int_eq(zx_port_wait(port, 0, &packet), ZX_ERR_TIMED_OUT);
  ck_assert_int_eq(zx_object_signal(event, ZX_EVENT_SIGNALED, 0), ZX_OK);
  ck_assert_int_eq(zx_port_wait(port, 0, &packet), ZX_ERR_TIMED_OUT);
  ck_assert_int_eq(zx_object_signal(event, 0, ZX_EVENT_SIGNALED), ZX_OK);
  expect_edge(1);
  // By the peer, who clears and sets again before anybody looks.
  ck_assert_int_eq(zx_eventpair_create(0, &e[0], &e[1]), ZX_OK);
  ck_assert_int_eq(zx_object_signal_peer(e[1], 0, ZX_EVENTPAIR_SIGNALED), ZX_OK);
  wait_for_edge(e[0], 2, ZX_EVENTPAIR_SIGNALED);
  ck_assert_int_eq(zx_object_signal_peer(e[1], ZX_EVENTPAIR_SIGNALED, 0), ZX_OK);
  ck_assert_int_eq(zx_object_signal_peer(e[1], 0, ZX_EVENTPAIR_SIGNALED), ZX_OK);
  expect_edge(2);
  // Queues: readable from the start, emptied, filled again.
  ck_assert_int_eq(zx_channel_create(0, &c[0], &c[1]), ZX_OK);
  ck_assert_int_eq(zx_channel_write(c[1], 0, &value, 4, NULL, 0), ZX_OK);
  wait_for_edge(c[0], 3, ZX_CHANNEL_READABLE);
  ck_assert_int_eq(zx_channel_write(c[1], 0, &value, 4, NULL, 0), ZX_OK);
  ck_assert_int_eq(zx_channel_read(c[0], 0, &value, NULL, 4, 0, NULL, NULL), ZX_OK);
  ck_assert_int_eq(zx_port_wait(port, 0, &packet), ZX_ERR_TIMED_OUT);
  ck_assert_int_eq(zx_channel_read(c[0], 0, &value, NULL, 4, 0, NULL, NULL), ZX_OK);
  ck_assert_int_eq(zx_port_wait(port, 0, &packet), ZX_ERR_TIMED_OUT);
  ck_assert_int_eq(zx_channel_write(c[1], 0, &value, 4, NULL, 0), ZX_OK);
  expect_edge(3);
  ck_assert_int_eq(zx_fifo_create(4, 4, 0, &f[0], &f[1]), ZX_OK);
  ck_assert_int_eq(zx_fifo_write(f[1], 4, &value, 1, NULL), ZX_OK);
  wait_for_edge(f[0], 4, ZX_FIFO_READABLE);
  ck_assert_int_eq(zx_fifo_read(f[0], 4, &value, 1, NULL), ZX_OK);
  ck_assert_int_eq(zx_fifo_write(f[1], 4, &value, 1, NULL), ZX_OK);
  expect_edge(4);
  ck_assert_int_eq(zx_socket_create(0, &s[0], &s[1]), ZX_OK);
  ck_assert_int_eq(zx_socket_write(s[1], 0, &value, 4, NULL), ZX_OK);
  wait_for_edge(s[0], 5, ZX_SOCKET_READABLE);
  ck_assert_int_eq(zx_socket_read(s[0], 0, &value, 4, NULL), ZX_OK);
  ck_assert_int_eq(zx_socket_write(s[1], 0, &value, 4, NULL), ZX_OK);
  expect_edge(5);
  zx_handle_t all[] = {event, e[0], e[1], c[0], c[1], f[0], f[1], s[0], s[1], port};
  zx_handle_close_many(all, 10);
}
END_TEST

// --- what travels with a handle

START_TEST(names_signals_and_deadlines_travel) {
  zx_handle_t c[2], vmo, timer, other[2], got[3];
  zx_signals_t observed;
  zx_info_timer_t info;
  zx_time_t deadline = zx_deadline_after(ZX_SEC(1000));
  char name[ZX_MAX_NAME_LEN];
  ck_assert_int_eq(zx_channel_create(0, &c[0], &c[1]), ZX_OK);
  ck_assert_int_eq(zx_channel_create(0, &other[0], &other[1]), ZX_OK);
  ck_assert_int_eq(zx_vmo_create(1, 0, &vmo), ZX_OK);
  ck_assert_int_eq(zx_timer_create(ZX_TIMER_SLACK_LATE, 0, &timer), ZX_OK);
  ck_assert_int_eq(zx_object_set_property(vmo, ZX_PROP_NAME, "frames", 6), ZX_OK);
  ck_assert_int_eq(zx_object_signal(vmo, 0, ZX_USER_SIGNAL_1), ZX_OK);
  ck_assert_int_eq(zx_object_signal(other[0], 0, ZX_USER_SIGNAL_2), ZX_OK);
  ck_assert_int_eq(zx_timer_set(timer, deadline, 5), ZX_OK);
  ck_assert_int_eq(zx_channel_write(c[0], 0, NULL, 0, (zx_handle_t[]){vmo, timer, other[0]}, 3), ZX_OK);
  ck_assert_int_eq(zx_channel_read(c[1], 0, NULL, got, 0, 3, NULL, NULL), ZX_OK);
  ck_assert_int_eq(zx_object_get_property(got[0], ZX_PROP_NAME, name, sizeof(name)), ZX_OK);
  ck_assert_str_eq(name, "frames");
  zx_object_wait_one(got[0], 0, 0, &observed);
  ck_assert_uint_eq(observed, ZX_VMO_ZERO_CHILDREN | ZX_USER_SIGNAL_1);
  ck_assert_int_eq(zx_object_get_info(got[1], ZX_INFO_TIMER, &info, sizeof(info), NULL, NULL), ZX_OK);
  ck_assert(info.deadline == deadline && info.slack == 5 && info.options == ZX_TIMER_SLACK_LATE);
  zx_object_wait_one(got[2], 0, 0, &observed);
  ck_assert_uint_eq(observed, ZX_CHANNEL_WRITABLE | ZX_USER_SIGNAL_2);
  zx_handle_close_many(got, 3);
  zx_handle_close_many(c, 2);
  zx_handle_close(other[1]);
}
END_TEST

START_TEST(a_timer_that_two_processes_hold_follows_both) {
  zx_handle_t c[2], timer, copy;
  ck_assert_int_eq(zx_channel_create(0, &c[0], &c[1]), ZX_OK);
  ck_assert_int_eq(zx_timer_create(0, 0, &timer), ZX_OK);
  ck_assert_int_eq(zx_handle_duplicate(timer, ZX_RIGHT_SAME_RIGHTS, &copy), ZX_OK);
  ck_assert_int_eq(zx_channel_write(c[0], 0, NULL, 0, &copy, 1), ZX_OK);
  ck_assert_int_eq(zx_channel_read(c[1], 0, NULL, &copy, 0, 1, NULL, NULL), ZX_OK);
  ck_assert_int_eq(zx_timer_set(timer, 0, 0), ZX_OK);
  ck_assert_int_eq(zx_object_wait_one(copy, ZX_TIMER_SIGNALED, 0, NULL), ZX_OK);
  ck_assert_int_eq(zx_timer_set(copy, zx_deadline_after(ZX_SEC(1000)), 0), ZX_OK);
  ck_assert_int_eq(zx_object_wait_one(timer, ZX_TIMER_SIGNALED, 0, NULL), ZX_ERR_TIMED_OUT);
  ck_assert_int_eq(zx_timer_set(copy, -5, 0), ZX_OK);
  ck_assert_int_eq(zx_object_wait_one(timer, ZX_TIMER_SIGNALED, 0, NULL), ZX_OK);
  zx_handle_close_many((zx_handle_t[]){timer, copy, c[0], c[1]}, 4);
}
END_TEST

// --- cancelling, leaking, exec

static void* wait_for_many(void* context) {
  zx_wait_item_t* items = context;
  items[0].waitfor = ZX_EVENT_SIGNALED;
  items[1].waitfor = ZX_EVENT_SIGNALED;
  zx_status_t status = zx_object_wait_many(items, 2, soon());
  return (void*)(intptr_t)status;
}

START_TEST(closing_one_of_many_handles_cancels_the_wait_and_fills_every_item) {
  for (int i = 0; i < 100; i++) {
    zx_wait_item_t items[2] = {{0}};
    pthread_t thread;
    void* status;
    for (int j = 0; j < 2; j++)
      ck_assert_int_eq(zx_event_create(0, &items[j].handle), ZX_OK);
    zx_handle_t first = items[0].handle, second = items[1].handle;
    ck_assert_int_eq(zx_object_signal(first, 0, ZX_USER_SIGNAL_2), ZX_OK);
    pthread_create(&thread, NULL, wait_for_many, items);
    if (i % 2) sched_yield();
    ck_assert_int_eq(zx_handle_close(second), ZX_OK);
    pthread_join(thread, &status);
    // The close may have come before the wait.
    if ((intptr_t)status == ZX_ERR_CANCELED) {
      ck_assert_uint_eq(items[0].pending, ZX_USER_SIGNAL_2);
      ck_assert_uint_eq(items[1].pending, ZX_SIGNAL_HANDLE_CLOSED);
    } else {
      ck_assert_int_eq((intptr_t)status, ZX_ERR_BAD_HANDLE);
    }
    zx_handle_close(first);
  }
}
END_TEST

// One of everything, used, sent and waited for.
static void use_everything(zx_handle_t p) {
  zx_handle_t c[2], carried[2], all[12];
  uint32_t value = 3;
  zx_port_packet_t got;
  ck_assert_int_eq(zx_channel_create(0, &c[0], &c[1]), ZX_OK);
  ck_assert_int_eq(zx_channel_create(0, &carried[0], &carried[1]), ZX_OK);
  ck_assert_int_eq(zx_fifo_create(4, 4, 0, &all[0], &all[1]), ZX_OK);
  ck_assert_int_eq(zx_socket_create(0, &all[2], &all[3]), ZX_OK);
  ck_assert_int_eq(zx_eventpair_create(0, &all[4], &all[5]), ZX_OK);
  ck_assert_int_eq(zx_event_create(0, &all[6]), ZX_OK);
  ck_assert_int_eq(zx_timer_create(0, 0, &all[7]), ZX_OK);
  ck_assert_int_eq(zx_vmo_create(8192, 0, &all[8]), ZX_OK);
  ck_assert_int_eq(zx_vmo_create_child(all[8], ZX_VMO_CHILD_SLICE, 0, 4096, &all[9]), ZX_OK);
  all[10] = carried[0];
  for (int i = 0; i < 9; i++)
    ck_assert_int_eq(zx_object_wait_async(all[i], p, 1, ZX_USER_SIGNAL_5 | ZX_OBJECT_READABLE, 0), ZX_OK);
  (void)zx_port_wait(p, 0, &got);
  ck_assert_int_eq(zx_fifo_write(all[0], 4, &value, 1, NULL), ZX_OK);
  ck_assert_int_eq(zx_socket_write(all[2], 0, &value, 4, NULL), ZX_OK);
  zx_vaddr_t at;
  ck_assert_int_eq(zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ, 0, all[9], 0, 4096, &at), ZX_OK);
  for (int i = 0; i < 200; i++) {
    ck_assert_int_eq(zx_channel_write(c[0], 0, &value, 4, NULL, 0), ZX_OK);
    ck_assert_int_eq(zx_channel_write(c[1], 0, &value, 4, NULL, 0), ZX_OK);
    ck_assert_int_eq(zx_channel_read(c[1], 0, &value, NULL, 4, 0, NULL, NULL), ZX_OK);
    ck_assert_int_eq(zx_channel_read(c[0], 0, &value, NULL, 4, 0, NULL, NULL), ZX_OK);
  }
  // Some are read, some never are, some are too much for the reader.
  ck_assert_int_eq(zx_channel_write(carried[1], 0, &value, 4, &all[6], 1), ZX_OK);
  ck_assert_int_eq(zx_channel_write(c[0], 0, NULL, 0, &all[0], 3), ZX_OK);
  ck_assert_int_eq(zx_channel_read(c[1], 0, NULL, all, 0, 3, NULL, NULL), ZX_OK);
  ck_assert_int_eq(zx_channel_write(c[0], 0, NULL, 0, &all[3], 3), ZX_OK);
  ck_assert_int_eq(zx_channel_read(c[1], 0, NULL, NULL, 0, 0, NULL, NULL), ZX_ERR_BUFFER_TOO_SMALL);
  ck_assert_int_eq(zx_channel_write(c[0], 0, NULL, 0, &all[7], 4), ZX_OK);
  ck_assert_int_eq(zx_handle_close_many(all, 3), ZX_OK);
  ck_assert_int_eq(zx_handle_close_many(c, 2), ZX_OK);
  zx_handle_close(carried[1]);
  ck_assert_int_eq(zx_vmar_unmap(zx_vmar_root_self(), at, 4096), ZX_OK);
}

static size_t count_bytes(void) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return 0;  // theirs to count
#else
  return mallinfo2().uordblks;
#endif
}

START_TEST(nothing_is_left_behind_neither_descriptors_nor_mappings_nor_memory) {
  size_t bytes[6];
  int fds[6], mappings[6];
  for (int round = 0; round < 6; round++) {
    for (int i = 0; i < 25; i++) {
      zx_handle_t p;
      ck_assert_int_eq(zx_port_create(0, &p), ZX_OK);
      use_everything(p);
      zx_handle_close(p);
    }
    fds[round] = jx_test_open_fds();
    mappings[round] = count_mappings("memfd:");
    bytes[round] = count_bytes();
  }
  // What is made once, here or in the C library, is made in the first rounds.
  ck_assert_int_eq(fds[5], fds[3]);
  ck_assert_int_eq(mappings[5], mappings[3]);
  ck_assert_uint_le(bytes[5], bytes[3]);
}
END_TEST

static unsigned count_inheritable(void) {
  unsigned count = 0;
  for (int fd = 3; fd < 256; fd++) {
    int flags = fcntl(fd, F_GETFD);
    if (flags >= 0 && !(flags & FD_CLOEXEC)) count++;
  }
  return count;
}

START_TEST(no_descriptor_survives_exec) {
  unsigned before = count_inheritable();
  zx_handle_t c[2], all[8], p;
  uint32_t value = 0;
  pthread_t thread;
  ck_assert_int_eq(zx_port_create(0, &p), ZX_OK);
  ck_assert_int_eq(zx_channel_create(0, &c[0], &c[1]), ZX_OK);
  ck_assert_int_eq(zx_fifo_create(4, 4, 0, &all[0], &all[1]), ZX_OK);
  ck_assert_int_eq(zx_socket_create(0, &all[2], &all[3]), ZX_OK);
  ck_assert_int_eq(zx_eventpair_create(0, &all[4], &all[5]), ZX_OK);
  ck_assert_int_eq(zx_timer_create(0, 0, &all[6]), ZX_OK);
  ck_assert_int_eq(zx_vmo_create(1, 0, &all[7]), ZX_OK);
  // As they come out of a message, and with a busy channel's memory, and with what threads need.
  ck_assert_int_eq(zx_channel_write(c[0], 0, NULL, 0, all, 8), ZX_OK);
  ck_assert_int_eq(zx_channel_read(c[1], 0, NULL, all, 0, 8, NULL, NULL), ZX_OK);
  for (int i = 0; i < 200; i++) {
    ck_assert_int_eq(zx_channel_write(c[i % 2], 0, &value, 4, NULL, 0), ZX_OK);
    ck_assert_int_eq(zx_channel_read(c[!(i % 2)], 0, &value, NULL, 4, 0, NULL, NULL), ZX_OK);
  }
  struct waiter w = {.handle = all[4], .signals = ZX_EVENTPAIR_SIGNALED};
  pthread_create(&thread, NULL, wait_in_thread, &w);
  let_it_sleep(&w);
  (void)zx_port_wait(p, 0, &packet);
  ck_assert_uint_eq(count_inheritable(), before);
  ck_assert_int_eq(zx_object_signal_peer(all[5], 0, ZX_EVENTPAIR_SIGNALED), ZX_OK);
  pthread_join(thread, NULL);
  zx_handle_close_many(all, 8);
  zx_handle_close_many(c, 2);
  zx_handle_close(p);
}
END_TEST

int zircon_program(void);  // zircon_program.c

START_TEST(a_program_written_for_zircon_runs) {
  int line = zircon_program();
  ck_assert_msg(line == 0, "zircon_program.c:%d", line);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("contract");
  TCase* tc = jx_test_case(suite, "contract");
  tcase_add_test(tc, what_is_wrong_with_the_handle_comes_first);
  tcase_add_test(tc, options_of_writes_and_calls_come_even_before_the_handle);
  tcase_add_test(tc, a_fifo_looks_at_peer_and_room_before_the_data);
  tcase_add_test(tc, properties_belong_to_types);
  tcase_add_test(tc, signals_have_their_masks);
  tcase_add_test(tc, a_wait_observes_all_signals_that_are_on);
  tcase_add_test(tc, a_packet_tells_all_signals_that_are_on);
  tcase_add_test(tc, a_channel_with_nothing_but_a_signal_in_its_queue_is_not_readable);
  tcase_add_test(tc, a_signal_that_is_set_and_cleared_wakes_who_waits);
  tcase_add_test(tc, a_message_another_thread_reads_wakes_who_waits);
  tcase_add_test(tc, what_was_on_before_the_port_is_asked_still_makes_a_packet);
  tcase_add_test(tc, a_blocking_wait_leaves_the_bell_to_the_port_as_well);
  tcase_add_test(tc, an_edge_is_seen_after_the_signal_was_off);
  tcase_add_test(tc, names_signals_and_deadlines_travel);
  tcase_add_test(tc, a_timer_that_two_processes_hold_follows_both);
  tcase_add_test(tc, a_program_written_for_zircon_runs);
  tcase_add_test(tc, closing_one_of_many_handles_cancels_the_wait_and_fills_every_item);
  tcase_add_test(tc, nothing_is_left_behind_neither_descriptors_nor_mappings_nor_memory);
  tcase_add_test(tc, no_descriptor_survives_exec);
  return jx_test_run(suite);
}
