// The inside of a port, shared by port.c (the calls), port_wait.c (sleeping) and port_link.c (the
// asynchronous waits).
//
// A port is an epoll instance and a queue of packets in memory. For each object it watches there is one link,
// which carries the waits and says what epoll knows of the object. Beginning a wait does not touch epoll: the
// link goes on the list of the unarmed, and only a thread that finds no packet and is about to sleep arms
// what is on that list. What epoll reports and nobody waits for any more is then taken out of epoll. What
// epoll has no room for is starved: each sleep ends early, and asks for it and tries again.
#ifndef RUNTIME_ZX_PORT_IMPL_H_
#define RUNTIME_ZX_PORT_IMPL_H_

#include <zircon/syscalls/port.h>

#include "runtime/zx/port.h"

struct queued_packet {
  struct list_node node;
  zx_port_packet_t packet;
  struct zx_object* source;  // who it came from, for zx_port_cancel; compared, never followed
  zx_handle_t source_handle;
};

struct port {
  struct zx_object base;  // base.lock comes after the lock of any other object
  int epoll_fd;
  struct waker* waker;       // in the epoll set once a thread slept here; wakes a sleeper
  bool asleep;               // a foreign loop was told it may sleep; lock
  unsigned sleepers;         // threads in epoll_wait, or about to be; lock
  bool closed;               // lock
  struct list_node packets;  // struct queued_packet; lock
  struct list_node spare;    // struct queued_packet, kept for reuse; lock
  unsigned num_spare;
  unsigned num_user_packets;
  atomic_uint packets_since_poll;
  struct list_node unarmed;  // struct port_link, by unarmed_node; lock
  struct list_node starved;  // the same; lock
  atomic_bool starving;      // some are starved; written under the lock
  struct port_link** slots;  // what epoll's cookies name; lock
  uint32_t num_slots;
  uint32_t slot_hint;  // no slot below it is free
  uint32_t next_generation;
  uint64_t last_cookie;  // of the link that had the last signal; 0: looked at already; lock
};

struct port_link {
  struct list_node object_node;   // in the object's list; object's lock
  struct list_node unarmed_node;  // port's lock
  struct zx_object* object;
  struct port* port;
  struct list_node waits;  // struct async_wait_entry; object's lock
  uint32_t slot;
  uint32_t generation;
  uint32_t events;         // what epoll watches for; 0: not in epoll; object's lock
  unsigned stale_reports;  // reports since the last wait was begun; object's lock
  bool hung;               // epoll reported a hang-up nobody waits for; object's lock
  bool ended;      // epoll reported that nothing more comes, which makes it readable for ever; object's lock
  bool inexact;    // epoll reported what nobody waits for; object's lock
  bool reporting;  // port_harvest is looking at the object for it; object's lock
  int fd;          // what epoll watches
};

struct async_wait_entry {
  struct list_node node;
  zx_handle_t handle;
  uint64_t key;
  zx_signals_t trigger;
  uint32_t options;
  uint32_t since;     // object_rises when the wait began
  zx_signals_t seen;  // ZX_WAIT_ASYNC_EDGE: what was on when last looked at
};

// Queues a packet; takes the port's lock, wakes a sleeper. Drops user packets of a closed port.
zx_status_t port_enqueue(struct port* port, const zx_port_packet_t* packet, struct zx_object* source,
                         zx_handle_t source_handle);
void port_wake_locked(struct port* port);

// Queues packets for the waits of `link` that `signals` meet. Object's lock held.
void port_link_deliver(struct port_link* link, zx_signals_t signals);

// The signals whose coming the waits of `link` wait for. Object's lock held.
zx_signals_t port_link_wanted(const struct port_link* link);

// Puts a link on the list of the unarmed. Object's lock held.
void port_link_unarm(struct port_link* link);

// Takes a link that has nothing waiting out of epoll. Object's lock held.
void port_link_idle(struct port_link* link);

// Ends a link: its waits, its place in epoll and in both lists. Object's lock held, port's not.
void port_link_destroy(struct port_link* link);

// Arms whatever is on the list of the unarmed or starved, which may queue packets. No lock held.
void port_arm_all(struct port* port);

// Before a sleep: watches the object that had the last signal for a moment, if it is of a kind that may have
// the next one soon. No lock held.
void port_spin(struct port* port);

#define PORT_STARVED_TIME ZX_MSEC(2)  // of a sleep with starved links

// Asks epoll until `deadline`, or not as long if there are starved links, and queues packets for what it
// reports. No lock held. Returns how many events it reported; -1 if a signal handler interrupted it.
int port_harvest(struct port* port, zx_time_t deadline);

#endif  // RUNTIME_ZX_PORT_IMPL_H_
