// A client of the Ethernet driver that puts anything into its FIFOs, in any order, beside frames that come
// and go.
//
// The input is a byte that says which offloads were agreed on, and a list of steps: a byte that says what,
// and the bytes it needs.
#include <stdlib.h>
#include <string.h>
#include <zircon/syscalls.h>

#include "exchange.h"

#define MEMORY_BYTES 131072u
#define FRAME_MAX 1518u

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

typedef struct scene {
  exchange_t exchange;
  ethernet_counters_t counters;
  zx_handle_t rx, tx;  // the client's ends
  const uint8_t* data;
  size_t left;
} scene_t;

static void require(bool condition) {
  if (!condition) abort();
}

// The next `size` bytes of the input, zeroes after its end.
static void take(scene_t* scene, void* out, size_t size) {
  memset(out, 0, size);
  size_t count = size < scene->left ? size : scene->left;
  memcpy(out, scene->data, count);
  scene->data += count;
  scene->left -= count;
}

// Also scribbles over the place, so that there may be a header.
static void put_entry(scene_t* scene, zx_handle_t fifo) {
  exchange_entry_t entry = {0};
  take(scene, &entry.offset, sizeof(entry.offset));
  take(scene, &entry.length, sizeof(entry.length));
  take(scene, &entry.flags, 1);
  offload_header_t header;
  take(scene, &header, sizeof(header));
  if ((uint64_t)entry.offset + sizeof(header) <= MEMORY_BYTES)
    memcpy(scene->exchange.memory + entry.offset, &header, sizeof(header));
  zx_fifo_write(fifo, sizeof(entry), &entry, 1, NULL);
}

// Sends what the client put in: each frame must lie within the memory, have a frame's length, and ask for
// nothing that was not agreed on.
static void transmit(scene_t* scene) {
  exchange_frame_t frames[EXCHANGE_BATCH];
  const exchange_t* exchange = &scene->exchange;
  size_t count = exchange_tx_provide(&scene->exchange, frames);
  for (size_t i = 0; i < count; i++) {
    size_t length = frames[i].length;
    const offload_header_t* header = &frames[i].header;
    require(length >= 14 && (length <= FRAME_MAX || header->gso_type != OFFLOAD_GSO_NONE));
    require(offload_header_valid(header, exchange->tx_offloads, length));
    require(frames[i].data >= exchange->memory);
    require(frames[i].data + length <= exchange->memory + MEMORY_BYTES);
    exchange_tx_return(&scene->exchange, &frames[i].entry, 1);
  }
}

static void receive(scene_t* scene) {
  static uint8_t frame[UINT16_MAX];
  uint16_t length;
  offload_header_t header;
  take(scene, &length, sizeof(length));
  take(scene, &header, sizeof(header));
  memset(frame, 0x55, sizeof(frame));
  if (exchange_rx_accepts(&scene->exchange, &header, length))
    exchange_rx_return(&scene->exchange, &header, frame, length, 1);
}

// Takes entries back as an honest client does, and checks those with a frame.
static void drain(scene_t* scene, zx_handle_t fifo) {
  exchange_entry_t entry;
  while (zx_fifo_read(fifo, sizeof(entry), &entry, 1, NULL) == ZX_OK) {
    bool invalid = (entry.flags & fuchsia_hardware_ethernet_FIFO_INVALID) != 0;
    require(invalid || (uint64_t)entry.offset + entry.length <= MEMORY_BYTES);
  }
}

static void step(scene_t* scene) {
  uint8_t what;
  take(scene, &what, 1);
  switch (what % 6) {
    case 0:
      put_entry(scene, scene->tx);
      break;
    case 1:
      put_entry(scene, scene->rx);
      break;
    case 2:
      transmit(scene);
      break;
    case 3:
      receive(scene);
      break;
    case 4:
      require(exchange_flush(&scene->exchange) == ZX_OK);
      break;
    default:
      drain(scene, scene->tx);
      drain(scene, scene->rx);
      break;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  scene_t scene = {.data = data, .left = size};
  zx_handle_t vmo;
  exchange_init(&scene.exchange, 14, FRAME_MAX, &scene.counters);
  require(exchange_create_fifos(&scene.exchange, &scene.rx, &scene.tx) == ZX_OK);
  require(zx_vmo_create(MEMORY_BYTES, 0, &vmo) == ZX_OK);
  require(exchange_map(&scene.exchange, vmo) == ZX_OK);
  uint8_t offloads;
  take(&scene, &offloads, 1);
  if (offloads & 128) exchange_set_offloads(&scene.exchange, offloads & 7, offloads >> 3 & 7);
  while (scene.left > 0)
    step(&scene);
  const exchange_t* exchange = &scene.exchange;
  require(exchange->rx_empty.count + exchange->rx_large.count + exchange->rx_returning.count <=
          EXCHANGE_DEPTH);
  require(exchange->tx_out == 0 && exchange->tx_returning.count <= EXCHANGE_DEPTH);
  exchange_deinit(&scene.exchange);
  zx_handle_close(scene.rx);
  zx_handle_close(scene.tx);
  return 0;
}
