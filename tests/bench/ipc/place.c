// See place.h.
#include "place.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "peer.h"

const char* const ipc_place_names[IPC_PLACES] = {"same core", "two cores", "unpinned"};

char ipc_message[IPC_MAX_BYTES];
char ipc_answer[IPC_MAX_BYTES];

#define APART_SECONDS 30u

static cpu_set_t allowed;

void ipc_place_init(void) {
  ipc_check(sched_getaffinity(0, sizeof(allowed), &allowed) == 0, "sched_getaffinity");
}

void ipc_check(bool good, const char* what) {
  if (good) return;
  fprintf(stderr, "bench_ipc: %s failed\n", what);
  exit(1);
}

void ipc_place(enum ipc_place place, bool server) {
  if (place == IPC_ANYWHERE) return;
  sched_setaffinity(0, sizeof(allowed), &allowed);
  bench_pin(place == IPC_SPLIT && server ? 1 : 0);
}

pid_t ipc_burn(enum ipc_place place) {
  pid_t pid = fork();
  ipc_check(pid >= 0, "fork");
  if (pid > 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  ipc_place(place, false);
  for (volatile unsigned i = 0;; i++) {
  }
}

void ipc_end(pid_t process) {
  kill(process, SIGKILL);
  waitpid(process, NULL, 0);
}

uint64_t ipc_cpu_ns(pid_t process) {
  clockid_t clock;
  struct timespec used;
  if (clock_getcpuclockid(process, &clock) != 0 || clock_gettime(clock, &used) != 0) return 0;
  return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

bool ipc_apart(void (*body)(void* context), void* context) {
  int status = 0;
  fflush(stdout);
  pid_t pid = fork();
  ipc_check(pid >= 0, "fork");
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(APART_SECONDS);  // a server that failed leaves its caller waiting
    body(context);
    fflush(stdout);
    _exit(0);
  }
  waitpid(pid, &status, 0);
  return status == 0;
}
