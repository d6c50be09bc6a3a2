#include <inet/capture.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// Room for some 15 frames of 64 KB, or all that a busy second brings of small ones.
#define BUFFER_BYTES ((size_t)1 << 20)
#define MAGIC_NANOSECONDS 0xa1b23c4du
#define LINKTYPE_ETHERNET 1u
#define LAST_WAIT_MS 1000

typedef struct file_header {
  uint32_t magic;
  uint16_t major, minor;
  uint32_t reserved[2];
  uint32_t snap_length;
  uint32_t link_type;
} file_header_t;

typedef struct packet_header {
  uint32_t seconds, nanoseconds;
  uint32_t captured_length, length;
} packet_header_t;

struct capture {
  int fd;
  int error;
  uint64_t lost;
  size_t begin, end;  // what is not written yet
  uint8_t buffer[BUFFER_BYTES];
};

bool capture_begin(int fd) {
  const file_header_t header = {.magic = MAGIC_NANOSECONDS,
                                .major = 2,
                                .minor = 4,
                                .snap_length = 262144,
                                .link_type = LINKTYPE_ETHERNET};
  ssize_t written = write(fd, &header, sizeof header);
  if (written >= 0 && written != (ssize_t)sizeof header) errno = ENOSPC;
  return written == (ssize_t)sizeof header;
}

capture_t* capture_create(int fd) {
  capture_t* capture = malloc(sizeof *capture);  // its pages come when they are used
  if (!capture) return NULL;
  capture->fd = fd;
  capture->error = 0;
  capture->lost = 0;
  capture->begin = capture->end = 0;
  (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  return capture;
}

static void append(capture_t* capture, const void* bytes, size_t length) {
  memcpy(capture->buffer + capture->end, bytes, length);
  capture->end += length;
}

static bool has_room(const capture_t* capture, size_t bytes) {
  return BUFFER_BYTES - capture->end >= bytes;
}

void capture_frame(capture_t* capture, const struct iovec* iov, size_t iov_count, size_t length) {
  size_t bytes = sizeof(packet_header_t) + length;
  if (!has_room(capture, bytes)) capture_flush(capture);
  if (capture->error != 0 || !has_room(capture, bytes)) {
    capture->lost++;
    return;
  }
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  const packet_header_t header = {(uint32_t)now.tv_sec, (uint32_t)now.tv_nsec, (uint32_t)length,
                                  (uint32_t)length};
  append(capture, &header, sizeof header);
  for (size_t i = 0; i < iov_count; i++)
    append(capture, iov[i].iov_base, iov[i].iov_len);
}

static void move_up(capture_t* capture) {
  memmove(capture->buffer, capture->buffer + capture->begin, capture->end - capture->begin);
  capture->end -= capture->begin;
  capture->begin = 0;
}

void capture_flush(capture_t* capture) {
  while (capture->begin < capture->end && capture->error == 0) {
    ssize_t written = write(capture->fd, capture->buffer + capture->begin, capture->end - capture->begin);
    if (written > 0) {
      capture->begin += (size_t)written;
    } else if (written < 0 && errno == EAGAIN) {
      break;
    } else if (written < 0 && errno != EINTR) {
      capture->error = errno;
    }
  }
  if (capture->begin > 0) move_up(capture);
}

uint64_t capture_lost(const capture_t* capture) {
  return capture->lost;
}

int capture_error(const capture_t* capture) {
  return capture->error;
}

void capture_destroy(capture_t* capture) {
  if (!capture) return;
  capture_flush(capture);
  for (int rest = LAST_WAIT_MS / 10; rest > 0 && capture->end > 0 && capture->error == 0; rest--) {
    struct pollfd room = {.fd = capture->fd, .events = POLLOUT};
    (void)poll(&room, 1, 10);
    capture_flush(capture);
  }
  free(capture);
}
