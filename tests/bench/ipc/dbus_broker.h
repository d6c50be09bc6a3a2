// A dbus-broker of one's own, without systemd.
#ifndef TESTS_BENCH_IPC_DBUS_BROKER_H_
#define TESTS_BENCH_IPC_DBUS_BROKER_H_

#include <stdbool.h>
#include <sys/types.h>

struct dbus_broker {
  pid_t broker;
  char directory[32];
  char address[64];
  void* controller;
};

// Starts a broker on which everybody may do everything. False: `*why` says what is missing.
bool dbus_broker_start(struct dbus_broker* bus, const char** why);
void dbus_broker_stop(struct dbus_broker* bus);

#endif  // TESTS_BENCH_IPC_DBUS_BROKER_H_
