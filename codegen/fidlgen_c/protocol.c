// A protocol's frame: its constants, the descriptions of its methods, and what its client and server have in
// common.
#include "protocol.h"

#include <inttypes.h>
#include <string.h>

#define MAX_MESSAGE_BYTES 65536u
#define HEADER_BYTES 16u

bool protocol_on_channels(const decl_t* protocol) {
  return !protocol->transport || strcmp(protocol->transport, "Channel") == 0;
}

const char* protocol_op_name(const method_t* method) {
  bool clash = strcmp(method->name, "on_unknown_interaction") == 0;
  return clash ? text_format("%s_", method->name) : c_member(method->name);
}

const char* protocol_method_name(const decl_t* protocol, const method_t* method) {
  return text_format("%s_%s", c_name(protocol->name), method->name);
}

const char* protocol_body_parameter(model_t* model, const type_t* type, const char* name) {
  return c_declare_pointer(model, type, name, !type->resource);
}

const type_t* protocol_reply_type(model_t* model, const method_t* method) {
  if (!method->has_result) return method->response;
  const decl_t* decl = method->success ? model_decl(model, method->success) : NULL;
  return decl && !decl->empty_success ? method->success : NULL;
}

const char* protocol_type_reference(const type_t* type) {
  if (!type) return "NULL";
  return text_format(type->nullable ? "&%s_optional_type_" : "&%s_type_", c_name(type->identifier));
}

uint32_t protocol_message_size(model_t* model, const type_t* type) {
  uint32_t body = type ? model_max_size(type->shape) : 0;
  return body > MAX_MESSAGE_BYTES - HEADER_BYTES ? MAX_MESSAGE_BYTES : HEADER_BYTES + body;
}

const char* protocol_scratch(model_t* model, const type_t* type) {
  return text_format("  _Alignas(8) uint8_t scratch[%u];\n", protocol_message_size(model, type));
}

const char* protocol_body_argument(const type_t* type, const char* name) {
  if (!type) return "NULL";
  return type->resource ? name : text_format("(void*)(uintptr_t)%s", name);
}

static const char* short_name(const decl_t* decl) {
  const char* name = decl->name;
  for (const char* c = name; *c; c++)
    if (*c == '/') name = c + 1;
  return name;
}

void emit_protocol_header(model_t* model, text_t* out, const decl_t* protocol) {
  const char* name = c_name(protocol->name);
  text_add(out, "// Protocol %s\n//\n", short_name(protocol));
  emit_doc(out, "", protocol->doc);
  text_add(out, "\n");
  if (protocol->discoverable_name)
    text_add(out, "#define %s_NAME \"%s\"\n\n", name, protocol->discoverable_name);
  for (size_t i = 0; i < protocol->n_methods; i++) {
    const method_t* method = protocol->methods[i];
    const char* method_name = protocol_method_name(protocol, method);
    text_add(out, "#define %s_ORDINAL UINT64_C(0x%016" PRIx64 ")\n", method_name, method->ordinal);
    if (method->kind == FIDL__IR__METHOD__KIND__TWO_WAY)
      text_add(out, "#define %s_RESPONSE_SIZE %uu\n", method_name,
               protocol_message_size(model, method->response));
  }
  if (protocol->n_methods) text_add(out, "\n");
  emit_client_header(model, out, protocol);
  emit_server_header(model, out, protocol);
}

static void emit_method(text_t* out, const decl_t* protocol, const method_t* method) {
  const char* name = protocol_method_name(protocol, method);
  const char* label = text_format("%s.%s", short_name(protocol), method->name);
  bool two_way = method->kind == FIDL__IR__METHOD__KIND__TWO_WAY;
  text_add(out, "static const fidl_method_t %s_method_ = {\n    .ordinal = %s_ORDINAL,\n", name, name);
  text_add(out, "    .two_way = %s,\n    .flexible = %s,\n    .has_result = %s,\n",
           two_way ? "true" : "false", method->strict ? "false" : "true",
           method->has_result ? "true" : "false");
  text_add(out, "    .request = %s,\n    .response = %s,\n", protocol_type_reference(method->request),
           protocol_type_reference(method->response));
  text_add(out, "    .trace_proxy = \"proxy.%s\",\n    .trace_proxy_done = \"proxy.%s.done\",\n", label,
           label);
  text_add(out, "    .trace_stub = \"stub.%s\",\n    .trace_stub_reply = \"stub.%s.reply\",\n", label, label);
  if (two_way) text_add(out, "    .deliver = %s_deliver_,\n", name);
  text_add(out, "};\n\n");
}

// Hands a reply to a callback of its own type.
static void emit_deliver(model_t* model, text_t* out, const decl_t* protocol, const method_t* method) {
  const char* name = protocol_method_name(protocol, method);
  text_add_call(out, text_format("static void %s_deliver_", name),
                "fidl_any_callback_t callback, void* context, zx_status_t status, void* body", " {\n");
  if (method->response)
    text_add(out, "  ((%s_callback_t)callback)(context, status, (%s*)body);\n}\n\n", name,
             c_type_of(model, method->response).base);
  else
    text_add(out, "  (void)body;\n  ((%s_callback_t)callback)(context, status);\n}\n\n", name);
}

void emit_protocol_source(model_t* model, text_t* out, const decl_t* protocol) {
  const char* name = c_name(protocol->name);
  text_add(out, "// Protocol %s\n\n", short_name(protocol));
  for (size_t i = 0; i < protocol->n_methods; i++) {
    if (protocol->methods[i]->kind == FIDL__IR__METHOD__KIND__TWO_WAY)
      emit_deliver(model, out, protocol, protocol->methods[i]);
    emit_method(out, protocol, protocol->methods[i]);
  }
  text_add(out,
           "static void %s_dispatch_(fidl_incoming_t* incoming, const void* ops_object, void* context);\n",
           name);
  text_add(
      out,
      "static void %s_dispatch_event_(fidl_incoming_t* incoming, const void* ops_object, void* context);\n\n",
      name);
  static const char* const openness[] = {"FIDL_OPEN", "FIDL_OPEN", "FIDL_AJAR", "FIDL_CLOSED"};
  text_add(out, "static const fidl_protocol_t %s_protocol_ = {\n    .name = \"%s\",\n    .openness = %s,\n",
           name, protocol->name,
           openness[protocol->has_openness ? protocol->openness : FIDL__IR__DECL__OPENNESS__OPEN]);
  text_add(out, "    .dispatch = %s_dispatch_,\n    .dispatch_event = %s_dispatch_event_,\n};\n\n", name,
           name);
  emit_client_source(model, out, protocol);
  emit_server_source(model, out, protocol);
}
