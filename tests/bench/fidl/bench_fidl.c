// Encoding and decoding beside protobuf-c and Cap'n Proto, on equivalent messages, in turns.
//
// What is measured: encoding as a call does it (header, scratch memory, large data by reference) and decoding
// in place; packing into a buffer and unpacking, without the freeing that follows; building a message in
// scratch memory and reading its fields. Decoding changes its message, so each round decodes a row of copies
// that were made before the clock started, and unpacks and reads as often. Where in a page the memory begins
// differs from round to round and is the same for all in a round: what a processor takes for dependent, as
// the addresses have the low bits in common, is no merit of a format. What a look at the clock takes is
// subtracted.
#include <lib/fidl/decoder.h>
#include <lib/fidl/encoder.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "messages.h"
#ifdef HAVE_CAPNP
#include "messages_capnp.h"
#endif

#define ROUNDS 41
#define MAX_COPIES 256
#define COPIES_BYTES (16 * 1024)  // near, as a message that just came is
#define MIN_COPIES 8
#define ENCODINGS 1024  // of small messages, in a round
#define BUFFER_BYTES 65536
#define PAGE_BYTES 4096
#define PLACE_STEP 448  // seven lines of the cache, so that the rounds' places are all different

static void* volatile sink;

// One message and the memory to deal with it.
typedef struct task {
  const message_t* message;
  int number;
  unsigned encodings;  // in a round
  unsigned decodings;
  uint64_t size;  // of the body
  size_t packed_size;
  size_t flat_words;
  uint8_t* bytes;    // of the body
  uint8_t* copies;   // of it, in this round's place
  uint8_t* scratch;  // what is encoded, in this round's place
  uint8_t* packed;
  uint8_t* copies_memory;
  uint8_t* scratch_memory;
  uint64_t* flat;
} task_t;

static _Noreturn void fail(const task_t* task, const char* what) {
  fprintf(stderr, "bench_fidl: %s does not %s\n", task->message->name, what);
  exit(1);
}

static void* buffer(size_t size) {
  void* memory = aligned_alloc(64, (size + 63) / 64 * 64);
  if (!memory) exit(1);
  memset(memory, 0, size);
  return memory;
}

static void encode_fidl(task_t* task) {
  fidl_message_header_t header = {.txid = 1};
  for (unsigned i = 0; i < task->encodings; i++) {
    fidl_encoder_t encoder;
    fidl_encoder_init(&encoder, task->scratch, BUFFER_BYTES, BUFFER_BYTES, true);
    encoder.next = fidl_encode_append(&encoder, encoder.next, &header, sizeof(header), 0);
    if (!fidl_encoder_add(&encoder, task->message->type, task->message->value)) fail(task, "encode");
    sink = encoder.next;
  }
}

static void pack_pb(task_t* task) {
  for (unsigned i = 0; i < task->encodings; i++)
    sink = task->scratch + protobuf_c_message_pack(task->message->pb, task->scratch);
}

static void copy_plain(task_t* task) {
  for (unsigned i = 0; i < task->encodings; i++) {
    memcpy(task->scratch, task->bytes, task->size);
    sink = task->scratch;
  }
}

static void copy_by_hand(task_t* task) {
  for (unsigned i = 0; i < task->encodings; i++)
    if (!task->message->by_hand(task->scratch, task->bytes)) fail(task, "copy");
}

static void decode_fidl(task_t* task) {
  for (unsigned i = 0; i < task->decodings; i++)
    if (fidl_decode_message(task->message->type, task->copies + i * task->size, task->size, NULL, 0) !=
        FIDL_ERROR_NONE)
      fail(task, "decode");
}

static ProtobufCMessage* unpacked[MAX_COPIES];

static void unpack_pb(task_t* task) {
  for (unsigned i = 0; i < task->decodings; i++) {
    unpacked[i] = protobuf_c_message_unpack(task->message->descriptor, NULL, task->packed_size, task->packed);
    if (!unpacked[i]) fail(task, "unpack");
  }
}

#ifdef HAVE_CAPNP
static void build_capnp(task_t* task) {
  for (unsigned i = 0; i < task->encodings; i++)
    if (messages_capnp_build(task->number, (uint64_t*)(void*)task->scratch, BUFFER_BYTES / 8) == 0)
      fail(task, "build");
}

static void read_capnp(task_t* task) {
  for (unsigned i = 0; i < task->decodings; i++)
    sink = task->scratch + messages_capnp_read(task->number, task->flat, task->flat_words) % BUFFER_BYTES;
}
#endif

static double clock_cost_ns(void) {
  double times[ROUNDS];
  for (int i = 0; i < ROUNDS; i++) {
    uint64_t begin = bench_now_ns();
    times[i] = (double)(bench_now_ns() - begin);
  }
  return bench_median(times, ROUNDS);
}

static double clock_cost;

static double timed(task_t* task, void (*run)(task_t*), unsigned count) {
  uint64_t begin = bench_now_ns();
  run(task);
  double time = (double)(bench_now_ns() - begin) - clock_cost;
  return time > 0 ? time / count : 0;
}

// The body's bytes in one piece; returns their number.
static uint64_t body(const task_t* task, uint8_t* out) {
  fidl_encoder_t encoder;
  fidl_encoder_init(&encoder, out, BUFFER_BYTES, BUFFER_BYTES, false);
  if (!fidl_encoder_add(&encoder, task->message->type, task->message->value)) fail(task, "encode");
  return fidl_encoder_size(&encoder);
}

static void prepare(task_t* task, const message_t* message, int number) {
  *task = (task_t){.message = message, .number = number};
  task->bytes = buffer(BUFFER_BYTES);
  task->scratch_memory = buffer(BUFFER_BYTES + PAGE_BYTES);
  task->packed = buffer(BUFFER_BYTES);
  task->flat = buffer(BUFFER_BYTES);
  task->copies_memory = buffer((size_t)COPIES_BYTES + MIN_COPIES * BUFFER_BYTES + PAGE_BYTES);
  task->size = body(task, task->bytes);
  task->packed_size = protobuf_c_message_pack(message->pb, task->packed);
#ifdef HAVE_CAPNP
  task->flat_words = messages_capnp_flatten(number, task->flat, BUFFER_BYTES / 8);
#endif
  unsigned count = (unsigned)(COPIES_BYTES / task->size);
  task->decodings = count > MAX_COPIES ? MAX_COPIES : count < MIN_COPIES ? MIN_COPIES : count;
  task->encodings = task->size > COPIES_BYTES / 16 ? task->decodings + MIN_COPIES : ENCODINGS;
}

static void place(task_t* task, int round) {
  task->scratch = task->scratch_memory + (unsigned)round * PLACE_STEP % PAGE_BYTES;
  task->copies = task->copies_memory + (unsigned)round * PLACE_STEP % PAGE_BYTES;
}

static void finish(task_t* task) {
  free(task->bytes);
  free(task->scratch_memory);
  free(task->packed);
  free(task->flat);
  free(task->copies_memory);
}

static void report(const task_t* task, const char* what, double* ours, const char* reference,
                   double* theirs) {
  char name[96];
  snprintf(name, sizeof(name), "%s, %s", what, task->message->name);
  bench_row_t row = {.name = name,
                     .subject = "jacinth",
                     .value = bench_median(ours, ROUNDS),
                     .unit = "ns",
                     .reference = reference,
                     .reference_value = bench_median(theirs, ROUNDS)};
  bench_report(&row);
}

static void bench_message(const message_t* message, int number) {
  task_t task;
  double encode[ROUNDS], pack[ROUNDS], copy[ROUNDS], by_hand[ROUNDS], decode[ROUNDS], unpack[ROUNDS];
  double build[ROUNDS], read[ROUNDS];
  prepare(&task, message, number);
  for (int round = 0; round < ROUNDS; round++) {
    place(&task, round);
    encode[round] = timed(&task, encode_fidl, task.encodings);
    pack[round] = timed(&task, pack_pb, task.encodings);
    copy[round] = timed(&task, copy_plain, task.encodings);
    if (message->by_hand) by_hand[round] = timed(&task, copy_by_hand, task.encodings);
    for (unsigned i = 0; i < task.decodings; i++)
      memcpy(task.copies + i * task.size, task.bytes, task.size);
    decode[round] = timed(&task, decode_fidl, task.decodings);
    unpack[round] = timed(&task, unpack_pb, task.decodings);
    for (unsigned i = 0; i < task.decodings; i++)
      protobuf_c_message_free_unpacked(unpacked[i], NULL);
#ifdef HAVE_CAPNP
    memset(task.scratch_memory, 0, BUFFER_BYTES + PAGE_BYTES);
    build[round] = timed(&task, build_capnp, task.encodings);
    read[round] = timed(&task, read_capnp, task.decodings);
#else
    build[round] = read[round] = 0;
#endif
  }
  report(&task, "encode", encode, "protobuf-c pack", pack);
  if (task.flat_words) report(&task, "encode", encode, "Cap'n Proto build", build);
  report(&task, "encode", encode, "memcpy", copy);
  if (message->by_hand) report(&task, "encode", encode, "memcpy and checks", by_hand);
  report(&task, "decode", decode, "protobuf-c unpack", unpack);
  if (task.flat_words) report(&task, "decode", decode, "Cap'n Proto read", read);
  report(&task, "decode", decode, "memcpy", copy);
  if (message->by_hand) report(&task, "decode", decode, "memcpy and checks", by_hand);
  finish(&task);
}

int main(void) {
  message_t messages[NUM_MESSAGES];
  bench_pin(1);
  messages_fidl(messages);
  messages_pb(messages);
  clock_cost = clock_cost_ns();
#ifndef HAVE_CAPNP
  bench_skip(
      "Cap'n Proto was not found when this was configured (Debian: capnproto libcapnp-dev, and a C++ "
      "compiler)");
#endif
  for (int i = 0; i < NUM_MESSAGES; i++)
    bench_message(&messages[i], i);
  return 0;
}
