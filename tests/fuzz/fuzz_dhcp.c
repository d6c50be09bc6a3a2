// The DHCP client and a server that says anything at any time.
//
// The input is a list of steps: a byte that says what happens, two of length, and as many of a message. The
// parts that every message must have are put into it if the step says so, else they would hardly ever be
// right.
#include <inet/bytes.h>
#include <stdlib.h>
#include <string.h>

#include "dhcp_client.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

enum { MENDS = 1, LINK = 2, TIME = 4 };

static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};

typedef struct scene {
  dhcp_client_t client;
  uint8_t sent[DHCP_REQUEST_BYTES];
  bool leased;
} scene_t;

static void require(bool condition) {
  if (!condition) abort();
}

static void on_send(void* context, uint32_t server, const uint8_t* message) {
  memcpy(((scene_t*)context)->sent, message, DHCP_REQUEST_BYTES);
}

// What is put on an interface can be used there.
static void on_changed(void* context, const dhcp_lease_t* lease) {
  scene_t* scene = context;
  require(lease || scene->leased);
  scene->leased = lease != NULL;
  if (!lease) return;
  uint32_t hosts = ~lease->mask;
  require(lease->mask != 0 && (hosts & (hosts + 1)) == 0);
  require(lease->address >> 24 != 0 && lease->address >> 24 < 224);
  require(lease->router_count <= DHCP_ROUTERS_MAX && lease->name_server_count <= DHCP_NAME_SERVERS_MAX);
  for (size_t i = 0; i < lease->router_count; i++)
    require(((lease->routers[i] ^ lease->address) & lease->mask) == 0);
}

static void receive(scene_t* scene, const uint8_t* bytes, size_t length, bool mends, int64_t now) {
  uint8_t* message = malloc(length + 1);  // of just this size, so that reading beyond it is seen
  require(message != NULL);
  memcpy(message, bytes, length);
  if (mends && length >= 240) {
    message[0] = 2;
    message[1] = 1;
    message[2] = 6;
    memcpy(message + 4, scene->sent + 4, 4);
    memcpy(message + 28, mac, sizeof mac);
    memcpy(message + 236, "\x63\x82\x53\x63", 4);
  }
  uint8_t* exact = realloc(message, length ? length : 1);
  require(exact != NULL);
  dhcp_client_input(&scene->client, exact, length, now);
  free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const dhcp_ops_t ops = {on_send, on_changed};
  scene_t scene = {.leased = false};
  int64_t now = 0;
  dhcp_client_init(&scene.client, &ops, &scene, 1);
  dhcp_client_up(&scene.client, mac, now);
  while (size >= 3) {
    uint8_t step = data[0];
    size_t length = be16_get(data + 1);
    data += 3;
    size -= 3;
    if (length > size) length = size;
    if (step & LINK) {
      dhcp_client_down(&scene.client);
      dhcp_client_up(&scene.client, mac, now);
    }
    if (step & TIME && dhcp_client_deadline(&scene.client) != DHCP_NEVER) {
      if (dhcp_client_deadline(&scene.client) > now) now = dhcp_client_deadline(&scene.client);
      for (int i = 0; i < 4 && dhcp_client_deadline(&scene.client) <= now; i++)
        dhcp_client_run(&scene.client, now);
      require(dhcp_client_deadline(&scene.client) > now);
    }
    if (length > 0) receive(&scene, data, length, step & MENDS, now);
    data += length;
    size -= length;
  }
  dhcp_client_release(&scene.client, now);
  return 0;
}
