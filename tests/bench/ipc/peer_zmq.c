// ZeroMQ: REQ and REP over ipc.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zmq.h>

#include "peer.h"

struct link {
  char directory[32];
  char address[64];
  uint32_t size;
  void* context;
  void* socket;
};

static void* open_link(const struct ipc_load* load, const char** why) {
  struct link* link = calloc(1, sizeof(*link));
  ipc_check(link != NULL, "calloc");
  snprintf(link->directory, sizeof(link->directory), "/tmp/bench_ipc.XXXXXX");
  ipc_check(mkdtemp(link->directory) != NULL, "mkdtemp");
  snprintf(link->address, sizeof(link->address), "ipc://%s/zmq", link->directory);
  link->size = load->size;
  return link;
}

static void serve(void* context, const struct ipc_work* work) {
  struct link* link = context;
  void* socket = zmq_socket(zmq_ctx_new(), ZMQ_REP);
  ipc_check(socket && zmq_bind(socket, link->address) == 0, "zmq_bind");
  for (;;) {
    int size = zmq_recv(socket, ipc_answer, IPC_MAX_BYTES, 0);
    if (size < 0) exit(0);
    ipc_run(work);
    ipc_check(zmq_send(socket, ipc_answer, (size_t)size, 0) == size, "zmq_send");
  }
}

static void start(void* context) {
  struct link* link = context;
  link->context = zmq_ctx_new();
  link->socket = zmq_socket(link->context, ZMQ_REQ);
  int linger = 0;
  ipc_check(link->socket && zmq_setsockopt(link->socket, ZMQ_LINGER, &linger, sizeof(linger)) == 0 &&
                zmq_connect(link->socket, link->address) == 0,
            "zmq_connect");
}

static void call(void* context) {
  struct link* link = context;
  ipc_check(zmq_send(link->socket, ipc_message, link->size, 0) == (int)link->size &&
                zmq_recv(link->socket, ipc_answer, IPC_MAX_BYTES, 0) == (int)link->size,
            "the call over ZeroMQ");
}

static void close_link(void* context) {
  struct link* link = context;
  if (link->socket) zmq_close(link->socket);
  if (link->context) zmq_ctx_term(link->context);
  char path[64];
  snprintf(path, sizeof(path), "%s/zmq", link->directory);
  unlink(path);
  rmdir(link->directory);
  free(link);
}

const struct ipc_peer ipc_zmq = {
    .name = "ZeroMQ", .open = open_link, .serve = serve, .start = start, .call = call, .close = close_link};
