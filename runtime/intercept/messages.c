// Datagrams, and the other calls on a datagram socket that other descriptors have, too. What a program gives
// as one of recvmsg's or sendmsg's forms is one struct msghdr here, whose addresses are the program's.
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <zircon/syscalls.h>

#include "internal.h"

// How many messages a call takes at a time, as in Linux.
#define MESSAGES_MAX 1024u

// A message with the program's addresses, and where the results go.
typedef struct message {
  struct msghdr header;
  struct iovec iov[IOV_MAX];
  size_t total;  // bytes of all buffers
  bool has_name;
  bool has_control;
} message_t;

static uint64_t address_of(const void* pointer) {
  return (uint64_t)(uintptr_t)pointer;
}

static int count_bytes(message_t* message) {
  message->total = 0;
  for (size_t i = 0; i < message->header.msg_iovlen; i++) {
    if (message->iov[i].iov_len > SSIZE_MAX - message->total) return EINVAL;
    message->total += message->iov[i].iov_len;
  }
  return 0;
}

static int read_iov(const supervisor_t* supervisor, const call_t* call, uint64_t address, size_t count,
                    int too_many, message_t* message) {
  if (count > IOV_MAX) return too_many;
  message->header.msg_iovlen = count;
  int error = call_read(supervisor, call, address, message->iov, count * sizeof(struct iovec));
  return error ? error : count_bytes(message);
}

// As in Linux, the most that one call moves; more is not wrong.
#define BUFFER_MAX 0x7ffff000u

static void one_buffer(message_t* message, uint64_t address, uint64_t size) {
  if (size > BUFFER_MAX) size = BUFFER_MAX;
  message->header.msg_iovlen = 1;
  message->iov[0] = (struct iovec){(void*)(uintptr_t)address, (size_t)size};
  message->total = (size_t)size;
}

static int read_header(const supervisor_t* supervisor, const call_t* call, uint64_t address,
                       message_t* message) {
  int error = call_read(supervisor, call, address, &message->header, sizeof(message->header));
  if (error) return error;
  message->has_name = message->header.msg_name != NULL;
  message->has_control = message->header.msg_control != NULL && message->header.msg_controllen > 0;
  if (message->has_name && (int)message->header.msg_namelen < 0) return EINVAL;
  if (message->header.msg_namelen > sizeof(struct sockaddr_storage))
    message->header.msg_namelen = sizeof(struct sockaddr_storage);
  return read_iov(supervisor, call, address_of(message->header.msg_iov), message->header.msg_iovlen, EMSGSIZE,
                  message);
}

// Waits, or tells that the call would have to.
static step_t wait_or_fail(call_t* call, int flags, short events) {
  zxio_socket_t* socket = &call->datagram->zxio;
  int64_t timeout = atomic_load_explicit(
      events == POLLIN ? &socket->receive_timeout_ns : &socket->send_timeout_ns, memory_order_relaxed);
  if (flags & (MSG_DONTWAIT | MSG_ERRQUEUE) || !call_blocks(call) || call_expired(call))
    return call_fail(call, EAGAIN);
  return call_wait(call, events, timeout);
}

// Receiving. On success call->value is what the call returns.

static int deliver(supervisor_t* supervisor, call_t* call, const message_t* message, size_t actual) {
  size_t copied = actual < message->total ? actual : message->total;
  if (copied > DATAGRAM_BYTES_MAX) copied = DATAGRAM_BYTES_MAX;
  return call_scatter(supervisor, call, message->iov, message->header.msg_iovlen, supervisor->bytes, copied);
}

typedef struct received {
  struct sockaddr_storage name;
  socklen_t name_length;
  int flags;
  size_t control_length;
  _Alignas(struct cmsghdr) uint8_t control[CONTROL_BYTES_MAX];
} received_t;

static step_t receive(supervisor_t* supervisor, call_t* call, const message_t* message, int flags,
                      received_t* out) {
  struct iovec iov = {.iov_base = supervisor->bytes,
                      .iov_len = message->total < DATAGRAM_BYTES_MAX ? message->total : DATAGRAM_BYTES_MAX};
  size_t room = message->header.msg_controllen;
  if (room > sizeof(out->control)) room = sizeof(out->control);
  struct msghdr header = {.msg_name = message->has_name ? &out->name : NULL,
                          .msg_namelen = message->has_name ? sizeof(out->name) : 0,
                          .msg_iov = &iov,
                          .msg_iovlen = 1,
                          .msg_control = message->has_control ? out->control : NULL,
                          .msg_controllen = message->has_control ? room : 0};
  size_t actual = 0;
  int16_t code = 0;
  int error = zxio_code(
      zxio_socket_recvmsg(&call->datagram->zxio, &header, flags & ~MSG_WAITFORONE, &actual, &code), &code);
  if (error == EAGAIN && !(flags & MSG_ERRQUEUE) && datagram_is_shut(call->datagram)) {
    header.msg_namelen = 0;
    header.msg_controllen = 0;
    header.msg_flags = 0;
    error = 0;
  }
  if (error == EAGAIN) return wait_or_fail(call, flags, POLLIN);
  if (!error) error = deliver(supervisor, call, message, actual);
  if (error) return call_fail(call, error);
  out->name_length = header.msg_namelen;
  out->control_length = header.msg_controllen;
  out->flags = header.msg_flags;
  return call_succeed(call, (int64_t)actual);
}

// What recvmsg tells in the program's header at `address`.
static int write_header(supervisor_t* supervisor, call_t* call, uint64_t address, const message_t* message,
                        const received_t* received) {
  const struct msghdr* header = &message->header;
  int error = 0;
  int name_length = message->has_name ? (int)received->name_length : 0;
  int name_room = (int)header->msg_namelen;
  if (message->has_name) {
    error = call_write(supervisor, call, address_of(header->msg_name), &received->name,
                       (size_t)(name_room < name_length ? name_room : name_length));
  }
  if (!error && message->has_control) {
    error = call_write(supervisor, call, address_of(header->msg_control), received->control,
                       received->control_length);
  }
  uint64_t control_length = received->control_length;
  if (!error && message->has_name)
    error = call_write(supervisor, call, address + offsetof(struct msghdr, msg_namelen), &name_length,
                       sizeof(int));
  if (!error)
    error = call_write(supervisor, call, address + offsetof(struct msghdr, msg_controllen), &control_length,
                       sizeof(control_length));
  if (!error)
    error = call_write(supervisor, call, address + offsetof(struct msghdr, msg_flags), &received->flags,
                       sizeof(int));
  return error;
}

static step_t receive_message(supervisor_t* supervisor, call_t* call, uint64_t address, int flags) {
  message_t message = {.total = 0};
  received_t received;
  int error = read_header(supervisor, call, address, &message);
  if (error) return call_fail(call, error);
  step_t step = receive(supervisor, call, &message, flags, &received);
  if (step != STEP_ANSWER || call->error) return step;
  error = write_header(supervisor, call, address, &message, &received);
  return error ? call_fail(call, error) : STEP_ANSWER;
}

static step_t receive_from(supervisor_t* supervisor, call_t* call) {
  message_t message = {.total = 0};
  received_t received;
  one_buffer(&message, call_word(call, 1), call_word(call, 2));
  message.has_name = call_word(call, 4) != 0;
  step_t step = receive(supervisor, call, &message, call_int(call, 3), &received);
  if (step != STEP_ANSWER || call->error || !message.has_name) return step;
  int error = call_write_address(supervisor, call, call_word(call, 4), call_word(call, 5), &received.name,
                                 received.name_length);
  return error ? call_fail(call, error) : STEP_ANSWER;
}

// Reading nothing leaves the queue alone.
static step_t read_bytes(supervisor_t* supervisor, call_t* call, const message_t* message) {
  received_t received;
  if (message->total == 0) return call_succeed(call, 0);
  return receive(supervisor, call, message, 0, &received);
}

// Sending

static step_t send_message(supervisor_t* supervisor, call_t* call, const message_t* message, int flags) {
  struct sockaddr_storage name;
  _Alignas(struct cmsghdr) uint8_t control[CONTROL_BYTES_MAX];
  struct iovec iov = {.iov_base = supervisor->bytes, .iov_len = message->total};
  struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};
  int error = message->total > DATAGRAM_BYTES_MAX ? EMSGSIZE : 0;
  if (!error && message->has_name) {
    error = call_read_address(supervisor, call, address_of(message->header.msg_name),
                              (int)message->header.msg_namelen, &name);
    header.msg_name = &name;
    header.msg_namelen = message->header.msg_namelen;
  }
  if (!error && message->has_control) {
    if (message->header.msg_controllen > sizeof(control)) error = ENOBUFS;
    if (!error)
      error = call_read(supervisor, call, address_of(message->header.msg_control), control,
                        message->header.msg_controllen);
    header.msg_control = control;
    header.msg_controllen = message->header.msg_controllen;
  }
  if (!error)
    error = call_gather(supervisor, call, message->iov, message->header.msg_iovlen, supervisor->bytes,
                        message->total);
  if (error) return call_fail(call, error);
  size_t actual = 0;
  int16_t code = 0;
  error = zxio_code(zxio_socket_sendmsg(&call->datagram->zxio, &header, flags, &actual, &code), &code);
  if (error == EAGAIN) return wait_or_fail(call, flags, POLLOUT);
  return error ? call_fail(call, error) : call_succeed(call, (int64_t)actual);
}

static step_t send_to(supervisor_t* supervisor, call_t* call) {
  message_t message = {.total = 0};
  one_buffer(&message, call_word(call, 1), call_word(call, 2));
  message.has_name = call_word(call, 4) != 0;
  message.header.msg_name = (void*)(uintptr_t)call_word(call, 4);
  message.header.msg_namelen = (socklen_t)call_word(call, 5);
  return send_message(supervisor, call, &message, call_int(call, 3));
}

static step_t send_header(supervisor_t* supervisor, call_t* call, uint64_t address, int flags) {
  message_t message = {.total = 0};
  int error = read_header(supervisor, call, address, &message);
  if (message.header.msg_namelen == 0) message.has_name = false;
  return error ? call_fail(call, error) : send_message(supervisor, call, &message, flags);
}

static step_t with_iov(supervisor_t* supervisor, call_t* call) {
  message_t message = {.total = 0};
  int count = call_int(call, 2);
  int error =
      count < 0 ? EINVAL : read_iov(supervisor, call, call_word(call, 1), (size_t)count, EINVAL, &message);
  if (error) return call_fail(call, error);
  return call_number(call) == SYS_readv ? read_bytes(supervisor, call, &message)
                                        : send_message(supervisor, call, &message, 0);
}

static step_t with_buffer(supervisor_t* supervisor, call_t* call) {
  message_t message = {.total = 0};
  if (call_word(call, 2) > SSIZE_MAX) return call_fail(call, EINVAL);
  one_buffer(&message, call_word(call, 1), call_word(call, 2));
  return call_number(call) == SYS_read ? read_bytes(supervisor, call, &message)
                                       : send_message(supervisor, call, &message, 0);
}

// Several. What has been done counts; the reason why it stopped is told only if that is nothing.

static int read_deadline(supervisor_t* supervisor, call_t* call, zx_time_t* out) {
  struct timespec timeout;
  *out = ZX_TIME_INFINITE;
  if (call_number(call) != SYS_recvmmsg || call_word(call, 4) == 0) return 0;
  int error = call_read(supervisor, call, call_word(call, 4), &timeout, sizeof(timeout));
  if (error) return error;
  if (timeout.tv_sec < 0 || timeout.tv_nsec < 0 || timeout.tv_nsec > 999999999) return EINVAL;
  if (timeout.tv_sec < ZX_TIME_INFINITE / ZX_SEC(1) - 1)
    *out = zx_deadline_after(ZX_SEC((int64_t)timeout.tv_sec) + timeout.tv_nsec);
  return 0;
}

// As Linux does, the timeout is looked at after each datagram: it does not end a wait.
static step_t several(supervisor_t* supervisor, call_t* call) {
  bool sends = call_number(call) == SYS_sendmmsg;
  unsigned count = (unsigned)call_int(call, 2);
  int flags = call_int(call, 3);
  zx_time_t deadline;
  int error = read_deadline(supervisor, call, &deadline);
  if (error) return call_fail(call, error);
  if (count > MESSAGES_MAX) count = MESSAGES_MAX;
  while (call->done < count) {
    uint64_t address = call_word(call, 1) + call->done * sizeof(struct mmsghdr);
    int each = flags | (!sends && flags & MSG_WAITFORONE && call->done > 0 ? MSG_DONTWAIT : 0);
    step_t step = sends ? send_header(supervisor, call, address, each)
                        : receive_message(supervisor, call, address, each);
    if (step != STEP_ANSWER) return step;
    uint32_t length = (uint32_t)call->value;
    if (!call->error)
      call->error =
          call_write(supervisor, call, address + offsetof(struct mmsghdr, msg_len), &length, sizeof(length));
    if (call->error) break;
    call->done++;
    if (deadline != ZX_TIME_INFINITE && zx_clock_get_monotonic() >= deadline) break;
  }
  return call->done > 0 || !call->error ? call_succeed(call, call->done) : STEP_ANSWER;
}

step_t call_message(supervisor_t* supervisor, call_t* call) {
  switch (call_number(call)) {
    case SYS_read:
    case SYS_write:
      return with_buffer(supervisor, call);
    case SYS_readv:
    case SYS_writev:
      return with_iov(supervisor, call);
    case SYS_recvfrom:
      return receive_from(supervisor, call);
    case SYS_sendto:
      return send_to(supervisor, call);
    case SYS_recvmsg:
      return receive_message(supervisor, call, call_word(call, 1), call_int(call, 2));
    case SYS_sendmsg:
      return send_header(supervisor, call, call_word(call, 1), call_int(call, 2));
    default:
      return several(supervisor, call);
  }
}

step_t call_ioctl(supervisor_t* supervisor, call_t* call) {
  int bytes = 0;
  int16_t code = 0;
  int error = 0;
  if (call_int(call, 1) == FIONREAD)
    error = zxio_code(zxio_socket_readable_bytes(&call->datagram->zxio, &bytes, &code), &code);
  // TIOCOUTQ: what was sent has left.
  if (!error) error = call_write(supervisor, call, call_word(call, 2), &bytes, sizeof(bytes));
  return call_fail(call, error);
}

// dup and fcntl's way of it: another one of the numbers.
step_t call_duplicate(supervisor_t* supervisor, call_t* call) {
  bool is_dup = call_number(call) == SYS_dup;
  int least = is_dup ? 0 : call_int(call, 2);
  if (least < 0) return call_fail(call, EINVAL);
  return call_answer_numbered_fd(supervisor, call, call->fd, !is_dup && call_int(call, 1) == F_DUPFD_CLOEXEC,
                                 (uint32_t)least);
}
