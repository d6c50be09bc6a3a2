// Captures: what is in the file, and what becomes of frames when nobody takes it.
#include <errno.h>
#include <fcntl.h>
#include <inet/capture.h>
#include <jx_test.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FILE_HEADER 24
#define PACKET_HEADER 16

static uint32_t number_at(const uint8_t* at) {
  uint32_t number;
  memcpy(&number, at, sizeof number);
  return number;
}

static void record(capture_t* capture, const char* first, const char* second) {
  struct iovec iov[2] = {{(void*)(uintptr_t)first, strlen(first)},
                         {(void*)(uintptr_t)second, strlen(second)}};
  capture_frame(capture, iov, 2, iov[0].iov_len + iov[1].iov_len);
}

static int temporary_file(void) {
  FILE* file = tmpfile();
  ck_assert_ptr_nonnull(file);
  int fd = dup(fileno(file));
  fclose(file);
  return fd;
}

START_TEST(frames_are_in_the_file_with_their_times) {
  int fd = temporary_file();
  uint8_t bytes[256];
  ck_assert(capture_begin(fd));
  time_t before = time(NULL);
  capture_t* capture = capture_create(fd);
  record(capture, "first ", "frame");
  capture_flush(capture);
  record(capture, "", "second");
  capture_destroy(capture);
  ssize_t size = pread(fd, bytes, sizeof bytes, 0);
  ck_assert_int_eq(size, FILE_HEADER + PACKET_HEADER + 11 + PACKET_HEADER + 6);
  ck_assert_uint_eq(number_at(bytes), 0xa1b23c4d);
  ck_assert_uint_eq(number_at(bytes + 4), 2 | 4 << 16);
  ck_assert_uint_eq(number_at(bytes + 20), 1);
  const uint8_t* packet = bytes + FILE_HEADER;
  ck_assert_int_ge((time_t)number_at(packet), before);
  ck_assert_int_le((time_t)number_at(packet), time(NULL));
  ck_assert_uint_lt(number_at(packet + 4), 1000000000);
  ck_assert_uint_eq(number_at(packet + 8), 11);
  ck_assert_uint_eq(number_at(packet + 12), 11);
  ck_assert_mem_eq(packet + PACKET_HEADER, "first frame", 11);
  ck_assert_mem_eq(packet + PACKET_HEADER + 11 + PACKET_HEADER, "second", 6);
  close(fd);
}
END_TEST

START_TEST(a_slow_reader_costs_whole_frames_and_nobody_waits) {
  enum { LENGTH = 60000, FRAMES = 100 };
  static char frame[LENGTH];
  int ends[2];
  memset(frame, 'x', sizeof frame);
  ck_assert_int_eq(pipe(ends), 0);
  capture_t* capture = capture_create(ends[1]);
  for (unsigned i = 0; i < FRAMES; i++) {
    capture_frame(capture, &(struct iovec){frame, LENGTH}, 1, LENGTH);
    capture_flush(capture);
  }
  uint64_t lost = capture_lost(capture);
  ck_assert_uint_gt(lost, 0);
  ck_assert_uint_lt(lost, FRAMES);
  ck_assert_int_eq(capture_error(capture), 0);
  // The reader gets going: what was kept is all there, and new frames find room.
  ck_assert_int_eq(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
  unsigned count = 0;
  uint8_t* rest = malloc(4 << 20);
  size_t have = 0;
  for (ssize_t got; (got = read(ends[0], rest + have, (4 << 20) - have)) > 0; have += (size_t)got)
    capture_flush(capture);
  capture_frame(capture, &(struct iovec){frame, LENGTH}, 1, LENGTH);
  ck_assert_uint_eq(capture_lost(capture), lost);
  for (size_t at = 0; at < have; at += PACKET_HEADER + LENGTH, count++) {
    ck_assert_uint_eq(number_at(rest + at + 8), LENGTH);
    ck_assert_mem_eq(rest + at + PACKET_HEADER, frame, LENGTH);
  }
  ck_assert_uint_eq(count, FRAMES - lost);
  free(rest);
  close(ends[0]);
  capture_flush(capture);
  ck_assert_int_eq(capture_error(capture), EPIPE);
  capture_destroy(capture);
  close(ends[1]);
}
END_TEST

START_TEST(a_full_disk_ends_the_capture) {
  int fd = open("/dev/full", O_WRONLY);
  ck_assert(!capture_begin(fd));
  ck_assert_int_eq(errno, ENOSPC);
  capture_t* capture = capture_create(fd);
  record(capture, "a", "b");
  capture_flush(capture);
  ck_assert_int_eq(capture_error(capture), ENOSPC);
  record(capture, "c", "d");
  ck_assert_uint_eq(capture_lost(capture), 1);
  capture_destroy(capture);
  close(fd);
}
END_TEST

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  Suite* suite = suite_create("capture");
  TCase* tc = jx_test_case(suite, "capture");
  tcase_add_test(tc, frames_are_in_the_file_with_their_times);
  tcase_add_test(tc, a_slow_reader_costs_whole_frames_and_nobody_waits);
  tcase_add_test(tc, a_full_disk_ends_the_capture);
  return jx_test_run(suite);
}
