// Encoding and decoding against protobuf-c, on equivalent messages, in turns.
//
// What is measured: encoding as a call does it (header, scratch memory, large data by reference) and decoding
// in place; packing into a buffer and unpacking, without the freeing that follows. Decoding changes its
// message, so each round decodes a row of copies that were made before the clock started, and unpacks as
// often.
#include <lib/fidl/decoder.h>
#include <lib/fidl/encoder.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "messages.h"

#define ROUNDS 25
#define MAX_COPIES 256
#define COPIES_BYTES (16 * 1024)  // near, as a message that just came is
#define MIN_COPIES 8
#define BUFFER_BYTES 65536

static void* volatile sink;

static _Noreturn void fail(const message_t* message, const char* what) {
  fprintf(stderr, "bench_fidl: %s does not %s\n", message->name, what);
  exit(1);
}

static void* buffer(size_t size) {
  void* memory = aligned_alloc(64, (size + 63) / 64 * 64);
  if (!memory) exit(1);
  memset(memory, 0, size);
  return memory;
}

static double per_item(uint64_t begin, uint64_t end, unsigned count) {
  return (double)(end - begin) / count;
}

static double encode_fidl(const message_t* message, uint8_t* scratch, unsigned count) {
  fidl_message_header_t header = {.txid = 1};
  uint64_t begin = bench_now_ns();
  for (unsigned i = 0; i < count; i++) {
    fidl_encoder_t encoder;
    fidl_encoder_init(&encoder, scratch, BUFFER_BYTES, BUFFER_BYTES, true);
    encoder.next = fidl_encode_append(&encoder, encoder.next, &header, sizeof(header), 0);
    if (!fidl_encoder_add(&encoder, message->type, message->value)) fail(message, "encode");
    sink = encoder.next;
  }
  return per_item(begin, bench_now_ns(), count);
}

static double pack_pb(const message_t* message, uint8_t* out, unsigned count) {
  uint64_t begin = bench_now_ns();
  for (unsigned i = 0; i < count; i++) {
    size_t size = protobuf_c_message_pack(message->pb, out);
    sink = out + size;
  }
  return per_item(begin, bench_now_ns(), count);
}

// Flat bytes of the message's body; returns their number.
static uint64_t flat(const message_t* message, uint8_t* out) {
  fidl_encoder_t encoder;
  fidl_encoder_init(&encoder, out, BUFFER_BYTES, BUFFER_BYTES, false);
  if (!fidl_encoder_add(&encoder, message->type, message->value)) fail(message, "encode");
  return fidl_encoder_size(&encoder);
}

static double decode_fidl(const message_t* message, const uint8_t* bytes, uint64_t size, uint8_t* copies,
                          unsigned count) {
  for (unsigned i = 0; i < count; i++)
    memcpy(copies + i * size, bytes, size);
  uint64_t begin = bench_now_ns();
  for (unsigned i = 0; i < count; i++) {
    if (fidl_decode_message(message->type, copies + i * size, size, NULL, 0) != FIDL_ERROR_NONE)
      fail(message, "decode");
  }
  return per_item(begin, bench_now_ns(), count);
}

static double unpack_pb(const message_t* message, const uint8_t* bytes, size_t size, unsigned count) {
  ProtobufCMessage* unpacked[MAX_COPIES];
  uint64_t begin = bench_now_ns();
  for (unsigned i = 0; i < count; i++) {
    unpacked[i] = protobuf_c_message_unpack(message->descriptor, NULL, size, bytes);
    if (!unpacked[i]) fail(message, "unpack");
  }
  double result = per_item(begin, bench_now_ns(), count);
  for (unsigned i = 0; i < count; i++)
    protobuf_c_message_free_unpacked(unpacked[i], NULL);
  return result;
}

static double copy_plain(const uint8_t* bytes, uint64_t size, uint8_t* copies, unsigned count) {
  uint64_t begin = bench_now_ns();
  for (unsigned i = 0; i < count; i++) {
    memcpy(copies + i * size, bytes, size);
    sink = copies + i * size;
  }
  return per_item(begin, bench_now_ns(), count);
}

static void report(const message_t* message, const char* what, double ours, const char* reference,
                   double theirs) {
  char name[96];
  snprintf(name, sizeof(name), "%s, %s", what, message->name);
  bench_row_t row = {.name = name,
                     .subject = "jacinth",
                     .value = ours,
                     .unit = "ns",
                     .reference = reference,
                     .reference_value = theirs};
  bench_report(&row);
}

static void bench_message(const message_t* message) {
  uint8_t* bytes = buffer(BUFFER_BYTES);
  uint8_t* scratch = buffer(BUFFER_BYTES);
  uint8_t* packed = buffer(BUFFER_BYTES);
  uint8_t* copies = buffer((size_t)COPIES_BYTES + MIN_COPIES * BUFFER_BYTES);
  uint64_t size = flat(message, bytes);
  size_t packed_size = protobuf_c_message_pack(message->pb, packed);
  unsigned count = (unsigned)(COPIES_BYTES / size);
  count = count > MAX_COPIES ? MAX_COPIES : count < MIN_COPIES ? MIN_COPIES : count;
  double encode[ROUNDS], pack[ROUNDS], decode[ROUNDS], unpack[ROUNDS], copy[ROUNDS];
  uint8_t* out = buffer(BUFFER_BYTES);
  for (int round = 0; round < ROUNDS; round++) {
    encode[round] = encode_fidl(message, scratch, count);
    pack[round] = pack_pb(message, out, count);
    decode[round] = decode_fidl(message, bytes, size, copies, count);
    unpack[round] = unpack_pb(message, packed, packed_size, count);
    copy[round] = copy_plain(bytes, size, copies, count);
  }
  double ours = bench_median(encode, ROUNDS), plain = bench_median(copy, ROUNDS);
  report(message, "encode", ours, "protobuf-c pack", bench_median(pack, ROUNDS));
  report(message, "encode", ours, "memcpy", plain);
  ours = bench_median(decode, ROUNDS);
  report(message, "decode", ours, "protobuf-c unpack", bench_median(unpack, ROUNDS));
  report(message, "decode", ours, "memcpy", plain);
  free(bytes);
  free(scratch);
  free(packed);
  free(copies);
  free(out);
}

int main(void) {
  message_t messages[NUM_MESSAGES];
  bench_pin(1);
  messages_fidl(messages);
  messages_pb(messages);
  for (int i = 0; i < NUM_MESSAGES; i++)
    bench_message(&messages[i]);
  return 0;
}
