// What a protocol's transport can carry; discoverable names; @no_resource.
#include <string.h>

#include "verify.h"

typedef enum transport {
  TRANSPORT_CHANNEL,
  TRANSPORT_DRIVER,
  TRANSPORT_BANJO,
  TRANSPORT_SYSCALL,
  TRANSPORT_COUNT,
} transport_t;

static const char* const kTransports[TRANSPORT_COUNT] = {"Channel", "Driver", "Banjo", "Syscall"};

// Ends that messages of a transport can hold, as a set of transports.
static const uint32_t kCarriedEnds[TRANSPORT_COUNT] = {
    [TRANSPORT_CHANNEL] = 1 << TRANSPORT_CHANNEL,
    [TRANSPORT_DRIVER] = 1 << TRANSPORT_CHANNEL | 1 << TRANSPORT_DRIVER,
    [TRANSPORT_BANJO] = 1 << TRANSPORT_CHANNEL | 1 << TRANSPORT_BANJO,
    [TRANSPORT_SYSCALL] = 1 << TRANSPORT_CHANNEL,
};

static int find_transport(const char* name) {
  for (int i = 0; i < TRANSPORT_COUNT; i++) {
    if (strcmp(kTransports[i], name) == 0) return i;
  }
  return -1;
}

static bool carries_handle(transport_t transport, const decl_t* resource) {
  const char* library = resource->library->name->data;
  const char* name = resource->name->data;
  if (strcmp(library, "zx") == 0) return strcmp(name, "Handle") == 0 || strcmp(name, "handle") == 0;
  return transport == TRANSPORT_DRIVER && strcmp(library, "fdf") == 0 && strcmp(name, "handle") == 0;
}

static void check_end(compiler_t* c, transport_t transport, const type_t* type) {
  if (!type->protocol) return;
  const char* name = protocol_transport(c, type->protocol);
  int end = find_transport(name);
  if (end < 0 || kCarriedEnds[transport] & 1u << end) return;
  diagnostic_t* error = report_error(&c->diagnostics, type->span, 118,
                                     "an end of `%s`, a protocol over %s, cannot be sent over %s",
                                     type->protocol->name->data, name, kTransports[transport]);
  add_note(&c->diagnostics, error, type->protocol->span, "`%s` is declared here", type->protocol->name->data);
}

// Looks at one type; declarations found in it that were not yet walked for this transport go onto `work`.
static void check_carried(compiler_t* c, transport_t transport, const type_t* type, ptr_list_t* work) {
  for (; type; type = type->element) {
    if (type->kind == TYPE_HANDLE && !carries_handle(transport, type->decl)) {
      report_error(&c->diagnostics, type->span, 117, "a handle of type `%s` cannot be sent over %s",
                   decl_full_name(c, type->decl), kTransports[transport]);
    } else if (type->kind == TYPE_CLIENT_END || type->kind == TYPE_SERVER_END) {
      check_end(c, transport, type);
    } else if (type->kind == TYPE_IDENTIFIER && !(type->decl->carried & 1u << transport)) {
      type->decl->carried |= 1u << transport;
      ptr_list_add(c->arena, work, type->decl);
    }
  }
}

static void check_payload(compiler_t* c, transport_t transport, const type_t* payload) {
  ptr_list_t work = {0};
  check_carried(c, transport, payload, &work);
  while (work.count) {
    const decl_t* decl = work.items[--work.count];
    if (decl->kind == DECL_NEWTYPE) check_carried(c, transport, decl->type, &work);
    if (decl->kind == DECL_BITS || decl->kind == DECL_ENUM) continue;
    for (const member_t* member = decl->members; member; member = member->next) {
      check_carried(c, transport, member->type, &work);
    }
  }
}

static void check_methods(compiler_t* c, const decl_t* decl, transport_t transport) {
  for (uint32_t i = 0; i < decl->methods.count; i++) {
    const method_t* method = decl->methods.items[i];
    check_payload(c, transport, method->request);
    check_payload(c, transport, method->response);
    check_payload(c, transport, method->error);
  }
}

static void check_transport(compiler_t* c, const decl_t* decl) {
  int transport = find_transport(decl->transport);
  if (transport >= 0) {
    check_methods(c, decl, (transport_t)transport);
    return;
  }
  const attribute_arg_t* arg = attribute_arg(find_attribute(decl->attributes, "transport"), NULL);
  diagnostic_t* error =
      report_error(&c->diagnostics, arg->span, 142, "`%s` is not a transport", decl->transport);
  add_hint(&c->diagnostics, error, "transports are Channel, Driver, Banjo and Syscall");
}

static bool is_component(const char* text, size_t length) {
  for (size_t i = 0; i < length; i++) {
    bool lower = text[i] >= 'a' && text[i] <= 'z';
    if (!lower && !(i && text[i] >= '0' && text[i] <= '9')) return false;
  }
  return length > 0;
}

// "library.name.Protocol"
static bool is_discoverable_name(const char* text) {
  const char* last = strrchr(text, '.');
  if (!last || !is_identifier(last + 1, strlen(last + 1))) return false;
  const char* part = text;
  for (const char* at = text; at <= last; at++) {
    if (*at != '.') continue;
    if (!is_component(part, (size_t)(at - part))) return false;
    part = at + 1;
  }
  return true;
}

static bool is_location(const char* text, size_t length) {
  return (length == 8 && memcmp(text, "platform", 8) == 0) ||
         (length == 8 && memcmp(text, "external", 8) == 0);
}

// Which sides live where: a list, which may be empty, of `platform` and `external`.
static void check_locations(compiler_t* c, const attribute_arg_t* arg) {
  const char* text = arg ? attribute_string(c, arg, NULL) : NULL;
  if (!text || !*text) return;
  for (const char* part = text;;) {
    while (*part == ' ')
      part++;
    const char* comma = strchr(part, ',');
    size_t length = comma ? (size_t)(comma - part) : strlen(part);
    while (length && part[length - 1] == ' ')
      length--;
    if (!is_location(part, length)) {
      diagnostic_t* error =
          report_error(&c->diagnostics, arg->span, 210, "`%.*s` is not a location", (int)length, part);
      add_hint(&c->diagnostics, error, "locations are `platform` and `external`, with a comma between them");
      return;
    }
    if (!comma) return;
    part = comma + 1;
  }
}

static void check_discoverable(compiler_t* c, const decl_t* decl) {
  const attribute_t* attribute = find_attribute(decl->attributes, "discoverable");
  const attribute_arg_t* name = attribute_arg(attribute, "name");
  if (name && decl->discoverable_name && !is_discoverable_name(decl->discoverable_name->data)) {
    diagnostic_t* error = report_error(&c->diagnostics, name->span, 135, "`%s` is not the name of a protocol",
                                       decl->discoverable_name->data);
    add_hint(&c->diagnostics, error, "write it as library.name.Protocol");
  }
  check_locations(c, attribute_arg(attribute, "client"));
  check_locations(c, attribute_arg(attribute, "server"));
}

static void check_no_resource(compiler_t* c, const decl_t* decl) {
  const attribute_t* attribute = find_attribute(decl->attributes, "no_resource");
  if (!attribute) return;
  if (!c->options->no_resource_attribute) {
    diagnostic_t* error = report_error(&c->diagnostics, attribute->span, 222, "@no_resource is experimental");
    add_hint(&c->diagnostics, error, "--experimental no_resource_attribute allows it");
    return;
  }
  for (const method_syntax_t* line = decl->syntax->methods; line; line = line->next) {
    const decl_t* parent = line->compose && !line->absent ? resolved_decl(c, line->compose) : NULL;
    if (!parent || parent->kind != DECL_PROTOCOL || find_attribute(parent->attributes, "no_resource"))
      continue;
    diagnostic_t* error = report_error(&c->diagnostics, line->compose->span, 223,
                                       "`%s` is @no_resource, but composes `%s`, which is not",
                                       decl->name->data, parent->name->data);
    add_note(&c->diagnostics, error, parent->span, "`%s` is declared here", parent->name->data);
  }
  for (uint32_t i = 0; i < decl->methods.count; i++) {
    const method_t* method = decl->methods.items[i];
    if (!type_is_resource(method->request) && !type_is_resource(method->response)) continue;
    report_error(&c->diagnostics, method->syntax->ident.span, 221,
                 "`%s` has a resource as payload, but its protocol is @no_resource",
                 method->syntax->ident.name->data);
  }
}

void verify_protocol(compiler_t* c, decl_t* decl) {
  check_transport(c, decl);
  check_discoverable(c, decl);
  check_no_resource(c, decl);
}

void verify_service(compiler_t* c, decl_t* decl) {
  const member_t* first = NULL;
  for (const member_t* member = decl->members; member; member = member->next) {
    if (!member->type || member->type->kind != TYPE_CLIENT_END || !member->type->protocol) continue;
    if (!first) {
      first = member;
      continue;
    }
    const char* transport = protocol_transport(c, member->type->protocol);
    const char* wanted = protocol_transport(c, first->type->protocol);
    if (strcmp(transport, wanted) == 0) continue;
    diagnostic_t* error =
        report_error(&c->diagnostics, member->syntax->type->span, 113,
                     "a service has one transport: `%s` is over %s, `%s` over %s",
                     member->syntax->ident.name->data, transport, first->syntax->ident.name->data, wanted);
    add_note(&c->diagnostics, error, first->syntax->ident.span, "`%s` is declared here",
             first->syntax->ident.name->data);
  }
}
