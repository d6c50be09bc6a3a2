// The messages of the benchmark, filled alike for both formats.
#ifndef TESTS_BENCH_FIDL_MESSAGES_H_
#define TESTS_BENCH_FIDL_MESSAGES_H_

#include <lib/fidl/type.h>
#include <protobuf-c/protobuf-c.h>

#define NUM_MESSAGES 5
#define PAYLOAD_BYTES 1400
#define NUM_ENTRIES 1000
#define TREE_DEPTH 6

typedef struct message {
  const char* name;
  const fidl_type_t* type;
  void* value;
  const ProtobufCMessageDescriptor* descriptor;
  ProtobufCMessage* pb;
} message_t;

// All memory is static.
void messages_fidl(message_t* messages);
void messages_pb(message_t* messages);

#endif  // TESTS_BENCH_FIDL_MESSAGES_H_
