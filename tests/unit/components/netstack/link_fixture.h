// A link endpoint and a device of the test's (fake_device.h) on one loop, which is run until nothing is left
// to do.
#ifndef TESTS_UNIT_COMPONENTS_NETSTACK_LINK_FIXTURE_H_
#define TESTS_UNIT_COMPONENTS_NETSTACK_LINK_FIXTURE_H_

#include <lib/async-loop/loop.h>

#include "fake_device.h"
#include "link_endpoint.h"

typedef struct link_fixture {
  async_loop_t* loop;
  fake_device_t device;
  link_endpoint_t* link;
  bool refuse;  // connections fail
  int ups, downs, batches, writables;
  link_info_t info;
  size_t frames;
  size_t last_length;
  uint8_t last_frame[UINT16_MAX];
  offload_header_t last_header;
} link_fixture_t;

// Makes the loop and the device, which a test may then change; an endpoint looks for it from
// link_fixture_begin on.
void link_fixture_prepare(link_fixture_t* f);
void link_fixture_begin(link_fixture_t* f);
// Both, until the link is up.
void link_fixture_set_up(link_fixture_t* f);
void link_fixture_tear_down(link_fixture_t* f);

// Runs what is due now.
void link_fixture_run(link_fixture_t* f);
// Runs the loop until `*value` reaches `least`, which a timer of the endpoint's may take a moment for.
void link_fixture_run_until(link_fixture_t* f, const int* value, int least);

// Transmits a frame in two pieces; as link_endpoint_transmit.
int link_fixture_transmit(link_fixture_t* f, const offload_header_t* header, const void* frame,
                          size_t length);

#endif  // TESTS_UNIT_COMPONENTS_NETSTACK_LINK_FIXTURE_H_
