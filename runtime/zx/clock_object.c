// Clock objects: an event with a transformation from the reference clock to the clock's own time.
//
// The transformation lies in two slots of which one is in force: an update writes the other one and then says
// so, so that a holder which dies on the way leaves the clock as it was. Holders in other processes may be
// hostile: a reader takes a copy, tries again for a while if that changed meanwhile, and then believes what
// it has; what it has is harmless, whatever it is.
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <zircon/syscalls/clock.h>
#include <zircon/syscalls/time.h>
#include <zircon/time.h>

#include "runtime/zx/event.h"
#include "runtime/zx/handle.h"
#include "runtime/zx/transfer.h"

#define PARTS_PER_MILLION 1000000
#define CLOCK_SIGNALS (ZX_USER_SIGNAL_ALL | ZX_CLOCK_STARTED | ZX_CLOCK_UPDATED)
#define MAX_READS 100u  // of a clock that changes all the time
#define PATIENCE 1000u  // yields, until another process's update counts as given up

struct clock_state {
  zx_clock_transformation_t line;
  uint64_t error_bound;
  int64_t value_updated;
  int64_t rate_updated;
  int64_t error_updated;
  int64_t rate_adjust;
};
#define STATE_WORDS (sizeof(struct clock_state) / sizeof(uint64_t))
_Static_assert(sizeof(struct clock_state) % sizeof(uint64_t) == 0, "copied in words");

struct clock_slots {
  _Atomic uint32_t updates;  // so many were finished; the lowest bit names the slot in force
  _Atomic uint32_t writer;   // who makes it more than 0 may update
  _Atomic uint64_t words[2][STATE_WORDS];
};
_Static_assert(sizeof(struct clock_slots) <= EVENT_EXTRA_BYTES, "fits behind the signals");

struct clock {
  struct event event;
  uint64_t options;
  zx_time_t backstop;
  struct clock_slots own;     // until other processes hold the clock
  struct clock_slots* slots;  // lock
};

static zx_time_t reference_now(const struct clock* clock) {
  return clock->options & ZX_CLOCK_OPT_BOOT ? zx_clock_get_boot() : zx_clock_get_monotonic();
}

static uint32_t load(struct clock_slots* slots, struct clock_state* out) {
  uint64_t words[STATE_WORDS];
  uint32_t updates;
  unsigned reads = 0;
  do {
    updates = atomic_load_explicit(&slots->updates, memory_order_acquire);  // with publish's release
    for (size_t i = 0; i < STATE_WORDS; i++)
      words[i] = atomic_load_explicit(&slots->words[updates & 1][i], memory_order_relaxed);
    atomic_thread_fence(memory_order_acquire);  // with publish's fence
  } while (atomic_load_explicit(&slots->updates, memory_order_relaxed) != updates && ++reads < MAX_READS);
  memcpy(out, words, sizeof(*out));
  return updates;
}

// Only by who holds `writer`, or before anybody else knows the clock.
static void publish(struct clock_slots* slots, const struct clock_state* state) {
  uint64_t words[STATE_WORDS];
  uint32_t updates = atomic_load_explicit(&slots->updates, memory_order_relaxed);
  memcpy(words, state, sizeof(words));
  // A reader that sees one of these words sees that the slot is no longer in force.
  atomic_thread_fence(memory_order_release);
  for (size_t i = 0; i < STATE_WORDS; i++)
    atomic_store_explicit(&slots->words[~updates & 1][i], words[i], memory_order_relaxed);
  atomic_store_explicit(&slots->updates, updates + 1, memory_order_release);
}

// Against other processes; threads of this one hold the object's lock.
static void begin_update(struct clock_slots* slots) {
  for (unsigned i = 0; i < PATIENCE; i++) {
    if (atomic_exchange_explicit(&slots->writer, 1, memory_order_acquire) == 0) return;
    sched_yield();
  }
}

static void end_update(struct clock_slots* slots) {
  atomic_store_explicit(&slots->writer, 0, memory_order_release);
}

static bool is_started(const struct clock_state* state) {
  return state->line.rate.synthetic_ticks != 0;
}

static zx_time_t saturating_add(int64_t a, int64_t b) {
  int64_t sum;
  return !__builtin_add_overflow(a, b, &sum) ? sum : b < 0 ? INT64_MIN : INT64_MAX;
}

// Rounds down. A line that nobody made here, with whatever numbers, gives some time.
static zx_time_t apply(const zx_clock_transformation_t* line, zx_time_t reference) {
  const int64_t synthetic = line->rate.synthetic_ticks, per = line->rate.reference_ticks;
  if (!synthetic || !per) return line->synthetic_offset;
  int64_t distance = zx_time_sub_time(reference, line->reference_offset);
  int64_t whole = distance / per, rest = distance % per;
  if (rest < 0) {
    whole--;
    rest += per;
  }
  int64_t fraction = (int64_t)((uint64_t)rest * (uint64_t)synthetic / (uint64_t)per);
  int64_t scaled = zx_duration_mul_int64(whole, synthetic);
  return saturating_add(line->synthetic_offset, saturating_add(scaled, fraction));
}

// --- the object

static zx_status_t clock_pack(struct zx_object* object, bool moves, struct wire_handle* wire,
                              int fds[OBJECT_MAX_FDS], unsigned* num_fds) {
  struct clock* clock = (struct clock*)object;
  pthread_mutex_lock(&object->lock);
  zx_status_t status = event_share(&clock->event);
  if (status == ZX_OK && clock->slots == &clock->own) {
    struct clock_state state;
    load(&clock->own, &state);
    clock->slots = (struct clock_slots*)(void*)((char*)clock->event.shared + EVENT_EXTRA_OFFSET);
    publish(clock->slots, &state);
  }
  pthread_mutex_unlock(&object->lock);
  if (status != ZX_OK) return status;
  wire->values[0] = clock->options;
  wire->values[1] = (uint64_t)clock->backstop;
  *num_fds = event_fds(&clock->event, fds);
  return ZX_OK;
}

static const struct object_ops clock_ops = {
    .type = ZX_OBJ_TYPE_CLOCK,
    .rights = ZX_DEFAULT_CLOCK_RIGHTS,
    .signal_mask = ZX_USER_SIGNAL_ALL,
    .waitable = true,
    .peek = event_peek,
    .arm = event_arm,
    .ready = event_ready,
    .rises = event_rises,
    .risen = event_risen,
    .signal = event_signal,
    .pack = clock_pack,
    .destroy = event_destroy,
};

static bool are_options_valid(uint64_t options) {
  bool continuous = options & ZX_CLOCK_OPT_CONTINUOUS;
  return !(options & ~ZX_CLOCK_OPTS_ALL) && (!continuous || (options & ZX_CLOCK_OPT_MONOTONIC));
}

zx_status_t clock_unpack(const struct wire_handle* wire, const int* fds, struct zx_object** out) {
  struct event* event;
  zx_status_t status = event_attach(&clock_ops, sizeof(struct clock), CLOCK_SIGNALS, fds, &event);
  if (status != ZX_OK) return status;
  struct clock* clock = (struct clock*)event;
  clock->options = wire->values[0];
  clock->backstop = (zx_time_t)wire->values[1];
  clock->slots = (struct clock_slots*)(void*)((char*)event->shared + EVENT_EXTRA_OFFSET);
  if (!are_options_valid(clock->options)) {
    object_unref(&event->base);
    return ZX_ERR_IO_DATA_INTEGRITY;
  }
  *out = &event->base;
  return ZX_OK;
}

zx_status_t zx_clock_create(uint64_t options, const void* args, zx_handle_t* out) {
  uint64_t version = options >> ZX_CLOCK_ARGS_VERSION_SHIFT;
  zx_clock_create_args_v1_t given = {0};
  options &= ~ZX_CLOCK_ARGS_VERSION_MASK;
  if (version > 1 || (version == 1) != (args != NULL) || !are_options_valid(options) || !out) {
    return ZX_ERR_INVALID_ARGS;
  }
  if (args) memcpy(&given, args, sizeof(given));
  struct clock* clock = calloc(1, sizeof(*clock));
  if (!clock) return ZX_ERR_NO_MEMORY;
  event_init(&clock->event, &clock_ops, CLOCK_SIGNALS);
  clock->options = options;
  clock->backstop = given.backstop_time;
  clock->slots = &clock->own;
  struct clock_state state = {.error_bound = ZX_CLOCK_UNKNOWN_ERROR};
  state.line = (zx_clock_transformation_t){0, clock->backstop, {0, 1}};
  if (options & ZX_CLOCK_OPT_AUTO_START) {
    zx_time_t now = reference_now(clock);
    if (clock->backstop > now) {
      object_unref(&clock->event.base);
      return ZX_ERR_INVALID_ARGS;
    }
    state.line = (zx_clock_transformation_t){0, 0, {1, 1}};
    state.value_updated = state.rate_updated = now;
    clock->event.base.user_signals = ZX_CLOCK_STARTED;
  }
  publish(&clock->own, &state);
  return handle_create(&clock->event.base, ZX_DEFAULT_CLOCK_RIGHTS, out);
}

// --- reading

static uint32_t read_state(struct clock* clock, struct clock_state* out) {
  pthread_mutex_lock(&clock->event.base.lock);
  uint32_t updates = load(clock->slots, out);
  pthread_mutex_unlock(&clock->event.base.lock);
  return updates;
}

zx_status_t zx_clock_read(zx_handle_t handle, zx_time_t* now) {
  struct zx_object* object;
  zx_status_t status = handle_lookup(handle, ZX_OBJ_TYPE_CLOCK, ZX_RIGHT_READ, &object, NULL);
  if (status != ZX_OK) return status;
  struct clock_state state;
  read_state((struct clock*)object, &state);
  if (now) *now = apply(&state.line, reference_now((struct clock*)object));
  object_unref(object);
  return now ? ZX_OK : ZX_ERR_INVALID_ARGS;
}

zx_status_t zx_clock_get_details(zx_handle_t handle, uint64_t options, void* details) {
  if (options != ZX_CLOCK_ARGS_VERSION(1)) return ZX_ERR_INVALID_ARGS;
  struct zx_object* object;
  zx_status_t status = handle_lookup(handle, ZX_OBJ_TYPE_CLOCK, ZX_RIGHT_READ, &object, NULL);
  if (status != ZX_OK) return status;
  struct clock* clock = (struct clock*)object;
  struct clock_state state;
  zx_clock_details_v1_t out = {.generation_counter = read_state(clock, &state)};
  out.options = clock->options;
  out.backstop_time = clock->backstop;
  out.reference_ticks_to_synthetic = out.reference_to_synthetic = state.line;
  out.error_bound = state.error_bound;
  out.query_ticks = reference_now(clock);
  out.last_value_update_ticks = state.value_updated;
  out.last_rate_adjust_update_ticks = state.rate_updated;
  out.last_error_bounds_update_ticks = state.error_updated;
  if (details) memcpy(details, &out, sizeof(out));
  object_unref(object);
  return details ? ZX_OK : ZX_ERR_INVALID_ARGS;
}

// --- updating

struct change {
  bool v1, sets_value, sets_rate, sets_error, has_reference;
  zx_time_t value;
  zx_time_t reference;
  int32_t rate_adjust;
  uint64_t error_bound;
};

static zx_status_t read_change(uint64_t options, const void* args, struct change* out) {
  uint64_t version = options >> ZX_CLOCK_ARGS_VERSION_SHIFT;
  options &= ~ZX_CLOCK_ARGS_VERSION_MASK;
  if ((version != 1 && version != 2) || !args) return ZX_ERR_INVALID_ARGS;
  if (!options || (options & ~ZX_CLOCK_UPDATE_OPTIONS_ALL)) return ZX_ERR_INVALID_ARGS;
  *out = (struct change){.v1 = version == 1,
                         .sets_value = options & ZX_CLOCK_UPDATE_OPTION_SYNTHETIC_VALUE_VALID,
                         .sets_rate = options & ZX_CLOCK_UPDATE_OPTION_RATE_ADJUST_VALID,
                         .sets_error = options & ZX_CLOCK_UPDATE_OPTION_ERROR_BOUND_VALID,
                         .has_reference = options & ZX_CLOCK_UPDATE_OPTION_REFERENCE_VALUE_VALID};
  if (out->v1) {
    zx_clock_update_args_v1_t given;
    memcpy(&given, args, sizeof(given));
    out->rate_adjust = given.rate_adjust;
    out->value = given.value;
    out->error_bound = given.error_bound;
  } else {
    zx_clock_update_args_v2_t given;
    memcpy(&given, args, sizeof(given));
    out->rate_adjust = given.rate_adjust;
    out->value = given.synthetic_value;
    out->reference = given.reference_value;
    out->error_bound = given.error_bound;
  }
  if (out->has_reference && (out->v1 || !(out->sets_value || out->sets_rate))) return ZX_ERR_INVALID_ARGS;
  if (out->sets_rate && (out->rate_adjust < ZX_CLOCK_UPDATE_MIN_RATE_ADJUST ||
                         out->rate_adjust > ZX_CLOCK_UPDATE_MAX_RATE_ADJUST)) {
    return ZX_ERR_INVALID_ARGS;
  }
  return ZX_OK;
}

// What the clock's properties and its past forbid, whatever the values are.
static zx_status_t check_change(const struct clock* clock, const struct clock_state* state,
                                const struct change* change) {
  if (!is_started(state)) return change->sets_value ? ZX_OK : ZX_ERR_BAD_STATE;
  if (change->sets_value && (clock->options & ZX_CLOCK_OPT_CONTINUOUS)) return ZX_ERR_INVALID_ARGS;
  if (change->v1 || !(clock->options & ZX_CLOCK_OPT_MONOTONIC)) return ZX_OK;
  bool bare_value = change->sets_value && !change->has_reference;
  bool mixed = change->sets_rate && (change->sets_value || change->has_reference);
  return bare_value || mixed ? ZX_ERR_INVALID_ARGS : ZX_OK;
}

static zx_status_t move_line(const struct clock* clock, struct clock_state* state,
                             const struct change* change, zx_time_t now) {
  zx_time_t reference = change->has_reference ? change->reference : now;
  zx_clock_transformation_t line = state->line;
  line.reference_offset = reference;
  line.synthetic_offset = change->sets_value ? change->value : apply(&state->line, reference);
  if (change->sets_rate) {
    line.rate = (zx_clock_rate_t){(uint32_t)(PARTS_PER_MILLION + change->rate_adjust), PARTS_PER_MILLION};
  } else if (!is_started(state)) {
    line.rate = (zx_clock_rate_t){1, 1};
  }
  zx_time_t shown = apply(&line, now);
  if ((clock->options & ZX_CLOCK_OPT_MONOTONIC) && shown < apply(&state->line, now))
    return ZX_ERR_INVALID_ARGS;
  if (shown < clock->backstop) return ZX_ERR_INVALID_ARGS;
  state->line = line;
  return ZX_OK;
}

static zx_status_t update(const struct clock* clock, struct clock_state* state, const struct change* change) {
  zx_time_t now = reference_now(clock);
  zx_status_t status = check_change(clock, state, change);
  bool starts = !is_started(state);
  // A rate that stays the same moves nothing, so that no rounding creeps in.
  bool same_rate = change->sets_rate && !change->has_reference && change->rate_adjust == state->rate_adjust;
  bool moves = change->sets_value || (change->sets_rate && !same_rate);
  if (status == ZX_OK && moves) status = move_line(clock, state, change, now);
  if (status != ZX_OK) return status;
  if (change->sets_value) state->value_updated = now;
  if (change->sets_rate || starts) {
    state->rate_updated = now;
    state->rate_adjust = change->sets_rate ? change->rate_adjust : 0;
  }
  if (change->sets_error) {
    state->error_updated = now;
    state->error_bound = change->error_bound;
  }
  return ZX_OK;
}

zx_status_t zx_clock_update(zx_handle_t handle, uint64_t options, const void* args) {
  struct zx_object* object;
  zx_status_t status = handle_lookup(handle, ZX_OBJ_TYPE_CLOCK, ZX_RIGHT_WRITE, &object, NULL);
  if (status != ZX_OK) return status;
  struct clock* clock = (struct clock*)object;
  struct clock_state state;
  struct change change;
  status = read_change(options, args, &change);
  if (status == ZX_OK) {
    pthread_mutex_lock(&object->lock);
    begin_update(clock->slots);
    load(clock->slots, &state);
    status = update(clock, &state, &change);
    if (status == ZX_OK) publish(clock->slots, &state);
    end_update(clock->slots);
    if (status == ZX_OK) {
      event_signal(object, 0, ZX_CLOCK_STARTED | ZX_CLOCK_UPDATED);
      event_signal(object, ZX_CLOCK_UPDATED, 0);
    }
    pthread_mutex_unlock(&object->lock);
  }
  object_unref(object);
  return status;
}
