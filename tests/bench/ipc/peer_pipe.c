// A pipe each way.
#include <stdlib.h>
#include <unistd.h>

#include "peer.h"

struct link {
  int request[2];
  int answer[2];
  uint32_t size;
};

static void* open_link(const struct ipc_load* load, const char** why) {
  struct link* link = calloc(1, sizeof(*link));
  ipc_check(link && pipe(link->request) == 0 && pipe(link->answer) == 0, "pipe");
  link->size = load->size;
  return link;
}

static void read_all(int fd, char* to, size_t size) {
  for (size_t done = 0; done < size;) {
    ssize_t now = read(fd, to + done, size - done);
    if (now <= 0) exit(0);
    done += (size_t)now;
  }
}

static void write_all(int fd, const char* from, size_t size) {
  for (size_t done = 0; done < size;) {
    ssize_t now = write(fd, from + done, size - done);
    if (now <= 0) exit(0);
    done += (size_t)now;
  }
}

static void serve(void* context, const struct ipc_work* work) {
  struct link* link = context;
  close(link->request[1]);
  close(link->answer[0]);
  for (;;) {
    read_all(link->request[0], ipc_answer, link->size);
    ipc_run(work);
    write_all(link->answer[1], ipc_answer, link->size);
  }
}

static void start(void* context) {
  struct link* link = context;
  close(link->request[0]);
  close(link->answer[1]);
}

static void call(void* context) {
  struct link* link = context;
  write_all(link->request[1], ipc_message, link->size);
  read_all(link->answer[0], ipc_answer, link->size);
}

static void close_link(void* context) {
  struct link* link = context;
  close(link->request[1]);
  close(link->answer[0]);
  free(link);
}

const struct ipc_peer ipc_pipe = {
    .name = "pipe", .open = open_link, .serve = serve, .start = start, .call = call, .close = close_link};
