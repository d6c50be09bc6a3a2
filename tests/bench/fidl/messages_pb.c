#include "bench.pb-c.h"
#include "messages.h"

static Pb__Small small;
static uint8_t payload[PAYLOAD_BYTES];
static uint8_t address[4] = {10, 0, 2, 2};
static Pb__Ipv4 ipv4;
static Pb__Control control;
static Pb__SendMsg send_msg;
static Pb__Ten ten;
static Pb__Entry entry[NUM_ENTRIES];
static Pb__Entry* entry_pointers[NUM_ENTRIES];
static Pb__Entries entries;
static Pb__Node nodes[2 << TREE_DEPTH];
static Pb__Pair pairs[1 << TREE_DEPTH];
static Pb__Tree tree;

static void fill_small(void) {
  pb__small__init(&small);
  small.id = 1;
  small.offset = 4096;
  small.length = 1500;
  small.flags = 3;
  small.time = 123456789;
  small.kind = 7;
  small.urgent = 1;
  small.deadline = 987654321;
  small.cookie = 0x1122334455667788;
  small.checksum = 0xdeadbeef;
}

static void fill_send_msg(void) {
  pb__ipv4__init(&ipv4);
  pb__control__init(&control);
  pb__send_msg__init(&send_msg);
  for (int i = 0; i < PAYLOAD_BYTES; i++)
    payload[i] = (uint8_t)i;
  ipv4.address.len = 4;
  ipv4.address.data = address;
  ipv4.port = 53;
  control.has_ttl = 1;
  control.ttl = 64;
  send_msg.addr_case = PB__SEND_MSG__ADDR_IPV4;
  send_msg.ipv4 = &ipv4;
  send_msg.data.len = PAYLOAD_BYTES;
  send_msg.data.data = payload;
  send_msg.control = &control;
}

static void fill_ten(void) {
  pb__ten__init(&ten);
  ten.has_a = ten.has_b = ten.has_d = ten.has_e = ten.has_f = ten.has_g = ten.has_h = ten.has_i = ten.has_j =
      1;
  ten.a = 1;
  ten.b = 2;
  ten.c = (char*)(uintptr_t) "a name of some length";
  ten.d = 1;
  ten.e = -5;
  ten.f = 6.5;
  ten.g.len = 32;
  ten.g.data = payload;
  ten.h = 8;
  ten.i = -9;
  ten.j = 10;
}

static void fill_entries(void) {
  pb__entries__init(&entries);
  for (int i = 0; i < NUM_ENTRIES; i++) {
    pb__entry__init(&entry[i]);
    entry[i].id = (uint64_t)i;
    entry[i].length = 1500;
    entry[i].kind = (uint32_t)(i & 7);
    entry[i].valid = i % 3 == 0;
    entry[i].time = i * 1000;
    entry_pointers[i] = &entry[i];
  }
  entries.n_entries = NUM_ENTRIES;
  entries.entries = entry_pointers;
}

static void fill_tree(void) {
  for (int i = 1; i < 2 << TREE_DEPTH; i++) {
    pb__node__init(&nodes[i]);
    if (i >= 1 << TREE_DEPTH) {
      nodes[i].value_case = PB__NODE__VALUE_LEAF;
      nodes[i].leaf = (uint64_t)(i - (1 << TREE_DEPTH));
      continue;
    }
    pb__pair__init(&pairs[i]);
    pairs[i].left = &nodes[2 * i];
    pairs[i].right = &nodes[2 * i + 1];
    nodes[i].value_case = PB__NODE__VALUE_PAIR;
    nodes[i].pair = &pairs[i];
  }
  pb__tree__init(&tree);
  tree.root = &nodes[1];
}

void messages_pb(message_t* messages) {
  fill_small();
  fill_send_msg();
  fill_ten();
  fill_entries();
  fill_tree();
  ProtobufCMessage* all[NUM_MESSAGES] = {&small.base, &send_msg.base, &ten.base, &entries.base, &tree.base};
  for (int i = 0; i < NUM_MESSAGES; i++) {
    messages[i].descriptor = all[i]->descriptor;
    messages[i].pb = all[i];
  }
}
