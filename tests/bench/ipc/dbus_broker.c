// The part of dbus-broker-launch that a benchmark needs: a listening socket and a policy that allows all,
// handed over the controller's connection (interface org.bus1.DBus.Broker).
#include "dbus_broker.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "peer.h"

#define OWN "(btbs)"
#define TRANSMIT "(btssssuutt)"
#define BATCH "bta" OWN "a" TRANSMIT "a" TRANSMIT
#define POLICY "(a(u(" BATCH "))a(buu(" BATCH "))a(ss)bs)"

static int listen_in(struct dbus_broker* bus) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(bus->directory, sizeof(bus->directory), "/tmp/bench_ipc.XXXXXX");
  ipc_check(mkdtemp(bus->directory) != NULL, "mkdtemp");
  snprintf(address.sun_path, sizeof(address.sun_path), "%s/bus", bus->directory);
  snprintf(bus->address, sizeof(bus->address), "unix:path=%s", address.sun_path);
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  ipc_check(listener >= 0 && bind(listener, (struct sockaddr*)&address, sizeof(address)) == 0 &&
                listen(listener, 16) == 0,
            "the bus's socket");
  return listener;
}

static int append_all(sd_bus_message* call, const char* contents) {
  int done = sd_bus_message_open_container(call, 'a', contents);
  if (done < 0) return done;
  if (strcmp(contents, OWN) == 0) {
    done = sd_bus_message_append(call, OWN, true, (uint64_t)1, true, "");
  } else {
    done = sd_bus_message_append(call, TRANSMIT, true, (uint64_t)1, "", "", "", "", 0u, 0u, (uint64_t)0,
                                 UINT64_MAX);
  }
  return done < 0 ? done : sd_bus_message_close_container(call);
}

// Everybody may connect, own any name, send and receive anything.
static bool append_policy(sd_bus_message* call) {
  return sd_bus_message_open_container(call, 'v', POLICY) >= 0 &&
         sd_bus_message_open_container(call, 'r', "a(u(" BATCH "))a(buu(" BATCH "))a(ss)bs") >= 0 &&
         sd_bus_message_open_container(call, 'a', "(u(" BATCH "))") >= 0 &&
         sd_bus_message_open_container(call, 'r', "u(" BATCH ")") >= 0 &&
         sd_bus_message_append(call, "u", UINT32_MAX) >= 0 &&
         sd_bus_message_open_container(call, 'r', BATCH) >= 0 &&
         sd_bus_message_append(call, "bt", true, (uint64_t)1) >= 0 && append_all(call, OWN) >= 0 &&
         append_all(call, TRANSMIT) >= 0 && append_all(call, TRANSMIT) >= 0 &&
         sd_bus_message_close_container(call) >= 0 && sd_bus_message_close_container(call) >= 0 &&
         sd_bus_message_close_container(call) >= 0 &&
         sd_bus_message_append(call, "a(buu(" BATCH "))a(ss)bs", 0, 0, false, "session") >= 0 &&
         sd_bus_message_close_container(call) >= 0 && sd_bus_message_close_container(call) >= 0;
}

static bool add_listener(sd_bus* bus, int listener) {
  sd_bus_message* call = NULL;
  bool good = sd_bus_message_new_method_call(bus, &call, NULL, "/org/bus1/DBus/Broker",
                                             "org.bus1.DBus.Broker", "AddListener") >= 0 &&
              sd_bus_message_append(call, "oh", "/org/bus1/DBus/Listener/0", listener) >= 0 &&
              append_policy(call) && sd_bus_call(bus, call, 0, NULL, NULL) >= 0;
  sd_bus_message_unref(call);
  return good;
}

static pid_t run_broker(int controller) {
  pid_t pid = fork();
  if (pid != 0) return pid;
  char number[16];
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  snprintf(number, sizeof(number), "%d", controller);
  execlp("dbus-broker", "dbus-broker", "--controller", number, "--machine-id",
         "0123456789abcdef0123456789abcdef", (char*)NULL);
  _exit(127);
}

bool dbus_broker_start(struct dbus_broker* bus, const char** why) {
  int ends[2];
  sd_bus* controller = NULL;
  int listener = listen_in(bus);
  // The broker's end is left open across its exec.
  ipc_check(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
  bus->broker = run_broker(ends[1]);
  close(ends[1]);
  bool good = sd_bus_new(&controller) >= 0 && sd_bus_set_fd(controller, ends[0], ends[0]) >= 0 &&
              sd_bus_start(controller) >= 0 && add_listener(controller, listener);
  close(listener);
  bus->controller = controller;
  if (good) return true;
  *why = "dbus-broker does not start: install the package dbus-broker (2023 or later)";
  dbus_broker_stop(bus);
  return false;
}

void dbus_broker_stop(struct dbus_broker* bus) {
  char path[64];
  kill(bus->broker, SIGKILL);
  waitpid(bus->broker, NULL, 0);
  sd_bus_unref(bus->controller);
  snprintf(path, sizeof(path), "%s/bus", bus->directory);
  unlink(path);
  rmdir(bus->directory);
}
