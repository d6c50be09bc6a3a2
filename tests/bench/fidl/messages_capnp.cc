#include "messages_capnp.h"

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <string.h>

#include "bench.capnp.h"
#include "sizes.h"

namespace {

using namespace bench_capnp;

uint8_t payload[PAYLOAD_BYTES];
const uint8_t address[4] = {10, 0, 2, 2};
const bool filled = [] {
  for (int i = 0; i < PAYLOAD_BYTES; i++)
    payload[i] = (uint8_t)i;
  return true;
}();

void build_small(capnp::MessageBuilder& builder) {
  auto small = builder.initRoot<Small>();
  small.setId(1);
  small.setOffset(4096);
  small.setLength(1500);
  small.setFlags(3);
  small.setTime(123456789);
  small.setKind(7);
  small.setUrgent(true);
  small.setDeadline(987654321);
  small.setCookie(0x1122334455667788);
  small.setChecksum(0xdeadbeef);
}

uint64_t read_small(capnp::MessageReader& reader) {
  auto small = reader.getRoot<Small>();
  return small.getId() + small.getOffset() + small.getLength() + small.getFlags() +
         (uint64_t)small.getTime() + small.getKind() + small.getUrgent() + (uint64_t)small.getDeadline() +
         small.getCookie() + small.getChecksum();
}

void build_send_msg(capnp::MessageBuilder& builder) {
  auto send = builder.initRoot<SendMsg>();
  auto ipv4 = send.getAddr().initIpv4();
  ipv4.setAddress(kj::arrayPtr(address, sizeof(address)));
  ipv4.setPort(53);
  send.setData(kj::arrayPtr(payload, PAYLOAD_BYTES));
  send.initControl().setTtl(64);
}

uint64_t read_send_msg(capnp::MessageReader& reader) {
  auto send = reader.getRoot<SendMsg>();
  uint64_t sum =
      send.getFlags() + send.getData().size() + send.getControl().getTtl() + send.getControl().getHoplimit();
  auto addr = send.getAddr();
  if (addr.isIpv4()) sum += addr.getIpv4().getAddress().size() + addr.getIpv4().getPort();
  return sum;
}

void build_ten(capnp::MessageBuilder& builder) {
  auto ten = builder.initRoot<Ten>();
  ten.setA(1);
  ten.setB(2);
  ten.setC("a name of some length");
  ten.setD(true);
  ten.setE(-5);
  ten.setF(6.5);
  ten.setG(kj::arrayPtr(payload, 32));
  ten.setH(8);
  ten.setI(-9);
  ten.setJ(10);
}

uint64_t read_ten(capnp::MessageReader& reader) {
  auto ten = reader.getRoot<Ten>();
  return ten.getA() + ten.getB() + ten.getC().size() + ten.getD() + (uint64_t)ten.getE() +
         (uint64_t)ten.getF() + ten.getG().size() + ten.getH() + (uint64_t)ten.getI() + ten.getJ();
}

void build_entries(capnp::MessageBuilder& builder) {
  auto entries = builder.initRoot<Entries>().initEntries(NUM_ENTRIES);
  for (unsigned i = 0; i < NUM_ENTRIES; i++) {
    auto entry = entries[i];
    entry.setId(i);
    entry.setLength(1500);
    entry.setKind((uint16_t)(i & 7));
    entry.setValid(i % 3 == 0);
    entry.setTime((int64_t)i * 1000);
  }
}

uint64_t read_entries(capnp::MessageReader& reader) {
  uint64_t sum = 0;
  for (auto entry : reader.getRoot<Entries>().getEntries())
    sum += entry.getId() + entry.getLength() + entry.getKind() + entry.getValid() + (uint64_t)entry.getTime();
  return sum;
}

void fill_node(Node::Builder node, unsigned index, int depth) {
  if (depth == 0) {
    node.setLeaf(index - (1u << TREE_DEPTH));
    return;
  }
  auto pair = node.initPair();
  fill_node(pair.initLeft(), 2 * index, depth - 1);
  fill_node(pair.initRight(), 2 * index + 1, depth - 1);
}

void build_tree(capnp::MessageBuilder& builder) {
  fill_node(builder.initRoot<Tree>().initRoot(), 1, TREE_DEPTH);
}

uint64_t read_node(Node::Reader node) {
  if (node.isLeaf()) return node.getLeaf();
  auto pair = node.getPair();
  return read_node(pair.getLeft()) + read_node(pair.getRight());
}

uint64_t read_tree(capnp::MessageReader& reader) {
  return read_node(reader.getRoot<Tree>().getRoot());
}

struct {
  void (*build)(capnp::MessageBuilder&);
  uint64_t (*read)(capnp::MessageReader&);
} const messages[NUM_MESSAGES] = {
    {build_small, read_small},     {build_send_msg, read_send_msg}, {build_ten, read_ten},
    {build_entries, read_entries}, {build_tree, read_tree},
};

kj::ArrayPtr<capnp::word> words_at(uint64_t* at, size_t words) {
  return kj::arrayPtr(reinterpret_cast<capnp::word*>(at), words);
}

}  // namespace

size_t messages_capnp_build(int message, uint64_t* scratch, size_t words) {
  capnp::MallocMessageBuilder builder(words_at(scratch, words));
  messages[message].build(builder);
  size_t size = 0;
  for (auto segment : builder.getSegmentsForOutput())
    size += segment.asBytes().size();
  return size;
}

size_t messages_capnp_flatten(int message, uint64_t* out, size_t words) {
  capnp::MallocMessageBuilder builder;
  messages[message].build(builder);
  auto flat = capnp::messageToFlatArray(builder);
  if (flat.size() > words) return 0;
  memcpy(out, flat.begin(), flat.asBytes().size());
  return flat.size();
}

uint64_t messages_capnp_read(int message, const uint64_t* flat, size_t words) {
  capnp::FlatArrayMessageReader reader(kj::arrayPtr(reinterpret_cast<const capnp::word*>(flat), words));
  return messages[message].read(reader);
}
