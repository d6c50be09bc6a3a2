// What the files of the slirp wire share: slirp.c (frames and time), slirp_turns.c (who has news),
// slirp_stream.c and slirp_flow.c (what is forwarded), slirp_host.c (the host's side of an address).
#ifndef COMPONENTS_ETHERNET_SLIRP_INTERNAL_H_
#define COMPONENTS_ETHERNET_SLIRP_INTERNAL_H_

#include <lib/async/task.h>
#include <lib/async/wait.h>
#include <sys/socket.h>
#include <tcpip/async.h>

#include "slirp.h"

typedef struct slirp_wire slirp_wire_t;
typedef struct slirp_party slirp_party_t;

// Whoever has a descriptor of the host, a socket of the engine, or both. What either reports is noted here,
// and looked after when the party has its turn (slirp_turns.c).
struct slirp_party {
  slirp_wire_t* wire;
  void (*serve)(slirp_party_t* party);  // its turn; may end this party and any other
  int fd;                               // the host's, watched edge-triggered; -1: none
  uint32_t host_events;                 // EPOLL* bits that have come; the party takes them away
  uint32_t engine_events;               // TCPIP_EVENT_* bits likewise
  bool dirty, dead;
  slirp_party_t *next_dirty, *next_dead;
};

typedef struct slirp_turns {
  slirp_wire_t* wire;
  int epoll_fd;
  async_wait_t wait;  // of a copy of it, wrapped: in the loop's port that costs no system call of its own
  bool waiting;
  slirp_party_t *first_dirty, *last_dirty, *dead;
} slirp_turns_t;

// A frame of a client's, in memory that it shares with us.
typedef struct slirp_input {
  offload_header_t header;
  const uint8_t* frame;
  size_t length;
} slirp_input_t;

typedef struct slirp_streams slirp_streams_t;
typedef struct slirp_flows slirp_flows_t;
typedef struct slirp_publisher slirp_publisher_t;

// The largest datagram there is.
#define SLIRP_DATAGRAM_MAX 65536u

struct slirp_wire {
  wire_t base;
  async_dispatcher_t* dispatcher;
  slirp_wire_config_t config;
  const wire_events_t* events;
  void* context;
  tcpip_t* engine;
  tcpip_client_t* client;  // owns all sockets of the engine
  uint32_t interface;
  uint32_t offloads;  // what the device takes
  slirp_turns_t turns;
  slirp_streams_t* streams;
  slirp_flows_t* flows;
  slirp_publisher_t* publishers;
  tcpip_timer_t timer;
  slirp_input_t inputs[WIRE_BATCH];
  size_t input_count;
  unsigned delivered;                    // frames that the device's clients have not been told of
  bool held;                             // a batch was full: the engine is to try again
  bool starved;                          // the device takes no frames
  uint8_t input[WIRE_FRAME_MAX];         // the frame that the engine reads
  uint8_t output[WIRE_FRAME_MAX];        // one that it makes meanwhile
  uint8_t datagram[SLIRP_DATAGRAM_MAX];  // good until the next call of anything that might use it
};

// Bracket every visit to the engine. Leaving gives turns, sends what the visit produced, and sets the timer.
void slirp_enter(slirp_wire_t* wire);
void slirp_leave(slirp_wire_t* wire);
// Whether the device takes a frame now. If not, slirp_flows_resume tells when.
bool slirp_is_open(slirp_wire_t* wire);

// Turns (slirp_turns.c).
zx_status_t slirp_turns_init(slirp_turns_t* turns, slirp_wire_t* wire);
void slirp_turns_deinit(slirp_turns_t* turns);
// Gives everybody with news one turn; whether somebody has news again.
bool slirp_turns_serve(slirp_turns_t* turns);
// A party is memory from malloc and stands at its front: it is freed when nobody comes across it any more.
void slirp_party_init(slirp_party_t* party, slirp_wire_t* wire, void (*serve)(slirp_party_t* party));
// Takes `fd` and watches it for whatever happens. If that cannot be, false, and it is the caller's still.
bool slirp_party_watch(slirp_party_t* party, int fd);
// It has something to do.
void slirp_party_mark(slirp_party_t* party);
// Closes its descriptor; it has no turn any more. Its socket of the engine is its own to destroy.
void slirp_party_end(slirp_party_t* party);

// Streams and flows: their sockets stand in for all hosts from the creation on.
zx_status_t slirp_streams_create(slirp_wire_t* wire, slirp_streams_t** out);
// Streams of which the host has not got all are reset.
void slirp_streams_destroy(slirp_streams_t* streams);
// The client has gone. Hosts get what it had sent; then its streams end, with a reset if it had not ended
// them.
void slirp_streams_desert(slirp_streams_t* streams);
// Whether there is something of a client's that its host has not taken.
bool slirp_streams_are_unfinished(const slirp_streams_t* streams);
zx_status_t slirp_flows_create(slirp_wire_t* wire, slirp_flows_t** out);
void slirp_flows_destroy(slirp_flows_t* flows);
// Gives a descriptor back by ending the flow that has been quiet for longest. False if there is none.
bool slirp_flows_give_way(slirp_flows_t* flows);
// The device takes frames again: what waits in the host's sockets meanwhile is received.
void slirp_flows_resume(slirp_flows_t* flows);

// Published ports (slirp_publish.c). The descriptor is the wire's if this succeeds.
zx_status_t slirp_publish(slirp_wire_t* wire, const slirp_publication_t* publication);
void slirp_unpublish_all(slirp_wire_t* wire);
// A connection that `caller` has made to a published port, whose socket it takes, goes on to a port of the
// client's.
void slirp_stream_open(slirp_wire_t* wire, int fd, const struct sockaddr_storage* caller, uint16_t port);
// Everybody's datagrams to `fd` go on to a port of the client's, whose answers leave from there.
zx_status_t slirp_flow_publish(slirp_wire_t* wire, int fd, uint16_t port);

// Where a client's packets go on the host's side (slirp_host.c).
typedef enum slirp_realm {
  SLIRP_NOWHERE,  // nobody has that address
  SLIRP_OUTSIDE,  // to the same address
  SLIRP_LOOPBACK,
  SLIRP_NAME_SERVER,
  SLIRP_ANYWHERE,  // outside or on the loopback: what a published port speaks to
} slirp_realm_t;

typedef struct slirp_place {
  slirp_realm_t realm;
  struct sockaddr_storage address;  // the host's; none in NOWHERE
  socklen_t length;
} slirp_place_t;

// Addresses of the link, by their last byte.
enum { SLIRP_GATEWAY = 2, SLIRP_SERVER = 3, SLIRP_CLIENT = 15 };
tcpip_subnet_t slirp_subnet(uint8_t family, uint8_t last);

slirp_place_t slirp_find_place(const slirp_wire_config_t* config, const tcpip_endpoint_t* to);
// The other way round: who `from` is to a client that speaks to `realm` in `family`. False if the client
// cannot name it.
bool slirp_name_place(slirp_realm_t realm, uint8_t family, const struct sockaddr_storage* from,
                      tcpip_endpoint_t* out);
// A socket of the host for it, non-blocking, with a descriptor of a flow's if there is no other; some are
// left to the rest of the program. -1: errno.
int slirp_open_socket(slirp_wire_t* wire, const slirp_place_t* place, int type, int protocol);

#endif  // COMPONENTS_ETHERNET_SLIRP_INTERNAL_H_
