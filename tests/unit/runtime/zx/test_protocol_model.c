// The passage of a channel from its socket to shared memory (runtime/zx/channel_ring.h), explored
// exhaustively: every order in which two ends can send, receive, fall asleep, be woken and die, with queues
// that are full on the way and descriptors that go beside the ring, is tried. No order may lose a message,
// change their order, give one the wrong descriptors, or end with a message that nobody is going to read.
//
// Steps are taken one at a time here; that those which share memory may be, is test_wake_model.c's to show.
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "jx_test.h"

// --- a set of states already seen, and a stack of states to be explored

#define STATE_BYTES 64
#define SET_SIZE (1u << 18)

static unsigned char (*seen)[STATE_BYTES];
static bool* used;
static unsigned char (*stack)[STATE_BYTES];
static size_t depth;
static size_t explored;

static void start(void) {
  seen = calloc(SET_SIZE, STATE_BYTES);
  used = calloc(SET_SIZE, sizeof(bool));
  stack = calloc(SET_SIZE, STATE_BYTES);
  ck_assert(seen && used && stack);
  depth = explored = 0;
}

static void finish(void) {
  free(seen);
  free(used);
  free(stack);
}

static void reach(const void* state, size_t size) {
  unsigned char bytes[STATE_BYTES] = {0};
  uint64_t hash = 1469598103934665603u;
  ck_assert_uint_le(size, STATE_BYTES);
  memcpy(bytes, state, size);
  for (size_t i = 0; i < size; i++)
    hash = (hash ^ bytes[i]) * 1099511628211u;
  for (size_t at = hash % SET_SIZE;; at = (at + 1) % SET_SIZE) {
    if (!used[at]) {
      used[at] = true;
      memcpy(seen[at], bytes, STATE_BYTES);
      memcpy(stack[depth++], bytes, STATE_BYTES);
      ck_assert_uint_lt(++explored, SET_SIZE / 2);
      return;
    }
    if (memcmp(seen[at], bytes, STATE_BYTES) == 0) return;
  }
}

// --- upgrade

// Mistakes the model must find.
static bool forgets_to_ring;
static bool sends_fds_late;  // behind the entry that needs them
static bool switches_early;  // writes to the ring before the other end knows

enum { QUEUE = 2, RING = 4, EACH = 4 };
enum { MESSAGE = 1, OFFER = 0x40, ACCEPT = 0x80, SWITCH, REFUSE, BELL, FDS = 0xc0 };  // FDS | whose they are
enum { NONE, OFFERED, ACCEPTED, SWITCHING, ON, NEVER };

struct queue {
  uint8_t count;
  uint8_t items[RING];
};

struct upgrade_state {
  uint8_t state[2];
  uint8_t sent[2];
  uint8_t received[2];
  uint8_t fds[2];          // those that came before their entry, 0 if there are none
  struct queue socket[2];  // towards the other end, by the sender
  struct queue ring[2];
  bool waiting[2];  // the word in shared memory
  bool asleep[2];
  bool dead[2];
};

static bool push(struct queue* q, uint8_t item, uint8_t limit) {
  if (q->count == limit) return false;
  q->items[q->count++] = item;
  return true;
}

static uint8_t pop(struct queue* q) {
  uint8_t item = q->items[0];
  memmove(q->items, q->items + 1, RING - 1);
  q->items[--q->count] = 0;
  return item;
}

static bool writes_ring(uint8_t state) {
  return state == ACCEPTED || state == ON || (switches_early && state == SWITCHING);
}

// Some messages carry descriptors.
static bool has_fds(uint8_t item) {
  return item % 2 == 0;
}

static bool reads_ring(uint8_t state) {
  return state == SWITCHING || state == ON;
}

static bool has_memory(uint8_t state) {
  return state != NONE && state != NEVER;
}

static void catch_up(struct upgrade_state* s) {
  if (s->state[0] == SWITCHING && push(&s->socket[0], SWITCH, QUEUE)) s->state[0] = ON;
}

static bool send_message(struct upgrade_state* s, int end, bool offer) {
  if (s->sent[end] == EACH || s->asleep[end] || s->dead[0] || s->dead[1]) return false;
  if (end == 0) catch_up(s);
  if (s->state[end] == SWITCHING) return false;
  uint8_t item = (uint8_t)(MESSAGE + s->sent[end]);
  if (writes_ring(s->state[end])) {
    if (offer || s->ring[end].count == RING) return false;
    if (has_fds(item) && !sends_fds_late && !push(&s->socket[end], FDS | item, QUEUE)) return false;
    push(&s->ring[end], item, RING);
    if (s->waiting[!end] && !forgets_to_ring)
      push(&s->socket[end], BELL, QUEUE);  // a full queue wakes as well
    s->waiting[!end] = false;
  } else {
    if (offer && (end != 0 || s->state[0] != NONE)) return false;
    if (!push(&s->socket[end], item | (offer ? OFFER : 0), QUEUE)) return false;
    if (offer) s->state[0] = OFFERED;
  }
  s->sent[end]++;
  return true;
}

// A bell, or descriptors to come.
static void take_control(struct upgrade_state* s, int end, bool* wrong) {
  if (!s->socket[!end].count) {
    *wrong = true;
    return;
  }
  uint8_t item = pop(&s->socket[!end]);
  if (item == BELL) return;
  if (item < FDS || s->fds[end]) *wrong = true;
  s->fds[end] = item & ~FDS;
}

static unsigned wrongs;

static void deliver(struct upgrade_state* s, int end, uint8_t item) {
  if (item != MESSAGE + s->received[end]) wrongs++;
  s->received[end]++;
}

// The descriptors of an entry were sent before it.
static void deliver_entry(struct upgrade_state* s, int end, uint8_t item) {
  bool wrong = false;
  while (has_fds(item) && !s->fds[end] && !wrong)
    take_control(s, end, &wrong);
  if (has_fds(item)) {
    wrong = wrong || s->fds[end] != item;
    s->fds[end] = 0;
  }
  wrongs += wrong;
  deliver(s, end, item);
}

static void answer_offer(struct upgrade_state* s, bool willing) {
  if (willing && !s->dead[0] && push(&s->socket[1], ACCEPT, QUEUE)) {
    s->state[1] = ACCEPTED;
    return;
  }
  s->state[1] = NEVER;
  push(&s->socket[1], REFUSE, QUEUE);
}

static bool receive(struct upgrade_state* s, int end, bool willing) {
  if (s->asleep[end] || s->dead[end]) return false;
  if (reads_ring(s->state[end])) {
    if (!s->ring[!end].count) return false;
    deliver_entry(s, end, pop(&s->ring[!end]));
    return true;
  }
  if (!s->socket[!end].count) return false;
  uint8_t item = pop(&s->socket[!end]);
  if (item == ACCEPT) {
    ck_assert_int_eq(s->state[0], OFFERED);
    s->state[0] = SWITCHING;
    catch_up(s);
  } else if (item == SWITCH) {
    ck_assert_int_eq(s->state[1], ACCEPTED);
    s->state[1] = ON;
  } else if (item == REFUSE) {
    ck_assert_int_eq(s->state[0], OFFERED);
    s->state[0] = NEVER;
  } else if (item == BELL) {
    ck_assert(has_memory(s->state[end]));
  } else if (item >= FDS) {
    wrongs++;  // such an end counts as broken
  } else {
    deliver(s, end, item & ~OFFER);
    if (item & OFFER) answer_offer(s, willing);
  }
  return true;
}

// Says so, looks again, and polls the socket.
static bool fall_asleep(struct upgrade_state* s, int end) {
  if (s->asleep[end] || s->dead[end]) return false;
  if (has_memory(s->state[end])) s->waiting[end] = true;
  if (reads_ring(s->state[end]) && s->ring[!end].count) return false;
  s->asleep[end] = true;
  return true;
}

static bool wake_up(struct upgrade_state* s, int end) {
  if (!s->asleep[end] || !(s->socket[!end].count || s->dead[!end])) return false;
  s->asleep[end] = false;
  bool wrong = false;
  // Without an entry that needs them yet they are kept; only one message's are in this model.
  bool room = s->socket[!end].count && (s->socket[!end].items[0] == BELL || !s->fds[end]);
  if (reads_ring(s->state[end]) && room) take_control(s, end, &wrong);
  wrongs += wrong;
  return true;
}

// At any instruction: also between the descriptors and their entry.
static bool die(struct upgrade_state* s, int end, bool halfway) {
  if (s->dead[0] || s->dead[1]) return false;
  if (halfway && (!writes_ring(s->state[end]) || !push(&s->socket[end], FDS | 2, QUEUE))) return false;
  s->dead[end] = true;
  s->asleep[end] = false;
  return true;
}

static bool move(struct upgrade_state* s, int number) {
  int end = number % 2;
  bool flag = number / 2 % 2;
  switch (number / 4) {
    case 0:
      return send_message(s, end, flag);
    case 1:
      return receive(s, end, flag);
    case 2:
      return flag ? fall_asleep(s, end) : wake_up(s, end);
    default:
      return die(s, end, flag);
  }
}

// Nobody can move: whoever is alive has read all that the other had sent. Going back to sleep is no move.
static bool is_stuck(const struct upgrade_state* s) {
  struct upgrade_state next;
  for (int number = 0; number < 12; number++) {
    if (number / 4 == 2 && number / 2 % 2) continue;
    next = *s;
    if (move(&next, number)) return false;
  }
  return true;
}

struct outcome {
  bool upgraded, refused, died, carried;
  unsigned lost;   // ends at which somebody had not read all
  unsigned wrong;  // messages with wrong descriptors, or packets out of place
};

static struct outcome explore(void) {
  struct upgrade_state first;
  struct outcome outcome = {0};
  memset(&first, 0, sizeof(first));
  wrongs = 0;
  start();
  reach(&first, sizeof(first));
  while (depth) {
    struct upgrade_state now, next;
    memcpy(&now, stack[--depth], sizeof(now));
    for (int number = 0; number < 16; number++) {
      next = now;
      if (move(&next, number)) reach(&next, sizeof(next));
    }
    if (!is_stuck(&now)) continue;
    for (int end = 0; end < 2; end++)
      outcome.lost += !now.dead[end] && now.received[end] != now.sent[!end];
    outcome.upgraded |= now.state[0] == ON && now.state[1] == ON;
    outcome.refused |= now.state[0] == NEVER;
    outcome.died |= now.dead[0] || now.dead[1];
    outcome.carried |= now.state[0] == ON && now.received[0] == EACH && now.received[1] == EACH;
  }
  outcome.wrong = wrongs;
  finish();
  return outcome;
}

START_TEST(an_upgrade_keeps_every_message_in_order) {
  struct outcome outcome = explore();
  ck_assert_uint_eq(outcome.lost, 0);
  ck_assert_uint_eq(outcome.wrong, 0);
  ck_assert(outcome.upgraded && outcome.refused && outcome.died && outcome.carried);
  ck_assert_uint_gt(explored, 10000);
}
END_TEST

START_TEST(without_the_bell_the_model_finds_unread_messages) {
  forgets_to_ring = true;
  ck_assert_uint_gt(explore().lost, 0);
}
END_TEST

START_TEST(descriptors_behind_their_entry_are_found) {
  sends_fds_late = true;
  ck_assert_uint_gt(explore().wrong, 0);
}
END_TEST

START_TEST(a_switch_that_is_not_announced_is_found) {
  switches_early = true;
  struct outcome outcome = explore();
  ck_assert_uint_gt(outcome.lost + outcome.wrong, 0);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("protocol_model");
  TCase* tc = jx_test_case(suite, "protocol_model");
  tcase_set_timeout(tc, 60);
  tcase_add_test(tc, an_upgrade_keeps_every_message_in_order);
  tcase_add_test(tc, without_the_bell_the_model_finds_unread_messages);
  tcase_add_test(tc, descriptors_behind_their_entry_are_found);
  tcase_add_test(tc, a_switch_that_is_not_announced_is_found);
  return jx_test_run(suite);
}
