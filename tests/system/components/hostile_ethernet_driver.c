// An Ethernet driver without a wire that gives the netstack entries of every wrong kind through both FIFOs,
// and then asks it for its address as a neighbour would. Exit status 0: the netstack answered, so it has
// survived.
#include <fidl/fuchsia.hardware.ethernet.h>
#include <lib/async-loop/loop.h>
#include <lib/async/task.h>
#include <lib/async/wait.h>
#include <lib/component/component.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zircon/syscalls.h>

#define DEPTH 256u
#define TIMEOUT ZX_SEC(100)
#define RX_OK fuchsia_hardware_ethernet_FIFO_RX_OK
#define TX_OK fuchsia_hardware_ethernet_FIFO_TX_OK

typedef fuchsia_hardware_ethernet_FifoEntry entry_t;

typedef struct driver {
  async_loop_t* loop;
  zx_handle_t rx, tx;  // our ends
  zx_handle_t vmo;
  uint8_t target[4];  // the netstack's address
  async_wait_t rx_wait, tx_wait;
  async_task_t timeout;
  bool attacked;
  bool answered;
} driver_t;

static void fail(const char* what, zx_status_t status) {
  fprintf(stderr, "hostile driver: %s: status %d\n", what, status);
  exit(1);
}

static void put(zx_handle_t fifo, entry_t entry) {
  zx_fifo_write(fifo, sizeof(entry), &entry, 1, NULL);  // a full FIFO is no reason to stop
}

static bool take(zx_handle_t fifo, entry_t* out) {
  return zx_fifo_read(fifo, sizeof(*out), out, 1, NULL) == ZX_OK;
}

// What an empty buffer can come back as, each with a buffer of its own where one is needed.
static void attack_rx(driver_t* driver) {
  entry_t own;
  for (int kind = 0; kind < 16 && take(driver->rx, &own); kind++) {
    entry_t bad = own;
    bad.flags = RX_OK;
    bad.length = 60;
    switch (kind) {
      case 0:
        bad.offset += 1;
        break;
      case 1:
        bad.offset = UINT32_MAX;
        break;
      case 2:
        bad.offset = 0x80000000u;
        break;
      case 3:
        bad.offset = UINT32_MAX - 30;
        break;
      case 4:
        bad.length = UINT16_MAX;
        break;
      case 5:
        bad.length = (uint16_t)(own.length + 1);
        break;
      case 6:
        bad.length = 0;
        break;
      case 7:
        bad.length = 13;
        break;
      case 8:
        bad.cookie = UINT64_MAX;
        break;
      case 9:
        bad.cookie += 1;
        break;
      case 10:
        bad.cookie ^= 0x8000000000000000u;
        break;
      case 11:
        bad.flags = 0xffff;
        break;
      case 12:
        bad.flags = 0;
        break;
      case 13:
        bad.flags = fuchsia_hardware_ethernet_FIFO_INVALID;
        break;
      case 14:
        bad.length = own.length;
        break;
      default:
        put(driver->rx, bad);
        break;  // the same buffer twice
    }
    put(driver->rx, bad);
  }
}

// Frames returned that nobody sent.
static void attack_tx(driver_t* driver) {
  static const entry_t bad[] = {
      {0, 60, TX_OK, 0},   {0, 0, TX_OK, 1},       {UINT32_MAX, UINT16_MAX, TX_OK, UINT64_MAX},
      {2048, 2048, 0, 77}, {1, 1, 0xffff, 0x1234}, {0x80000000u, 1, TX_OK, 0x8000000000000000u},
  };
  for (unsigned i = 0; i < 20; i++) {
    entry_t entry = bad[i % (sizeof(bad) / sizeof(bad[0]))];
    entry.cookie += i;
    put(driver->tx, entry);
  }
}

// Asks the netstack for its hardware address, by ARP, from 10.0.2.99 or whatever is beside it.
static void ask(driver_t* driver) {
  static const uint8_t start[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 9, 8, 6,
                                  0,    1,    8,    0,    6,    4,    0, 1, 2, 0, 0, 0, 0, 9};
  uint8_t frame[60] = {0};
  entry_t buffer;
  if (!take(driver->rx, &buffer)) return;  // asked again when there is one
  memcpy(frame, start, sizeof(start));
  memcpy(frame + 28, driver->target, 4);
  memcpy(frame + 38, driver->target, 4);
  frame[31] = 99;
  zx_status_t status = zx_vmo_write(driver->vmo, frame, buffer.offset, sizeof(frame));
  if (status != ZX_OK) fail("the netstack's own buffer is outside its memory", status);
  buffer.length = sizeof(frame);
  buffer.flags = RX_OK;
  put(driver->rx, buffer);
}

static void buffers_came(async_dispatcher_t* dispatcher, async_wait_t* wait, zx_status_t status,
                         const zx_packet_signal_t* signal) {
  driver_t* driver = (void*)((char*)wait - offsetof(driver_t, rx_wait));
  if (status != ZX_OK || (signal->observed & ZX_FIFO_PEER_CLOSED)) return;
  if (!driver->attacked) {
    attack_rx(driver);
    attack_tx(driver);
    driver->attacked = true;
  }
  ask(driver);
  async_begin_wait(dispatcher, wait);
}

static void frames_came(async_dispatcher_t* dispatcher, async_wait_t* wait, zx_status_t status,
                        const zx_packet_signal_t* signal) {
  driver_t* driver = (void*)((char*)wait - offsetof(driver_t, tx_wait));
  if (status != ZX_OK || (signal->observed & ZX_FIFO_PEER_CLOSED)) return;
  entry_t entry;
  while (take(driver->tx, &entry)) {
    uint8_t frame[42];
    static const uint8_t reply[] = {8, 6, 0, 1, 8, 0, 6, 4, 0, 2};
    if (entry.length >= sizeof(frame) &&
        zx_vmo_read(driver->vmo, frame, entry.offset, sizeof(frame)) == ZX_OK &&
        memcmp(frame + 12, reply, sizeof(reply)) == 0 && memcmp(frame + 28, driver->target, 4) == 0 &&
        frame[41] == 99) {
      driver->answered = true;
      async_loop_quit(driver->loop);
    }
    entry.flags = TX_OK;
    put(driver->tx, entry);
  }
  async_begin_wait(dispatcher, wait);
}

static void timed_out(async_dispatcher_t* dispatcher, async_task_t* task, zx_status_t status) {
  driver_t* driver = (void*)((char*)task - offsetof(driver_t, timeout));
  if (status == ZX_OK) async_loop_quit(driver->loop);
}

// The protocol, as far as a netstack needs it

static void get_info(void* context, fidl_completer_t completer) {
  fuchsia_hardware_ethernet_DeviceGetInfoResponse response = {.info.mtu = 1500};
  memcpy(response.info.mac.octets, "\x02\0\0\0\0\x05", 6);
  fuchsia_hardware_ethernet_Device_GetInfo_reply(completer, &response);
}

static void get_fifos(void* context, fidl_completer_t completer) {
  driver_t* driver = context;
  fuchsia_hardware_ethernet_Fifos fifos = {.rx_depth = DEPTH, .tx_depth = DEPTH};
  fuchsia_hardware_ethernet_DeviceGetFifosResponse response = {.info = &fifos};
  response.status = zx_fifo_create(DEPTH, sizeof(entry_t), 0, &fifos.rx, &driver->rx);
  if (response.status == ZX_OK)
    response.status = zx_fifo_create(DEPTH, sizeof(entry_t), 0, &fifos.tx, &driver->tx);
  if (response.status != ZX_OK) fail("make the FIFOs", response.status);
  fuchsia_hardware_ethernet_Device_GetFifos_reply(completer, &response);
}

static void set_io_buffer(void* context, fuchsia_hardware_ethernet_DeviceSetIoBufferRequest* request,
                          fidl_completer_t completer) {
  driver_t* driver = context;
  driver->vmo = request->h;
  request->h = ZX_HANDLE_INVALID;
  fuchsia_hardware_ethernet_DeviceSetIoBufferResponse response = {.status = ZX_OK};
  fuchsia_hardware_ethernet_Device_SetIOBuffer_reply(completer, &response);
}

static void start(void* context, fidl_completer_t completer) {
  driver_t* driver = context;
  async_dispatcher_t* dispatcher = async_loop_get_dispatcher(driver->loop);
  driver->rx_wait =
      (async_wait_t){.handler = buffers_came, .object = driver->rx, .trigger = ZX_FIFO_READABLE};
  driver->tx_wait = (async_wait_t){.handler = frames_came, .object = driver->tx, .trigger = ZX_FIFO_READABLE};
  async_begin_wait(dispatcher, &driver->rx_wait);
  async_begin_wait(dispatcher, &driver->tx_wait);
  fuchsia_hardware_ethernet_DeviceStartResponse response = {.status = ZX_OK};
  fuchsia_hardware_ethernet_Device_Start_reply(completer, &response);
}

static void get_status(void* context, fidl_completer_t completer) {
  fuchsia_hardware_ethernet_DeviceGetStatusResponse response = {
      .device_status = fuchsia_hardware_ethernet_DeviceStatus_ONLINE};
  fuchsia_hardware_ethernet_Device_GetStatus_reply(completer, &response);
}

static void set_client_name(void* context, fuchsia_hardware_ethernet_DeviceSetClientNameRequest* request,
                            fidl_completer_t completer) {
  fuchsia_hardware_ethernet_DeviceSetClientNameResponse response = {.status = ZX_OK};
  fuchsia_hardware_ethernet_Device_SetClientName_reply(completer, &response);
}

static void add_multicast(void* context,
                          fuchsia_hardware_ethernet_DeviceConfigMulticastAddMacRequest* request,
                          fidl_completer_t completer) {
  fuchsia_hardware_ethernet_DeviceConfigMulticastAddMacResponse response = {.status = ZX_OK};
  fuchsia_hardware_ethernet_Device_ConfigMulticastAddMac_reply(completer, &response);
}

static const fuchsia_hardware_ethernet_Device_ops_t ops = {
    .GetInfo = get_info,
    .GetFifos = get_fifos,
    .SetIOBuffer = set_io_buffer,
    .Start = start,
    .GetStatus = get_status,
    .SetClientName = set_client_name,
    .ConfigMulticastAddMac = add_multicast,
};

static void connected(void* context, zx_handle_t server_end) {
  driver_t* driver = context;
  zx_status_t status = fuchsia_hardware_ethernet_Device_bind(async_loop_get_dispatcher(driver->loop),
                                                             server_end, &ops, driver, NULL, NULL);
  if (status != ZX_OK) fail("serve", status);
}

int main(int argc, char** argv) {
  static driver_t driver;
  component_t* component;
  unsigned address[4];
  if (argc != 2 || sscanf(argv[1], "%u.%u.%u.%u", &address[0], &address[1], &address[2], &address[3]) != 4) {
    fail("one argument: the netstack's address", ZX_ERR_INVALID_ARGS);
  }
  for (int i = 0; i < 4; i++)
    driver.target[i] = (uint8_t)address[i];
  zx_status_t status = async_loop_create(NULL, &driver.loop);
  if (status == ZX_OK) status = component_create(async_loop_get_dispatcher(driver.loop), &component);
  if (status == ZX_OK)
    status = component_serve(component, fuchsia_hardware_ethernet_Device_NAME, connected, &driver);
  if (status != ZX_OK) fail("start", status);
  driver.timeout = (async_task_t){.handler = timed_out, .deadline = zx_deadline_after(TIMEOUT)};
  async_post_task(async_loop_get_dispatcher(driver.loop), &driver.timeout);
  async_loop_run(driver.loop, ZX_TIME_INFINITE, false);
  if (!driver.answered)
    fail(driver.attacked ? "the netstack answers no more" : "no netstack came", ZX_ERR_TIMED_OUT);
  return 0;
}
