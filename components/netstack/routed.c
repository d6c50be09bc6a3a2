#include "routed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zircon/syscalls.h>

enum { ADDRESSES_SHOWN = 32, ROUTERS_SHOWN = 8, NAME_SERVERS_SHOWN = 8, DOMAINS_SHOWN = 8 };
enum { LIST_SIZE = 2 * TCPIP_ADDRESS_TEXT_SIZE + 8, LINE_SIZE = 4 * LIST_SIZE + 64 };

// What strangers on the link say makes no more lines of the log than one in such a time.
static const zx_duration_t log_pause_ns = ZX_SEC(1);

struct routed {
  netstack_t* netstack;
  uint32_t interface;
  bool listens;
  async_task_t task;
  bool task_set;
  bool has_address;
  zx_time_t log_at;  // the next line may be written then
  char logged[LINE_SIZE];
};

// A list for the reader, which says where it is not whole.
typedef struct list {
  char text[LIST_SIZE];
  size_t length;
  bool full;
} list_t;

static void add(list_t* list, const char* item) {
  const char* between = list->length > 0 ? ", " : "";
  size_t length = strlen(between) + strlen(item);
  if (list->full) return;
  list->full = list->length + length + sizeof(", ...") > sizeof(list->text);
  list->length += (size_t)snprintf(list->text + list->length, sizeof(list->text) - list->length, "%s%s",
                                   between, list->full ? "..." : item);
}

static void add_address(list_t* list, const tcpip_address_t* address) {
  char text[TCPIP_ADDRESS_TEXT_SIZE];
  tcpip_address_format(address, text);
  add(list, text);
}

static const char* text_of(const list_t* list) {
  return list->length > 0 ? list->text : "none";
}

// The addresses that can be used.
static void list_addresses(const routed_t* routed, list_t* out) {
  tcpip_address_info_t all[ADDRESSES_SHOWN];
  int count = tcpip_address_list(netstack_engine(routed->netstack), routed->interface, all, ADDRESSES_SHOWN);
  for (int i = 0; i < count && i < ADDRESSES_SHOWN; i++) {
    if (all[i].learned && all[i].state == TCPIP_ADDRESS_ASSIGNED) add_address(out, &all[i].subnet.address);
  }
}

static void list_routers(const routed_t* routed, list_t* out) {
  tcpip_router_t all[ROUTERS_SHOWN];
  int count = tcpip_router_list(netstack_engine(routed->netstack), routed->interface, all, ROUTERS_SHOWN);
  for (int i = 0; i < count && i < ROUTERS_SHOWN; i++)
    add_address(out, &all[i].address);
}

static void list_names(const routed_t* routed, list_t* out_servers, list_t* out_domains) {
  const tcpip_t* engine = netstack_engine(routed->netstack);
  tcpip_address_t servers[NAME_SERVERS_SHOWN];
  char domains[DOMAINS_SHOWN][TCPIP_DOMAIN_SIZE];
  int count = tcpip_name_server_list(engine, routed->interface, servers, NAME_SERVERS_SHOWN);
  for (int i = 0; i < count && i < NAME_SERVERS_SHOWN; i++)
    add_address(out_servers, &servers[i]);
  count = tcpip_search_domain_list(engine, routed->interface, domains, DOMAINS_SHOWN);
  for (int i = 0; i < count && i < DOMAINS_SHOWN; i++)
    add(out_domains, domains[i]);
}

static void write_log(routed_t* routed, const list_t* addresses) {
  list_t routers = {0}, servers = {0}, domains = {0};
  char line[LINE_SIZE];
  list_routers(routed, &routers);
  list_names(routed, &servers, &domains);
  snprintf(line, sizeof(line), "%s from the routers %s; name servers: %s; search domains: %s",
           text_of(addresses), text_of(&routers), text_of(&servers), text_of(&domains));
  if (strcmp(line, routed->logged) == 0) return;
  memcpy(routed->logged, line, sizeof(line));
  routed->log_at = zx_deadline_after(log_pause_ns);
  netstack_log(routed->netstack, "%s: %s", netstack_configuration(routed->netstack)->interface_name, line);
}

static void post(routed_t* routed, zx_time_t at) {
  if (routed->task_set) return;
  routed->task.deadline = at;
  routed->task_set = async_post_task(netstack_dispatcher(routed->netstack), &routed->task) == ZX_OK;
}

static void look(async_dispatcher_t* dispatcher, async_task_t* task, zx_status_t status) {
  routed_t* routed = (void*)((char*)task - offsetof(routed_t, task));
  list_t addresses = {0};
  routed->task_set = false;
  if (status != ZX_OK) return;
  list_addresses(routed, &addresses);
  routed->has_address = addresses.length > 0;
  if (routed->has_address) netstack_configured(routed->netstack);
  if (!routed->has_address && routed->logged[0] == '\0') return;  // it is only to come
  if (zx_clock_get_monotonic() < routed->log_at)
    post(routed, routed->log_at);
  else
    write_log(routed, &addresses);
}

zx_status_t routed_create(netstack_t* netstack, routed_t** out) {
  routed_t* routed = calloc(1, sizeof(*routed));
  if (!routed) return ZX_ERR_NO_MEMORY;
  routed->netstack = netstack;
  routed->task.handler = look;
  *out = routed;
  return ZX_OK;
}

void routed_destroy(routed_t* routed) {
  if (!routed) return;
  if (routed->task_set) (void)async_cancel_task(netstack_dispatcher(routed->netstack), &routed->task);
  free(routed);
}

void routed_up(routed_t* routed, uint32_t interface) {
  const netstack_config_t* config = netstack_configuration(routed->netstack);
  tcpip_autoconf_config_t settings = {.known_unique = config->known_unique};
  if (routed->listens || interface == 0) return;
  routed->interface = interface;
  memcpy(settings.secret, config->secret, sizeof(settings.secret));
  int error = tcpip_autoconf_start(netstack_engine(routed->netstack), interface, &settings);
  routed->listens = error == 0;
  if (error != 0)
    netstack_log(routed->netstack, "%s: IPv6 routers are not listened to: %s", config->interface_name,
                 strerror(-error));
}

void routed_changed(routed_t* routed) {
  // What waits until it may be written does not keep programs waiting.
  if (routed->task_set) (void)async_cancel_task(netstack_dispatcher(routed->netstack), &routed->task);
  routed->task_set = false;
  post(routed, 0);
}

bool routed_has_address(const routed_t* routed) {
  return routed->has_address;
}
