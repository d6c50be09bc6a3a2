#include "link_fixture.h"

#include <check.h>
#include <string.h>

#include <zircon/syscalls.h>

static zx_status_t on_connect(void* context, zx_handle_t server_end) {
  link_fixture_t* f = context;
  if (!f->refuse) return fake_device_connect(&f->device, server_end);
  zx_handle_close(server_end);
  return ZX_ERR_UNAVAILABLE;
}

static void on_up(void* context, const link_info_t* info) {
  link_fixture_t* f = context;
  f->ups++;
  f->info = *info;
}

static void on_down(void* context, zx_status_t reason) {
  link_fixture_t* f = context;
  f->downs++;
}

static void on_input(void* context, const offload_header_t* header, void* room, const void* frame,
                     size_t length) {
  link_fixture_t* f = context;
  f->last_header = *header;
  f->frames++;
  f->last_length = length;
  memcpy(f->last_frame, frame, length);
}

static void on_input_done(void* context, bool more) {
  link_fixture_t* f = context;
  f->batches++;
}

static void on_writable(void* context) {
  link_fixture_t* f = context;
  f->writables++;
}

void link_fixture_run(link_fixture_t* f) {
  ck_assert_int_eq(async_loop_run_until_idle(f->loop), ZX_OK);
}

void link_fixture_run_until(link_fixture_t* f, const int* value, int least) {
  zx_time_t limit = zx_deadline_after(ZX_SEC(50));
  while (*value < least) {
    ck_assert_int_eq(async_loop_run(f->loop, limit, true), ZX_OK);
  }
}

void link_fixture_begin(link_fixture_t* f) {
  static const link_endpoint_ops_t ops = {.connect = on_connect,
                                          .up = on_up,
                                          .down = on_down,
                                          .input = on_input,
                                          .input_done = on_input_done,
                                          .writable = on_writable};
  ck_assert_int_eq(link_endpoint_create(async_loop_get_dispatcher(f->loop), &ops, f, &f->link), ZX_OK);
}

void link_fixture_prepare(link_fixture_t* f) {
  memset(f, 0, sizeof(*f));
  ck_assert_int_eq(async_loop_create(NULL, &f->loop), ZX_OK);
  fake_device_init(&f->device, async_loop_get_dispatcher(f->loop), 9);
}

void link_fixture_set_up(link_fixture_t* f) {
  link_fixture_prepare(f);
  link_fixture_begin(f);
  link_fixture_run_until(f, &f->ups, 1);
  link_fixture_run(f);
}

void link_fixture_tear_down(link_fixture_t* f) {
  link_endpoint_destroy(f->link);
  fake_device_kill(&f->device);
  async_loop_destroy(f->loop);
}

int link_fixture_transmit(link_fixture_t* f, const offload_header_t* header, const void* frame,
                          size_t length) {
  struct iovec iov[2] = {{.iov_base = (void*)(uintptr_t)frame, .iov_len = length / 2},
                         {.iov_base = (char*)(uintptr_t)frame + length / 2, .iov_len = length - length / 2}};
  return link_endpoint_transmit(f->link, header, iov, 2);
}
