// The other end of a binding or a client, as raw bytes.
#include "peer.h"

#include <check.h>

#include "hex.h"

void peer_init(peer_t* peer) {
  ck_assert_int_eq(async_loop_create(NULL, &peer->loop), ZX_OK);
  peer->dispatcher = async_loop_get_dispatcher(peer->loop);
  ck_assert_int_eq(zx_channel_create(0, &peer->raw, &peer->bound), ZX_OK);
}

void peer_deinit(peer_t* peer) {
  zx_handle_close(peer->raw);
  peer_run(peer);
  async_loop_destroy(peer->loop);
}

void peer_run(peer_t* peer) {
  ck_assert_int_eq(async_loop_run_until_idle(peer->loop), ZX_OK);
}

void peer_write_handle(peer_t* peer, const char* hex, zx_handle_t handle) {
  uint8_t bytes[1024];
  size_t size = hex_parse(hex, bytes, sizeof(bytes));
  ck_assert_int_eq(zx_channel_write(peer->raw, 0, bytes, (uint32_t)size, &handle, handle ? 1 : 0), ZX_OK);
}

void peer_write(peer_t* peer, const char* hex) {
  peer_write_handle(peer, hex, ZX_HANDLE_INVALID);
}

static zx_handle_t expect(peer_t* peer, const char* hex, uint32_t num_handles) {
  uint8_t bytes[1024];
  zx_handle_t handles[4] = {0};
  uint32_t size = 0, count = 0;
  zx_status_t status = zx_channel_read(peer->raw, 0, bytes, handles, sizeof(bytes), 4, &size, &count);
  ck_assert_int_eq(status, ZX_OK);
  hex_expect(bytes, size, hex);
  ck_assert_uint_eq(count, num_handles);
  return handles[0];
}

void peer_expect(peer_t* peer, const char* hex) {
  expect(peer, hex, 0);
}

zx_handle_t peer_expect_handle(peer_t* peer, const char* hex) {
  return expect(peer, hex, 1);
}

static zx_status_t read_nothing(peer_t* peer) {
  uint8_t bytes[1024];
  uint32_t size, count;
  return zx_channel_read(peer->raw, 0, bytes, NULL, sizeof(bytes), 0, &size, &count);
}

void peer_expect_nothing(peer_t* peer) {
  ck_assert_int_eq(read_nothing(peer), ZX_ERR_SHOULD_WAIT);
}

void peer_expect_closed(peer_t* peer) {
  ck_assert_int_eq(read_nothing(peer), ZX_ERR_PEER_CLOSED);
}

zx_handle_t peer_event(void) {
  zx_handle_t event = ZX_HANDLE_INVALID;
  ck_assert_int_eq(zx_event_create(0, &event), ZX_OK);
  return event;
}

bool peer_handle_valid(zx_handle_t handle) {
  return zx_object_get_info(handle, ZX_INFO_HANDLE_VALID, NULL, 0, NULL, NULL) == ZX_OK;
}
