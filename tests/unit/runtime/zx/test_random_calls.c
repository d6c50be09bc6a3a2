// At least a million calls between two processes of several threads each, all chosen at random:
// zx_channel_call with and without handles, messages one way, waits of every kind, packets of ports; on
// channels that are cold, that are about to move to shared memory and that have moved; with sleeps and
// changes of processor at random moments. Every call has a deadline that only a lost wake-up can reach.
//
// SEED=n repeats a run's choices, not its timing.
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zircon/linux.h>
#include <zircon/syscalls.h>

#include "jx_test.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { CALLS = 60000 };
#else
enum { CALLS = 1000000 };
#endif

enum { CALLERS = 4, SERVERS = 3, LIFE = 2500, MAX_BYTES = 3000 };

// Kinds of messages, behind the txid.
enum { ECHO = 1, ONE_WAY, ASK_BACK, LEAVE };

struct message {
  zx_txid_t txid;
  uint32_t kind;
  uint64_t number;
  unsigned char bytes[MAX_BYTES];
};
#define HEAD offsetof(struct message, bytes)

static zx_time_t soon(void) {
  return zx_deadline_after(ZX_SEC(60));
}

static unsigned pick(unsigned* seed, unsigned limit) {
  *seed = *seed * 1664525u + 1013904223u;
  return (unsigned)((uint64_t)(*seed >> 4) * limit >> 28);
}

// Sleeps, yields or moves to another processor now and then.
static void dawdle(unsigned* seed) {
  unsigned choice = pick(seed, 4000);
  if (choice < 3) zx_nanosleep(zx_deadline_after(ZX_USEC(pick(seed, 400))));
  if (choice >= 3 && choice < 40) zx_nanosleep(0);
  if (choice < 40 || choice >= 46) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(pick(seed, (unsigned)sysconf(_SC_NPROCESSORS_ONLN)), &set);
  (void)sched_setaffinity(0, sizeof(set), &set);  // a processor may not be ours to use
}

// What may be wrong ends the process with the line's number, since there are threads.
#define EXPECT(condition)                                                                         \
  do {                                                                                            \
    if (!(condition)) {                                                                           \
      fprintf(stderr, "# %s process, line %d: %s\n", is_server ? "serving" : "calling", __LINE__, \
              #condition);                                                                        \
      _exit(1);                                                                                   \
    }                                                                                             \
  } while (0)

static bool is_server;

// Until `signals`, in one of the ways there are.
static void wait_somehow(zx_handle_t handle, zx_handle_t port, zx_signals_t signals, unsigned* seed) {
  zx_wait_item_t items[2] = {{handle, signals, 0}, {handle, ZX_USER_SIGNAL_7, 0}};
  zx_port_packet_t packet;
  switch (pick(seed, 4)) {
    case 0:
      EXPECT(zx_object_wait_one(handle, signals, soon(), NULL) == ZX_OK);
      break;
    case 1:
      EXPECT(zx_object_wait_many(items, 2, soon()) == ZX_OK);
      break;
    case 2:
      EXPECT(zx_object_wait_async(handle, port, 1, signals, 0) == ZX_OK);
      EXPECT(zx_port_wait(port, soon(), &packet) == ZX_OK && packet.key == 1);
      break;
    default:
      // With another packet in the queue, of which there may be several in a row.
      packet = (zx_port_packet_t){.key = 2};
      EXPECT(zx_port_queue(port, &packet) == ZX_OK);
      EXPECT(zx_object_wait_async(handle, port, 1, signals, 0) == ZX_OK);
      for (uint64_t keys = 0; keys != 3; keys |= packet.key)
        EXPECT(zx_port_wait(port, soon(), &packet) == ZX_OK);
  }
}

static void fill(struct message* m, uint32_t size, unsigned salt) {
  for (uint32_t i = HEAD; i < size; i++)
    m->bytes[i - HEAD] = (unsigned char)(m->number * 7 + i + salt);
}

static bool is_filled(const struct message* m, uint32_t size, unsigned salt) {
  for (uint32_t i = HEAD; i < size; i++) {
    if (m->bytes[i - HEAD] != (unsigned char)(m->number * 7 + i + salt)) return false;
  }
  return true;
}

static void write_patiently(zx_handle_t channel, const struct message* m, uint32_t size, zx_handle_t* handle,
                            zx_handle_t port, unsigned* seed) {
  for (;;) {
    // A handle is consumed by a write that finds no room: it is sent once there is some.
    zx_signals_t observed = 0;
    if (*handle) EXPECT(zx_object_wait_one(channel, ZX_CHANNEL_WRITABLE, soon(), &observed) == ZX_OK);
    zx_status_t status = zx_channel_write(channel, 0, m, size, handle, *handle ? 1 : 0);
    if (status == ZX_OK) return;
    EXPECT(status == ZX_ERR_SHOULD_WAIT);
    if (*handle) EXPECT(zx_event_create(0, handle) == ZX_OK);
    wait_somehow(channel, port, ZX_CHANNEL_WRITABLE, seed);
  }
}

// --- the process that answers: some threads on each channel, of which one takes a message

static atomic_uint one_ways;  // received on the channel that is served now

static void answer(zx_handle_t channel, zx_handle_t port, struct message* m, uint32_t size,
                   zx_handle_t* handle, unsigned* seed) {
  EXPECT(size >= HEAD && is_filled(m, size, 0));
  switch (m->kind) {
    case ECHO:
      fill(m, size, 1);
      write_patiently(channel, m, size, handle, port, seed);
      break;
    case ONE_WAY:
      atomic_fetch_add(&one_ways, 1);
      zx_handle_close(*handle);
      break;
    case ASK_BACK:  // the answer goes to the queue, not to a call
      zx_handle_close(*handle);
      *handle = ZX_HANDLE_INVALID;
      m->txid = 5;
      fill(m, size, 2);
      write_patiently(channel, m, size, handle, port, seed);
      break;
    default:
      EXPECT(m->kind == LEAVE);
  }
}

struct server {
  zx_handle_t channel;
  unsigned seed;
};

static void* serve(void* context) {
  struct server* self = context;
  zx_handle_t port;
  EXPECT(zx_port_create(0, &port) == ZX_OK);
  for (;;) {
    struct message m;
    zx_handle_t handle = ZX_HANDLE_INVALID;
    uint32_t size, num_handles;
    dawdle(&self->seed);
    zx_status_t status = zx_channel_read(self->channel, 0, &m, &handle, sizeof(m), 1, &size, &num_handles);
    if (status == ZX_OK) {
      answer(self->channel, port, &m, size, &handle, &self->seed);
    } else if (status == ZX_ERR_SHOULD_WAIT) {
      // All of them, whoever takes the message.
      wait_somehow(self->channel, port, ZX_CHANNEL_READABLE | ZX_CHANNEL_PEER_CLOSED, &self->seed);
    } else {
      EXPECT(status == ZX_ERR_PEER_CLOSED);
      break;
    }
  }
  zx_handle_close(port);
  return NULL;
}

// Channels arrive one after the other through `carrier`; each is served until it is closed, and the messages
// that went one way are counted back.
static void serve_all(zx_handle_t carrier, unsigned seed) {
  zx_handle_t channel;
  is_server = true;
  for (;;) {
    EXPECT(zx_object_wait_one(carrier, ZX_CHANNEL_READABLE | ZX_CHANNEL_PEER_CLOSED, soon(), NULL) == ZX_OK);
    zx_status_t status = zx_channel_read(carrier, 0, NULL, &channel, 0, 1, NULL, NULL);
    if (status == ZX_ERR_PEER_CLOSED) _exit(0);
    EXPECT(status == ZX_OK);
    struct server servers[SERVERS];
    pthread_t threads[SERVERS];
    atomic_store(&one_ways, 0);
    for (int i = 0; i < SERVERS; i++) {
      servers[i] = (struct server){channel, seed = seed * 69069 + 1};
      EXPECT(pthread_create(&threads[i], NULL, serve, &servers[i]) == 0);
    }
    for (int i = 0; i < SERVERS; i++)
      pthread_join(threads[i], NULL);
    unsigned count = atomic_load(&one_ways);
    EXPECT(zx_handle_close(channel) == ZX_OK);
    EXPECT(zx_channel_write(carrier, 0, &count, sizeof(count), NULL, 0) == ZX_OK);
  }
}

// --- the process that calls

struct caller {
  zx_handle_t channel;
  atomic_int* left;   // calls until the channel's end
  atomic_uint* sent;  // one way
  atomic_uint* owed;  // answers that go to the queue, and have not been read
  unsigned seed;
};

static void call(struct caller* self, struct message* m, uint32_t size) {
  struct message got;
  zx_handle_t sent = ZX_HANDLE_INVALID, back = ZX_HANDLE_INVALID;
  uint32_t num_bytes, num_handles;
  zx_koid_t koid = 0;
  zx_info_handle_basic_t info;
  if (pick(&self->seed, 16) == 0) {
    EXPECT(zx_event_create(0, &sent) == ZX_OK);
    EXPECT(zx_object_get_info(sent, ZX_INFO_HANDLE_BASIC, &info, sizeof(info), NULL, NULL) == ZX_OK);
    koid = info.koid;
  }
  zx_channel_call_args_t args = {.wr_bytes = m,
                                 .wr_num_bytes = size,
                                 .wr_handles = &sent,
                                 .wr_num_handles = sent ? 1 : 0,
                                 .rd_bytes = &got,
                                 .rd_num_bytes = sizeof(got),
                                 .rd_handles = &back,
                                 .rd_num_handles = 1};
  zx_time_t deadline = pick(&self->seed, 2) ? ZX_TIME_INFINITE : soon();
  EXPECT(zx_channel_call(self->channel, 0, deadline, &args, &num_bytes, &num_handles) == ZX_OK);
  EXPECT(num_bytes == size && got.number == m->number && got.kind == ECHO && is_filled(&got, size, 1));
  EXPECT(num_handles == (koid ? 1u : 0u));
  if (!koid) return;
  EXPECT(zx_object_get_info(back, ZX_INFO_HANDLE_BASIC, &info, sizeof(info), NULL, NULL) == ZX_OK);
  EXPECT(info.koid == koid);
  EXPECT(zx_handle_close(back) == ZX_OK);
}

// Takes an answer out of the queue, if there is one; whichever thread asked for it.
static bool take_queued(struct caller* self) {
  struct message m;
  uint32_t size;
  zx_status_t status = zx_channel_read(self->channel, 0, &m, NULL, sizeof(m), 0, &size, NULL);
  EXPECT(status == ZX_OK || status == ZX_ERR_SHOULD_WAIT);
  if (status != ZX_OK) return false;
  EXPECT(m.txid == 5 && m.kind == ASK_BACK && is_filled(&m, size, 2));
  atomic_fetch_sub(self->owed, 1);
  return true;
}

static void do_something(struct caller* self, zx_handle_t port, uint64_t number) {
  unsigned choice = pick(&self->seed, 16);
  struct message m = {.kind = choice < 8 ? ECHO : choice < 13 ? ONE_WAY : ASK_BACK, .number = number};
  uint32_t size = (uint32_t)HEAD + pick(&self->seed, pick(&self->seed, 64) ? 100 : MAX_BYTES);
  zx_handle_t handle = ZX_HANDLE_INVALID;
  fill(&m, size, 0);
  if (m.kind == ECHO) {
    call(self, &m, size);
    return;
  }
  if (pick(&self->seed, 24) == 0) EXPECT(zx_event_create(0, &handle) == ZX_OK);
  m.txid = 3;
  write_patiently(self->channel, &m, size, &handle, port, &self->seed);
  if (m.kind == ONE_WAY) {
    atomic_fetch_add(self->sent, 1);
  } else {
    atomic_fetch_add(self->owed, 1);
    while (atomic_load(self->owed) > 20) {
      if (!take_queued(self)) zx_nanosleep(0);
    }
  }
}

static void* call_at_random(void* context) {
  struct caller* self = context;
  zx_handle_t port;
  EXPECT(zx_port_create(0, &port) == ZX_OK);
  for (int left; (left = atomic_fetch_sub(self->left, 1)) > 0;) {
    dawdle(&self->seed);
    do_something(self, port, (uint64_t)left);
  }
  zx_handle_close(port);
  return NULL;
}

// The life of one channel. Short ones end before they move to shared memory, or in the middle of it.
static unsigned use_channel(zx_handle_t carrier, unsigned* seed) {
  zx_handle_t ends[2], port;
  int count = (int)(pick(seed, 4) ? pick(seed, LIFE) : pick(seed, 300)) + 1;
  atomic_int left = count;
  atomic_uint sent = 0, owed = 0;
  struct caller callers[CALLERS];
  pthread_t threads[CALLERS];
  unsigned side = pick(seed, 2), received;
  EXPECT(zx_channel_create(0, &ends[0], &ends[1]) == ZX_OK);
  EXPECT(zx_channel_write(carrier, 0, NULL, 0, &ends[!side], 1) == ZX_OK);
  for (int i = 0; i < CALLERS; i++) {
    callers[i] = (struct caller){ends[side], &left, &sent, &owed, pick(seed, 1u << 27)};
    EXPECT(pthread_create(&threads[i], NULL, call_at_random, &callers[i]) == 0);
  }
  for (int i = 0; i < CALLERS; i++)
    pthread_join(threads[i], NULL);
  EXPECT(zx_port_create(0, &port) == ZX_OK);
  while (atomic_load(&owed)) {
    if (!take_queued(&callers[0])) wait_somehow(ends[side], port, ZX_CHANNEL_READABLE, seed);
  }
  EXPECT(zx_handle_close(port) == ZX_OK && zx_handle_close(ends[side]) == ZX_OK);
  // What was written before the close is read before the close is seen.
  EXPECT(zx_object_wait_one(carrier, ZX_CHANNEL_READABLE, soon(), NULL) == ZX_OK);
  EXPECT(zx_channel_read(carrier, 0, &received, NULL, sizeof(received), 0, NULL, NULL) == ZX_OK);
  EXPECT(received == atomic_load(&sent));
  return (unsigned)count;
}

START_TEST(random_calls_of_many_threads_lose_no_wake_up) {
  zx_handle_t carrier[2];
  int status;
  unsigned seed = getenv("SEED") ? (unsigned)atoi(getenv("SEED")) : (unsigned)getpid();
  ck_assert_int_eq(zx_channel_create(0, &carrier[0], &carrier[1]), ZX_OK);
  pid_t child = fork();
  if (child == 0) {
    zx_linux_after_fork_keep(&carrier[1], 1);
    serve_all(carrier[1], seed ^ 0x5a5a);
  }
  zx_linux_after_fork_leave(&carrier[1], 1);
  printf("# %d calls, SEED=%u\n", CALLS, seed);
  fflush(stdout);
  for (unsigned done = 0; done < CALLS;)
    done += use_channel(carrier[0], &seed);
  zx_handle_close(carrier[0]);
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_int_eq(status, 0);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("random_calls");
  TCase* tc = jx_test_case(suite, "random_calls");
  tcase_set_timeout(tc, 280);
  tcase_add_test(tc, random_calls_of_many_threads_lose_no_wake_up);
  return jx_test_run(suite);
}
