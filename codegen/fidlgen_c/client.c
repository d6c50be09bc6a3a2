// A protocol's client: synchronous calls, asynchronous calls, and events.
#include "protocol.h"

static bool is_two_way(const method_t* method) {
  return method->kind == FIDL__IR__METHOD__KIND__TWO_WAY;
}

static bool is_event(const method_t* method) {
  return method->kind == FIDL__IR__METHOD__KIND__EVENT;
}

static const char* call_parameters(model_t* model, const method_t* method) {
  text_t parameters = {0};
  text_add(&parameters, "zx_handle_t channel");
  if (method->request)
    text_add(&parameters, ", %s", protocol_body_parameter(model, method->request, "request"));
  if (is_two_way(method)) text_add(&parameters, ", fidl_call_t* call");
  if (is_two_way(method) && method->response)
    text_add(&parameters, ", %s** out", c_type_of(model, method->response).base);
  const char* result = text_format("%s", text_string(&parameters));
  text_free(&parameters);
  return result;
}

static const char* async_parameters(model_t* model, const decl_t* protocol, const method_t* method) {
  const char* request =
      method->request ? text_format(", %s", protocol_body_parameter(model, method->request, "request")) : "";
  return text_format("fidl_client_t* client%s, %s_callback_t callback, void* context", request,
                     protocol_method_name(protocol, method));
}

static void emit_call_declaration(model_t* model, text_t* out, const decl_t* protocol,
                                  const method_t* method) {
  emit_doc(out, "", method->doc);
  if (method->request && method->request->resource)
    text_add(out, "// The request's handles are consumed in all cases.\n");
  if (is_two_way(method) && method->response && method->response->resource)
    text_add(out, "// The handles in `*out` belong to the caller.\n");
  text_add_call(out, text_format("zx_status_t %s", protocol_method_name(protocol, method)),
                call_parameters(model, method), ";\n");
}

static void emit_async_declaration(model_t* model, text_t* out, const decl_t* protocol,
                                   const method_t* method) {
  const char* name = protocol_method_name(protocol, method);
  const char* response =
      method->response ? text_format(", %s* response", c_type_of(model, method->response).base) : "";
  text_add_call(out, text_format("typedef void (*%s_callback_t)", name),
                text_format("void* context, zx_status_t status%s", response), ";\n");
  text_add_call(out, text_format("zx_status_t %s_async", name), async_parameters(model, protocol, method),
                ";\n");
}

static const char* bind_parameters(const decl_t* protocol) {
  return text_format(
      "async_dispatcher_t* dispatcher, zx_handle_t client_end, const %s_event_ops_t* events, void* context, "
      "fidl_client_closed_t closed, fidl_client_t** out",
      c_name(protocol->name));
}

void emit_client_header(model_t* model, text_t* out, const decl_t* protocol) {
  const char* name = c_name(protocol->name);
  for (size_t i = 0; i < protocol->n_methods; i++) {
    const method_t* method = protocol->methods[i];
    if (is_event(method) || protocol_method_is_composed(model, method)) continue;
    emit_call_declaration(model, out, protocol, method);
  }
  text_add(
      out,
      "\n// Events; each may be NULL, which ignores it. What is left in an event's handles is closed.\n");
  text_add(out, "typedef struct %s_event_ops {\n", name);
  for (size_t i = 0; i < protocol->n_methods; i++) {
    const method_t* method = protocol->methods[i];
    if (!is_event(method)) continue;
    emit_doc(out, "  ", method->doc);
    text_add(out, "  void (*%s)(%s);\n", protocol_op_name(method), protocol_op_parameters(model, method));
  }
  text_add(out, "  void (*on_unknown_interaction)(void* context, uint64_t ordinal);\n} %s_event_ops_t;\n\n",
           name);
  text_add(out,
           "// A client on a dispatcher. `client_end` is consumed in all cases. `events` may be NULL, and "
           "outlives the\n// client.\n");
  text_add_call(out, text_format("zx_status_t %s_client_bind", name), bind_parameters(protocol), ";\n");
  for (size_t i = 0; i < protocol->n_methods; i++) {
    const method_t* method = protocol->methods[i];
    if (!is_two_way(method) || protocol_method_is_composed(model, method)) continue;
    emit_async_declaration(model, out, protocol, method);
  }
  text_add(out, "\n");
}

static void emit_call(model_t* model, text_t* out, const decl_t* protocol, const method_t* method) {
  const char* name = protocol_method_name(protocol, method);
  const char* body = protocol_body_argument(method->request, "request");
  text_add_call(out, text_format("zx_status_t %s", name), call_parameters(model, method), " {\n");
  text_add(out, "%s", protocol_scratch(model, method->request));
  if (!is_two_way(method)) {
    text_add(out, "  return fidl_one_way_call(channel, &%s_method_, %s, scratch, sizeof(scratch));\n}\n\n",
             name, body);
    return;
  }
  text_add(out, "  void* body = NULL;\n");
  text_add_call(out, method->response ? "  zx_status_t status = fidl_sync_call" : "  return fidl_sync_call",
                text_format("channel, &%s_method_, %s, scratch, sizeof(scratch), call, &body", name, body),
                ";\n");
  if (method->response)
    text_add(out, "  if (status == ZX_OK) *out = (%s*)body;\n  return status;\n",
             c_type_of(model, method->response).base);
  text_add(out, "}\n\n");
}

static void emit_async_call(model_t* model, text_t* out, const decl_t* protocol, const method_t* method) {
  const char* name = protocol_method_name(protocol, method);
  text_add_call(out, text_format("zx_status_t %s_async", name), async_parameters(model, protocol, method),
                " {\n");
  text_add(out, "%s", protocol_scratch(model, method->request));
  text_add_call(
      out, "  return fidl_async_call",
      text_format("client, &%s_method_, %s, scratch, sizeof(scratch), (fidl_any_callback_t)callback, context",
                  name, protocol_body_argument(method->request, "request")),
      ";\n");
  text_add(out, "}\n\n");
}

static void emit_event_serve(model_t* model, text_t* out, const decl_t* protocol, const method_t* method) {
  protocol_serve_head(model, out, protocol, method, " {\n");
  text_add(out, "  void* body;\n  if (!fidl_incoming_event(incoming, &%s_method_, &body)) return;\n",
           protocol_method_name(protocol, method));
  const char* type = method->response ? c_type_of(model, method->response).base : NULL;
  text_add(out, "  if (handler) handler(context%s);\n", type ? text_format(", (%s*)body", type) : "");
  if (type && method->response->resource) text_add(out, "  %s_close_handles((%s*)body);\n", type, type);
  text_add(out, "}\n\n");
}

static void emit_event_case(model_t* model, text_t* out, const decl_t* protocol, const method_t* method) {
  const char* origin = protocol_method_origin(model, protocol, method);
  text_add(out, "    case %s_ORDINAL:\n", origin);
  text_add_call(out, text_format("      %s_serve_", origin),
                text_format("incoming, ops ? ops->%s : NULL, context", protocol_op_name(method)),
                ";\n      return;\n");
}

void emit_client_source(model_t* model, text_t* out, const decl_t* protocol) {
  const char* name = c_name(protocol->name);
  for (size_t i = 0; i < protocol->n_methods; i++) {
    const method_t* method = protocol->methods[i];
    if (protocol_method_is_composed(model, method)) continue;
    if (is_event(method)) {
      emit_event_serve(model, out, protocol, method);
      continue;
    }
    emit_call(model, out, protocol, method);
    if (is_two_way(method)) emit_async_call(model, out, protocol, method);
  }
  text_add(
      out,
      "static void %s_dispatch_event_(fidl_incoming_t* incoming, const void* ops_object, void* context) {\n",
      name);
  text_add(out, "  const %s_event_ops_t* ops = (const %s_event_ops_t*)ops_object;\n", name, name);
  text_add(out, "  switch (fidl_incoming_ordinal(incoming)) {\n");
  for (size_t i = 0; i < protocol->n_methods; i++)
    if (is_event(protocol->methods[i])) emit_event_case(model, out, protocol, protocol->methods[i]);
  text_add(out,
           "    default:\n      fidl_incoming_unknown(incoming, ops ? ops->on_unknown_interaction : NULL, "
           "context);\n  }\n}\n\n");
  text_add_call(out, text_format("zx_status_t %s_client_bind", name), bind_parameters(protocol), " {\n");
  text_add(out,
           "  return fidl_client_bind(dispatcher, client_end, &%s_protocol_, events, context, closed, "
           "out);\n}\n\n",
           name);
}
