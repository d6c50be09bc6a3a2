// A device on a fake wire, and clients of it, all on one loop.
#ifndef TESTS_UNIT_COMPONENTS_ETHERNET_DEVICE_FIXTURE_H_
#define TESTS_UNIT_COMPONENTS_ETHERNET_DEVICE_FIXTURE_H_

#include <lib/async-loop/loop.h>
#include <lib/fidl/client.h>

#include "device.h"
#include "exchange.h"

#define FIXTURE_MEMORY_BYTES (1024u * 1024u)
#define FIXTURE_MTU 1500u
#define FIXTURE_OFFLOADS (OFFLOAD_CHECKSUM | OFFLOAD_TSO)  // what the wire has

// A wire that remembers what was sent, and delivers what the test says.
typedef struct fake_wire {
  wire_t base;
  const wire_events_t* events;
  void* context;
  uint8_t sent[64][2048];
  size_t sent_length[64];
  offload_header_t sent_header[64];
  size_t sent_count;  // also beyond 64
  size_t send_done_count;
  size_t resume_count;
  uint32_t accepted;
  size_t deserted_count;
  bool failing;
  bool destroyed;
} fake_wire_t;

typedef struct fixture {
  async_loop_t* loop;
  fake_wire_t wire;
  device_t device;
  char log[4096];  // all lines, each with its newline
  bool wire_lost;
} fixture_t;

typedef struct client {
  fixture_t* fixture;
  fidl_client_t* fidl;
  zx_handle_t rx, tx;  // the client's ends of the FIFOs
  zx_handle_t vmo;
  bool closed;  // the device has cut it off
  zx_status_t reason;
  // The answer to the request that client_wait waits for.
  bool answered;
  zx_status_t status;
  uint32_t device_status;
  uint32_t transmit, receive;  // offloads agreed on
  fuchsia_hardware_ethernet_Info info;
} client_t;

extern const uint8_t fixture_mac[ETHERNET_MAC_BYTES];

void fixture_init(fixture_t* fixture);
// Shuts the loop down, destroys everything, and checks that the wire was destroyed.
void fixture_deinit(fixture_t* fixture);
// Runs the loop until `*done`, at most five seconds, or fails the test.
void fixture_run_until(fixture_t* fixture, const bool* done);
// Runs what is due now.
void fixture_run(fixture_t* fixture);

// Delivers frames from the wire, as a wire does. Returns how many the device took.
size_t fixture_deliver(fixture_t* fixture, const uint8_t* frame, size_t length, size_t count);
size_t fixture_deliver_as(fixture_t* fixture, const offload_header_t* header, const uint8_t* frame,
                          size_t length, size_t count);

// Connects a client that has asked for nothing yet.
void client_connect(client_t* client, fixture_t* fixture);
// Connects one and takes it through GetFifos, SetIOBuffer and Start.
void client_start(client_t* client, fixture_t* fixture);
// Only the latter, of one that is connected.
void client_go(client_t* client);
void client_close(client_t* client);

// The requests, each waiting for its answer: the status, or ZX_OK where the answer has none.
zx_status_t client_get_fifos(client_t* client);
zx_status_t client_set_io_buffer(client_t* client, zx_handle_t vmo);
zx_status_t client_set_offloads(client_t* client, uint32_t transmit, uint32_t receive);
typedef zx_status_t client_request_t(client_t* client);
client_request_t client_get_info, client_do_start, client_do_stop, client_listen_start, client_listen_stop,
    client_get_status, client_test_filter, client_dump_registers;
zx_status_t client_set_promiscuous(client_t* client, bool enabled);
zx_status_t client_set_name(client_t* client, const char* name);
zx_status_t client_add_multicast(client_t* client, const uint8_t mac[ETHERNET_MAC_BYTES]);
zx_status_t client_delete_multicast(client_t* client, const uint8_t mac[ETHERNET_MAC_BYTES]);
zx_status_t client_set_all_multicast(client_t* client, bool enabled);

// Puts an entry into a FIFO.
void client_put(client_t* client, zx_handle_t fifo, uint32_t offset, uint16_t length, uint64_t cookie);
// Runs the loop until an entry comes back and returns it.
exchange_entry_t client_take(client_t* client, zx_handle_t fifo);
// Whether an entry is there, after running what is due.
bool client_has_entry(client_t* client, zx_handle_t fifo);
// Puts a frame for `destination` into the memory at `offset` and sends it.
void client_send(client_t* client, uint32_t offset, const uint8_t* frame, uint16_t length, uint64_t cookie);

#endif  // TESTS_UNIT_COMPONENTS_ETHERNET_DEVICE_FIXTURE_H_
