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

bool protocol_method_is_composed(const model_t* model, const method_t* method) {
  size_t place = method->composed_from ? model_place(model, method->composed_from) : model->num_decls;
  return place < model->num_decls && protocol_on_channels(model->decls[place]);
}

const char* protocol_method_origin(const model_t* model, const decl_t* protocol, const method_t* method) {
  const char* name = protocol_method_is_composed(model, method) ? method->composed_from : protocol->name;
  return text_format("%s_%s", c_name(name), method->name);
}

const char* protocol_body_parameter(model_t* model, const type_t* type, const char* name) {
  return c_declare_pointer(model, type, name, !type->resource);
}

const char* protocol_op_parameters(model_t* model, const method_t* method) {
  bool event = method->kind == FIDL__IR__METHOD__KIND__EVENT;
  const type_t* type = event ? method->response : method->request;
  const char* value =
      type ? text_format(", %s* %s", c_type_of(model, type).base, event ? "event" : "request") : "";
  bool two_way = method->kind == FIDL__IR__METHOD__KIND__TWO_WAY;
  return text_format("void* context%s%s", value, two_way ? ", fidl_completer_t completer" : "");
}

void protocol_serve_head(model_t* model, text_t* out, const decl_t* protocol, const method_t* method,
                         const char* tail) {
  bool event = method->kind == FIDL__IR__METHOD__KIND__EVENT;
  text_add_call(out, text_format("void %s_serve_", protocol_method_name(protocol, method)),
                text_format("fidl_incoming_t* incoming, void (*handler)(%s), %svoid* context",
                            protocol_op_parameters(model, method),
                            event ? "" : "void (*unknown)(void* context, uint64_t ordinal), "),
                tail);
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

// What the functions and macros of a method, its `reply_error` left out, are named behind its own name.
static const char* const* method_suffixes(const method_t* method) {
  static const char* const two_way[] = {"_ORDINAL", "_RESPONSE_SIZE", "",  "_callback_t",
                                        "_async",   "_reply",         NULL};
  static const char* const one_way[] = {"_ORDINAL", "", NULL};
  static const char* const event[] = {"_ORDINAL", "_send", NULL};
  if (method->kind == FIDL__IR__METHOD__KIND__TWO_WAY) return two_way;
  return method->kind == FIDL__IR__METHOD__KIND__EVENT ? event : one_way;
}

// Names of the methods that other protocols declare.
static void emit_composed(model_t* model, text_t* out, const decl_t* protocol) {
  const char* from = "";
  for (size_t i = 0; i < protocol->n_methods; i++) {
    const method_t* method = protocol->methods[i];
    if (!protocol_method_is_composed(model, method)) continue;
    if (strcmp(from, method->composed_from) != 0)
      text_add(out, "// Composed from %s.\n", from = method->composed_from);
    const char* name = protocol_method_name(protocol, method);
    const char* origin = protocol_method_origin(model, protocol, method);
    for (const char* const* suffix = method_suffixes(method); *suffix; suffix++)
      text_add(out, "#define %s%s %s%s\n", name, *suffix, origin, *suffix);
    if (method->error) text_add(out, "#define %s_reply_error %s_reply_error\n", name, origin);
  }
  if (from[0]) text_add(out, "\n");
}

// What the C of protocols that compose this one calls.
static void emit_serve_declarations(model_t* model, text_t* out, const decl_t* protocol) {
  size_t count = 0;
  for (size_t i = 0; i < protocol->n_methods; i++) {
    if (protocol_method_is_composed(model, protocol->methods[i])) continue;
    if (count++ == 0)
      text_add(out, "// For dispatchers, this protocol's and those of protocols that compose it.\n");
    protocol_serve_head(model, out, protocol, protocol->methods[i], ";\n");
  }
  if (count) text_add(out, "\n");
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
    if (protocol_method_is_composed(model, method)) continue;
    text_add(out, "#define %s_ORDINAL UINT64_C(0x%016" PRIx64 ")\n", method_name, method->ordinal);
    if (method->kind == FIDL__IR__METHOD__KIND__TWO_WAY)
      text_add(out, "#define %s_RESPONSE_SIZE %uu\n", method_name,
               protocol_message_size(model, method->response));
  }
  if (protocol->n_methods) text_add(out, "\n");
  emit_composed(model, out, protocol);
  emit_client_header(model, out, protocol);
  emit_server_header(model, out, protocol);
  emit_serve_declarations(model, out, protocol);
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
    if (protocol_method_is_composed(model, protocol->methods[i])) continue;
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
