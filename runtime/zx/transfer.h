// Handles going out with a message and coming in with one.
#ifndef RUNTIME_ZX_TRANSFER_H_
#define RUNTIME_ZX_TRANSFER_H_

#include "runtime/zx/packet.h"

// Handles taken for a message to be sent.
struct outgoing {
  struct {
    struct zx_object* object;
    bool moved;  // taken from the table, and the last handle here
    bool taken;  // taken from the table
  } entries[ZX_CHANNEL_MAX_MSG_HANDLES];
  struct packet_handles handles;
};

// Takes and describes the handles of zx_channel_write, all of which are consumed; `self` is the channel they
// go through.
zx_status_t outgoing_take(struct outgoing* out, const zx_handle_t* handles, uint32_t count,
                          const struct zx_object* self);
zx_status_t outgoing_take_etc(struct outgoing* out, zx_handle_disposition_t* handles, uint32_t count,
                              const struct zx_object* self);

// Gives back what outgoing_take took: after a message was sent, the objects live on at its receiver.
void outgoing_finish(struct outgoing* out, bool sent);

// Closes the handles that a call which fails early was to consume.
void outgoing_discard(const zx_handle_t* handles, uint32_t count);
void outgoing_discard_etc(const zx_handle_disposition_t* handles, uint32_t count);

// Makes handles of what a message brought; takes over the descriptors, also on failure.
// ZX_ERR_IO_DATA_INTEGRITY: a description and its descriptors do not fit each other. ZX_ERR_NO_MEMORY,
// ZX_ERR_NO_RESOURCES.
zx_status_t incoming_handles(struct packet_handles* handles, zx_handle_info_t* out);

// Makes an object from a description and its descriptors (consumed, also on failure), one function per type.
zx_status_t channel_unpack(const struct wire_handle* wire, const int* fds, struct zx_object** out);
zx_status_t clock_unpack(const struct wire_handle* wire, const int* fds, struct zx_object** out);
zx_status_t event_unpack(const struct wire_handle* wire, const int* fds, struct zx_object** out);
zx_status_t eventpair_unpack(const struct wire_handle* wire, const int* fds, struct zx_object** out);
zx_status_t fifo_unpack(const struct wire_handle* wire, const int* fds, struct zx_object** out);
zx_status_t socket_unpack(const struct wire_handle* wire, const int* fds, struct zx_object** out);
zx_status_t vmo_unpack(const struct wire_handle* wire, const int* fds, struct zx_object** out);
zx_status_t timer_unpack(const struct wire_handle* wire, const int* fds, struct zx_object** out);
zx_status_t linux_socket_unpack(const struct wire_handle* wire, const int* fds, struct zx_object** out);
zx_status_t linux_fd_unpack(const struct wire_handle* wire, const int* fds, struct zx_object** out);

#endif  // RUNTIME_ZX_TRANSFER_H_
