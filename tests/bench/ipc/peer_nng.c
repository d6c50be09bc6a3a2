// nng: REQ and REP over ipc.
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "peer.h"

struct link {
  char directory[32];
  char address[64];
  uint32_t size;
  nng_socket socket;
  bool started;
  int ready[2];  // the server listens
};

static void* open_link(const struct ipc_load* load, const char** why) {
  struct link* link = calloc(1, sizeof(*link));
  ipc_check(link && pipe(link->ready) == 0, "pipe");
  snprintf(link->directory, sizeof(link->directory), "/tmp/bench_ipc.XXXXXX");
  ipc_check(mkdtemp(link->directory) != NULL, "mkdtemp");
  snprintf(link->address, sizeof(link->address), "ipc://%s/nng", link->directory);
  link->size = load->size;
  return link;
}

static void serve(void* context, const struct ipc_work* work) {
  struct link* link = context;
  nng_socket socket;
  ipc_check(nng_rep0_open(&socket) == 0 && nng_listen(socket, link->address, NULL, 0) == 0, "nng_listen");
  ipc_check(write(link->ready[1], "", 1) == 1, "write");
  for (;;) {
    size_t size = IPC_MAX_BYTES;
    if (nng_recv(socket, ipc_answer, &size, 0) != 0) exit(0);
    ipc_run(work);
    ipc_check(nng_send(socket, ipc_answer, size, 0) == 0, "nng_send");
  }
}

static void start(void* context) {
  struct link* link = context;
  char byte;
  ipc_check(read(link->ready[0], &byte, 1) == 1, "the nng server");
  ipc_check(nng_req0_open(&link->socket) == 0 && nng_dial(link->socket, link->address, NULL, 0) == 0,
            "nng_dial");
  link->started = true;
}

static void call(void* context) {
  struct link* link = context;
  size_t size = IPC_MAX_BYTES;
  ipc_check(nng_send(link->socket, ipc_message, link->size, 0) == 0 &&
                nng_recv(link->socket, ipc_answer, &size, 0) == 0 && size == link->size,
            "the call over nng");
}

static void close_link(void* context) {
  struct link* link = context;
  if (link->started) nng_close(link->socket);
  close(link->ready[0]);
  close(link->ready[1]);
  char path[64];
  snprintf(path, sizeof(path), "%s/nng", link->directory);
  unlink(path);
  rmdir(link->directory);
  free(link);
}

const struct ipc_peer ipc_nng = {
    .name = "nng", .open = open_link, .serve = serve, .start = start, .call = call, .close = close_link};
