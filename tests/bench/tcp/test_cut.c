// The cutting of frames that the relay does: what comes out must be what a wire would have carried.
#include "cut.h"

#include <string.h>

#include "jx_test.h"

enum { SEGMENT = 1000, PAYLOAD = 3500, HEAD = 14 + 20 + 32 };

static uint8_t frame[VNET_HEADER + HEAD + PAYLOAD];

static uint16_t at16(const uint8_t* p) {
  return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t sum16(const uint8_t* p, size_t length) {
  uint32_t sum = 0;
  for (size_t i = 0; i < length; i += 2)
    sum += at16(p + i);
  while (sum >> 16)
    sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

// A super-frame of four packets: 1000, 1000, 1000 and 500 bytes from sequence number 0xfffffe00 on.
static void build(uint8_t flags) {
  struct virtio_net_hdr vnet = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                                .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
                                .gso_size = SEGMENT,
                                .hdr_len = HEAD,
                                .csum_start = 34,
                                .csum_offset = 16};
  memset(frame, 0, sizeof(frame));
  memcpy(frame, &vnet, sizeof(vnet));
  uint8_t *ip = frame + VNET_HEADER + 14, *tcp = ip + 20;
  const uint8_t addresses[8] = {10, 0, 9, 1, 10, 0, 9, 2};
  ip[0] = 0x45;
  ip[5] = 7;  // identification
  ip[9] = 6;
  memcpy(ip + 12, addresses, 8);
  memcpy(tcp + 4, "\xff\xff\xfe\x00", 4);
  tcp[12] = 8 << 4;
  tcp[13] = flags;
  for (size_t i = 0; i < PAYLOAD; i++)
    frame[VNET_HEADER + HEAD + i] = (uint8_t)(i * 7 >> 2);
}

START_TEST(a_plain_frame_is_one_packet) {
  cut_frame_t cut;
  const uint8_t* payload;
  size_t length;
  uint8_t head[CUT_HEAD_MAX];
  memset(frame, 0, sizeof(frame));
  ck_assert(cut_open(frame, 100, &cut));
  ck_assert_uint_eq(cut.count, 1);
  ck_assert_uint_eq(cut_packet_length(&cut, 0), 100 - VNET_HEADER);
  ck_assert_uint_eq(cut_packets(&cut, 0, 1, head, &payload, &length), 0);
  ck_assert_ptr_eq(payload, frame);
  ck_assert_uint_eq(length, 100);
}
END_TEST

START_TEST(each_run_has_headers_of_its_own) {
  static const struct {
    size_t first, count, payload;
    uint8_t flags;  // of FIN, PSH, ACK and CWR
  } runs[] = {{0, 4, 3500, 0x99}, {0, 1, 1000, 0x90}, {0, 3, 3000, 0x90},
              {1, 2, 2000, 0x10}, {3, 1, 500, 0x19},  {2, 2, 1500, 0x19}};
  cut_frame_t cut;
  build(0x99);
  ck_assert(cut_open(frame, sizeof(frame), &cut));
  ck_assert_uint_eq(cut.count, 4);
  ck_assert_uint_eq(cut_packet_length(&cut, 0), HEAD + 1000);
  ck_assert_uint_eq(cut_packet_length(&cut, 3), HEAD + 500);
  for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
    uint8_t head[CUT_HEAD_MAX];
    const uint8_t* payload;
    size_t length;
    struct virtio_net_hdr vnet;
    ck_assert_uint_eq(cut_packets(&cut, runs[i].first, runs[i].count, head, &payload, &length),
                      VNET_HEADER + HEAD);
    memcpy(&vnet, head, sizeof(vnet));
    ck_assert_uint_eq(vnet.gso_type, runs[i].count > 1 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_NONE);
    ck_assert_uint_eq(vnet.gso_size, runs[i].count > 1 ? SEGMENT : 0);
    ck_assert_uint_eq(vnet.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
    ck_assert_ptr_eq(payload, frame + VNET_HEADER + HEAD + runs[i].first * SEGMENT);
    ck_assert_uint_eq(length, runs[i].payload);
    const uint8_t *ip = head + VNET_HEADER + 14, *tcp = ip + 20;
    ck_assert_uint_eq(at16(ip + 2), 20 + 32 + runs[i].payload);
    ck_assert_uint_eq(at16(ip + 4), 7 + runs[i].first);
    ck_assert_uint_eq(sum16(ip, 20), 0xffff);
    uint32_t seq = (uint32_t)at16(tcp + 4) << 16 | at16(tcp + 6);
    ck_assert_uint_eq(seq, 0xfffffe00u + (uint32_t)(runs[i].first * SEGMENT));
    ck_assert_uint_eq(tcp[13], runs[i].flags);
    uint32_t pseudo = sum16(ip + 12, 8) + 6 + 32 + (uint32_t)runs[i].payload;
    ck_assert_uint_eq(at16(tcp + 16), (pseudo & 0xffff) + (pseudo >> 16));
  }
}
END_TEST

START_TEST(what_is_no_such_frame_is_refused) {
  cut_frame_t cut;
  build(0x10);
  ck_assert(!cut_open(frame, VNET_HEADER + 13, &cut));
  ck_assert(!cut_open(frame, VNET_HEADER + HEAD, &cut));  // no payload to cut
  ck_assert(!cut_open(frame, VNET_HEADER + HEAD - 1, &cut));
  frame[VNET_HEADER + 14] = 0x4f;  // an IP header beyond what is there
  ck_assert(!cut_open(frame, VNET_HEADER + 14 + 61, &cut));
  build(0x10);
  frame[1] = VIRTIO_NET_HDR_GSO_UDP;
  ck_assert(!cut_open(frame, sizeof(frame), &cut));
  build(0x10);
  memset(frame + 4, 0, 2);  // segments of nothing
  ck_assert(!cut_open(frame, sizeof(frame), &cut));
}
END_TEST

int main(void) {
  Suite* suite = suite_create("cut");
  TCase* tc = jx_test_case(suite, "cut");
  tcase_add_test(tc, a_plain_frame_is_one_packet);
  tcase_add_test(tc, each_run_has_headers_of_its_own);
  tcase_add_test(tc, what_is_no_such_frame_is_refused);
  return jx_test_run(suite);
}
