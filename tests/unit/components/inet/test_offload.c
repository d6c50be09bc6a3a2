// What a header before a frame may say, and frames split in software, each segment looked at as a receiver
// would.
#include <inet/bytes.h>
#include <inet/offload.h>
#include <jx_test.h>
#include <stdlib.h>
#include <string.h>

enum { ETHERNET = 14, IP4 = 20, IP6 = 40, TCP = 32, UDP = 8 };  // TCP with timestamps

typedef struct header_case {
  offload_header_t header;
  uint32_t offloads;
  size_t length;
  bool valid;
} header_case_t;

#define RUN(flag_bits, type, size) \
  { .flags = flag_bits, .gso_type = type, .gso_size = size, .checksum_start = 34, .checksum_offset = 16 }

static const header_case_t header_cases[] = {
    {{0}, 0, 60, true},
    {{0}, OFFLOAD_ALL, 0, true},
    {{.header_length = UINT16_MAX, .gso_size = UINT16_MAX, .checksum_start = UINT16_MAX}, 0, 60, true},
    {{.flags = 2}, 0, 60, true},
    {{.flags = 4}, OFFLOAD_ALL, 60, false},
    {{.flags = 0x80}, OFFLOAD_ALL, 60, false},
    {{.flags = 1, .checksum_start = 34, .checksum_offset = 6}, OFFLOAD_CHECKSUM, 60, true},
    {{.flags = 1, .checksum_start = 34, .checksum_offset = 6}, OFFLOAD_TSO | OFFLOAD_USO, 60, false},
    {{.flags = 1, .checksum_start = 14, .checksum_offset = 44}, OFFLOAD_CHECKSUM, 60, true},
    {{.flags = 1, .checksum_start = 14, .checksum_offset = 45}, OFFLOAD_CHECKSUM, 60, false},
    {{.flags = 1, .checksum_start = 13, .checksum_offset = 0}, OFFLOAD_CHECKSUM, 60, false},
    {{.flags = 1, .checksum_start = 59, .checksum_offset = 0}, OFFLOAD_CHECKSUM, 60, false},
    {{.flags = 1, .checksum_start = UINT16_MAX, .checksum_offset = UINT16_MAX}, OFFLOAD_CHECKSUM, 60, false},
    {{.flags = 1, .checksum_start = 40, .checksum_offset = UINT16_MAX - 39}, OFFLOAD_CHECKSUM, 60, false},
    {RUN(1, 1, 1448), OFFLOAD_ALL, 60000, true},
    {RUN(1, 1, 1448), OFFLOAD_CHECKSUM | OFFLOAD_USO, 60000, false},
    {RUN(1, 4, 1448), OFFLOAD_ALL, 60000, true},
    {RUN(1, 5, 1448), OFFLOAD_ALL, 60000, true},
    {RUN(1, 5, 1448), OFFLOAD_CHECKSUM | OFFLOAD_TSO, 60000, false},
    {RUN(1, 2, 1448), OFFLOAD_ALL, 60000, false},
    {RUN(1, 3, 1448), OFFLOAD_ALL, 60000, false},
    {RUN(1, 0x81, 1448), OFFLOAD_ALL, 60000, false},
    {RUN(1, 1, 0), OFFLOAD_ALL, 60000, false},
    {RUN(1, 1, 1), OFFLOAD_ALL, 60000, false},  // 60,000 segments
    {RUN(1, 1, 1), OFFLOAD_ALL, 2000, true},
    {RUN(0, 1, 1448), OFFLOAD_ALL, 60000, false},  // who would know the checksum?
    {RUN(2, 1, 1448), OFFLOAD_ALL, 60000, true},
    {RUN(1, 1, 1448), OFFLOAD_ALL, 51, false},  // no room for the checksum
};

START_TEST(header_may_say_what_was_agreed_on_and_fits_the_frame) {
  const header_case_t* one = &header_cases[_i];
  ck_assert_int_eq(offload_header_valid(&one->header, one->offloads, one->length), one->valid);
}
END_TEST

// Frames

static uint32_t naive_sum(uint32_t sum, const uint8_t* bytes, size_t length) {
  for (size_t i = 0; i < length; i++)
    sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
  while (sum >> 16)
    sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

typedef struct sample {
  uint8_t bytes[UINT16_MAX];
  size_t length;
  size_t headers;
  bool v4, tcp;
  offload_header_t header;
} sample_t;

static void put_ip(sample_t* sample, size_t transport_length) {
  uint8_t* ip = sample->bytes + ETHERNET;
  be16_put(sample->bytes + 12, sample->v4 ? 0x0800 : 0x86dd);
  uint8_t protocol = sample->tcp ? 6 : 17;
  if (sample->v4) {
    ip[0] = 0x45;
    be16_put(ip + 2, (uint32_t)(IP4 + transport_length));
    be16_put(ip + 4, 0xfffe);
    be16_put(ip + 6, 0x4000);
    ip[8] = 64;
    ip[9] = protocol;
  } else {
    be32_put(ip, 6u << 28);
    be16_put(ip + 4, (uint32_t)transport_length);
    ip[6] = protocol;
    ip[7] = 64;
  }
  for (size_t i = 0; i < (sample->v4 ? 8u : 32u); i++)
    ip[(sample->v4 ? 12 : 8) + i] = (uint8_t)(i * 7 + 1);
}

// A run of `payload` bytes in segments of `step`.
static void make(sample_t* sample, bool v4, bool tcp, size_t payload, uint16_t step) {
  memset(sample, 0, sizeof(*sample));
  sample->v4 = v4;
  sample->tcp = tcp;
  size_t network = v4 ? IP4 : IP6, transport = tcp ? TCP : UDP;
  sample->headers = ETHERNET + network + transport;
  sample->length = sample->headers + payload;
  put_ip(sample, transport + payload);
  uint8_t* h = sample->bytes + ETHERNET + network;
  be16_put(h, 4000);
  be16_put(h + 2, 80);
  if (tcp) {
    be32_put(h + 4, UINT32_MAX - 1000);
    h[12] = TCP / 4 << 4;
    h[13] = 0x80 | 0x10 | 0x08 | 0x01;  // CWR, ACK, PSH, FIN
  } else {
    be16_put(h + 4, (uint32_t)(UDP + payload));
  }
  for (size_t i = 0; i < payload; i++)
    sample->bytes[sample->headers + i] = (uint8_t)(i * 31 + (i >> 8));
  sample->header = (offload_header_t){.flags = OFFLOAD_NEEDS_CHECKSUM,
                                      .gso_type = !tcp ? OFFLOAD_GSO_UDP
                                                  : v4 ? OFFLOAD_GSO_TCPV4
                                                       : OFFLOAD_GSO_TCPV6,
                                      .gso_size = step,
                                      .checksum_start = (uint16_t)(ETHERNET + network),
                                      .checksum_offset = tcp ? 16 : 6};
}

// As a receiver does: lengths and both checksums.
static void expect_sound(const sample_t* sample, const uint8_t* frame, size_t length) {
  const uint8_t* ip = frame + ETHERNET;
  size_t network = sample->v4 ? IP4 : IP6, transport = length - ETHERNET - network;
  if (sample->v4) {
    ck_assert_uint_eq(be16_get(ip + 2), length - ETHERNET);
    ck_assert_uint_eq(naive_sum(0, ip, IP4), 0xffff);
  } else {
    ck_assert_uint_eq(be16_get(ip + 4), transport);
  }
  if (!sample->tcp) ck_assert_uint_eq(be16_get(ip + network + 4), transport);
  uint32_t sum = (uint32_t)transport + (sample->tcp ? 6 : 17);
  sum = naive_sum(sum, sample->v4 ? ip + 12 : ip + 8, sample->v4 ? 8 : 32);
  ck_assert_uint_eq(naive_sum(sum, ip + network, transport), 0xffff);
}

static void expect_flags(const uint8_t* tcp, uint32_t index, uint32_t count) {
  ck_assert_int_eq((tcp[13] & 0x80) != 0, index == 0);               // CWR
  ck_assert_uint_eq(tcp[13] & 0x09, index + 1 == count ? 0x09 : 0);  // PSH and FIN
  ck_assert_uint_eq(tcp[13] & 0x10, 0x10);
}

// Splits it and puts the payload together again.
static void expect_split(const sample_t* sample, const struct iovec* iov, size_t iov_count) {
  static uint8_t out[UINT16_MAX], payload[UINT16_MAX];
  offload_split_t split;
  ck_assert(offload_header_valid(&sample->header, OFFLOAD_ALL, sample->length));
  ck_assert(offload_split_begin(&split, &sample->header, iov, iov_count, sample->length));
  uint32_t count = split.count;
  size_t most = offload_split_bytes_max(&split), got = 0, bytes;
  ck_assert_uint_eq(most, sample->headers + sample->header.gso_size);
  for (uint32_t i = 0; (bytes = offload_split_next(&split, out)) > 0; i++) {
    ck_assert_uint_le(bytes, most);
    expect_sound(sample, out, bytes);
    const uint8_t* transport = out + ETHERNET + (sample->v4 ? IP4 : IP6);
    if (sample->v4) ck_assert_uint_eq(be16_get(out + ETHERNET + 4), (uint16_t)(0xfffe + i));
    if (sample->tcp) {
      ck_assert_uint_eq(be32_get(transport + 4), (uint32_t)(UINT32_MAX - 1000 + got));
      expect_flags(transport, i, count);
    }
    memcpy(payload + got, out + sample->headers, bytes - sample->headers);
    got += bytes - sample->headers;
  }
  ck_assert_uint_eq(got, sample->length - sample->headers);
  ck_assert_mem_eq(payload, sample->bytes + sample->headers, got);
}

static sample_t sample;

START_TEST(run_of_segments_becomes_frames_that_a_receiver_accepts) {
  static const size_t payloads[] = {1449, 2896, 2897, 60000, 65000};
  make(&sample, _i & 1, _i & 2, payloads[_i / 4], 1448);
  const struct iovec iov = {sample.bytes, sample.length};
  expect_split(&sample, &iov, 1);
}
END_TEST

START_TEST(pieces_of_any_length_are_gathered) {
  make(&sample, _i & 1, _i & 2, 10000, 999);
  srand((unsigned)_i);
  struct iovec iov[12000];
  size_t count = 0;
  for (size_t at = 0; at < sample.length;) {
    size_t length = (size_t)rand() % 7;
    if (length > sample.length - at) length = sample.length - at;
    iov[count++] = (struct iovec){sample.bytes + at, length};
    at += length;
  }
  expect_split(&sample, iov, count);
}
END_TEST

START_TEST(missing_checksum_of_a_whole_frame_is_made) {
  static uint8_t out[UINT16_MAX];
  make(&sample, _i & 1, _i & 2, 77, 0);
  sample.header.gso_type = OFFLOAD_GSO_NONE;
  // What stands in the field is the pseudo-header's sum.
  const uint8_t* ip = sample.bytes + ETHERNET;
  uint32_t sum = (uint32_t)(sample.length - sample.header.checksum_start) + (sample.tcp ? 6 : 17);
  sum = naive_sum(sum, sample.v4 ? ip + 12 : ip + 8, sample.v4 ? 8 : 32);
  be16_put(sample.bytes + sample.header.checksum_start + sample.header.checksum_offset, sum);
  if (sample.v4) be16_put(sample.bytes + ETHERNET + 10, 0xffff & ~naive_sum(0, ip, IP4));
  const struct iovec iov = {sample.bytes, sample.length};
  offload_split_t split;
  ck_assert(offload_split_begin(&split, &sample.header, &iov, 1, sample.length));
  ck_assert_uint_eq(offload_split_bytes_max(&split), sample.length);
  ck_assert_uint_eq(offload_split_next(&split, out), sample.length);
  expect_sound(&sample, out, sample.length);
  ck_assert_uint_eq(offload_split_next(&split, out), 0);
}
END_TEST

START_TEST(checksum_that_comes_out_as_none_is_sent_in_its_other_form) {
  uint8_t frame[60] = {0}, out[60];
  const offload_header_t header = {.flags = 1, .checksum_start = 34, .checksum_offset = 6};
  be16_put(frame + 40, 0xffff);
  const struct iovec iov = {frame, sizeof(frame)};
  offload_split_t split;
  ck_assert(offload_split_begin(&split, &header, &iov, 1, sizeof(frame)));
  offload_split_next(&split, out);
  ck_assert_uint_eq(be16_get(out + 40), 0xffff);
}
END_TEST

// Each makes a good run of segments one that is not what its header says.
typedef struct lie {
  size_t at;
  uint8_t byte;
} lie_t;

static const lie_t lies[] = {
    {12, 0x81},             // a VLAN tag
    {13, 0xdd},             // another family
    {ETHERNET, 0x65},       // another version
    {ETHERNET, 0x44},       // a header that is too short
    {ETHERNET, 0x4f},       // options that swallow the transport's header
    {ETHERNET + 6, 0x20},   // a fragment
    {ETHERNET + 7, 1},      // one further on
    {ETHERNET + 9, 17},     // another transport
    {ETHERNET + 9, 1},      // none that has segments
    {ETHERNET + 32, 0x40},  // a TCP header that is too short
};

START_TEST(frame_that_is_not_what_its_header_says_is_refused) {
  make(&sample, true, true, 5000, 1448);
  sample.bytes[lies[_i].at] = lies[_i].byte;
  struct iovec iov = {sample.bytes, sample.length};
  if (lies[_i].byte == 0x4f) iov.iov_len = 34 + 41;  // what is left of it has no room for both
  offload_split_t split;
  ck_assert(!offload_split_begin(&split, &sample.header, &iov, 1, iov.iov_len));
}
END_TEST

START_TEST(frame_cut_within_its_headers_is_refused) {
  for (int kind = 0; kind < 4; kind++) {
    make(&sample, kind & 1, kind & 2, 5000, 1448);
    for (size_t length = 0; length <= sample.headers; length++) {
      const struct iovec iov = {sample.bytes, length};
      offload_split_t split;
      ck_assert(!offload_split_begin(&split, &sample.header, &iov, 1, length));
    }
  }
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void) {
  Suite* suite = suite_create("offload");
  TCase* tc = jx_test_case(suite, "offload");
  tcase_add_loop_test(tc, header_may_say_what_was_agreed_on_and_fits_the_frame, 0, COUNT(header_cases));
  tcase_add_loop_test(tc, run_of_segments_becomes_frames_that_a_receiver_accepts, 0, 20);
  tcase_add_loop_test(tc, pieces_of_any_length_are_gathered, 0, 8);
  tcase_add_loop_test(tc, missing_checksum_of_a_whole_frame_is_made, 0, 4);
  tcase_add_test(tc, checksum_that_comes_out_as_none_is_sent_in_its_other_form);
  tcase_add_loop_test(tc, frame_that_is_not_what_its_header_says_is_refused, 0, COUNT(lies));
  tcase_add_test(tc, frame_cut_within_its_headers_is_refused);
  return jx_test_run(suite);
}
