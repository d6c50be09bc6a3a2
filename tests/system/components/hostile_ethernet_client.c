// A client of an Ethernet driver that gives it entries of every wrong kind, and then checks that it still
// gets what a well-behaved client gets. Exit status 0: every bad entry came back INVALID, and every good one
// as it should. With "offloads" as its second argument it asks for those and puts arbitrary headers before
// arbitrary frames instead, many of which only the kernel behind the driver finds out to be wrong.
#include <fidl/fuchsia.hardware.ethernet.h>
#include <lib/async-loop/loop.h>
#include <lib/component/component.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zircon/syscalls.h>

#define MEMORY_BYTES 65536u
#define TIMEOUT ZX_SEC(60)
#define ASK_AGAIN ZX_MSEC(200)

typedef fuchsia_hardware_ethernet_FifoEntry entry_t;

typedef struct client {
  zx_handle_t device;
  zx_handle_t rx, tx;
  zx_handle_t vmo;
} client_t;

static void fail(const char* what, zx_status_t status) {
  fprintf(stderr, "hostile client: %s: status %d\n", what, status);
  exit(1);
}

static void require(bool condition, const char* what) {
  if (!condition) fail(what, ZX_OK);
}

static void connect_device(client_t* client, component_t* component) {
  zx_handle_t server_end;
  zx_status_t status = zx_channel_create(0, &client->device, &server_end);
  if (status == ZX_OK)
    status = component_connect(component, fuchsia_hardware_ethernet_Device_NAME, server_end);
  if (status != ZX_OK) fail("connect", status);
}

static void start_device(client_t* client) {
  FIDL_BUFFER(buffer, 1024);
  fidl_call_t call = FIDL_CALL(buffer, zx_deadline_after(TIMEOUT));
  fuchsia_hardware_ethernet_DeviceGetFifosResponse* fifos;
  zx_status_t status = fuchsia_hardware_ethernet_Device_GetFifos(client->device, &call, &fifos);
  if (status != ZX_OK || fifos->status != ZX_OK) fail("GetFifos", status ? status : fifos->status);
  client->rx = fifos->info->rx;
  client->tx = fifos->info->tx;
  status = zx_vmo_create(MEMORY_BYTES, 0, &client->vmo);
  fuchsia_hardware_ethernet_DeviceSetIoBufferRequest request = {0};
  if (status == ZX_OK) status = zx_handle_duplicate(client->vmo, ZX_RIGHT_SAME_RIGHTS, &request.h);
  fuchsia_hardware_ethernet_DeviceSetIoBufferResponse* buffer_set;
  if (status == ZX_OK) {
    status = fuchsia_hardware_ethernet_Device_SetIOBuffer(client->device, &request, &call, &buffer_set);
  }
  if (status != ZX_OK || buffer_set->status != ZX_OK) fail("SetIOBuffer", status);
  fuchsia_hardware_ethernet_DeviceStartResponse* started;
  status = fuchsia_hardware_ethernet_Device_Start(client->device, &call, &started);
  if (status != ZX_OK || started->status != ZX_OK) fail("Start", status);
}

static void ask_for_offloads(client_t* client) {
  FIDL_BUFFER(buffer, fuchsia_hardware_ethernet_Device_SetOffloads_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, zx_deadline_after(TIMEOUT));
  fuchsia_hardware_ethernet_DeviceSetOffloadsRequest request = {
      .transmit = fuchsia_hardware_ethernet_Offloads_CHECKSUM | fuchsia_hardware_ethernet_Offloads_TSO |
                  fuchsia_hardware_ethernet_Offloads_USO};
  fuchsia_hardware_ethernet_DeviceSetOffloadsResponse* agreed;
  zx_status_t status = fuchsia_hardware_ethernet_Device_SetOffloads(client->device, &request, &call, &agreed);
  if (status != ZX_OK || agreed->status != ZX_OK) fail("SetOffloads", status ? status : agreed->status);
}

static void put(zx_handle_t fifo, entry_t entry) {
  zx_status_t status = zx_fifo_write(fifo, sizeof(entry), &entry, 1, NULL);
  if (status != ZX_OK) fail("write an entry", status);
}

static entry_t take(zx_handle_t fifo) {
  entry_t entry;
  zx_status_t status;
  zx_time_t deadline = zx_deadline_after(TIMEOUT);
  while ((status = zx_fifo_read(fifo, sizeof(entry), &entry, 1, NULL)) == ZX_ERR_SHOULD_WAIT) {
    status = zx_object_wait_one(fifo, ZX_FIFO_READABLE | ZX_FIFO_PEER_CLOSED, deadline, NULL);
    if (status != ZX_OK) break;
  }
  if (status != ZX_OK) fail("take an entry back", status);
  return entry;
}

// Takes an entry of the receive FIFO and, until there is one, sends `question` again and again: the kernel
// loses what it has to send in the moment between a carrier's coming on and its learning of that.
static entry_t take_answer(client_t* client, entry_t question) {
  for (zx_time_t deadline = zx_deadline_after(TIMEOUT); zx_clock_get_monotonic() < deadline;) {
    zx_status_t status = zx_object_wait_one(client->rx, ZX_FIFO_READABLE | ZX_FIFO_PEER_CLOSED,
                                            zx_deadline_after(ASK_AGAIN), NULL);
    if (status != ZX_ERR_TIMED_OUT) break;
    put(client->tx, question);
    require(take(client->tx).flags == fuchsia_hardware_ethernet_FIFO_TX_OK, "a good frame was sent again");
  }
  return take(client->rx);
}

static const entry_t bad_frames[] = {
    {MEMORY_BYTES, 60, 0, 1},
    {MEMORY_BYTES - 59, 60, 0, 2},
    {MEMORY_BYTES - 1, UINT16_MAX, 0, 3},
    {UINT32_MAX, UINT16_MAX, 0, 4},
    {UINT32_MAX - 59, 60, 0, 5},
    {UINT32_MAX - 100, 1514, 0, 6},
    {0x80000000u, 60, 0, 7},
    {0, 0, 0, 8},
    {0, 1, 0, 9},
    {0, 13, 0, 10},
    {0, UINT16_MAX, 0, 11},
    {MEMORY_BYTES, 0, 0xffff, UINT64_MAX},
};

static const entry_t bad_buffers[] = {
    {MEMORY_BYTES, 1, 0, 21},        {MEMORY_BYTES - 2047, 2048, 0, 22}, {UINT32_MAX, 1, 0, 23},
    {UINT32_MAX, UINT16_MAX, 0, 24}, {UINT32_MAX - 99, 100, 0, 25},      {0, 0, 0xffff, 26},
};

// Each bad frame goes with a good one behind it.
static void send_bad_frames(client_t* client, const uint8_t* frame, uint16_t length) {
  zx_status_t status = zx_vmo_write(client->vmo, frame, 4096, length);
  if (status != ZX_OK) fail("fill the memory", status);
  for (size_t i = 0; i < sizeof(bad_frames) / sizeof(bad_frames[0]); i++) {
    put(client->tx, bad_frames[i]);
    put(client->tx, (entry_t){4096, length, 0, 1000});
    for (int back = 0; back < 2; back++) {
      entry_t entry = take(client->tx);
      if (entry.cookie == 1000) {
        require(entry.flags == fuchsia_hardware_ethernet_FIFO_TX_OK, "a good frame was sent");
      } else {
        require(entry.cookie == bad_frames[i].cookie && entry.offset == bad_frames[i].offset,
                "the bad entry is back");
        require(entry.flags == fuchsia_hardware_ethernet_FIFO_INVALID, "the bad entry is INVALID");
      }
    }
  }
}

// Bad buffers, then a good one. The frame sent is answered by whoever is on the wire, which uses them all up.
static void receive_into_bad_buffers(client_t* client, uint16_t length) {
  size_t count = sizeof(bad_buffers) / sizeof(bad_buffers[0]);
  for (size_t i = 0; i < count; i++)
    put(client->rx, bad_buffers[i]);
  put(client->rx, (entry_t){8192, 2048, 0, 2000});
  const entry_t question = {4096, length, 0, 1000};
  put(client->tx, question);
  require(take(client->tx).flags == fuchsia_hardware_ethernet_FIFO_TX_OK, "a good frame was sent");
  size_t invalid = 0;
  for (;;) {
    entry_t entry = take_answer(client, question);
    if (entry.cookie == 2000) {
      require(entry.flags == fuchsia_hardware_ethernet_FIFO_RX_OK && entry.length >= 42,
              "a frame was received");
      break;
    }
    require(entry.flags == fuchsia_hardware_ethernet_FIFO_INVALID && entry.length == 0,
            "a bad buffer is INVALID");
    invalid++;
  }
  require(invalid == count, "every bad buffer is back");
}

// A frame that begins like one of TCP or UDP, and a header that is often almost right for it.
static void make_arbitrary(uint8_t* bytes, size_t length) {
  static const uint8_t kinds[] = {0, 1, 3, 4, 5, 0x81, 0xff};
  static const uint8_t protocols[] = {6, 17, 1, 58};
  uint8_t* frame = bytes + sizeof(fuchsia_hardware_ethernet_FrameHeader);
  bool v4 = rand() % 2;
  fuchsia_hardware_ethernet_FrameHeader header = {.flags = (uint8_t)(rand() % 4),
                                                  .gso_type = kinds[(size_t)rand() % sizeof(kinds)],
                                                  .header_length = (uint16_t)(rand() % 200),
                                                  .gso_size = (uint16_t)(rand() % 1600),
                                                  .checksum_start = v4 ? 34 : 54,
                                                  .checksum_offset = rand() % 2 ? 16 : 6};
  if (rand() % 4 == 0) header.checksum_start = (uint16_t)rand();
  if (rand() % 4 == 0) header.checksum_offset = (uint16_t)rand();
  for (size_t i = 0; i < length; i++)
    bytes[i] = (uint8_t)rand();
  memcpy(bytes, &header, sizeof(header));
  memset(frame, 0xff, 6);
  frame[12] = v4 ? 0x08 : 0x86;
  frame[13] = v4 ? 0x00 : 0xdd;
  frame[14] = v4 ? 0x45 : 0x60;
  frame[v4 ? 23 : 20] = protocols[(size_t)rand() % sizeof(protocols)];
}

static void send_arbitrary_headers(client_t* client) {
  static uint8_t bytes[MEMORY_BYTES];
  srand(1);
  for (uint64_t i = 0; i < 5000; i++) {
    uint16_t length = (uint16_t)(rand() % 8 ? 40 + rand() % 3000 : 40 + rand() % (UINT16_MAX - 40));
    make_arbitrary(bytes, length);
    zx_status_t status = zx_vmo_write(client->vmo, bytes, 0, length);
    if (status != ZX_OK) fail("fill the memory", status);
    put(client->tx, (entry_t){0, length, 0, i});
    require(take(client->tx).cookie == i, "an arbitrary frame is back");
  }
}

// And then the device still works.
static void expect_answer(client_t* client, const uint8_t* frame, uint16_t length) {
  static const fuchsia_hardware_ethernet_FrameHeader plain;
  zx_status_t status = zx_vmo_write(client->vmo, &plain, 4096, sizeof(plain));
  if (status == ZX_OK) status = zx_vmo_write(client->vmo, frame, 4096 + sizeof(plain), length);
  if (status != ZX_OK) fail("fill the memory", status);
  put(client->rx, (entry_t){8192, 2048, 0, 2000});
  const entry_t question = {4096, (uint16_t)(sizeof(plain) + length), 0, 1000};
  put(client->tx, question);
  require(take(client->tx).flags == fuchsia_hardware_ethernet_FIFO_TX_OK, "a good frame was sent");
  entry_t entry = take_answer(client, question);
  require(entry.flags == fuchsia_hardware_ethernet_FIFO_RX_OK && entry.length >= sizeof(plain) + 42,
          "a frame was received");
}

// An ARP request for the address on the command line, from one beside it.
static uint16_t make_arp(client_t* client, uint8_t frame[42], const char* target) {
  FIDL_BUFFER(buffer, fuchsia_hardware_ethernet_Device_GetInfo_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, zx_deadline_after(TIMEOUT));
  fuchsia_hardware_ethernet_DeviceGetInfoResponse* device;
  zx_status_t status = fuchsia_hardware_ethernet_Device_GetInfo(client->device, &call, &device);
  if (status != ZX_OK) fail("GetInfo", status);
  unsigned address[4];
  require(sscanf(target, "%u.%u.%u.%u", &address[0], &address[1], &address[2], &address[3]) == 4,
          "an address");
  static const uint8_t start[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 9, 8, 6,
                                  0,    1,    8,    0,    6,    4,    0, 1, 2, 0, 0, 0, 0, 9};
  memset(frame, 0, 42);
  memcpy(frame, start, sizeof(start));
  for (int i = 0; i < 4; i++)
    frame[28 + i] = frame[38 + i] = (uint8_t)address[i];
  frame[31] = 99;
  memcpy(frame + 6, device->info.mac.octets, 6);
  memcpy(frame + 22, device->info.mac.octets, 6);
  return 42;
}

int main(int argc, char** argv) {
  async_loop_t* loop;
  component_t* component = NULL;
  client_t client = {0};
  require(argc >= 2, "an argument: the address to ask for");
  bool offloads = argc > 2 && strcmp(argv[2], "offloads") == 0;
  zx_status_t status = async_loop_create(NULL, &loop);
  if (status == ZX_OK) status = component_create(async_loop_get_dispatcher(loop), &component);
  if (status != ZX_OK) fail("start", status);
  uint8_t frame[42];
  connect_device(&client, component);
  uint16_t length = make_arp(&client, frame, argv[1]);
  if (offloads) ask_for_offloads(&client);
  start_device(&client);
  if (offloads) {
    send_arbitrary_headers(&client);
    expect_answer(&client, frame, length);
  } else {
    send_bad_frames(&client, frame, length);
    receive_into_bad_buffers(&client, length);
  }
  return 0;
}
