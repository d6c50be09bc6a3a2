// An Ethernet device for tests: the driver's side of fuchsia.hardware.ethernet.Device on the test's own loop,
// with its FIFOs and memory laid open, so that a test can be an honest driver, a dead one or a hostile one.
#ifndef TESTS_UNIT_COMPONENTS_NETSTACK_FAKE_DEVICE_H_
#define TESTS_UNIT_COMPONENTS_NETSTACK_FAKE_DEVICE_H_

#include <stdbool.h>
#include <stdint.h>

#include <fidl/fuchsia.hardware.ethernet.h>
#include <lib/async/wait.h>

typedef fuchsia_hardware_ethernet_FifoEntry fake_entry_t;

typedef struct fake_device fake_device_t;
struct fake_device {
  async_dispatcher_t* dispatcher;
  uint8_t mac[6];
  uint32_t mtu;
  uint32_t depth;  // said to clients; the FIFOs hold as many, at most 256
  bool online;
  bool silent;  // answers nothing
  bool old;     // knows the published protocol alone: closes the channel when asked for offloads
  uint32_t transmit_offloads, receive_offloads;  // what it has; 0 and 0: it says NOT_SUPPORTED
  // Called for each frame sent when a wire is attached (fake_device_attach); the entry is returned
  // afterwards.
  void (*sent)(void* context, const uint8_t* frame, size_t length);
  void* sent_context;

  fidl_binding_t* binding;
  int connections;                   // made so far
  zx_handle_t rx, tx;                // the driver's ends
  zx_handle_t client_rx, client_tx;  // until they are handed out
  zx_handle_t vmo;
  uint8_t* memory;
  uint64_t memory_bytes;
  bool started;
  bool attached;
  bool named;
  async_wait_t tx_wait;
  int multicast_added, multicast_removed;
  bool multicast_all;
};

// `mtu` 1500, depth 8, online.
void fake_device_init(fake_device_t* device, async_dispatcher_t* dispatcher, uint8_t last_octet_of_mac);

// Closes everything.
void fake_device_deinit(fake_device_t* device);

// A netstack_host_t's connect_device; `context` is the fake_device_t.
zx_status_t fake_device_connect(void* context, zx_handle_t server_end);

// Dies as a killed driver does: all handles close. Connects anew when asked.
void fake_device_kill(fake_device_t* device);

// Takes up to `capacity` entries that the client has put into a FIFO.
size_t fake_device_take(zx_handle_t fifo, fake_entry_t* entries, size_t capacity);

// Puts one entry into a FIFO; false if that is not possible.
bool fake_device_put(zx_handle_t fifo, const fake_entry_t* entry);

// Delivers a frame into the client's next empty buffer; false if it has given none.
bool fake_device_deliver(fake_device_t* device, const void* frame, size_t length);

// Handles all sent frames from now on, through `sent`, and returns their buffers.
void fake_device_attach(fake_device_t* device, void (*sent)(void*, const uint8_t*, size_t), void* context);

#endif  // TESTS_UNIT_COMPONENTS_NETSTACK_FAKE_DEVICE_H_
