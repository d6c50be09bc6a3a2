// Walks the descriptors that protobuf-c generates, so that new fields need no change here.
#include "dump.h"

#include <inttypes.h>

static void dump_fields(const ProtobufCMessage* message, FILE* out, int depth);

static void dump_text(const char* data, size_t length, FILE* out) {
  fputc('"', out);
  for (size_t i = 0; i < length; i++) {
    unsigned char c = (unsigned char)data[i];
    if (c == '\n') {
      fputs("\\n", out);
    } else if (c == '"' || c == '\\') {
      fprintf(out, "\\%c", c);
    } else if (c < 0x20) {
      fprintf(out, "\\%03o", c);
    } else {
      fputc(c, out);
    }
  }
  fputc('"', out);
}

static void dump_enum(const ProtobufCFieldDescriptor* field, int value, FILE* out) {
  const ProtobufCEnumValue* named = protobuf_c_enum_descriptor_get_value(field->descriptor, value);
  if (named) {
    fputs(named->name, out);
  } else {
    fprintf(out, "%d", value);
  }
}

static size_t value_size(ProtobufCType type) {
  switch (type) {
    case PROTOBUF_C_TYPE_BOOL:
      return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_UINT32:
      return sizeof(uint32_t);
    case PROTOBUF_C_TYPE_ENUM:
      return sizeof(int);
    case PROTOBUF_C_TYPE_BYTES:
      return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
      return sizeof(void*);
    default:
      return 8;
  }
}

static void dump_value(const ProtobufCFieldDescriptor* field, const void* at, FILE* out, int depth) {
  fprintf(out, "%*s%s", 2 * depth, "", field->name);
  if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
    fputs(" {\n", out);
    dump_fields(*(ProtobufCMessage* const*)at, out, depth + 1);
    fprintf(out, "%*s}\n", 2 * depth, "");
    return;
  }
  fputs(": ", out);
  switch (field->type) {
    case PROTOBUF_C_TYPE_BOOL:
      fputs(*(const protobuf_c_boolean*)at ? "true" : "false", out);
      break;
    case PROTOBUF_C_TYPE_UINT32:
      fprintf(out, "%" PRIu32, *(const uint32_t*)at);
      break;
    case PROTOBUF_C_TYPE_UINT64:
      fprintf(out, "%" PRIu64, *(const uint64_t*)at);
      break;
    case PROTOBUF_C_TYPE_SINT64:
      fprintf(out, "%" PRId64, *(const int64_t*)at);
      break;
    case PROTOBUF_C_TYPE_DOUBLE:
      fprintf(out, "%.17g", *(const double*)at);
      break;
    case PROTOBUF_C_TYPE_ENUM:
      dump_enum(field, *(const int*)at, out);
      break;
    case PROTOBUF_C_TYPE_STRING: {
      const char* text = *(char* const*)at;
      size_t length = 0;
      while (text[length])
        length++;
      dump_text(text, length, out);
      break;
    }
    case PROTOBUF_C_TYPE_BYTES: {
      const ProtobufCBinaryData* bytes = at;
      dump_text((const char*)bytes->data, bytes->len, out);
      break;
    }
    default:
      fputs("?", out);
  }
  fputc('\n', out);
}

static int is_set(const ProtobufCMessage* message, const ProtobufCFieldDescriptor* field) {
  const char* base = (const char*)message;
  if (field->label == PROTOBUF_C_LABEL_REQUIRED) return 1;
  if (field->type == PROTOBUF_C_TYPE_MESSAGE || field->type == PROTOBUF_C_TYPE_STRING) {
    return *(void* const*)(const void*)(base + field->offset) != NULL;
  }
  return *(const protobuf_c_boolean*)(const void*)(base + field->quantifier_offset);
}

// The nesting of messages is that of types, which the parser bounds.
static void dump_fields(const ProtobufCMessage* message, FILE* out, int depth) {
  const char* base = (const char*)message;
  for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
    const ProtobufCFieldDescriptor* field = &message->descriptor->fields[i];
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
      size_t count = *(const size_t*)(const void*)(base + field->quantifier_offset);
      const char* items = *(char* const*)(const void*)(base + field->offset);
      for (size_t j = 0; j < count; j++)
        dump_value(field, items + j * value_size(field->type), out, depth);
    } else if (is_set(message, field)) {
      dump_value(field, base + field->offset, out, depth);
    }
  }
}

void dump_message(const ProtobufCMessage* message, FILE* out) {
  dump_fields(message, out, 0);
}
