// Bytes that lie in several pieces of memory.
#ifndef INET_PIECES_H_
#define INET_PIECES_H_

#include <stddef.h>
#include <sys/uio.h>

static inline size_t pieces_length(const struct iovec* pieces, size_t count) {
  size_t length = 0;
  for (size_t i = 0; i < count; i++)
    length += pieces[i].iov_len;
  return length;
}

// Leaves the first `most` bytes; returns how many pieces that is.
static inline size_t pieces_cut(struct iovec* pieces, size_t count, size_t most) {
  size_t left = 0;
  for (; left < count && most > 0; left++) {
    if (pieces[left].iov_len > most) pieces[left].iov_len = most;
    most -= pieces[left].iov_len;
  }
  return left;
}

#endif  // INET_PIECES_H_
