// All streams of a netstack. Above: netstack.c. Below: stream_data.c, which serves one, and watched_set.c,
// which watches their descriptors and gives each its turn. What the kernel and the engine report is noted
// with the stream (in_ready and its like).
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <zircon/syscalls.h>

#include "stream_internal.h"

enum { BUCKETS = 1024 };

struct stream_set {
  watched_set_t watched;
  stream_socket_t* buckets[BUCKETS];  // by the cookie of the application's end
};

stream_set_t* stream_set_of(const stream_socket_t* stream) {
  return netstack_streams(stream->base.netstack);
}

static stream_socket_t* owner_of(watched_t* member) {
  return member ? WATCHED_OWNER(member, stream_socket_t, member) : NULL;
}

static stream_socket_t* first(const stream_set_t* set) {
  return owner_of(set->watched.all);
}

static stream_socket_t* next(const stream_socket_t* stream) {
  return owner_of(stream->member.next);
}

static void report(watched_t* member, uint32_t events) {
  stream_fd_event(owner_of(member), events);
}

static void serve(watched_t* member) {
  stream_service(owner_of(member));
}

static void release(watched_t* member) {
  free(owner_of(member));
}

static const watched_ops_t watched_ops = {.report = report, .serve = serve, .release = release};

bool stream_watch(stream_socket_t* stream, bool wants_out) {
  return watched_set_watch(&stream_set_of(stream)->watched, &stream->member, stream->server_fd,
                           EPOLLIN | EPOLLPRI | EPOLLRDHUP, wants_out);
}

void stream_mark_dirty(stream_socket_t* stream) {
  watched_set_mark(&stream_set_of(stream)->watched, &stream->member);
}

void stream_retry_later(stream_socket_t* stream) {
  watched_set_mark_later(&stream_set_of(stream)->watched, &stream->member);
}

bool stream_set_service(stream_set_t* set) {
  return set && watched_set_serve(&set->watched);
}

// Who is there.

static stream_socket_t** bucket_of(stream_set_t* set, uint64_t cookie) {
  return &set->buckets[cookie % BUCKETS];
}

void stream_set_add(stream_socket_t* stream) {
  stream_set_t* set = stream_set_of(stream);
  stream_socket_t** bucket = bucket_of(set, stream->cookie);
  stream->next_in_bucket = *bucket;
  *bucket = stream;
  watched_set_add(&set->watched, &stream->member);
}

void stream_set_remove(stream_socket_t* stream) {
  stream_set_t* set = stream_set_of(stream);
  stream_socket_t** at = bucket_of(set, stream->cookie);
  while (*at != stream)
    at = &(*at)->next_in_bucket;
  *at = stream->next_in_bucket;
  watched_set_remove(&set->watched, &stream->member);
}

// Whether it is worth asking: the kernel has told of an end, the connection is over, nobody speaks for it any
// more, or it holds a port without being connected.
static bool may_be_closed(const stream_socket_t* stream) {
  return !stream->member.dead &&
         (stream->in_hung_up || stream->state == STREAM_ENDED || stream->base.open_connections == 0 ||
          (stream->is_bound && stream->state <= STREAM_LISTENING));
}

void stream_set_sweep(stream_set_t* set, const stream_socket_t* except) {
  watched_set_begin(&set->watched);
  watched_set_report(&set->watched);
  for (stream_socket_t* stream = first(set); stream; stream = next(stream)) {
    if (stream == except || !may_be_closed(stream) || !socket_close_forsaken_connections(&stream->base))
      continue;
    stream_forsaken(stream);
  }
  watched_set_end(&set->watched);
}

bool stream_set_is_unfinished(stream_set_t* set) {
  stream_set_sweep(set, NULL);
  for (const stream_socket_t* stream = first(set); stream; stream = next(stream)) {
    if (stream->base.endpoint && (stream->state == STREAM_CLOSED || stream->in_hung_up)) return true;
  }
  return false;
}

static stream_socket_t* find(stream_set_t* set, int fd) {
  uint64_t cookie = 0;
  socklen_t length = sizeof(cookie);
  if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length) != 0) return NULL;
  stream_socket_t* stream = *bucket_of(set, cookie);
  while (stream && stream->cookie != cookie)
    stream = stream->next_in_bucket;
  return stream && stream->state != STREAM_CLOSED ? stream : NULL;
}

int stream_socket_adopt(stream_set_t* set, int fd, zx_handle_t server_end) {
  stream_socket_t* stream = find(set, fd);
  if (!stream) {
    close(fd);
    zx_handle_close(server_end);
    return -ENOTSOCK;
  }
  if (stream->state <= STREAM_LISTENING && stream->client_fd < 0) {
    stream->client_fd = fd;  // it can be shaped again
  } else {
    close(fd);
  }
  return socket_add_connection(&stream->base, server_end);
}

zx_status_t stream_set_create(netstack_t* netstack, stream_set_t** out) {
  stream_set_t* set = calloc(1, sizeof(*set));
  if (!set) return ZX_ERR_NO_MEMORY;
  zx_status_t status = watched_set_init(&set->watched, netstack, &watched_ops);
  if (status == ZX_OK) {
    *out = set;
  } else {
    free(set);
  }
  return status;
}

void stream_set_destroy(stream_set_t* set) {
  if (!set) return;
  watched_set_begin(&set->watched);
  while (first(set))
    stream_finish(first(set));
  watched_set_end(&set->watched);
  watched_set_deinit(&set->watched);
  free(set);
}
