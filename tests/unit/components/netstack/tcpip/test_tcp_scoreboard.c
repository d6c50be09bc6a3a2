// The scoreboard's short cuts against plain walks over all segments, with operations drawn from a seed.
#include <stdlib.h>

#include "base.h"
#include "jx_test.h"
#include "tcp.h"

#define STEPS 10000
#define MSS 1000u

static uint64_t random_state;

static uint32_t random_below(uint32_t bound) {
  random_state = random_state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(random_state >> 33) % bound;
}

static const tcp_segment_t* naive_next_lost(const tcp_scoreboard_t* board) {
  for (uint32_t i = 0; i < board->count; i++) {
    const tcp_segment_t* s = tcp_board_at(board, i);
    if (s->lost && !s->in_flight_again) return s;
  }
  return NULL;
}

static bool right(tcp_scoreboard_t* board) {
  uint32_t sacked = 0, lost = 0, retransmitted = 0;
  bool good = true;
  for (uint32_t i = 0; i < board->count; i++) {
    const tcp_segment_t* s = tcp_board_at(board, i);
    uint32_t length = s->end - s->seq;
    sacked += s->sacked ? length : 0;
    lost += s->lost ? length : 0;
    retransmitted += s->in_flight_again ? length : 0;
    good &= (!s->in_flight_again || s->lost) && (!s->sacked || !s->lost);
    if (!s->sacked) continue;
    uint32_t next = tcp_board_skip(board, i);
    good &= next > i && next <= board->count;
    for (uint32_t k = i; good && k < next; k++)
      good &= tcp_board_at(board, k)->sacked;
  }
  return good && board->sacked == sacked && board->lost == lost && board->retransmitted == retransmitted &&
         tcp_board_next_lost(board) == naive_next_lost(board);
}

// A block that the peer reports, as tcp_ack.c takes it.
static void report(tcp_scoreboard_t* board) {
  uint32_t first = random_below(board->count), end = first + 1 + random_below(board->count - first);
  for (uint32_t i = first; i < end;) {
    tcp_segment_t* s = tcp_board_at(board, i);
    if (s->sacked) {
      i = tcp_board_skip(board, i);
      end = i > end ? i : end;
      continue;
    }
    tcp_board_mark_sacked(board, s);
    i++;
  }
  tcp_board_join(board, first, end);
}

static void send_again(tcp_scoreboard_t* board) {
  tcp_segment_t* s = tcp_board_next_lost(board);
  if (!s) return;
  s->in_flight_again = true;
  board->retransmitted += s->end - s->seq;
}

// Octets from the first to the last, and the largest that waits to be sent again.
static uint32_t span(const tcp_scoreboard_t* board) {
  return board->count ? tcp_board_at(board, board->count - 1)->end - tcp_board_at(board, 0)->seq : 0;
}

static uint32_t largest_waiting(const tcp_scoreboard_t* board) {
  uint32_t largest = 0;
  for (uint32_t i = 0; i < board->count; i++) {
    const tcp_segment_t* s = tcp_board_at(board, i);
    uint32_t length = s->end - s->seq;
    if (s->lost && !s->in_flight_again && length > largest) largest = length;
  }
  return largest;
}

static void cut(tcp_scoreboard_t* board) {
  uint32_t most = 200 + random_below(MSS), before = span(board), count = board->count;
  bool fits = largest_waiting(board) <= most;
  ck_assert(tcp_board_cut(board, most, 0));
  ck_assert_uint_eq(span(board), before);
  ck_assert_uint_le(largest_waiting(board), most);
  ck_assert(fits ? board->count == count : board->count > count);
}

START_TEST(a_fin_takes_no_room_when_segments_are_cut) {
  tcp_scoreboard_t board = {0};
  ck_assert(tcp_board_reserve(&board, 2));
  tcp_board_append(&board, 1, 101, 0);
  tcp_board_append(&board, 101, 202, 0);
  for (uint32_t i = 0; i < 2; i++)
    tcp_board_mark_lost(&board, tcp_board_at(&board, i));
  ck_assert(tcp_board_cut(&board, 100, 202));
  ck_assert_uint_eq(board.count, 2);
  ck_assert(tcp_board_cut(&board, 50, 202));
  ck_assert_uint_eq(board.count, 4);
  ck_assert_uint_eq(tcp_board_at(&board, 3)->seq, 151);
  ck_assert_uint_eq(tcp_board_at(&board, 3)->end, 202);
  tcp_board_clear(&board);
}
END_TEST

START_TEST(short_cuts_lead_where_the_long_way_leads) {
  tcp_scoreboard_t board = {0};
  uint32_t next = 0xfff00000u + (uint32_t)_i * 50000;  // the numbers go round
  random_state = (uint64_t)_i + 1;
  for (int step = 0; step < STEPS; step++) {
    uint32_t what = random_below(100);
    if (board.count < 4 || (what < 40 && board.count < 60)) {
      ck_assert(tcp_board_reserve(&board, 1));
      tcp_board_append(&board, next, next + MSS, step);
      next += MSS;
    } else if (what < 55) {
      for (uint32_t n = random_below(4); n && board.count; n--)
        tcp_board_pop(&board);
    } else if (what < 70) {
      tcp_segment_t* s = tcp_board_at(&board, random_below(board.count));
      if (!s->sacked) tcp_board_mark_lost(&board, s);
    } else if (what < 80) {
      report(&board);
    } else if (what < 98) {
      send_again(&board);
    } else if (what < 99) {
      cut(&board);
    } else {
      tcp_board_forget_sacks(&board);
    }
    ck_assert(right(&board));
  }
  tcp_board_clear(&board);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("tcp_scoreboard");
  TCase* tc = jx_test_case(suite, "tcp_scoreboard");
  tcase_add_loop_test(tc, short_cuts_lead_where_the_long_way_leads, 0, 20);
  tcase_add_test(tc, a_fin_takes_no_room_when_segments_are_cut);
  return jx_test_run(suite);
}
