// See calls.h. All peers of a case are set up at once, each with a caller and a server of its own that sleep
// while the others have their turn; the rounds go over all of them again and again, so that whatever disturbs
// the machine disturbs all alike. Callers are processes of their own, since some peers' libraries start
// threads, which all that a process does would pay for.
#include "calls.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define ROUNDS 15
#define MAX_PEERS 16u

static const struct ipc_peer* const peers[] = {
    &ipc_seqpacket,  // the reference
    &ipc_zx,        &ipc_zx_port,     &ipc_zx_threads, &ipc_fidl, &ipc_pipe, &ipc_seqpacket_epoll, &ipc_yield,
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
  // In the caller's process:
  void* link;
  void* next_link;  // of the chain
  pid_t servers[2];
  unsigned num_servers;
  // In the one that reports:
  pid_t caller;
  int turns;  // a socket: a byte each way for each turn
  // Shared by both:
  struct results* results;
};

struct results {
  size_t num_samples;
  uint64_t cpu_ns;
  double samples[];  // microseconds
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

static size_t results_size(const struct ipc_calls* calls) {
  return sizeof(struct results) + ROUNDS * calls->per_round * sizeof(double);
}

static bool open_all(struct contender* who, const struct ipc_calls* calls, enum ipc_place place) {
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
  return true;
}

static void close_all(struct contender* who) {
  for (unsigned i = 0; i < who->num_servers; i++)
    ipc_end(who->servers[i]);
  if (who->next_link) who->peer->close(who->next_link);
  who->peer->close(who->link);
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
  struct results* results = who->results;
  uint64_t cpu = cpu_of(who);
  for (unsigned i = 0; i < calls->per_round; i++) {
    if (calls->cold) think();
    uint64_t start = bench_now_ns();
    who->peer->call(who->link);
    if (counts) results->samples[results->num_samples++] = (double)(bench_now_ns() - start) / 1e3;
  }
  if (counts) results->cpu_ns += cpu_of(who) - cpu;
}

// The caller's process: says that it is ready, takes a turn for each byte it gets, and ends with the last
// one.
static void serve_turns(struct contender* who, const struct ipc_calls* calls, enum ipc_place place,
                        int turns) {
  char counts;
  if (!open_all(who, calls, place)) return;
  ipc_check(write(turns, "", 1) == 1, "the word that a peer is ready");
  while (read(turns, &counts, 1) == 1) {
    take_turn(who, calls, counts);
    ipc_check(write(turns, "", 1) == 1, "the end of a turn");
  }
  close_all(who);
}

// Waits for the caller's word. False: it has ended.
static bool await_caller(const struct contender* who) {
  char word;
  return read(who->turns, &word, 1) == 1;
}

static bool set_up(struct contender* who, const struct ipc_calls* calls, enum ipc_place place) {
  int turns[2];
  who->results = mmap(NULL, results_size(calls), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ipc_check(who->results != MAP_FAILED, "mmap");
  ipc_check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, turns) == 0, "socketpair");
  fflush(stdout);
  who->caller = fork();
  ipc_check(who->caller >= 0, "fork");
  if (who->caller == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(turns[0]);
    serve_turns(who, calls, place, turns[1]);
    fflush(stdout);
    _exit(0);
  }
  close(turns[1]);
  who->turns = turns[0];
  if (await_caller(who)) return true;
  int status = 0;
  waitpid(who->caller, &status, 0);
  ipc_check(status == 0, who->peer->name);
  close(who->turns);
  munmap(who->results, results_size(calls));
  return false;
}

static void give_turn(const struct contender* who, bool counts) {
  const char word = counts;
  ipc_check(write(who->turns, &word, 1) == 1 && await_caller(who), who->peer->name);
}

static void tear_down(struct contender* who, const struct ipc_calls* calls) {
  shutdown(who->turns, SHUT_RDWR);  // the callers that were made later have copies
  close(who->turns);
  waitpid(who->caller, NULL, 0);
  munmap(who->results, results_size(calls));
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
  return (double)who->results->cpu_ns / 1e3 / (double)who->results->num_samples;
}

// The samples of all are sorted by now.
static void report_all(const struct ipc_calls* calls, enum ipc_place place, const struct contender* all,
                       unsigned count) {
  char name[96];
  const struct contender* seq = &all[0];
  size_t middle = seq->results->num_samples / 2;
  size_t p99 = seq->results->num_samples * 99 / 100;
  snprintf(name, sizeof(name), "%s, %s", calls->name, ipc_place_names[place]);
  for (const struct contender* who = all + 1; who < all + count; who++)
    report(name, "", who, who->results->samples[middle], seq, seq->results->samples[middle]);
  const struct contender* epoll = find(all, count, &ipc_seqpacket_epoll);
  const struct contender* port = find(all, count, &ipc_zx_port);
  const struct contender* fidl = find(all, count, &ipc_fidl);
  if (port && epoll)
    report(name, "", port, port->results->samples[middle], epoll, epoll->results->samples[middle]);
  if (fidl && port)
    report(name, "", fidl, fidl->results->samples[middle], port, port->results->samples[middle]);
  for (const struct contender* who = all + 1; who < all + count; who++) {
    if (who->peer == &ipc_yield || (!calls->details && who->peer != &ipc_zx)) continue;
    report(name, "p99", who, who->results->samples[p99], seq, seq->results->samples[p99]);
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
      give_turn(&all[i], round >= 0);
  }
  for (unsigned i = 0; i < calls->burners; i++)
    ipc_end(burners[i]);
  for (unsigned i = 0; i < count; i++)
    bench_median(all[i].results->samples, all[i].results->num_samples);  // sorts
  report_all(calls, place, all, count);
  for (unsigned i = 0; i < count; i++)
    tear_down(&all[i], calls);
}
