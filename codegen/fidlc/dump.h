// Any protobuf-c message as text, in protobuf's text format.
#ifndef CODEGEN_FIDLC_DUMP_H_
#define CODEGEN_FIDLC_DUMP_H_

#include <protobuf-c/protobuf-c.h>
#include <stdio.h>

void dump_message(const ProtobufCMessage* message, FILE* out);

#endif  // CODEGEN_FIDLC_DUMP_H_
