// D-Bus: sd-bus from process to process, and through dbus-broker.
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "dbus_broker.h"
#include "peer.h"

#define NAME "org.jacinth.bench"
#define PATH "/bench"

struct link {
  int ends[2];                // from process to process
  struct dbus_broker broker;  // through a bus
  bool by_bus;
  uint32_t size;
  sd_bus* bus;
  int ready[2];  // the server has its name
};

static struct link* make_link(const struct ipc_load* load) {
  struct link* link = calloc(1, sizeof(*link));
  ipc_check(link && pipe(link->ready) == 0, "pipe");
  link->size = load->size;
  return link;
}

static void* open_pair(const struct ipc_load* load, const char** why) {
  struct link* link = make_link(load);
  ipc_check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, link->ends) == 0, "socketpair");
  return link;
}

static void* open_bus(const struct ipc_load* load, const char** why) {
  struct link* link = make_link(load);
  link->by_bus = true;
  if (dbus_broker_start(&link->broker, why)) return link;
  close(link->ready[0]);
  close(link->ready[1]);
  free(link);
  return NULL;
}

static int echo(sd_bus_message* request, void* context, sd_bus_error* error) {
  const void* bytes = NULL;
  size_t size = 0;
  sd_bus_message* reply = NULL;
  if (!sd_bus_message_is_method_call(request, NAME, "Echo")) return 0;
  ipc_check(sd_bus_message_read_array(request, 'y', &bytes, &size) >= 0, "sd_bus_message_read_array");
  ipc_run(context);
  ipc_check(sd_bus_message_new_method_return(request, &reply) >= 0 &&
                sd_bus_message_append_array(reply, 'y', bytes, size) >= 0 &&
                sd_bus_send(NULL, reply, NULL) >= 0,
            "the reply over D-Bus");
  sd_bus_message_unref(reply);
  return 1;
}

static sd_bus* connect_bus(struct link* link, bool server) {
  sd_bus* bus = NULL;
  ipc_check(sd_bus_new(&bus) >= 0, "sd_bus_new");
  if (link->by_bus) {
    ipc_check(sd_bus_set_address(bus, link->broker.address) >= 0 && sd_bus_set_bus_client(bus, true) >= 0,
              "sd_bus_set_address");
  } else {
    int end = link->ends[server];
    ipc_check(sd_bus_set_fd(bus, end, end) >= 0, "sd_bus_set_fd");
    if (server) ipc_check(sd_bus_set_server(bus, true, (sd_id128_t){{1}}) >= 0, "sd_bus_set_server");
    ipc_check(sd_bus_set_anonymous(bus, true) >= 0, "sd_bus_set_anonymous");
  }
  ipc_check(sd_bus_start(bus) >= 0, "sd_bus_start");
  return bus;
}

static void serve(void* context, const struct ipc_work* work) {
  struct link* link = context;
  struct ipc_work own = *work;
  if (!link->by_bus) close(link->ends[0]);
  sd_bus* bus = connect_bus(link, true);
  ipc_check(sd_bus_add_filter(bus, NULL, echo, &own) >= 0, "sd_bus_add_filter");
  if (link->by_bus) ipc_check(sd_bus_request_name(bus, NAME, 0) >= 0, "sd_bus_request_name");
  ipc_check(write(link->ready[1], "", 1) == 1, "write");
  for (;;) {
    int done = sd_bus_process(bus, NULL);
    if (done == 0) done = sd_bus_wait(bus, UINT64_MAX);
    if (done < 0) exit(0);
  }
}

static void start(void* context) {
  struct link* link = context;
  char byte;
  if (!link->by_bus) close(link->ends[1]);
  ipc_check(read(link->ready[0], &byte, 1) == 1, "the D-Bus server");
  link->bus = connect_bus(link, false);
}

static void call(void* context) {
  struct link* link = context;
  sd_bus_message* request = NULL;
  sd_bus_message* reply = NULL;
  const void* bytes = NULL;
  size_t size = 0;
  ipc_check(sd_bus_message_new_method_call(link->bus, &request, link->by_bus ? NAME : NULL, PATH, NAME,
                                           "Echo") >= 0 &&
                sd_bus_message_append_array(request, 'y', ipc_message, link->size) >= 0 &&
                sd_bus_call(link->bus, request, 0, NULL, &reply) >= 0 &&
                sd_bus_message_read_array(reply, 'y', &bytes, &size) >= 0 && size == link->size,
            "the call over D-Bus");
  memcpy(ipc_answer, bytes, size);
  sd_bus_message_unref(request);
  sd_bus_message_unref(reply);
}

static void close_link(void* context) {
  struct link* link = context;
  sd_bus_unref(link->bus);
  if (link->by_bus) dbus_broker_stop(&link->broker);
  close(link->ready[0]);
  close(link->ready[1]);
  free(link);
}

static pid_t broker(void* context) {
  return ((struct link*)context)->broker.broker;
}

const struct ipc_peer ipc_sdbus = {
    .name = "sd-bus", .open = open_pair, .serve = serve, .start = start, .call = call, .close = close_link};

const struct ipc_peer ipc_dbus_broker = {.name = "dbus-broker",
                                         .open = open_bus,
                                         .serve = serve,
                                         .start = start,
                                         .call = call,
                                         .close = close_link,
                                         .broker = broker};
