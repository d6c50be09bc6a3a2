// What a waiting application sees of a socket: the signals of an eventpair, and the readiness of a Linux
// descriptor.
//
// The application waits either on the eventpair (a blocking recvfrom does) or on the descriptor, which the
// kernel's own poll, select and epoll watch. The descriptor is one end of a Unix stream socket pair of which
// the netstack keeps both ends, so that it decides what the kernel reports: unread bytes make it readable, a
// full send queue makes it unwritable. Both show the same state, and both are touched only when it changes.
//
// The application holds duplicates and can disturb what it sees itself, by reading or writing its descriptor
// or by signalling its eventpair; nothing here ever blocks, grows or fails because of that.
#ifndef COMPONENTS_NETSTACK_READINESS_H_
#define COMPONENTS_NETSTACK_READINESS_H_

#include <stdint.h>
#include <zircon/types.h>

typedef struct readiness {
  zx_handle_t event;         // the netstack's end
  zx_handle_t client_event;  // the application's end, to be duplicated
  int server_fd;             // the far end of the descriptor
  int client_fd;             // the application's end, to be duplicated
  uint32_t shown;            // TCPIP_EVENT_* bits
} readiness_t;

// Makes both, showing `state` (TCPIP_EVENT_* bits). ZX_ERR_NO_RESOURCES or ZX_ERR_NO_MEMORY; `readiness` is
// then as after readiness_deinit.
zx_status_t readiness_init(readiness_t* readiness, uint32_t state);

// Closes both: the application's eventpair shows PEER_CLOSED, its descriptor POLLHUP. Again is fine.
void readiness_deinit(readiness_t* readiness);

// Makes handles for the application: its end of the eventpair, which it may wait on and pass on, and its
// descriptor, wrapped. Written only on success. ZX_ERR_NO_RESOURCES, ZX_ERR_NO_MEMORY.
zx_status_t readiness_share(const readiness_t* readiness, zx_handle_t* out_event,
                            zx_handle_t* out_descriptor);

// Shows `state`. Costs nothing if it is shown already, else at most three system calls.
// TCPIP_EVENT_READ_SHUTDOWN cannot be taken back from the descriptor, as a socket's shutdown cannot.
//
// A pending error makes the descriptor readable, because receiving then returns at once, and so does an error
// in the queue; the kernel offers no POLLERR that could be taken back. The eventpair tells them apart.
void readiness_update(readiness_t* readiness, uint32_t state);

#endif  // COMPONENTS_NETSTACK_READINESS_H_
