// The unprivileged wire, spoken to by whoever holds the other end of the link: any frames, several to a
// batch, with anything said of them, and a device that at times takes none.
//
// Nothing leads to a socket of the host's: what is not for the gateway's own address, behind which the host's
// loopback is closed, is made to be.
//
// The input is a list of frames, each a length (2 bytes), what is said of it (an offload_header_t), a byte
// whose bits say whether it ends a batch, whether the device takes frames then and where, and the bytes.
#include <lib/async-loop/loop.h>
#include <stdlib.h>
#include <string.h>

#include "slirp.h"

#define FRAME_MAX 4096u
#define MTU 1500u

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

enum { ENDS = 1, CLOSED = 2, PLACES = 4 };

typedef struct scene {
  async_loop_t* loop;
  wire_t* wire;
  const uint8_t* data;
  size_t left;
  bool open, places;
  unsigned delivered;  // since the device's clients were told
  size_t count;
  uint8_t place[WIRE_FRAME_MAX];
  uint8_t frames[WIRE_BATCH][FRAME_MAX];
} scene_t;

static void require(bool condition) {
  if (!condition) abort();
}

static bool can_receive(void* context) {
  const scene_t* scene = context;
  return scene->open;
}

static void receive(void* context, const offload_header_t* header, const uint8_t* frame, size_t length) {
  scene_t* scene = context;
  require(length >= ETHERNET_HEADER_BYTES && length <= WIRE_FRAME_MAX && ++scene->delivered <= WIRE_BATCH);
  require(scene->open && offload_header_valid(header, OFFLOAD_ALL, length));
}

static size_t place(void* context, struct iovec out[2]) {
  scene_t* scene = context;
  if (!scene->open || !scene->places) return 0;
  out[0] = (struct iovec){scene->place, 20};
  out[1] = (struct iovec){scene->place + 20, sizeof(scene->place) - 20};
  return 2;
}

static void placed(void* context, const offload_header_t* header, size_t length) {
  scene_t* scene = context;
  receive(context, header, scene->place, length);
}

static void receive_done(void* context) {
  scene_t* scene = context;
  scene->delivered = 0;
}

static void status_changed(void* context, bool online) {}

static void lost(void* context) {
  abort();
}

static const wire_events_t events = {.can_receive = can_receive,
                                     .receive = receive,
                                     .place = place,
                                     .placed = placed,
                                     .receive_done = receive_done,
                                     .status = status_changed,
                                     .lost = lost};

// The next `size` bytes of the input, zeroes after its end.
static void take(scene_t* scene, void* out, size_t size) {
  memset(out, 0, size);
  size_t count = size < scene->left ? size : scene->left;
  memcpy(out, scene->data, count);
  scene->data += count;
  scene->left -= count;
}

// From one station of the link to the gateway.
static void address(uint8_t* frame, size_t length) {
  static const uint8_t macs[] = {0x52, 0x55, 10, 0, 2, 2, 2, 0, 0, 0, 0, 1};
  static const uint8_t gateway[] = {10, 0, 2, 2}, gateway6[16] = {0xfe, 0xc0, [15] = 2};
  bool group = frame[0] & 1;
  memcpy(frame, macs, sizeof(macs));
  if (group) frame[0] |= 1;
  if (length >= 34 && frame[12] == 0x08 && frame[13] == 0x00) memcpy(frame + 30, gateway, sizeof(gateway));
  // A group is nobody behind the gateway.
  if (length >= 54 && frame[12] == 0x86 && frame[13] == 0xdd && frame[38] != 0xff)
    memcpy(frame + 38, gateway6, sizeof(gateway6));
}

static void end_batch(scene_t* scene, uint8_t how) {
  scene->open = !(how & CLOSED);
  scene->places = how & PLACES;
  scene->wire->ops->send_done(scene->wire);
  scene->count = 0;
  if (scene->open) scene->wire->ops->resume(scene->wire);
  (void)async_loop_run_until_idle(scene->loop);
  require(scene->delivered == 0);
}

static void one_frame(scene_t* scene) {
  uint16_t length;
  uint8_t how;
  offload_header_t header;
  take(scene, &length, sizeof(length));
  take(scene, &header, sizeof(header));
  take(scene, &how, sizeof(how));
  length = (uint16_t)(ETHERNET_HEADER_BYTES + length % (FRAME_MAX - ETHERNET_HEADER_BYTES));
  uint8_t* frame = scene->frames[scene->count];
  take(scene, frame, length);
  address(frame, length);
  bool fits = header.gso_type != OFFLOAD_GSO_NONE || length <= MTU + ETHERNET_HEADER_BYTES;
  if (fits && offload_header_valid(&header, OFFLOAD_ALL, length)) {
    require(scene->wire->ops->send(scene->wire, &header, frame, length) == ZX_OK);
    scene->count++;
  }
  if ((how & ENDS) || scene->count == WIRE_BATCH) end_batch(scene, how);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  scene_t* scene = calloc(1, sizeof(*scene));
  const slirp_wire_config_t config = {.mtu = MTU, .resolv_conf = "/dev/null"};
  require(scene && async_loop_create(NULL, &scene->loop) == ZX_OK);
  require(slirp_wire_create(async_loop_get_dispatcher(scene->loop), &config, &scene->wire) == ZX_OK);
  scene->data = data;
  scene->left = size;
  scene->open = true;
  require(scene->wire->ops->start(scene->wire, &events, scene) == ZX_OK);
  scene->wire->ops->accept(scene->wire, size % 2 ? OFFLOAD_ALL : 0);
  while (scene->left > 0)
    one_frame(scene);
  end_batch(scene, PLACES);
  async_loop_shutdown(scene->loop);
  scene->wire->ops->destroy(scene->wire);
  async_loop_destroy(scene->loop);
  free(scene);
  return 0;
}
