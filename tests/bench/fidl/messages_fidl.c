#include <fidl/bench.messages.h>
#include <string.h>

#include "messages.h"

static bench_messages_Small small = {.id = 1,
                                     .offset = 4096,
                                     .length = 1500,
                                     .flags = 3,
                                     .time = 123456789,
                                     .kind = 7,
                                     .urgent = true,
                                     .deadline = 987654321,
                                     .cookie = 0x1122334455667788,
                                     .checksum = 0xdeadbeef};
static uint8_t payload[PAYLOAD_BYTES];
static bench_messages_Ipv4 ipv4 = {.address = {10, 0, 2, 2}, .port = 53};
static bench_messages_Control_frame_t control_frame;
static bench_messages_SendMsg send_msg;

static bench_messages_Ten ten;
static bench_messages_Ten_frame_t ten_frame;
static uint64_t ten_b = 2;
static double ten_f = 6.5;
static int64_t ten_i = -9;
static fidl_string_t ten_c;
static fidl_vector_uint8_t ten_g;

static bench_messages_Entry entry[NUM_ENTRIES];
static bench_messages_Entries entries = {.entries = {NUM_ENTRIES, entry}};

static bench_messages_Pair pairs[1 << TREE_DEPTH];
static uint64_t leaves[1 << TREE_DEPTH];
static bench_messages_Tree tree;

static bench_messages_Node node(int index, int depth) {
  if (depth == 0) return bench_messages_Node_with_leaf(&leaves[index - (1 << TREE_DEPTH)]);
  pairs[index].left = node(2 * index, depth - 1);
  pairs[index].right = node(2 * index + 1, depth - 1);
  return bench_messages_Node_with_pair(&pairs[index]);
}

static void fill_ten(void) {
  bench_messages_Ten_init(&ten, &ten_frame);
  ten_c = fidl_string("a name of some length");
  ten_g = fidl_bytes(payload, 32);
  bench_messages_Ten_set_a(&ten, 1);
  bench_messages_Ten_set_b(&ten, &ten_b);
  bench_messages_Ten_set_c(&ten, &ten_c);
  bench_messages_Ten_set_d(&ten, true);
  bench_messages_Ten_set_e(&ten, -5);
  bench_messages_Ten_set_f(&ten, &ten_f);
  bench_messages_Ten_set_g(&ten, &ten_g);
  bench_messages_Ten_set_h(&ten, 8);
  bench_messages_Ten_set_i(&ten, &ten_i);
  bench_messages_Ten_set_j(&ten, 10);
}

// The vector of structs as memcpy and a loop over the fields that can be wrong.
static bool entries_by_hand(void* to, const void* from) {
  memcpy(to, from, 16 + sizeof(entry));
  const bench_messages_Entry* copies = (const void*)((const uint8_t*)to + 16);
  const uint8_t* bytes = (const uint8_t*)copies;
  bool good = true;
  for (size_t i = 0; i < NUM_ENTRIES; i++, bytes += sizeof(*copies)) {
    if (bytes[offsetof(bench_messages_Entry, valid)] > 1) good = false;
    if (bytes[offsetof(bench_messages_Entry, valid) + 1] != 0) good = false;  // padding
  }
  return good;
}

void messages_fidl(message_t* messages) {
  for (int i = 0; i < PAYLOAD_BYTES; i++)
    payload[i] = (uint8_t)i;
  send_msg.addr = bench_messages_Address_with_ipv4(&ipv4);
  send_msg.data = fidl_bytes(payload, PAYLOAD_BYTES);
  bench_messages_Control_init(&send_msg.control, &control_frame);
  bench_messages_Control_set_ttl(&send_msg.control, 64);
  fill_ten();
  for (int i = 0; i < NUM_ENTRIES; i++)
    entry[i] = (bench_messages_Entry){
        .id = (uint64_t)i, .length = 1500, .kind = (uint16_t)(i & 7), .valid = i % 3 == 0, .time = i * 1000};
  for (int i = 0; i < 1 << TREE_DEPTH; i++)
    leaves[i] = (uint64_t)i;
  tree.root = node(1, TREE_DEPTH);
  static const struct {
    const char* name;
    const fidl_type_t* type;
    void* value;
    bool (*by_hand)(void* to, const void* from);
  } all[NUM_MESSAGES] = {
      {"request of 64 bytes", &bench_messages_Small_type_, &small, NULL},
      {"SendMsg with 1400 bytes", &bench_messages_SendMsg_type_, &send_msg, NULL},
      {"table of ten fields", &bench_messages_Ten_type_, &ten, NULL},
      {"vector of 1000 structs", &bench_messages_Entries_type_, &entries, entries_by_hand},
      {"tree of 127 unions", &bench_messages_Tree_type_, &tree, NULL},
  };
  for (int i = 0; i < NUM_MESSAGES; i++) {
    messages[i].name = all[i].name;
    messages[i].type = all[i].type;
    messages[i].value = all[i].value;
    messages[i].by_hand = all[i].by_hand;
  }
}
