// The explorer; see memory_model.h. Depth first over states, each of which is remembered by a hash of 128
// bits.
#include "memory_model.h"

#include <setjmp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define MAX_STORES 8  // of one location that some thread may still see
#define MAX_LOG 16    // operations between two checkpoints
#define SET_BITS 22
#define SET_SIZE ((size_t)1 << SET_BITS)
#define STACK_SIZE 65536u

// How far one has seen each location's list of stores.
typedef uint8_t view_t[MODEL_LOCATIONS];

struct store {
  uint32_t value;
  view_t view;  // what a reader that synchronizes with it learns
};

struct location {
  uint8_t count;
  struct store stores[MAX_STORES];  // in modification order; bells and locks use the first one only
};

struct thread {
  view_t now;       // what it has seen
  view_t at_hand;   // what an acquire fence would make it see
  view_t released;  // what it had seen at its last release fence
  uint8_t ended;
  uint8_t log_length;
  uint32_t log[MAX_LOG];
  _Alignas(uint64_t) uint8_t local[MODEL_LOCAL_BYTES];
};

struct state {
  struct location locations[MODEL_LOCATIONS];
  view_t fences;  // what the seq_cst fences so far have seen, together
  struct thread threads[MODEL_THREADS];
};

enum kind {
  LOAD,
  STORE,
  EXCHANGE,
  FETCH_OR,
  FETCH_AND,
  FENCE,
  BARRIER,
  RING,
  HEARS,
  SILENCE,
  SLEEP,
  LOCK,
  UNLOCK
};

struct operation {
  enum kind kind;
  unsigned at;
  unsigned other;
  uint32_t value;
  bool acquire;
  bool release;
};

static struct {
  const struct model* model;
  struct thread* thread;  // the one being replayed
  unsigned position;
  struct operation pending;
  jmp_buf out;
  uint64_t (*set)[2];
  struct state* stack;
  size_t depth;
  struct model_result result;
} run;

// --- what the code under test calls

static unsigned find(const volatile void* at) {
  for (unsigned i = 0; i < run.model->num_locations; i++) {
    if (run.model->locations[i] == (const void*)(uintptr_t)at) return i;
  }
  abort();  // a word the test did not name
}

static uint32_t perform(struct operation operation) {
  if (run.position < run.thread->log_length) return run.thread->log[run.position++];
  run.pending = operation;
  longjmp(run.out, 1);
}

static uint32_t access(enum kind kind, const volatile void* at, uint32_t value, int order) {
  bool both = order == memory_order_acq_rel || order == memory_order_seq_cst;
  return perform((struct operation){.kind = kind,
                                    .at = find(at),
                                    .value = value,
                                    .acquire = both || order == memory_order_acquire,
                                    .release = both || order == memory_order_release});
}

uint32_t model_load(const volatile void* at, int order) {
  return access(LOAD, at, 0, order);
}

void model_store(volatile void* at, uint32_t value, int order) {
  access(STORE, at, value, order);
}

uint32_t model_exchange(volatile void* at, uint32_t value, int order) {
  return access(EXCHANGE, at, value, order);
}

uint32_t model_fetch_or(volatile void* at, uint32_t value, int order) {
  return access(FETCH_OR, at, value, order);
}

uint32_t model_fetch_and(volatile void* at, uint32_t value, int order) {
  return access(FETCH_AND, at, value, order);
}

void model_fence(void) {
  perform((struct operation){.kind = FENCE});
}

void model_barrier(void) {
  perform((struct operation){.kind = BARRIER});
}

void model_ring(volatile void* bell) {
  perform((struct operation){.kind = RING, .at = find(bell)});
}

bool model_hears(volatile void* bell) {
  return perform((struct operation){.kind = HEARS, .at = find(bell)});
}

void model_silence(volatile void* bell) {
  perform((struct operation){.kind = SILENCE, .at = find(bell)});
}

void model_sleep(volatile void* bell, volatile void* other) {
  unsigned at = find(bell);
  perform((struct operation){.kind = SLEEP, .at = at, .other = other ? find(other) : at});
}

void model_lock(volatile void* lock) {
  perform((struct operation){.kind = LOCK, .at = find(lock)});
}

void model_unlock(volatile void* lock) {
  perform((struct operation){.kind = UNLOCK, .at = find(lock)});
}

// --- memory

static void join(view_t into, const view_t from) {
  for (unsigned i = 0; i < MODEL_LOCATIONS; i++) {
    if (from[i] > into[i]) into[i] = from[i];
  }
}

static void see(struct thread* thread, unsigned at, unsigned index, const struct store* store, bool acquire) {
  if (thread->now[at] < index) thread->now[at] = (uint8_t)index;
  join(thread->at_hand, thread->now);
  join(thread->at_hand, store->view);
  if (acquire) join(thread->now, store->view);
}

// `before`: the store that an atomic read-modify-write follows; it goes on with that one's release sequence.
static bool append(struct state* state, struct thread* thread, unsigned at, uint32_t value, bool release,
                   const struct store* before) {
  struct location* location = &state->locations[at];
  if (location->count == MAX_STORES) return false;
  struct store store = {.value = value};
  if (before) memcpy(store.view, before->view, sizeof(view_t));
  thread->now[at] = location->count;
  thread->at_hand[at] = location->count;
  join(store.view, release && !run.model->without_releases ? thread->now : thread->released);
  store.view[at] = location->count;
  location->stores[location->count++] = store;
  return true;
}

static void fence(struct state* state, struct thread* thread) {
  join(thread->now, thread->at_hand);
  join(thread->now, state->fences);
  memcpy(state->fences, thread->now, sizeof(view_t));
  join(thread->at_hand, thread->now);
  memcpy(thread->released, thread->now, sizeof(view_t));
}

// All others at once: what one does between its fence and the end of the barrier might as well come after it.
// They learn what the caller has seen and the caller what they have, but none of the others learns from
// another.
static void barrier(struct state* state, unsigned t) {
  fence(state, &state->threads[t]);
  view_t before;
  view_t after;
  memcpy(before, state->fences, sizeof(view_t));
  memcpy(after, state->fences, sizeof(view_t));
  for (unsigned i = 0; i < run.model->num_threads; i++) {
    if (i == t || (run.model->unregistered & (1u << i))) continue;
    memcpy(state->fences, before, sizeof(view_t));
    fence(state, &state->threads[i]);
    join(after, state->fences);
  }
  memcpy(state->fences, after, sizeof(view_t));
  fence(state, &state->threads[t]);
}

static void forget(view_t view, unsigned at, unsigned count) {
  view[at] = view[at] > count ? (uint8_t)(view[at] - count) : 0;
}

// Drops the stores that no thread can see any more, so that states which differ in nothing else are one.
static void drop_old(struct state* state, unsigned at) {
  struct location* location = &state->locations[at];
  unsigned count = location->count - 1u;
  for (unsigned t = 0; t < run.model->num_threads; t++) {
    const struct thread* thread = &state->threads[t];
    if (!thread->ended && thread->now[at] < count) count = thread->now[at];
  }
  if (!count) return;
  location->count = (uint8_t)(location->count - count);
  memmove(location->stores, location->stores + count, location->count * sizeof(struct store));
  memset(location->stores + location->count, 0, count * sizeof(struct store));
  forget(state->fences, at, count);
  for (unsigned t = 0; t < run.model->num_threads; t++) {
    forget(state->threads[t].now, at, count);
    forget(state->threads[t].at_hand, at, count);
    forget(state->threads[t].released, at, count);
  }
  for (unsigned l = 0; l < run.model->num_locations; l++) {
    for (unsigned i = 0; i < state->locations[l].count; i++)
      forget(state->locations[l].stores[i].view, at, count);
  }
}

// --- threads

// Runs a thread up to its next operation. False: it has ended.
static bool advance(struct state* state, unsigned t) {
  struct thread* thread = &state->threads[t];
  const struct model_thread* code = &run.model->threads[t];
  while (!thread->ended) {
    memcpy(code->local, thread->local, code->local_size);
    run.thread = thread;
    run.position = 0;
    if (setjmp(run.out)) return true;
    bool more = code->pass(code->local);
    memcpy(thread->local, code->local, code->local_size);
    thread->log_length = 0;
    memset(thread->log, 0, sizeof(thread->log));
    thread->ended = !more;
  }
  return false;
}

static void remember(const struct state* state) {
  const uint64_t* words = (const uint64_t*)(const void*)state;
  uint64_t a = 0x9e3779b97f4a7c15u;
  uint64_t b = 0xc2b2ae3d27d4eb4fu;
  for (size_t i = 0; i < sizeof(*state) / sizeof(*words); i++) {
    a = (a ^ words[i]) * 0xff51afd7ed558ccdu;
    a ^= a >> 32;
    b = (b + words[i]) * 0x9fb21c651e98df25u;
    b ^= b >> 29;
  }
  a |= !a;
  for (size_t at = a >> (64 - SET_BITS);; at = (at + 1) % SET_SIZE) {
    if (run.set[at][0] == a && run.set[at][1] == b) return;
    if (run.set[at][0]) continue;
    run.set[at][0] = a;
    run.set[at][1] = b;
    run.stack[run.depth++] = *state;
    if (++run.result.states > SET_SIZE / 2 || run.depth == STACK_SIZE) run.result.too_big = true;
    return;
  }
}

// The thread's operation has had a result: a new state.
static void finish(struct state* state, unsigned t, uint32_t result) {
  struct thread* thread = &state->threads[t];
  if (thread->log_length == MAX_LOG) abort();  // a checkpoint is missing
  thread->log[thread->log_length++] = result;
  advance(state, t);
  for (unsigned l = 0; l < run.model->num_locations; l++)
    drop_old(state, l);
  remember(state);
}

// Loads may see any store from the last one seen on.
static void try_loads(const struct state* state, unsigned t, const struct operation* op) {
  const struct location* location = &state->locations[op->at];
  for (unsigned i = state->threads[t].now[op->at]; i < location->count; i++) {
    struct state next = *state;
    see(&next.threads[t], op->at, i, &location->stores[i], op->acquire);
    finish(&next, t, location->stores[i].value);
  }
}

static uint32_t modified(const struct operation* op, uint32_t value) {
  return op->kind == EXCHANGE ? op->value : op->kind == FETCH_OR ? value | op->value : value & op->value;
}

static void try_write(struct state* next, unsigned t, const struct operation* op) {
  struct thread* thread = &next->threads[t];
  struct location* location = &next->locations[op->at];
  struct store before = location->stores[location->count - 1];
  bool fits = true;
  if (op->kind == STORE) {
    fits = append(next, thread, op->at, op->value, op->release, NULL);
  } else {
    see(thread, op->at, location->count - 1u, &before, op->acquire);
    fits = append(next, thread, op->at, modified(op, before.value), op->release, &before);
  }
  if (!fits) run.result.too_big = true;
  if (fits) finish(next, t, before.value);
}

// What the kernel orders: bells and locks pass on what was seen before.
static bool try_kernel(struct state* next, unsigned t, const struct operation* op) {
  struct thread* thread = &next->threads[t];
  struct store* object = &next->locations[op->at].stores[0];
  struct store* other = &next->locations[op->other].stores[0];
  uint32_t result = object->value;
  if (op->kind == SLEEP && !object->value && !other->value) return false;
  if (op->kind == LOCK && object->value) return false;
  if (op->kind == RING || op->kind == UNLOCK) join(object->view, thread->now);
  if (op->kind != RING && op->kind != UNLOCK) join(thread->now, object->view);
  if (op->kind == SLEEP) join(thread->now, other->view);
  join(thread->at_hand, thread->now);
  if (op->kind == RING || op->kind == LOCK) object->value = 1;
  if (op->kind == SILENCE || op->kind == UNLOCK) object->value = 0;
  finish(next, t, result);
  return true;
}

// Whether the thread can take a step.
static bool step(const struct state* state, unsigned t) {
  struct state next = *state;
  if (!advance(&next, t)) return false;
  struct operation op = run.pending;
  next = *state;
  switch (op.kind) {
    case LOAD:
      try_loads(state, t, &op);
      return true;
    case STORE:
    case EXCHANGE:
    case FETCH_OR:
    case FETCH_AND:
      try_write(&next, t, &op);
      return true;
    case FENCE:
      if (!run.model->without_fences) fence(&next, &next.threads[t]);
      finish(&next, t, 0);
      return true;
    case BARRIER:
      barrier(&next, t);
      finish(&next, t, 0);
      return true;
    default:
      return try_kernel(&next, t, &op);
  }
}

static void judge_end(const struct state* state) {
  bool ended[MODEL_THREADS];
  void* locals[MODEL_THREADS];
  run.result.ends++;
  for (unsigned t = 0; t < run.model->num_threads; t++) {
    ended[t] = state->threads[t].ended;
    locals[t] = (void*)(uintptr_t)state->threads[t].local;
  }
  if (!run.model->is_good_end(ended, locals)) run.result.bad = true;
}

struct model_result model_run(const struct model* model) {
  memset(&run, 0, sizeof(run));
  run.model = model;
  run.set = calloc(SET_SIZE, sizeof(*run.set));
  run.stack = calloc(STACK_SIZE, sizeof(*run.stack));
  struct state* first = calloc(1, sizeof(*first));
  if (!run.set || !run.stack || !first) abort();
  for (unsigned l = 0; l < model->num_locations; l++)
    first->locations[l].count = 1;
  for (unsigned t = 0; t < model->num_threads; t++) {
    memcpy(first->threads[t].local, model->threads[t].local, model->threads[t].local_size);
    advance(first, t);
  }
  remember(first);
  while (run.depth && !run.result.bad && !run.result.too_big) {
    *first = run.stack[--run.depth];
    bool stuck = true;
    for (unsigned t = 0; t < model->num_threads; t++) {
      if (step(first, t)) stuck = false;
    }
    if (stuck) judge_end(first);
  }
  free(run.set);
  free(run.stack);
  free(first);
  return run.result;
}
