// The reference: a raw SOCK_SEQPACKET pair, the server blocking in recvmsg, or in epoll as one with several
// callers.
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"

struct link {
  int ends[2];
  int passed;  // -1: none
  uint32_t size;
};

union control {
  struct cmsghdr header;
  char bytes[CMSG_SPACE(sizeof(int))];
};

static void* open_link(const struct ipc_load* load, const char** why) {
  struct link* link = calloc(1, sizeof(*link));
  ipc_check(link && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, link->ends) == 0, "socketpair");
  link->size = load->size;
  link->passed = load->with_handle ? dup(0) : -1;
  return link;
}

static void answer_one(int end, const struct ipc_work* work) {
  union control control;
  struct iovec iov = {ipc_answer, IPC_MAX_BYTES};
  struct msghdr message = {
      .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control)};
  ssize_t size = recvmsg(end, &message, MSG_CMSG_CLOEXEC);
  if (size <= 0) exit(0);
  ipc_run(work);
  iov.iov_len = (size_t)size;
  bool passes = message.msg_controllen != 0;
  if (!passes) message.msg_control = NULL;
  ipc_check(sendmsg(end, &message, 0) == size, "sendmsg");
  if (passes) close(*(int*)(void*)CMSG_DATA(&control.header));
}

static void begin(struct link* link) {
  close(link->ends[0]);
  if (link->passed >= 0) close(link->passed);
}

static void serve(void* context, const struct ipc_work* work) {
  struct link* link = context;
  begin(link);
  for (;;)
    answer_one(link->ends[1], work);
}

static void serve_by_epoll(void* context, const struct ipc_work* work) {
  struct link* link = context;
  struct epoll_event event = {.events = EPOLLIN};
  begin(link);
  int set = epoll_create1(EPOLL_CLOEXEC);
  ipc_check(set >= 0 && epoll_ctl(set, EPOLL_CTL_ADD, link->ends[1], &event) == 0, "epoll");
  for (;;) {
    if (epoll_wait(set, &event, 1, -1) == 1) answer_one(link->ends[1], work);
  }
}

static void start(void* context) {
  struct link* link = context;
  close(link->ends[1]);
}

static void call(void* context) {
  struct link* link = context;
  union control control;
  struct iovec iov = {ipc_message, link->size};
  struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
  if (link->passed >= 0) {
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof(control);
    control.header = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.header), &link->passed, sizeof(int));
  }
  ipc_check(sendmsg(link->ends[0], &message, 0) == (ssize_t)link->size, "sendmsg");
  if (link->passed >= 0) close(link->passed);
  iov = (struct iovec){ipc_answer, IPC_MAX_BYTES};
  ipc_check(recvmsg(link->ends[0], &message, MSG_CMSG_CLOEXEC) == (ssize_t)link->size, "recvmsg");
  if (link->passed >= 0) memcpy(&link->passed, CMSG_DATA(&control.header), sizeof(int));
}

static void close_link(void* context) {
  struct link* link = context;
  close(link->ends[0]);
  if (link->passed >= 0) close(link->passed);
  free(link);
}

const struct ipc_peer ipc_seqpacket = {.name = "seqpacket",
                                       .passes_handles = true,
                                       .open = open_link,
                                       .serve = serve,
                                       .start = start,
                                       .call = call,
                                       .close = close_link};

const struct ipc_peer ipc_seqpacket_epoll = {.name = "seqpacket, epoll",
                                             .passes_handles = true,
                                             .open = open_link,
                                             .serve = serve_by_epoll,
                                             .start = start,
                                             .call = call,
                                             .close = close_link};
