// The real code of runtime/zx/ring.h and wake.h, run under every order that the C memory model allows: what
// one side publishes is what the other reads, and nobody sleeps while there is something to wake for.
#include <stdlib.h>

#include "memory_model_atomics.h"

#include "runtime/zx/ring.h"
#include "runtime/zx/wake.h"

#include "jx_test.h"

#define READABLE 1u
#define WRITABLE 2u

// --- a ring, both ways of waking, and the close: as fifo.c uses them

#define MESSAGES 3u
#define SLOTS 2u
#define PLACES 4u

static struct {
  struct ring_shared ring;
  _Atomic uint32_t storage[SLOTS];
  _Atomic uint64_t words[PLACES];  // of entries
  _Atomic uint32_t body;           // of the last entry
  _Atomic uint32_t waiting[2];     // the writer's, the reader's
  _Atomic uint32_t closed;
  _Atomic uint32_t light;  // the writer's
  _Atomic uint32_t heavy;  // the reader's
  char bells[2];
} shared;

enum { WRITER, READER };

struct writer {
  struct ring_producer out;
  uint32_t sent;
  struct wake_changer changer;
};

struct reader {
  struct ring_consumer in;
  uint32_t received;
  uint32_t given_back;
  uint32_t unasked;
  bool promised;
  bool heavy;
  bool wrong;
  bool saw_close;
};

static void ring_the_other(int other, uint32_t reasons) {
  if (wake_claim(&shared.waiting[other], reasons)) model_ring(&shared.bells[other]);
}

static void sleep_on(int who) {
  model_sleep(&shared.bells[who], NULL);
  model_silence(&shared.bells[who]);
}

static bool write_one(void* local) {
  struct writer* writer = local;
  uint32_t room = 0;
  if (writer->sent == MESSAGES) {
    atomic_store_explicit(&shared.closed, 1, memory_order_release);  // pair_close
    ring_the_other(READER, ~0u);
    return false;
  }
  if (!ring_room(&writer->out, &room)) abort();
  if (!room) {
    wake_arm(&shared.waiting[WRITER], WRITABLE);
    if (!ring_room(&writer->out, &room)) abort();
    if (!room) sleep_on(WRITER);
    return true;
  }
  atomic_store_explicit(&shared.storage[writer->out.head % SLOTS], writer->sent + 100, memory_order_relaxed);
  ring_publish(&writer->out, 1);
  ring_the_other(READER, READABLE);
  writer->sent++;
  return true;
}

// As fifo.c's take and fifo_arm: the close is looked at before the queue.
static bool look(struct reader* reader, uint32_t* filled) {
  bool closed = atomic_load_explicit(&shared.closed, memory_order_acquire) != 0;
  if (!ring_filled(&reader->in, filled)) abort();
  return closed;
}

static bool read_one(void* local) {
  struct reader* reader = local;
  uint32_t filled = 0;
  bool closed = look(reader, &filled);
  if (!filled && !closed) {
    wake_arm(&shared.waiting[READER], READABLE);
    closed = look(reader, &filled);
    if (!filled && !closed) sleep_on(READER);
    return true;
  }
  if (!filled) {
    reader->saw_close = true;
    return false;
  }
  uint32_t value = atomic_load_explicit(&shared.storage[reader->in.tail % SLOTS], memory_order_relaxed);
  if (value != reader->received + 100) reader->wrong = true;
  ring_consume(&reader->in, 1);
  ring_the_other(WRITER, WRITABLE);
  reader->received++;
  return !reader->wrong;
}

static bool all_was_read(const bool* ended, void* const* locals) {
  const struct reader* reader = locals[READER];
  return ended[WRITER] && ended[READER] && reader->received == MESSAGES && !reader->wrong &&
         reader->saw_close;
}

static struct model_result run_ring(bool without_fences, bool without_releases) {
  struct writer writer = {.out = {&shared.ring, 0, (uint32_t)-SLOTS, SLOTS}};
  struct reader reader = {.in = {&shared.ring, 0, 0, SLOTS}};
  const struct model model = {
      .num_threads = 2,
      .threads = {{write_one, &writer, sizeof(writer)}, {read_one, &reader, sizeof(reader)}},
      .locations = {&shared.ring.head, &shared.ring.tail, &shared.storage[0], &shared.storage[1],
                    &shared.waiting[0], &shared.waiting[1], &shared.closed, &shared.bells[0],
                    &shared.bells[1]},
      .num_locations = 9,
      .is_good_end = all_was_read,
      .without_fences = without_fences,
      .without_releases = without_releases};
  return model_run(&model);
}

START_TEST(a_ring_loses_no_message_and_no_wake_up) {
  struct model_result result = run_ring(false, false);
  ck_assert(!result.too_big && !result.bad);
  ck_assert_uint_gt(result.states, 1000);
  ck_assert_uint_gt(result.ends, 0);
}
END_TEST

START_TEST(without_the_fences_the_model_finds_a_lost_wake_up) {
  ck_assert(run_ring(true, false).bad);
}
END_TEST

START_TEST(without_the_releases_the_model_finds_a_wrong_message) {
  ck_assert(run_ring(false, true).bad);
}
END_TEST

// --- entries that are there as soon as their words are; a writer that is not worth waking for every bit of
// room, nor looking for after every read, and a reader that gives back what it read as rarely; a writer that
// is light, and a reader that is heavy, until it has handed its side to one who is not: as channel_ring.c has
// all that.

#define LIMIT (PLACES - 1)  // the word behind the last entry is 0
#define ENOUGH 1u           // for a writer that waits
#define ASK_EVERY 2u        // units read
#define LIGHT_AFTER 1u      // messages that found the reader awake
#define HEAVY_UNTIL 2u      // messages read

// Mistakes the model must find.
static bool trusts_what_it_saw_before;
static bool asks_for_no_barrier;
static bool hands_over_without_a_word;
static bool forgets_to_be_light;  // is so, without saying
static bool leaves_what_was_behind;

static bool may_be_light;
static bool hands_over;
static uint32_t write_until = 5;  // a lap and an entry more
static uint32_t read_until;

bool wake_barrier(void) {
  if (!asks_for_no_barrier) model_barrier();
  return true;
}

static void tell_reader(struct writer* writer) {
  // The short way of a message looks first, and does the rest only if there is a reason.
  bool due = wake_is_due_lightly(&writer->changer, &shared.waiting[READER], READABLE);
  if (++writer->changer.awake < LIGHT_AFTER && !due) return;
  if (wake_claim_lightly(&writer->changer, &shared.light, &shared.waiting[READER], READABLE))
    model_ring(&shared.bells[READER]);
  if (writer->changer.awake < LIGHT_AFTER || writer->changer.light || !may_be_light) return;
  wake_begin_light(&writer->changer, &shared.light, &shared.heavy);
  if (forgets_to_be_light) atomic_store_explicit(&shared.light, 0, memory_order_relaxed);
}

static void publish(struct writer* writer) {
  _Atomic uint64_t* word = &shared.words[writer->out.head % PLACES];
  _Atomic uint64_t* next = &shared.words[(writer->out.head + 1) % PLACES];
  uint32_t value = writer->sent + 1;
  atomic_store_explicit(&shared.body, value, memory_order_relaxed);
  if (leaves_what_was_behind) {
    ring_publish(&writer->out, 1);
    atomic_store_explicit(word, value, memory_order_release);
  } else {
    ring_publish_entry(&writer->out, 1, word, value, next);
  }
}

static bool write_many(void* local) {
  struct writer* writer = local;
  uint32_t room = 0;
  if (writer->sent == write_until) return false;
  if (!ring_room_for(&writer->out, 1, &room)) abort();
  if (!room) {
    wake_arm(&shared.waiting[WRITER], WRITABLE);
    if (!ring_room(&writer->out, &room)) abort();
    if (room < ENOUGH) sleep_on(WRITER);
    return true;
  }
  publish(writer);
  tell_reader(writer);
  writer->sent++;
  return true;
}

static void give_back(struct reader* reader) {
  ring_give_back(&reader->in);
  reader->given_back = reader->in.tail;
}

static void arm_reader(struct reader* reader) {
  if (reader->given_back != reader->in.tail) give_back(reader);
  if (reader->heavy) {
    wake_arm_heavy(&shared.waiting[READER], READABLE, &shared.light);
  } else {
    wake_arm(&shared.waiting[READER], READABLE);
  }
}

static void hand_over(struct reader* reader) {
  if (!hands_over_without_a_word)
    wake_end_heavy(&shared.heavy, &shared.waiting[READER], READABLE, &shared.light);
  reader->heavy = false;
}

static uint32_t look_for_entry(const struct reader* reader) {
  return (uint32_t)ring_entry_word(&shared.words[reader->in.tail % PLACES]);
}

static void take_one(struct reader* reader, uint32_t word) {
  uint32_t filled = 0;
  // What was there a lap ago is no entry, and the entry's bytes are there when the word is.
  if (word != reader->received + 1) reader->wrong = true;
  if (atomic_load_explicit(&shared.body, memory_order_relaxed) < word) reader->wrong = true;
  ring_take(&reader->in, 1);
  if ((int32_t)(reader->in.head - reader->in.tail) < 0) reader->in.head = reader->in.tail;
  reader->received++;
  if (trusts_what_it_saw_before) {
    ring_give_back(&reader->in);
    filled = reader->in.head - reader->in.tail;
    if (filled == LIMIT - ENOUGH) ring_the_other(WRITER, WRITABLE);
    return;
  }
  if (++reader->unasked < ASK_EVERY) return;
  give_back(reader);
  reader->unasked = 0;
  if (!wake_is_due(&shared.waiting[WRITER], WRITABLE)) return;
  // The index counts all entries whose words have been seen.
  if (!ring_filled(&reader->in, &filled)) reader->wrong = true;
  if (filled <= LIMIT - ENOUGH) ring_the_other(WRITER, WRITABLE);
}

static bool read_many(void* local) {
  struct reader* reader = local;
  if (reader->received == read_until || reader->wrong) return false;
  if (may_be_light && !reader->promised) {
    atomic_store_explicit(&shared.heavy, 1, memory_order_relaxed);
    reader->promised = reader->heavy = true;
  }
  if (reader->heavy && hands_over && reader->received == HEAVY_UNTIL) {
    hand_over(reader);
    return true;
  }
  uint32_t word = look_for_entry(reader);
  if (!word) {
    arm_reader(reader);
    if (!look_for_entry(reader)) sleep_on(READER);
    return true;
  }
  take_one(reader, word);
  return true;
}

static bool all_got_there(const bool* ended, void* const* locals) {
  const struct reader* reader = locals[READER];
  return ended[WRITER] && ended[READER] && !reader->wrong;
}

static struct model_result run_many(bool without_fences, bool without_releases, unsigned unregistered) {
  struct writer writer = {.out = {&shared.ring, 0, (uint32_t)-LIMIT, LIMIT}};
  struct reader reader = {.in = {&shared.ring, 0, 0, LIMIT}};
  // No further than to where a writer must have been told, though there is more to come.
  read_until = may_be_light ? write_until : ENOUGH + ASK_EVERY;
  const struct model model = {
      .num_threads = 2,
      .threads = {{write_many, &writer, sizeof(writer)}, {read_many, &reader, sizeof(reader)}},
      .locations = {&shared.ring.head, &shared.ring.tail, &shared.waiting[0], &shared.waiting[1],
                    &shared.bells[0], &shared.bells[1], &shared.light, &shared.heavy, &shared.body,
                    &shared.words[0], &shared.words[1], &shared.words[2], &shared.words[3]},
      .num_locations = 13,
      .is_good_end = all_got_there,
      .without_fences = without_fences,
      .without_releases = without_releases,
      .unregistered = unregistered};
  return model_run(&model);
}

START_TEST(a_writer_that_waits_for_much_room_is_woken) {
  struct model_result result = run_many(false, false, 0);
  ck_assert(!result.too_big && !result.bad);
  ck_assert_uint_gt(result.ends, 0);
  ck_assert(run_many(true, false, 0).bad);
}
END_TEST

START_TEST(an_entry_whose_word_is_no_release_is_found) {
  ck_assert(run_many(false, true, 0).bad);
}
END_TEST

START_TEST(a_writer_that_leaves_an_old_word_behind_its_entry_is_found) {
  leaves_what_was_behind = may_be_light = true;
  ck_assert(run_many(false, false, 0).bad);
}
END_TEST

START_TEST(a_reader_that_trusts_what_it_saw_before_is_found) {
  trusts_what_it_saw_before = true;
  ck_assert(run_many(false, false, 0).bad);
}
END_TEST

static void expect_nothing_missed(void) {
  struct model_result result = run_many(false, false, 0);
  ck_assert(!result.too_big && !result.bad);
  ck_assert_uint_gt(result.states, 10000);
}

START_TEST(a_heavy_reader_misses_nothing_of_a_light_writer) {
  may_be_light = true;
  expect_nothing_missed();
  // Barriers do not replace the fences with which the writer becomes light, and before.
  ck_assert(run_many(true, false, 0).bad);
}
END_TEST

START_TEST(a_reader_that_comes_after_a_heavy_one_misses_nothing) {
  may_be_light = hands_over = true;
  write_until = 4;
  expect_nothing_missed();
}
END_TEST

START_TEST(a_reader_that_asks_for_no_barrier_is_found) {
  may_be_light = asks_for_no_barrier = true;
  ck_assert(run_many(false, false, 0).bad);
}
END_TEST

START_TEST(a_light_writer_whom_no_barrier_reaches_is_found) {
  may_be_light = true;
  ck_assert(run_many(false, false, 1u << WRITER).bad);
}
END_TEST

START_TEST(a_writer_that_does_not_say_that_it_is_light_is_found) {
  may_be_light = forgets_to_be_light = true;
  ck_assert(run_many(false, false, 0).bad);
}
END_TEST

START_TEST(a_heavy_reader_that_goes_without_a_word_is_found) {
  may_be_light = hands_over = hands_over_without_a_word = true;
  ck_assert(run_many(false, false, 0).bad);
}
END_TEST

// --- two threads that sleep on one bell: as pair_note, rearm_others and object_note have it

static bool forgets_the_others;  // a mistake the model must find

static struct {
  _Atomic uint32_t signals;
  _Atomic uint32_t waiting;
  _Atomic uint32_t hit[2];  // of each thread's observer; under the lock
  char lock, bell, wakers[2];
} pair;

struct sleeper {
  unsigned index;
  bool armed;
};

static void note(uint32_t signals) {
  for (unsigned i = 0; i < 2; i++) {
    if (!(signals & (1u << i))) continue;
    atomic_store_explicit(&pair.hit[i], 1, memory_order_relaxed);
    model_ring(&pair.wakers[i]);
  }
}

static bool is_met(const struct sleeper* self, uint32_t signals) {
  return (signals & (1u << self->index)) ||
         atomic_load_explicit(&pair.hit[self->index], memory_order_relaxed);
}

// One round of wait.c's loop: arm, look, sleep; and after the sleep, what a poll of the bell brought.
static bool wait_once(void* local) {
  struct sleeper* self = local;
  model_lock(&pair.lock);
  if (self->armed && model_hears(&pair.bell)) {
    model_silence(&pair.bell);
    wake_arm(&pair.waiting, ~0u);  // rearm_others
    if (!forgets_the_others) note(atomic_load_explicit(&pair.signals, memory_order_acquire));
  }
  self->armed = true;
  wake_arm(&pair.waiting, ~0u);
  bool met = is_met(self, atomic_load_explicit(&pair.signals, memory_order_acquire));
  model_unlock(&pair.lock);
  if (met) return false;
  model_sleep(&pair.bell, &pair.wakers[self->index]);
  model_silence(&pair.wakers[self->index]);
  return true;
}

struct changer {
  unsigned done;
};

static bool signal_one(void* local) {
  struct changer* changer = local;
  atomic_fetch_or_explicit(&pair.signals, 1u << changer->done, memory_order_acq_rel);
  if (wake_claim(&pair.waiting, 1)) model_ring(&pair.bell);
  return ++changer->done < 2;
}

static bool all_woke(const bool* ended, void* const* locals) {
  return ended[0] && ended[1] && ended[2];
}

static struct model_result run_pair(void) {
  struct changer changer = {0};
  struct sleeper sleepers[2] = {{.index = 0}, {.index = 1}};
  const struct model model = {.num_threads = 3,
                              .threads = {{signal_one, &changer, sizeof(changer)},
                                          {wait_once, &sleepers[0], sizeof(sleepers[0])},
                                          {wait_once, &sleepers[1], sizeof(sleepers[1])}},
                              .locations = {&pair.signals, &pair.waiting, &pair.hit[0], &pair.hit[1],
                                            &pair.lock, &pair.bell, &pair.wakers[0], &pair.wakers[1]},
                              .num_locations = 8,
                              .is_good_end = all_woke};
  return model_run(&model);
}

START_TEST(threads_that_share_a_bell_all_wake) {
  struct model_result result = run_pair();
  ck_assert(!result.too_big && !result.bad);
  ck_assert_uint_gt(result.states, 1000);
}
END_TEST

START_TEST(a_thread_that_silences_the_bell_for_itself_alone_is_found) {
  forgets_the_others = true;
  ck_assert(run_pair().bad);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("wake_model");
  TCase* tc = jx_test_case(suite, "wake_model");
  tcase_set_timeout(tc, 60);
  tcase_add_test(tc, a_ring_loses_no_message_and_no_wake_up);
  tcase_add_test(tc, without_the_fences_the_model_finds_a_lost_wake_up);
  tcase_add_test(tc, without_the_releases_the_model_finds_a_wrong_message);
  tcase_add_test(tc, a_writer_that_waits_for_much_room_is_woken);
  tcase_add_test(tc, an_entry_whose_word_is_no_release_is_found);
  tcase_add_test(tc, a_writer_that_leaves_an_old_word_behind_its_entry_is_found);
  tcase_add_test(tc, a_reader_that_trusts_what_it_saw_before_is_found);
  tcase_add_test(tc, a_heavy_reader_misses_nothing_of_a_light_writer);
  tcase_add_test(tc, a_reader_that_comes_after_a_heavy_one_misses_nothing);
  tcase_add_test(tc, a_reader_that_asks_for_no_barrier_is_found);
  tcase_add_test(tc, a_light_writer_whom_no_barrier_reaches_is_found);
  tcase_add_test(tc, a_writer_that_does_not_say_that_it_is_light_is_found);
  tcase_add_test(tc, a_heavy_reader_that_goes_without_a_word_is_found);
  tcase_add_test(tc, threads_that_share_a_bell_all_wake);
  tcase_add_test(tc, a_thread_that_silences_the_bell_for_itself_alone_is_found);
  return jx_test_run(suite);
}
