// Channels that are busy enough to move to shared memory: nothing about them changes but the cost. What other
// processes have to do with it is test_channel_processes.c's.
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <zircon/linux.h>

#include "busy_channel.h"

START_TEST(a_busy_channel_moves_to_shared_memory) {
  exchange(20);
  ck_assert_int_eq(count_rings(NULL), 0);
  exchange(400);
  ck_assert_int_eq(count_rings(NULL), 2);
  ck_assert_uint_eq(state(ends[0]), ZX_CHANNEL_WRITABLE);
  int fd;
  ck_assert_int_eq(zx_linux_channel_to_fd(ends[0], &fd), ZX_ERR_BAD_STATE);
  ck_assert_uint_eq(state(ends[1]), ZX_CHANNEL_PEER_CLOSED);
}
END_TEST

START_TEST(a_channel_made_from_a_descriptor_stays_a_socket) {
  int fd;
  ck_assert_int_eq(zx_linux_channel_to_fd(ends[1], &fd), ZX_OK);
  ck_assert_int_eq(zx_linux_channel_from_fd(fd, &ends[1]), ZX_OK);
  exchange(400);
  ck_assert_int_eq(count_rings(NULL), 0);
  ck_assert_int_eq(zx_linux_channel_to_fd(ends[0], &fd), ZX_OK);
  close(fd);
}
END_TEST

START_TEST(large_messages_and_handles_pass_through_rings) {
  static char out[65536], in[65536];
  exchange(400);
  for (uint32_t size = 1; size <= 65536; size = size * 3 + 1) {
    zx_handle_t sent[3], got[64];
    uint32_t num_bytes, num_handles;
    for (int i = 0; i < 3; i++)
      ck_assert_int_eq(zx_event_create(0, &sent[i]), ZX_OK);
    for (uint32_t i = 0; i < size; i++)
      out[i] = (char)(rand() >> 8);
    ck_assert_int_eq(zx_channel_write(ends[0], 0, out, size, sent, 3), ZX_OK);
    ck_assert_int_eq(zx_channel_write(ends[0], 0, out, size, NULL, 0), ZX_OK);
    ck_assert_int_eq(zx_channel_read(ends[1], 0, in, got, size - 1, 64, &num_bytes, &num_handles),
                     ZX_ERR_BUFFER_TOO_SMALL);
    ck_assert(num_bytes == size && num_handles == 3);
    memset(in, 0, sizeof(in));
    ck_assert_int_eq(zx_channel_read(ends[1], 0, in, got, sizeof(in), 64, &num_bytes, &num_handles), ZX_OK);
    ck_assert(num_bytes == size && num_handles == 3 && memcmp(in, out, size) == 0);
    ck_assert_int_eq(zx_handle_close_many(got, 3), ZX_OK);
    ck_assert_int_eq(zx_channel_read(ends[1], 0, in, got, sizeof(in), 64, &num_bytes, &num_handles), ZX_OK);
    ck_assert(num_bytes == size && num_handles == 0 && memcmp(in, out, size) == 0);
  }
}
END_TEST

START_TEST(unread_messages_and_handles_survive_the_writer_and_die_with_the_reader) {
  zx_handle_t pair[2], more[2], got;
  exchange(400);
  ck_assert_int_eq(zx_channel_create(0, &pair[0], &pair[1]), ZX_OK);
  ck_assert_int_eq(zx_channel_create(0, &more[0], &more[1]), ZX_OK);
  ck_assert_int_eq(zx_channel_write(ends[0], 0, "a", 1, &pair[0], 1), ZX_OK);
  ck_assert_int_eq(zx_channel_write(ends[0], 0, "b", 1, &more[0], 1), ZX_OK);
  zx_handle_close(ends[0]);
  ck_assert_int_eq(zx_channel_write(ends[1], 0, "x", 1, NULL, 0), ZX_ERR_PEER_CLOSED);
  ck_assert_uint_eq(state(ends[1]), ZX_CHANNEL_READABLE | ZX_CHANNEL_PEER_CLOSED);
  char c;
  ck_assert_int_eq(zx_channel_read(ends[1], 0, &c, &got, 1, 1, NULL, NULL), ZX_OK);
  ck_assert_int_eq(c, 'a');
  ck_assert_uint_eq(state(pair[1]), ZX_CHANNEL_WRITABLE);
  zx_handle_close(got);
  zx_handle_close(ends[1]);
  ck_assert_uint_eq(state(pair[1]), ZX_CHANNEL_PEER_CLOSED);
  ck_assert_int_eq(zx_object_wait_one(more[1], ZX_CHANNEL_PEER_CLOSED, zx_deadline_after(ZX_SEC(60)), NULL),
                   ZX_OK);
  zx_handle_close(pair[1]);
  zx_handle_close(more[1]);
}
END_TEST

START_TEST(a_full_ring_says_should_wait_and_tells_of_room) {
  static char block[40000];
  exchange(400);
  int written = 0;
  while (zx_channel_write(ends[0], 0, block, sizeof(block), NULL, 0) == ZX_OK)
    written++;
  ck_assert_int_ge(written, 5);
  ck_assert_uint_eq(state(ends[0]), 0);
  while (zx_channel_read(ends[1], 0, block, NULL, sizeof(block), 0, NULL, NULL) == ZX_OK)
    written--;
  ck_assert_int_eq(written, 0);
  ck_assert_uint_eq(state(ends[0]), ZX_CHANNEL_WRITABLE);
}
END_TEST

START_TEST(user_signals_and_ports_work_with_rings) {
  zx_handle_t port;
  zx_port_packet_t packet;
  zx_signals_t observed;
  exchange(400);
  ck_assert_int_eq(zx_object_signal_peer(ends[0], 0, ZX_USER_SIGNAL_2), ZX_OK);
  ck_assert_int_eq(zx_object_wait_one(ends[1], ZX_USER_SIGNAL_2, zx_deadline_after(ZX_SEC(60)), &observed),
                   ZX_OK);
  ck_assert_int_eq(zx_port_create(0, &port), ZX_OK);
  for (int i = 0; i < 50; i++) {
    char c = 'x';
    ck_assert_int_eq(zx_object_wait_async(ends[1], port, 7, ZX_CHANNEL_READABLE, 0), ZX_OK);
    ck_assert_int_eq(zx_port_wait(port, 0, &packet), ZX_ERR_TIMED_OUT);
    ck_assert_int_eq(zx_channel_write(ends[0], 0, &c, 1, NULL, 0), ZX_OK);
    ck_assert_int_eq(zx_port_wait(port, zx_deadline_after(ZX_SEC(60)), &packet), ZX_OK);
    ck_assert_int_eq(zx_channel_read(ends[1], 0, &c, NULL, 1, 0, NULL, NULL), ZX_OK);
  }
  ck_assert_int_eq(zx_object_wait_async(ends[1], port, 8, ZX_CHANNEL_PEER_CLOSED, 0), ZX_OK);
  ck_assert_int_eq(zx_port_wait(port, 0, &packet), ZX_ERR_TIMED_OUT);
  zx_handle_close(ends[0]);
  ck_assert_int_eq(zx_port_wait(port, zx_deadline_after(ZX_SEC(60)), &packet), ZX_OK);
  ck_assert_uint_eq(packet.key, 8);
  zx_handle_close(port);
}
END_TEST

START_TEST(a_signal_first_in_the_ring_is_no_message) {
  exchange(400);
  ck_assert_int_eq(zx_object_signal_peer(ends[0], 0, ZX_USER_SIGNAL_6), ZX_OK);
  ck_assert_int_eq(zx_object_wait_one(ends[1], ZX_CHANNEL_READABLE, zx_deadline_after(ZX_MSEC(1)), NULL),
                   ZX_ERR_TIMED_OUT);
  for (int i = 0; i < 3000; i++)
    ck_assert_int_eq(
        zx_object_signal_peer(ends[0], i % 2 ? ZX_USER_SIGNAL_5 : 0, i % 2 ? 0 : ZX_USER_SIGNAL_5), ZX_OK);
  ck_assert_int_eq(zx_channel_write(ends[0], 0, "x", 1, NULL, 0), ZX_OK);
  zx_signals_t observed;
  char c;
  do {
    ck_assert_int_eq(
        zx_object_wait_one(ends[1], ZX_CHANNEL_READABLE, zx_deadline_after(ZX_SEC(60)), &observed), ZX_OK);
  } while (zx_channel_read(ends[1], 0, &c, NULL, 1, 0, NULL, NULL) == ZX_ERR_SHOULD_WAIT);
  ck_assert_int_eq(c, 'x');
  ck_assert_uint_eq(observed & ZX_USER_SIGNAL_6, ZX_USER_SIGNAL_6);
}
END_TEST

// With handles: after those are taken, who watches the channel is told what else there is, which leads to a
// look.
START_TEST(a_second_answer_to_a_call_leaves_nothing_behind) {
  const uint32_t txid = 0x80000000;  // of the first call
  zx_handle_t port, handle;
  exchange(400);
  ck_assert_int_eq(count_rings(NULL), 2);
  ck_assert_int_eq(zx_port_create(0, &port), ZX_OK);
  ck_assert_int_eq(zx_object_wait_async(ends[0], port, 1, ZX_CHANNEL_PEER_CLOSED, 0), ZX_OK);
  for (int i = 0; i < 2; i++) {
    ck_assert_int_eq(zx_event_create(0, &handle), ZX_OK);
    ck_assert_int_eq(zx_channel_write(ends[1], 0, &txid, sizeof(txid), &handle, 1), ZX_OK);
  }
  uint32_t request = 0, answer, num_bytes, num_handles;
  zx_channel_call_args_t args = {.wr_bytes = &request,
                                 .wr_num_bytes = sizeof(request),
                                 .rd_bytes = &answer,
                                 .rd_num_bytes = sizeof(answer),
                                 .rd_handles = &handle,
                                 .rd_num_handles = 1};
  ck_assert_int_eq(zx_channel_call(ends[0], 0, ZX_TIME_INFINITE, &args, &num_bytes, &num_handles), ZX_OK);
  ck_assert_uint_eq(answer, txid);
  ck_assert_uint_eq(num_handles, 1);
  zx_handle_close(handle);
  zx_handle_close(port);
}
END_TEST

START_TEST(a_scribbled_ring_is_a_closed_channel_at_worst) {
  static char buffer[65536];
  for (unsigned seed = 0; seed < 400; seed++) {
    void* memory = NULL;
    zx_handle_t got[64];
    srand(seed);
    do {
      exchange(seed ? 200 : 400);
    } while (count_rings(&memory) != 2);  // on a loaded machine that may not be busy enough
    uint32_t* words = memory;
    for (int i = 0; i < 60; i++) {
      zx_handle_t event = ZX_HANDLE_INVALID;
      if (rand() % 4 == 0) ck_assert_int_eq(zx_event_create(0, &event), ZX_OK);
      (void)zx_channel_write(ends[rand() % 2], 0, buffer, (uint32_t)rand() % (rand() % 2 ? 140 : 3000),
                             &event, event ? 1 : 0);
      // The sides' words, the indexes, and what has been written of the storage.
      size_t word = rand() % 3 ? (size_t)rand() % 128 : (size_t)rand() % (2 * 262144 / 4);
      words[word] = rand() % 2 ? (uint32_t)rand() : words[word] + (uint32_t)(rand() % 3) - 1;
      uint32_t count = 0;
      if (zx_channel_read(ends[rand() % 2], rand() % 2, buffer, got, (uint32_t)rand() % 4000, 64, NULL,
                          &count) == ZX_OK) {
        zx_handle_close_many(got, count);
      }
      state(ends[0]);
      state(ends[1]);
    }
    close_channel();
    make_channel();
  }
}
END_TEST

START_TEST(control_packets_out_of_place_close_the_channel) {
  for (int kind = 0x4c; kind < 0x56; kind++) {
    for (int with_fd = 0; with_fd < 2; with_fd++) {
      int fds[2];
      zx_handle_t h, carrier[2];
      ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
      ck_assert_int_eq(zx_linux_channel_from_fd(fds[0], &h), ZX_OK);
      // Through a channel, so that it is one that may have rings.
      ck_assert_int_eq(zx_channel_create(0, &carrier[0], &carrier[1]), ZX_OK);
      ck_assert_int_eq(zx_channel_write(carrier[0], 0, NULL, 0, &h, 1), ZX_OK);
      ck_assert_int_eq(zx_channel_read(carrier[1], 0, NULL, &h, 0, 1, NULL, NULL), ZX_OK);
      zx_handle_close_many(carrier, 2);
      unsigned char packet[8] = {(unsigned char)kind, (unsigned char)with_fd};
      char control[CMSG_SPACE(sizeof(int))] = {0};
      struct iovec iov = {packet, 8};
      struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
      if (with_fd) {
        message.msg_control = control;
        message.msg_controllen = sizeof(control);
        *CMSG_FIRSTHDR(&message) = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), &fds[1], sizeof(int));
        packet[0] = 0x4a;  // a message with an offer of memory that is a socket
      }
      ck_assert_int_eq(sendmsg(fds[1], &message, 0), 8);
      char c;
      zx_status_t status = zx_channel_read(h, 0, &c, NULL, 1, 0, NULL, NULL);
      ck_assert_int_eq(status, ZX_ERR_PEER_CLOSED);
      zx_handle_close(h);
      close(fds[1]);
    }
  }
}
END_TEST

int main(void) {
  Suite* suite = suite_create("channel_ring");
  TCase* tc = jx_test_case(suite, "channel_ring");
  tcase_set_timeout(tc, 180);
  tcase_add_checked_fixture(tc, make_channel, close_channel);
  tcase_add_test(tc, a_busy_channel_moves_to_shared_memory);
  tcase_add_test(tc, a_channel_made_from_a_descriptor_stays_a_socket);
  tcase_add_test(tc, large_messages_and_handles_pass_through_rings);
  tcase_add_test(tc, unread_messages_and_handles_survive_the_writer_and_die_with_the_reader);
  tcase_add_test(tc, a_full_ring_says_should_wait_and_tells_of_room);
  tcase_add_test(tc, user_signals_and_ports_work_with_rings);
  tcase_add_test(tc, a_signal_first_in_the_ring_is_no_message);
  tcase_add_test(tc, a_second_answer_to_a_call_leaves_nothing_behind);
  tcase_add_test(tc, a_scribbled_ring_is_a_closed_channel_at_worst);
  tcase_add_test(tc, control_packets_out_of_place_close_the_channel);
  return jx_test_run(suite);
}
