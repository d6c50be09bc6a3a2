// The stack itself: making it, ending it, and its time.
#include <stdlib.h>

#include "sock.h"
#include "stack.h"

static const tcpip_limits_t default_limits = {.buffer_bytes = (size_t)64 << 20,
                                              .reassembly_bytes = (size_t)4 << 20,
                                              .neighbours = 1024,
                                              .path_mtus = 1024,
                                              .routes = 4096,
                                              .loopback_packets = 1024};

static void set_limits(tcpip_limits_t* out, const tcpip_limits_t* in) {
  *out = default_limits;
  out->buffer_bytes = in->buffer_bytes ? in->buffer_bytes : out->buffer_bytes;
  out->reassembly_bytes = in->reassembly_bytes ? in->reassembly_bytes : out->reassembly_bytes;
  out->neighbours = in->neighbours ? in->neighbours : out->neighbours;
  out->path_mtus = in->path_mtus ? in->path_mtus : out->path_mtus;
  out->routes = in->routes ? in->routes : out->routes;
  out->loopback_packets = in->loopback_packets ? in->loopback_packets : out->loopback_packets;
}

// Independent keys from the one secret, so that what a hash table shows says nothing about a port to come.
static void derive_keys(tcpip_t* stack, const uint8_t secret[32]) {
  uint64_t words[4];
  memcpy(words, secret, sizeof words);
  hash_key_t master = {{words[0], words[1]}};
  hash_key_t* keys[] = {&stack->table_key, &stack->secret_key, &stack->random_key};
  for (uint64_t i = 0; i < 6; i++) {
    uint64_t input[3] = {words[2], words[3], i};
    keys[i / 2]->k[i % 2] = hash_strong(&master, input, 3);
  }
  for (uint32_t i = 0; i < IP_IDS; i++)
    stack->ip_ids[i] = (uint32_t)stack_random(stack);
}

static int add_loopback(tcpip_t* stack) {
  static const addr_t v6 = {{[15] = 1}};
  addr_t v4 = addr_v4((const uint8_t[]){127, 0, 0, 1});
  tcpip_interface_config_t config = {.name = "lo", .mtu = 65535};
  interface_t* lo = interface_create(stack, &config, true);
  if (!lo) return -ENOMEM;
  lo->info.up = true;
  int result = interface_address_add(lo, &v4, ADDR_V4_PREFIX + 8, true);
  return result ? result : interface_address_add(lo, &v6, 128, true);
}

int tcpip_create(const tcpip_config_t* config, tcpip_t** out) {
  tcpip_t* stack = calloc(1, sizeof *stack);
  if (!stack) return -ENOMEM;
  stack->ops = config->ops;
  stack->context = config->context;
  stack->now = config->now_ns;
  stack->next_index = TCPIP_LOOPBACK;
  stack->generation = 1;
  set_limits(&stack->limits, &config->limits);
  wheel_init(&stack->wheel, config->now_ns);
  list_init(&stack->path_mtu_ages);
  stack->held_ports.heads_max = stack->held_names.heads_max = HELD_PORTS_HEADS;
  list_init(&stack->reassembly_ages);
  list_init(&stack->loopback);
  list_init(&stack->clients);
  tcp_idle_init(stack);
  list_init(&stack->acks);
  derive_keys(stack, config->secret);
  static const tcpip_quota_t no_limit = {UINT32_MAX, SIZE_MAX};
  int result = add_loopback(stack);
  if (result == 0) result = tcpip_client_create(stack, &no_limit, &stack->orphanage);
  if (result) {
    tcpip_destroy(stack);
    return result;
  }
  *out = stack;
  return 0;
}

void tcpip_destroy(tcpip_t* stack) {
  if (!stack) return;
  stack->ops = (tcpip_ops_t){0};  // no one is called any more
  stack->closing = true;
  while (!list_empty(&stack->clients))
    tcpip_client_destroy(list_owner(stack->clients.next, tcpip_client_t, node));
  tcp_time_wait_forget_all(stack);
  waiting_destroy_all(&stack->loopback);
  while (stack->interface_count)
    interface_destroy(stack->interfaces[stack->interface_count - 1]);
  reassembly_deinit(stack);
  path_mtu_deinit(stack);
  table_deinit(&stack->ports);
  table_deinit(&stack->held_ports);
  table_deinit(&stack->connections);
  table_deinit(&stack->names);
  table_deinit(&stack->held_names);
  free(stack->routes);
  free(stack);
}

void tcpip_set_time(tcpip_t* stack, int64_t now_ns) {
  if (now_ns > stack->now) stack->now = now_ns;
}

int64_t tcpip_time(const tcpip_t* stack) {
  return stack->now;
}

uint32_t tcpip_generation(const tcpip_t* stack) {
  return stack->generation;
}

void tcpip_advance(tcpip_t* stack, int64_t now_ns) {
  tcpip_set_time(stack, now_ns);
  wheel_advance(&stack->wheel, stack->now);
  loopback_deliver(stack);
}

int64_t tcpip_deadline(const tcpip_t* stack) {
  return list_empty(&stack->loopback) ? wheel_next(&stack->wheel) : stack->now;
}

const tcpip_stats_t* tcpip_stats(const tcpip_t* stack) {
  return &stack->stats;
}

uint64_t stack_random(tcpip_t* stack) {
  uint64_t number = stack->random_count++;
  return hash_strong(&stack->random_key, &number, 1);
}

uint32_t stack_random_below(tcpip_t* stack, uint32_t bound) {
  // The bias of the multiplication is below 2^-32 for bounds of this kind.
  return (uint32_t)((stack_random(stack) >> 32) * bound >> 32);
}
