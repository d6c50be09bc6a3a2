// The messages of the benchmark, filled alike for both formats.
#ifndef TESTS_BENCH_FIDL_MESSAGES_H_
#define TESTS_BENCH_FIDL_MESSAGES_H_

#include <lib/fidl/type.h>
#include <protobuf-c/protobuf-c.h>

#include "sizes.h"

typedef struct message {
  const char* name;
  const fidl_type_t* type;
  void* value;
  const ProtobufCMessageDescriptor* descriptor;
  ProtobufCMessage* pb;
  // Where a person could write it without a format: copies the body's bytes and checks what must be checked.
  // NULL for other messages.
  bool (*by_hand)(void* to, const void* from);
} message_t;

// All memory is static.
void messages_fidl(message_t* messages);
void messages_pb(message_t* messages);

#endif  // TESTS_BENCH_FIDL_MESSAGES_H_
