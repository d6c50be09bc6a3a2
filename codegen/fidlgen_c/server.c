// A protocol's server: the table of functions, the dispatch to them, replies and events.
#include "protocol.h"

static bool is_two_way(const method_t* method) {
  return method->kind == FIDL__IR__METHOD__KIND__TWO_WAY;
}

static bool is_event(const method_t* method) {
  return method->kind == FIDL__IR__METHOD__KIND__EVENT;
}

static const char* bind_parameters(const decl_t* protocol) {
  return text_format(
      "async_dispatcher_t* dispatcher, zx_handle_t server_end, const %s_ops_t* ops, void* context, "
      "fidl_on_unbound_t on_unbound, fidl_binding_t** out",
      c_name(protocol->name));
}

static const char* reply_parameters(model_t* model, const method_t* method) {
  const type_t* type = protocol_reply_type(model, method);
  return text_format("fidl_completer_t completer%s%s", type ? ", " : "",
                     type ? protocol_body_parameter(model, type, "response") : "");
}

static const char* event_parameters(model_t* model, const method_t* method) {
  return text_format("fidl_binding_t* binding%s%s", method->response ? ", " : "",
                     method->response ? protocol_body_parameter(model, method->response, "event") : "");
}

static void emit_op(model_t* model, text_t* out, const method_t* method) {
  emit_doc(out, "  ", method->doc);
  text_add_call(out, text_format("  void (*%s)", protocol_op_name(method)),
                protocol_op_parameters(model, method), ";\n");
}

static void emit_reply_declarations(model_t* model, text_t* out, const decl_t* protocol,
                                    const method_t* method) {
  const char* name = protocol_method_name(protocol, method);
  text_add_call(out, text_format("zx_status_t %s_reply", name), reply_parameters(model, method), ";\n");
  if (method->error)
    text_add_call(out, text_format("zx_status_t %s_reply_error", name),
                  text_format("fidl_completer_t completer, %s", c_declare(model, method->error, "err")),
                  ";\n");
}

void emit_server_header(model_t* model, text_t* out, const decl_t* protocol) {
  const char* name = c_name(protocol->name);
  text_add(out,
           "// What a server does. A method without function counts as unknown. A request lives until the "
           "function\n"
           "// returns; handles left in it are closed then.\ntypedef struct %s_ops {\n",
           name);
  for (size_t i = 0; i < protocol->n_methods; i++)
    if (!is_event(protocol->methods[i])) emit_op(model, out, protocol->methods[i]);
  text_add(out, "  void (*on_unknown_interaction)(void* context, uint64_t ordinal);\n} %s_ops_t;\n\n", name);
  text_add(out,
           "// Serves `server_end`, which is consumed in all cases. `ops` outlives the binding; `on_unbound` "
           "and `out` may\n// be NULL.\n");
  text_add_call(out, text_format("zx_status_t %s_bind", name), bind_parameters(protocol), ";\n");
  for (size_t i = 0; i < protocol->n_methods; i++) {
    const method_t* method = protocol->methods[i];
    if (protocol_method_is_composed(model, method)) continue;
    if (is_two_way(method)) emit_reply_declarations(model, out, protocol, method);
    if (!is_event(method)) continue;
    emit_doc(out, "", method->doc);
    text_add_call(out, text_format("zx_status_t %s_send", protocol_method_name(protocol, method)),
                  event_parameters(model, method), ";\n");
  }
  text_add(out, "\n");
}

static void emit_serve(model_t* model, text_t* out, const decl_t* protocol, const method_t* method) {
  const char* name = protocol_method_name(protocol, method);
  bool two_way = is_two_way(method);
  protocol_serve_head(model, out, protocol, method, " {\n");
  text_add(out,
           "  if (!handler) {\n    fidl_incoming_unimplemented(incoming, &%s_method_, unknown, context);\n",
           name);
  text_add(out, "    return;\n  }\n  void* body;\n");
  if (two_way) text_add(out, "  fidl_completer_t completer;\n");
  text_add(out, "  if (!fidl_incoming_request(incoming, &%s_method_, &body, %s)) return;\n", name,
           two_way ? "&completer" : "NULL");
  const char* type = method->request ? c_type_of(model, method->request).base : NULL;
  text_add(out, "  handler(context%s%s);\n", type ? text_format(", (%s*)body", type) : "",
           two_way ? ", completer" : "");
  if (type && method->request->resource) text_add(out, "  %s_close_handles((%s*)body);\n", type, type);
  text_add(out, "}\n\n");
}

static void emit_case(model_t* model, text_t* out, const decl_t* protocol, const method_t* method) {
  const char* origin = protocol_method_origin(model, protocol, method);
  text_add(out, "    case %s_ORDINAL:\n", origin);
  text_add_call(
      out, text_format("      %s_serve_", origin),
      text_format("incoming, ops->%s, ops->on_unknown_interaction, context", protocol_op_name(method)),
      ";\n      return;\n");
}

static void emit_send_reply(text_t* out, const char* name, const char* body) {
  text_add(out, "  return fidl_reply(completer, &%s_method_, %s, scratch, sizeof(scratch));\n}\n\n", name,
           body);
}

// Sets the variant of a result union from a payload.
static void emit_result_variant(model_t* model, text_t* out, const method_t* method, const char* variant,
                                const type_t* type, const char* from) {
  const char* result = c_type_of(model, method->response).base;
  text_add(out, "  %s result;\n  memset(&result, 0, sizeof(result));\n  result.ordinal = %s_Tag_%s;\n",
           result, result, variant);
  if (!type) return;
  if (!model_inline(type)) {
    const char* pointer = c_is_array(model, type) ? c_declare_pointer(model, type, "", false)
                                                  : text_format("%s*", c_type_of(model, type).base);
    text_add(out, "  result.%s = (%s)(uintptr_t)%s;\n", variant, pointer, from);
    return;
  }
  if (c_is_array(model, type))
    text_add(out, "  memcpy(result.%s, %s, sizeof(result.%s));\n", variant, from, variant);
  else
    text_add(out, "  result.%s = *%s;\n", variant, from);
  if (type->resource)
    text_add(out, "  memset(%s, 0, sizeof(result.%s));  // its handle has moved\n", from, variant);
}

static void emit_reply(model_t* model, text_t* out, const decl_t* protocol, const method_t* method) {
  const char* name = protocol_method_name(protocol, method);
  const type_t* type = protocol_reply_type(model, method);
  text_add_call(out, text_format("zx_status_t %s_reply", name), reply_parameters(model, method), " {\n");
  text_add(out, "%s", protocol_scratch(model, method->response));
  if (!method->has_result) {
    emit_send_reply(out, name, protocol_body_argument(type, "response"));
    return;
  }
  emit_result_variant(model, out, method, "response", type, "response");
  emit_send_reply(out, name, "&result");
  if (!method->error) return;
  text_add_call(out, text_format("zx_status_t %s_reply_error", name),
                text_format("fidl_completer_t completer, %s", c_declare(model, method->error, "err")),
                " {\n");
  // What is in place needs the header and the union only.
  text_add(out, "%s",
           model_inline(method->error) ? "  _Alignas(8) uint8_t scratch[32];\n"
                                       : protocol_scratch(model, method->response));
  emit_result_variant(model, out, method, "err", method->error,
                      c_is_array(model, method->error) ? "err" : "&err");
  emit_send_reply(out, name, "&result");
}

static void emit_event(model_t* model, text_t* out, const decl_t* protocol, const method_t* method) {
  const char* name = protocol_method_name(protocol, method);
  text_add_call(out, text_format("zx_status_t %s_send", name), event_parameters(model, method), " {\n");
  text_add(out, "%s", protocol_scratch(model, method->response));
  text_add(out, "  return fidl_send_event(binding, &%s_method_, %s, scratch, sizeof(scratch));\n}\n\n", name,
           protocol_body_argument(method->response, "event"));
}

void emit_server_source(model_t* model, text_t* out, const decl_t* protocol) {
  const char* name = c_name(protocol->name);
  text_add(out,
           "static void %s_dispatch_(fidl_incoming_t* incoming, const void* ops_object, void* context) {\n",
           name);
  text_add(
      out,
      "  const %s_ops_t* ops = (const %s_ops_t*)ops_object;\n  switch (fidl_incoming_ordinal(incoming)) {\n",
      name, name);
  for (size_t i = 0; i < protocol->n_methods; i++)
    if (!is_event(protocol->methods[i])) emit_case(model, out, protocol, protocol->methods[i]);
  text_add(out,
           "    default:\n      fidl_incoming_unknown(incoming, ops->on_unknown_interaction, context);\n  "
           "}\n}\n\n");
  text_add_call(out, text_format("zx_status_t %s_bind", name), bind_parameters(protocol), " {\n");
  text_add(out,
           "  return fidl_bind(dispatcher, server_end, &%s_protocol_, ops, context, on_unbound, out);\n}\n\n",
           name);
  for (size_t i = 0; i < protocol->n_methods; i++) {
    const method_t* method = protocol->methods[i];
    if (protocol_method_is_composed(model, method)) continue;
    if (!is_event(method)) emit_serve(model, out, protocol, method);
    if (is_two_way(method)) emit_reply(model, out, protocol, method);
    if (is_event(method)) emit_event(model, out, protocol, method);
  }
}
