// The two protocols that shared memory stands on, explored exhaustively: every order in which two processes
// can take their steps, on a machine whose stores reach memory late (each process has a buffer of stores that
// only it sees, as x86 has), is tried, and no order may end with a message that nobody is going to read.
//
//   sleep and wake   runtime/zx/pair.h: publish, fence, look whether the other sleeps; say so, fence, look
//   again upgrade          runtime/zx/channel_ring.h: from the socket to the rings, with full socket queues
//   on the way
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "jx_test.h"

// --- a set of states already seen, and a stack of states to be explored

#define STATE_BYTES 64
#define SET_SIZE (1u << 20)

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

// --- sleep and wake

enum { HEAD, WAITING, WORDS };
enum { WRITER, READER };
enum { MESSAGES = 4, MAX_STORES = 3 };

struct wake_state {
  uint8_t memory[WORDS];
  uint8_t bell;
  uint8_t step[2];
  uint8_t written;  // the writer's own head
  uint8_t read;     // the reader's own tail
  uint8_t num_stores[2];
  uint8_t stores[2][MAX_STORES][2];  // word, value
};

static uint8_t load(const struct wake_state* s, int who, uint8_t word) {
  for (int i = s->num_stores[who]; i-- > 0;) {
    if (s->stores[who][i][0] == word) return s->stores[who][i][1];
  }
  return s->memory[word];
}

static void store(struct wake_state* s, int who, uint8_t word, uint8_t value) {
  ck_assert_int_lt(s->num_stores[who], MAX_STORES);
  s->stores[who][s->num_stores[who]][0] = word;
  s->stores[who][s->num_stores[who]++][1] = value;
}

// The oldest store of a process reaches memory.
static void flush_one(struct wake_state* s, int who) {
  s->memory[s->stores[who][0][0]] = s->stores[who][0][1];
  s->num_stores[who]--;
  memmove(s->stores[who][0], s->stores[who][1], sizeof(s->stores[who][0]) * (MAX_STORES - 1));
  memset(s->stores[who][s->num_stores[who]], 0, sizeof(s->stores[who][0]));
}

// One step of the writer, if it can take one.
static bool step_writer(struct wake_state* s, bool fences) {
  bool empty = s->num_stores[WRITER] == 0;
  switch (s->step[WRITER]) {
    case 0:  // publish
      if (s->written == MESSAGES || s->num_stores[WRITER] == MAX_STORES) return false;
      store(s, WRITER, HEAD, ++s->written);
      break;
    case 1:  // fence: goes on when the stores have reached memory
      if (fences && !empty) return false;
      break;
    case 2:
      if (!load(s, WRITER, WAITING)) {
        s->step[WRITER] = 0;
        return true;
      }
      break;
    default:  // exchange, which is a fence as well, and ring if it was set
      if (!empty) return false;
      if (s->memory[WAITING]) s->bell++;
      s->memory[WAITING] = 0;
      s->step[WRITER] = 0;
      return true;
  }
  s->step[WRITER]++;
  return true;
}

static bool step_reader(struct wake_state* s, bool fences) {
  switch (s->step[READER]) {
    case 0:  // look
    case 3:  // look again
      if (load(s, READER, HEAD) != s->read) {
        s->read++;
        s->step[READER] = 0;
        return true;
      }
      break;
    case 1:
      if (s->num_stores[READER] == MAX_STORES) return false;
      store(s, READER, WAITING, 1);
      break;
    case 2:
      if (fences && s->num_stores[READER]) return false;
      break;
    default:  // asleep until the bell; a bell that rang before is stale and does no harm
      if (!s->bell) return false;
      s->bell = 0;
      s->step[READER] = 0;
      return true;
  }
  s->step[READER]++;
  return true;
}

// Whether some order ends with the reader asleep and a message unread.
static bool can_lose_a_wake_up(bool fences) {
  struct wake_state first;
  memset(&first, 0, sizeof(first));
  bool lost = false;
  start();
  reach(&first, sizeof(first));
  while (depth) {
    struct wake_state now, next;
    memcpy(&now, stack[--depth], sizeof(now));
    bool stuck = true;
    for (int who = 0; who < 2; who++) {
      next = now;
      if (who == WRITER ? step_writer(&next, fences) : step_reader(&next, fences)) {
        stuck = false;
        reach(&next, sizeof(next));
      }
      if (!now.num_stores[who]) continue;
      next = now;
      flush_one(&next, who);
      stuck = false;
      reach(&next, sizeof(next));
    }
    if (stuck && now.read != MESSAGES) lost = true;
  }
  finish();
  return lost;
}

START_TEST(no_order_of_steps_loses_a_wake_up) {
  ck_assert(!can_lose_a_wake_up(true));
  ck_assert_uint_gt(explored, 100);
}
END_TEST

START_TEST(without_the_fences_the_model_finds_a_lost_wake_up) {
  ck_assert(can_lose_a_wake_up(false));
}
END_TEST

// --- upgrade

enum { QUEUE = 2, RING = 8, EACH = 4 };
enum { MESSAGE = 1, OFFER = 0x40, ACCEPT = 0x80, SWITCH, REFUSE };
enum { NONE, OFFERED, ACCEPTED, SWITCHING, ON, NEVER };

struct queue {
  uint8_t count;
  uint8_t items[RING];
};

struct upgrade_state {
  uint8_t state[2];
  uint8_t sent[2];
  uint8_t received[2];
  struct queue socket[2];  // towards the other end, by the sender
  struct queue ring[2];
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
  return state == ACCEPTED || state == ON;
}

static bool reads_ring(uint8_t state) {
  return state == SWITCHING || state == ON;
}

static void catch_up(struct upgrade_state* s) {
  if (s->state[0] == SWITCHING && push(&s->socket[0], SWITCH, QUEUE)) s->state[0] = ON;
}

static bool send_message(struct upgrade_state* s, int end, bool offer) {
  if (s->sent[end] == EACH) return false;
  if (end == 0) catch_up(s);
  if (s->state[end] == SWITCHING) return false;
  uint8_t item = (uint8_t)(MESSAGE + s->sent[end]);
  if (writes_ring(s->state[end])) {
    if (offer || !push(&s->ring[end], item, RING)) return false;
  } else {
    if (offer && (end != 0 || s->state[0] != NONE)) return false;
    if (!push(&s->socket[end], item | (offer ? OFFER : 0), QUEUE)) return false;
    if (offer) s->state[0] = OFFERED;
  }
  s->sent[end]++;
  return true;
}

static void deliver(struct upgrade_state* s, int end, uint8_t item) {
  ck_assert_msg(item == MESSAGE + s->received[end], "end %d got message %d, expected %d", end, item,
                MESSAGE + s->received[end]);
  s->received[end]++;
}

static void answer_offer(struct upgrade_state* s, bool willing) {
  if (willing && push(&s->socket[1], ACCEPT, QUEUE)) {
    s->state[1] = ACCEPTED;
    return;
  }
  s->state[1] = NEVER;
  push(&s->socket[1], REFUSE, QUEUE);
}

static bool receive(struct upgrade_state* s, int end, bool willing) {
  if (reads_ring(s->state[end])) {
    if (!s->ring[!end].count) return false;
    deliver(s, end, pop(&s->ring[!end]));
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
  } else {
    deliver(s, end, item & ~OFFER);
    if (item & OFFER) answer_offer(s, willing);
  }
  return true;
}

START_TEST(an_upgrade_keeps_every_message_in_order) {
  struct upgrade_state first;
  memset(&first, 0, sizeof(first));
  bool upgraded = false, refused = false;
  start();
  reach(&first, sizeof(first));
  while (depth) {
    struct upgrade_state now, next;
    memcpy(&now, stack[--depth], sizeof(now));
    bool stuck = true;
    for (int move = 0; move < 8; move++) {
      next = now;
      bool moved =
          move < 4 ? send_message(&next, move / 2, move % 2) : receive(&next, (move - 4) / 2, move % 2);
      if (!moved) continue;
      stuck = false;
      reach(&next, sizeof(next));
    }
    if (!stuck) continue;
    ck_assert(now.received[0] == EACH && now.received[1] == EACH);
    upgraded |= now.state[0] == ON && now.state[1] == ON;
    refused |= now.state[0] == NEVER;
  }
  finish();
  ck_assert(upgraded && refused);
  ck_assert_uint_gt(explored, 1000);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("protocol_model");
  TCase* tc = jx_test_case(suite, "protocol_model");
  tcase_add_test(tc, no_order_of_steps_loses_a_wake_up);
  tcase_add_test(tc, without_the_fences_the_model_finds_a_lost_wake_up);
  tcase_add_test(tc, an_upgrade_keeps_every_message_in_order);
  return jx_test_run(suite);
}
