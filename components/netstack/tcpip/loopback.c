// The loopback interface: what the host sends to itself waits here for the next tcpip_advance, so that no
// call into the engine ever runs another packet's input underneath it. A multicast's own copy takes the same
// way.
#include "sock.h"
#include "stack.h"

int loopback_output(interface_t* as_interface, tx_t* tx) {
  tcpip_t* stack = as_interface->stack;
  waiting_t* waiting;
  int result = -EAGAIN;
  if (stack->loopback_count < stack->limits.loopback_packets)
    result = waiting_create(as_interface, tx, &waiting);
  if (result) {
    count(stack, loopback_full);
    return result;
  }
  list_append(&stack->loopback, &waiting->node);
  stack->loopback_count++;
  interface_t* lo = stack->interfaces[0];
  lo->info.tx_frames++;
  lo->info.tx_bytes += waiting->length;
  return 0;
}

void loopback_deliver(tcpip_t* stack) {
  list_node_t batch;
  list_init(&batch);
  list_splice(&batch, &stack->loopback);  // answers to these wait for the next turn
  stack->loopback_count = 0;
  while (!list_empty(&batch)) {
    waiting_t* waiting = list_owner(batch.next, waiting_t, node);
    interface_t* interface = waiting->interface;
    interface->info.rx_frames++;
    interface->info.rx_bytes += waiting->length;
    tcpip_offload_t good = {.flags = TCPIP_OFFLOAD_DATA_VALID, .gso_size = waiting->offload.gso_size};
    if (interface->info.up)
      ip_input(interface, waiting->bytes + waiting->start, NULL, waiting->length, &good, IP_FROM_HOST);
    waiting_destroy(waiting);
  }
  socket_link_writable(stack->interfaces[0]);
}
