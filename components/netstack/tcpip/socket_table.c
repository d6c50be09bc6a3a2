// Which socket a packet belongs to, and which ports are free.
//
// Three tables: `connections` by protocol and both endpoints, for one look-up per packet however many peers a
// port has; `ports` by protocol and local port, with every bound socket, for listeners, groups and conflicts;
// `held_ports` likewise with the connections that a listener's port has brought forth or that wait out their
// time, for conflicts only, so that no packet has to pass them. Two more, `names` and `held_names`, do the
// same as `connections` and `held_ports` for connections that wait out their time without a socket.
#include "sock.h"
#include "stack.h"

#define EPHEMERAL_FIRST 32768u
#define EPHEMERAL_COUNT 28232u  // up to 60999, as on Linux

static uint64_t port_hash(const tcpip_t* stack, uint8_t protocol, uint16_t port) {
  uint64_t word = (uint64_t)protocol << 16 | port;
  return hash_words(&stack->table_key, &word, 1);
}

static uint64_t flow_hash(const tcpip_t* stack, const socket_key_t* key) {
  uint64_t words[5] = {key->local.q[0], key->local.q[1], key->remote.q[0], key->remote.q[1],
                       (uint64_t)key->protocol << 32 | (uint64_t)key->local_port << 16 | key->remote_port};
  return hash_words(&stack->table_key, words, 5);
}

static socket_key_t key_of(const tcpip_socket_t* socket) {
  return (socket_key_t){socket->protocol, socket->local_port, socket->remote_port,
                        socket->local,    socket->remote,     socket->device};
}

// Does a socket bound to `local` receive what is sent to `destination`?
static bool covers(const addr_t* local, bool v6_only, const addr_t* destination) {
  if (addr_equal(local, destination)) return true;
  if (!addr_is_any(local)) return false;
  return addr_is_v4(local) == addr_is_v4(destination) || (!addr_is_v4(local) && !v6_only);
}

static bool conflict(const tcpip_socket_t* a, const addr_t* local, const tcpip_socket_t* b) {
  if (a->device && b->device && a->device != b->device) return false;
  if (!covers(local, a->v6_only, &b->local) && !covers(&b->local, b->v6_only, local)) return false;
  if (addr_is_scoped(local) && addr_is_scoped(&b->local) && a->zone && b->zone && a->zone != b->zone)
    return false;
  // A port is shared with strangers only by those who said REUSE_ADDRESS, and spread only within one client.
  bool spread = a->reuse_port && b->reuse_port && a->client == b->client;
  bool reuse = a->reuse_address && b->reuse_address && !a->listening && !b->listening;
  return !spread && !reuse;
}

static bool free_in(const table_t* table, const tcpip_socket_t* socket, const addr_t* local, uint16_t port) {
  table_node_t* node = table_find(table, port_hash(socket->stack, socket->protocol, port));
  for (; node; node = table_find_next(node)) {
    const tcpip_socket_t* other = table_owner(node, tcpip_socket_t, port_node);
    if (other->protocol == socket->protocol && other->local_port == port && conflict(socket, local, other))
      return false;
  }
  return true;
}

// Free for a connection, which may share its port with others that go elsewhere.
static bool port_free_to_connect(const tcpip_socket_t* socket, const addr_t* local, uint16_t port) {
  return free_in(&socket->stack->ports, socket, local, port);
}

// What counts of it where sockets are compared.
static tcpip_socket_t as_socket(const socket_name_t* name) {
  return (tcpip_socket_t){.protocol = PROTOCOL_TCP,
                          .local = name->local,
                          .remote = name->remote,
                          .local_port = name->local_port,
                          .remote_port = name->remote_port,
                          .zone = name->zone,
                          .device = name->device,
                          .v6_only = name->v6_only,
                          .reuse_address = name->reuse_address};
}

static bool free_of_names(const tcpip_socket_t* socket, const addr_t* local, uint16_t port) {
  if (socket->protocol != PROTOCOL_TCP) return true;
  table_node_t* node = table_find(&socket->stack->held_names, port_hash(socket->stack, PROTOCOL_TCP, port));
  for (; node; node = table_find_next(node)) {
    const socket_name_t* name = table_owner(node, socket_name_t, port_node);
    const tcpip_socket_t other = as_socket(name);
    if (name->local_port == port && conflict(socket, local, &other)) return false;
  }
  return true;
}

static bool port_free(const tcpip_socket_t* socket, const addr_t* local, uint16_t port) {
  return port_free_to_connect(socket, local, port) &&
         free_in(&socket->stack->held_ports, socket, local, port) && free_of_names(socket, local, port);
}

// A distance that leads through all ports: prime to their count, 8 * 3529.
static uint32_t stride_from(uint32_t random) {
  uint32_t stride = random % (EPHEMERAL_COUNT / 8) * 8 + 1;
  return stride % 3529 == 0 ? stride - 8 : stride;
}

// RFC 6056, 3.3.4, for a connection: a secret walk for each peer, so that a port comes again only after all
// others, when the peer has forgotten the connection it was used for. Never the port it goes to on this very
// host: where nobody listens there, its SYN would be taken for one of a simultaneous open, with itself.
static uint16_t next_port(const tcpip_socket_t* socket, const addr_t* local) {
  tcpip_t* stack = socket->stack;
  uint64_t words[5] = {local->q[0], local->q[1], socket->remote.q[0], socket->remote.q[1],
                       socket->remote_port};
  uint64_t hash = hash_strong(&stack->secret_key, words, 5);
  uint64_t start = (uint16_t)hash, stride = stride_from((uint32_t)(hash >> 16));
  uint32_t* counter = &stack->next_ports[(hash >> 48) % PORT_COUNTERS];
  for (uint32_t i = 0; i < EPHEMERAL_COUNT; i++) {
    uint16_t port = (uint16_t)(EPHEMERAL_FIRST + (start + stride * (*counter)++) % EPHEMERAL_COUNT);
    if (port == socket->remote_port && addr_equal(local, &socket->remote)) continue;
    if (port_free_to_connect(socket, local, port)) return port;
  }
  return 0;
}

// RFC 6056, 3.3.1, for all others: a random port; if it is taken, the next ones in a random stride.
static uint16_t free_port(const tcpip_socket_t* socket, const addr_t* local) {
  if (socket->protocol == PROTOCOL_TCP && socket->remote_port) return next_port(socket, local);
  uint32_t at = stack_random_below(socket->stack, EPHEMERAL_COUNT);
  uint32_t stride = stride_from(stack_random_below(socket->stack, EPHEMERAL_COUNT));
  for (uint32_t i = 0; i < EPHEMERAL_COUNT; i++, at = (at + stride) % EPHEMERAL_COUNT) {
    uint16_t port = (uint16_t)(EPHEMERAL_FIRST + at);
    if (port_free(socket, local, port)) return port;
  }
  return 0;
}

int socket_take_port(tcpip_socket_t* socket, const addr_t* local, uint16_t port) {
  if (!port)
    port = free_port(socket, local);
  else if (!port_free(socket, local, port))
    return -EADDRINUSE;
  if (!port) return -EAGAIN;
  int result = table_insert(&socket->stack->ports, &socket->port_node,
                            port_hash(socket->stack, socket->protocol, port));
  if (result == 0) socket->local_port = port;
  return result;
}

static void leave_ports(tcpip_socket_t* socket) {
  table_remove(socket->port_held ? &socket->stack->held_ports : &socket->stack->ports, &socket->port_node);
  socket->port_held = false;
}

void socket_drop_port(tcpip_socket_t* socket) {
  leave_ports(socket);
  socket->local_port = 0;
}

void socket_hold_port(tcpip_socket_t* socket) {
  if (socket->foreign) return;  // another host's port keeps nobody here from anything
  leave_ports(socket);
  uint64_t hash = port_hash(socket->stack, socket->protocol, socket->local_port);
  // Without memory others may bind it.
  socket->port_held = table_insert(&socket->stack->held_ports, &socket->port_node, hash) == 0;
}

int socket_begin_to_listen(tcpip_socket_t* socket) {
  table_node_t* node =
      table_find(&socket->stack->ports, port_hash(socket->stack, socket->protocol, socket->local_port));
  for (; node; node = table_find_next(node)) {
    const tcpip_socket_t* other = table_owner(node, tcpip_socket_t, port_node);
    if (other != socket && other->listening && other->protocol == socket->protocol &&
        other->local_port == socket->local_port && conflict(socket, &socket->local, other))
      return -EADDRINUSE;
  }
  socket->listening = true;
  return 0;
}

int socket_enter_connection(tcpip_socket_t* socket) {
  socket_key_t key = key_of(socket);
  uint64_t hash = flow_hash(socket->stack, &key);
  bool alone = socket->protocol == PROTOCOL_TCP;
  if (alone && (socket_find_connection(socket->stack, &key) || socket_find_name(socket->stack, &key)))
    return -EADDRINUSE;
  int result = table_insert(&socket->stack->connections, &socket->connection_node, hash);
  if (result == 0 && !table_has(&socket->port_node)) socket_hold_port(socket);  // it is the listener's
  return result;
}

void socket_leave_connection(tcpip_socket_t* socket) {
  table_remove(&socket->stack->connections, &socket->connection_node);
  if (socket->port_held) leave_ports(socket);
}

static bool same_flow(const tcpip_socket_t* s, const socket_key_t* key) {
  return s->protocol == key->protocol && s->local_port == key->local_port &&
         s->remote_port == key->remote_port && addr_equal(&s->local, &key->local) &&
         addr_equal(&s->remote, &key->remote) &&
         (!s->device || !key->interface || s->device == key->interface) &&
         (!addr_is_scoped(&s->remote) || !key->interface || s->zone == key->interface);
}

tcpip_socket_t* socket_find_connection(const tcpip_t* stack, const socket_key_t* key) {
  if (!stack->connections.count) return NULL;
  table_node_t* node = table_find(&stack->connections, flow_hash(stack, key));
  for (; node; node = table_find_next(node)) {
    tcpip_socket_t* socket = table_owner(node, tcpip_socket_t, connection_node);
    if (same_flow(socket, key)) return socket;
  }
  return NULL;
}

bool socket_keep_name(const tcpip_socket_t* socket, socket_name_t* name) {
  tcpip_t* stack = socket->stack;
  socket_key_t key = key_of(socket);
  *name = (socket_name_t){.local = socket->local,
                          .remote = socket->remote,
                          .local_port = socket->local_port,
                          .remote_port = socket->remote_port,
                          .zone = socket->zone,
                          .device = socket->device,
                          .v6_only = socket->v6_only,
                          .reuse_address = socket->reuse_address,
                          .foreign = socket->foreign};
  if (table_insert(&stack->names, &name->node, flow_hash(stack, &key))) return false;
  // Without memory others may bind it.
  if (!name->foreign)
    (void)table_insert(&stack->held_names, &name->port_node,
                       port_hash(stack, PROTOCOL_TCP, name->local_port));
  return true;
}

void socket_drop_name(tcpip_t* stack, socket_name_t* name) {
  table_remove(&stack->names, &name->node);
  table_remove(&stack->held_names, &name->port_node);
}

socket_name_t* socket_find_name(const tcpip_t* stack, const socket_key_t* key) {
  if (!stack->names.count) return NULL;
  table_node_t* node = table_find(&stack->names, flow_hash(stack, key));
  for (; node; node = table_find_next(node)) {
    socket_name_t* name = table_owner(node, socket_name_t, node);
    const tcpip_socket_t socket = as_socket(name);
    if (same_flow(&socket, key)) return name;
  }
  return NULL;
}

// How well a socket fits: 0 not at all.
static unsigned score(const tcpip_socket_t* s, const socket_key_t* key) {
  if (s->protocol != key->protocol || s->local_port != key->local_port ||
      (s->device && s->device != key->interface) || !covers(&s->local, s->v6_only, &key->local))
    return 0;
  if (addr_is_scoped(&s->local) && s->zone && s->zone != key->interface) return 0;
  if (s->connected && (!addr_equal(&s->remote, &key->remote) || s->remote_port != key->remote_port)) return 0;
  unsigned points = 1;
  points += addr_is_v4(&s->local) == addr_is_v4(&key->local) ? 1 : 0;
  points += !addr_is_any(&s->local) ? 2 : 0;
  points += s->connected ? 4 : 0;
  return points + (s->device ? 8 : 0);
}

tcpip_socket_t* socket_find_bound(const tcpip_t* stack, const socket_key_t* key) {
  tcpip_socket_t* best = NULL;
  unsigned best_score = 0, equals = 0;
  table_node_t* node = table_find(&stack->ports, port_hash(stack, key->protocol, key->local_port));
  for (; node; node = table_find_next(node)) {
    tcpip_socket_t* socket = table_owner(node, tcpip_socket_t, port_node);
    unsigned points = score(socket, key);
    if (points > best_score) {
      best = socket;
      best_score = points;
      equals = 1;
    } else if (points && points == best_score && socket->reuse_port && best->reuse_port) {
      // Each of n equals is the last chosen for one n-th of the flows.
      equals++;
      uint64_t words[2] = {flow_hash(stack, key), equals};
      if (hash_words(&stack->table_key, words, 2) % equals == 0) best = socket;
    }
  }
  return best;
}

tcpip_socket_t* socket_find_next_member(const tcpip_t* stack, const socket_key_t* key,
                                        const tcpip_socket_t* after) {
  table_node_t* node = after ? table_find_next(&after->port_node)
                             : table_find(&stack->ports, port_hash(stack, key->protocol, key->local_port));
  for (; node; node = table_find_next(node)) {
    tcpip_socket_t* socket = table_owner(node, tcpip_socket_t, port_node);
    if (score(socket, key)) return socket;
  }
  return NULL;
}
