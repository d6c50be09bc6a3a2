// See calls.h. All peers of a case are set up at once, each with a server of its own that sleeps while the
// others have their turn; the rounds go over all of them again and again, so that whatever disturbs the
// machine disturbs all alike.
#include "calls.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define ROUNDS 15
#define MAX_PEERS 16u

static const struct ipc_peer* const peers[] = {
    &ipc_seqpacket,  // the reference
    &ipc_zx,        &ipc_zx_port,     &ipc_fidl, &ipc_seqpacket_epoll, &ipc_pipe, &ipc_yield,
#ifdef HAVE_SDBUS
    &ipc_sdbus,     &ipc_dbus_broker,
#endif
#ifdef HAVE_CAPNP
    &ipc_capnp,
#endif
#ifdef HAVE_ZMQ
    &ipc_zmq,
#endif
#ifdef HAVE_NNG
    &ipc_nng,
#endif
};
#define NUM_PEERS (sizeof(peers) / sizeof(peers[0]))

struct contender {
  const struct ipc_peer* peer;
  void* link;
  void* next_link;  // of the chain
  pid_t servers[2];
  unsigned num_servers;
  double* samples;  // microseconds
  size_t num_samples;
  uint64_t cpu_ns;
};

static pid_t start_server(struct contender* who, void* link, const struct ipc_work* work, void* used_link,
                          enum ipc_place place) {
  pid_t pid = fork();
  ipc_check(pid >= 0, "fork");
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    ipc_place(place, true);
    if (used_link) who->peer->start(used_link);
    who->peer->serve(link, work);
    _exit(0);
  }
  who->servers[who->num_servers++] = pid;
  return pid;
}

static bool set_up(struct contender* who, const struct ipc_calls* calls, enum ipc_place place) {
  const char* why = NULL;
  const struct ipc_work none = {0};
  who->link = who->peer->open(&calls->load, &why);
  if (!who->link) {
    bench_skip(why);
    return false;
  }
  if (!calls->chain) {
    start_server(who, who->link, &none, NULL, place);
  } else {
    ipc_check((who->next_link = who->peer->open(&calls->load, &why)) != NULL, "the second link");
    const struct ipc_work further = {who->peer->call, who->next_link};
    start_server(who, who->next_link, &none, NULL, place);
    start_server(who, who->link, &further, who->next_link, place);
  }
  ipc_place(place, false);
  who->peer->start(who->link);
  who->samples = calloc(ROUNDS * calls->per_round, sizeof(double));
  ipc_check(who->samples != NULL, "calloc");
  return true;
}

static void tear_down(struct contender* who) {
  for (unsigned i = 0; i < who->num_servers; i++)
    ipc_end(who->servers[i]);
  if (who->next_link) who->peer->close(who->next_link);
  who->peer->close(who->link);
  free(who->samples);
}

static uint64_t cpu_of(const struct contender* who) {
  uint64_t used = ipc_cpu_ns(0);
  for (unsigned i = 0; i < who->num_servers; i++)
    used += ipc_cpu_ns(who->servers[i]);
  return used + (who->peer->broker ? ipc_cpu_ns(who->peer->broker(who->link)) : 0);
}

static void think(void) {
  struct timespec pause = {.tv_nsec = 1000000};
  nanosleep(&pause, NULL);
}

static void take_turn(struct contender* who, const struct ipc_calls* calls, bool counts) {
  uint64_t cpu = cpu_of(who);
  for (unsigned i = 0; i < calls->per_round; i++) {
    if (calls->cold) think();
    uint64_t start = bench_now_ns();
    who->peer->call(who->link);
    if (counts) who->samples[who->num_samples++] = (double)(bench_now_ns() - start) / 1e3;
  }
  if (counts) who->cpu_ns += cpu_of(who) - cpu;
}

static bool takes_part(const struct ipc_peer* peer, const struct ipc_calls* calls) {
  if (peer->never_chains && calls->chain) return false;
  if (peer->max_bytes && calls->load.size > peer->max_bytes) return false;
  if (peer == &ipc_yield && (calls->cold || calls->load.size > 64)) return false;
  return peer->passes_handles || !calls->load.with_handle;
}

static void report(const char* case_name, const char* what, const struct contender* who, double value,
                   const struct contender* reference, double reference_value) {
  char name[128];
  snprintf(name, sizeof(name), "%s%s%s", case_name, what[0] ? ", " : "", what);
  bench_row_t row = {name, who->peer->name, value, "us", reference->peer->name, reference_value};
  bench_report(&row);
}

static const struct contender* find(const struct contender* contenders, unsigned count,
                                    const struct ipc_peer* peer) {
  for (unsigned i = 0; i < count; i++) {
    if (contenders[i].peer == peer) return &contenders[i];
  }
  return NULL;
}

static double cpu_per_call(const struct contender* who) {
  return (double)who->cpu_ns / 1e3 / (double)who->num_samples;
}

// The samples of all are sorted by now.
static void report_all(const struct ipc_calls* calls, enum ipc_place place, const struct contender* all,
                       unsigned count) {
  char name[96];
  const struct contender* seq = &all[0];
  size_t middle = seq->num_samples / 2;
  size_t p99 = seq->num_samples * 99 / 100;
  snprintf(name, sizeof(name), "%s, %s", calls->name, ipc_place_names[place]);
  for (const struct contender* who = all + 1; who < all + count; who++)
    report(name, "", who, who->samples[middle], seq, seq->samples[middle]);
  const struct contender* epoll = find(all, count, &ipc_seqpacket_epoll);
  const struct contender* port = find(all, count, &ipc_zx_port);
  const struct contender* fidl = find(all, count, &ipc_fidl);
  if (port && epoll) report(name, "", port, port->samples[middle], epoll, epoll->samples[middle]);
  if (fidl && port) report(name, "", fidl, fidl->samples[middle], port, port->samples[middle]);
  for (const struct contender* who = all + 1; who < all + count; who++) {
    if (who->peer == &ipc_yield || (!calls->details && who->peer != &ipc_zx)) continue;
    report(name, "p99", who, who->samples[p99], seq, seq->samples[p99]);
    report(name, "CPU time", who, cpu_per_call(who), seq, cpu_per_call(seq));
  }
}

void ipc_bench_calls(const struct ipc_calls* calls, enum ipc_place place) {
  static struct contender all[MAX_PEERS];
  pid_t burners[4];
  unsigned count = 0;
  signal(SIGPIPE, SIG_IGN);
  for (unsigned i = 0; i < NUM_PEERS; i++) {
    all[count] = (struct contender){.peer = peers[i]};
    if (takes_part(peers[i], calls) && set_up(&all[count], calls, place)) count++;
  }
  for (unsigned i = 0; i < calls->burners; i++)
    burners[i] = ipc_burn(place);
  for (int round = -2; round < ROUNDS; round++) {
    for (unsigned i = 0; i < count; i++)
      take_turn(&all[i], calls, round >= 0);
  }
  for (unsigned i = 0; i < calls->burners; i++)
    ipc_end(burners[i]);
  for (unsigned i = 0; i < count; i++)
    bench_median(all[i].samples, all[i].num_samples);  // sorts
  report_all(calls, place, all, count);
  for (unsigned i = 0; i < count; i++)
    tear_down(&all[i]);
}
