// What a hostile peer does, and what an honest one goes on doing meanwhile.
#include "hostility.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <zircon/syscalls.h>

#include "jx_test.h"

void hostile_make(struct ends* e) {
  ck_assert_int_eq(zx_channel_create(0, &e->mine[CHANNEL], &e->theirs[CHANNEL]), ZX_OK);
  ck_assert_int_eq(zx_fifo_create(64, 8, 0, &e->mine[FIFO], &e->theirs[FIFO]), ZX_OK);
  ck_assert_int_eq(zx_socket_create(0, &e->mine[SOCKET], &e->theirs[SOCKET]), ZX_OK);
  ck_assert_int_eq(zx_socket_create(ZX_SOCKET_DATAGRAM, &e->mine[DATAGRAM], &e->theirs[DATAGRAM]), ZX_OK);
  ck_assert_int_eq(zx_eventpair_create(0, &e->mine[EVENTPAIR], &e->theirs[EVENTPAIR]), ZX_OK);
}

void hostile_map(const zx_handle_t* ends) {
  for (int i = 0; i < OBJECTS; i++)
    if (i != CHANNEL) (void)zx_object_signal(ends[i], 0, 0);
}

// The shared memory of this process's objects, as a hostile peer has it.
int hostile_find(struct region* regions, int limit) {
  char line[256];
  int count = 0;
  FILE* maps = fopen("/proc/self/maps", "re");
  while (maps && fgets(line, sizeof(line), maps)) {
    unsigned long from, to;
    if (count == limit || sscanf(line, "%lx-%lx", &from, &to) != 2 || !strstr(line, "memfd:zx")) continue;
    regions[count++] = (struct region){(uint32_t*)from, (to - from) / 4};
  }
  if (maps) fclose(maps);
  return count;
}

static void send_junk(int fd, bool packets) {
  char bytes[512], control[CMSG_SPACE(4 * sizeof(int))] = {0};
  size_t size = (size_t)rand() % sizeof(bytes);
  for (size_t i = 0; i < size; i++)
    bytes[i] = (char)rand();
  if (packets && size > 8 && rand() % 2) {
    // A frame that is nearly right.
    uint32_t num_bytes = (uint32_t)size - 8;
    bytes[0] = (char)(0x4a + rand() % 7);
    memset(bytes + 1, 0, 3);
    memcpy(bytes + 4, &num_bytes, 4);
  }
  struct iovec iov = {bytes, size};
  struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
  int num_fds = rand() % 4 ? 0 : 1 + rand() % 4;
  if (packets && num_fds) {
    int fds[4] = {fd, 0, 1, fd};
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE((size_t)num_fds * sizeof(int));
    *CMSG_FIRSTHDR(&message) = (struct cmsghdr){.cmsg_len = CMSG_LEN((size_t)num_fds * sizeof(int)),
                                                .cmsg_level = SOL_SOCKET,
                                                .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), fds, (size_t)num_fds * sizeof(int));
  }
  (void)sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void hostile_send(bool harshly) {
  for (int fd = 3; fd < 64; fd++) {
    int type = 0;
    socklen_t size = sizeof(type);
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0) continue;
    if (rand() % 3 == 0) continue;
    if (type == SOCK_STREAM) {
      for (int i = 0; i < 50; i++)
        (void)send(fd, "rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr", 32, MSG_DONTWAIT | MSG_NOSIGNAL);
    } else if (harshly) {
      send_junk(fd, true);
    }
    if (harshly && rand() % 4000 == 0) shutdown(fd, rand() % 3);
  }
}

// Changes words: near the start, where indexes and flags are, by a little or altogether; and the rest.
void hostile_scribble(const struct region* region) {
  size_t word = rand() % 4 ? (size_t)rand() % 192 % region->count : (size_t)rand() % region->count;
  volatile uint32_t* at = &region->words[word];
  *at = rand() % 3 == 0 ? (uint32_t)rand()
        : rand() % 2    ? *at + (uint32_t)(rand() % 5) - 2
                        : *at ^ 1u << rand() % 32;
}

// Every call there is, on each object, with a deadline where it may wait.
void hostile_use(const zx_handle_t* mine, zx_handle_t port) {
  static char bytes[65536];
  zx_handle_t handles[64];
  uint32_t num_bytes, num_handles = 0;
  zx_signals_t observed;
  zx_port_packet_t packet;
  zx_info_socket_t info;
  size_t threshold = (size_t)rand() % 300000;
  zx_handle_t event = ZX_HANDLE_INVALID;
  if (rand() % 4 == 0) zx_event_create(0, &event);
  (void)zx_channel_write(mine[CHANNEL], 0, bytes, (uint32_t)rand() % 3000, &event, event ? 1 : 0);
  if (zx_channel_read(mine[CHANNEL], rand() % 2, bytes, handles, (uint32_t)rand() % 65536, 64, NULL,
                      &num_handles) == ZX_OK)
    zx_handle_close_many(handles, num_handles);
  zx_channel_call_args_t args = {.wr_bytes = bytes,
                                 .wr_num_bytes = 16,
                                 .rd_bytes = bytes,
                                 .rd_num_bytes = sizeof(bytes),
                                 .rd_handles = handles,
                                 .rd_num_handles = 64};
  if (rand() % 8 == 0 && zx_channel_call(mine[CHANNEL], 0, zx_deadline_after(ZX_USEC(rand() % 500)), &args,
                                         &num_bytes, &num_handles) == ZX_OK)
    zx_handle_close_many(handles, num_handles);
  (void)zx_fifo_write(mine[FIFO], 8, bytes, (size_t)rand() % 70 + 1, NULL);
  (void)zx_fifo_read(mine[FIFO], 8, bytes, (size_t)rand() % 70 + 1, NULL);
  for (int i = SOCKET; i <= DATAGRAM; i += DATAGRAM - SOCKET) {
    (void)zx_socket_write(mine[i], 0, bytes, (size_t)rand() % 5000, NULL);
    (void)zx_socket_read(mine[i], rand() % 2 ? ZX_SOCKET_PEEK : 0, bytes, (size_t)rand() % 5000, NULL);
    (void)zx_socket_set_disposition(mine[i], (uint32_t)rand() % 3, (uint32_t)rand() % 3);
    (void)zx_object_set_property(mine[i],
                                 rand() % 2 ? ZX_PROP_SOCKET_RX_THRESHOLD : ZX_PROP_SOCKET_TX_THRESHOLD,
                                 &threshold, sizeof(threshold));
    (void)zx_object_get_info(mine[i], ZX_INFO_SOCKET, &info, sizeof(info), NULL, NULL);
  }
  for (int i = 0; i < OBJECTS; i++) {
    (void)zx_object_signal_peer(mine[i], 0, ZX_USER_SIGNAL_0);
    (void)zx_object_signal(mine[i], ZX_USER_SIGNAL_ALL, 0);
    (void)zx_object_wait_one(mine[i], 1u << rand() % 32, rand() % 2 ? 0 : zx_deadline_after(ZX_USEC(50)),
                             &observed);
    (void)zx_object_wait_async(mine[i], port, (uint64_t)i, 1u << rand() % 32, (uint32_t)rand() % 4);
  }
  for (int i = 0; i < 10; i++)
    (void)zx_port_wait(port, rand() % 2 ? 0 : zx_deadline_after(ZX_USEC(50)), &packet);
  for (int i = 0; i < OBJECTS; i++)
    (void)zx_port_cancel(port, mine[i], (uint64_t)i);
}
