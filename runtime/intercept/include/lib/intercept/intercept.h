// Sockets of the network stack for programs that do not use the C library, or bring their own: the kernel
// hands their calls on sockets to us instead of doing them.
//
// A process that is about to become such a program calls intercept_begin(), which installs a system call
// filter and gives a descriptor, the listener. Whoever serves the listener makes the calls for the program,
// over fuchsia.posix.socket; it must be allowed to look into the program (the same user, and an ancestor of
// it), and must not be under that filter itself. The filter stays through fork and exec.
//
// Programs that fdio works in never get here: it makes no such calls, and those of its own that look like one
// carry a mark.
#ifndef LIB_INTERCEPT_INTERCEPT_H_
#define LIB_INTERCEPT_INTERCEPT_H_

#include <stdint.h>
#include <zircon/types.h>

#ifdef __cplusplus
extern "C" {
#endif

// In the sixth argument of bind, connect, listen, accept, accept4, getsockname, getpeername, getsockopt,
// setsockopt and shutdown, which have fewer: the call is for the kernel's own socket.
#define INTERCEPT_PASS UINT64_C(0x6a6163696e7468e5)

// The descriptors that datagram sockets get, whose reading and writing is intercepted; the filter knows them
// by nothing but their number. Streams get the lowest number free, as everybody expects: once connected they
// are the kernel's.
typedef struct intercept_range {
  uint32_t first, end;
} intercept_range_t;

typedef struct intercept_numbers {
  // The usual ones, as select() knows no larger ones than 1023, and those for programs that may have many.
  intercept_range_t ranges[2];
} intercept_numbers_t;

// What fits the limit that the caller has on descriptors, and leaves the highest below 1024 to fdio.
intercept_numbers_t intercept_numbers(void);

// Sends the calling process's calls to `out_listener`, a descriptor (close-on-exec, the caller's), and
// refuses it (EPERM) what serving them takes: to look into other processes. The caller must have given up new
// privileges (PR_SET_NO_NEW_PRIVS), and be under a filter that knows this machine's own system calls only.
// ZX_ERR_NOT_SUPPORTED: the kernel cannot do it (it needs Linux 5.19); only the refusal is in force then.
// ZX_ERR_ACCESS_DENIED: not even that.
zx_status_t intercept_begin(const intercept_numbers_t* numbers, int* out_listener);

// Serves `listener` (consumed) until no process is left that it could serve. `svc` (consumed) is the
// directory of services in which the provider of sockets is found. Everything happens on the calling thread.
zx_status_t intercept_serve(const intercept_numbers_t* numbers, int listener, zx_handle_t svc);

#ifdef __cplusplus
}
#endif

#endif  // LIB_INTERCEPT_INTERCEPT_H_
