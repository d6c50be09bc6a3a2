// The segments in flight, in the order of their sequence numbers: an array used as a ring, so appending and
// acknowledging are a few instructions, and finding is a binary search. What is known of many segments at
// once (sacked, or none to be sent again before a place) is skipped, so that the cost of an acknowledgement
// goes with what it tells and the number of holes, not with the window.
#include <stdlib.h>

#include "tcp.h"

#define FIRST_ROOM 16u

static uint32_t length_of(const tcp_segment_t* segment) {
  return segment->end - segment->seq;
}

tcp_segment_t* tcp_board_at(const tcp_scoreboard_t* board, uint32_t index) {
  return &board->ring[(board->head + index) & (board->room - 1)];
}

bool tcp_board_reserve(tcp_scoreboard_t* board, uint32_t more) {
  uint32_t room = board->room ? board->room : FIRST_ROOM;
  while (room < board->count + more)
    room *= 2;
  if (room == board->room) return true;
  tcp_segment_t* grown = malloc(room * sizeof *grown);
  if (!grown) return false;
  for (uint32_t i = 0; i < board->count; i++)
    grown[i] = *tcp_board_at(board, i);
  free(board->ring);
  board->ring = grown;
  board->room = room;
  board->head = 0;
  return true;
}

void tcp_board_append(tcp_scoreboard_t* board, uint32_t seq, uint32_t end, int64_t now) {
  board->count++;
  tcp_segment_t* segment = tcp_board_at(board, board->count - 1);
  *segment = (tcp_segment_t){.seq = seq, .end = end};
  tcp_board_sent(board, segment, now);
}

void tcp_board_sent(tcp_scoreboard_t* board, tcp_segment_t* segment, int64_t now) {
  segment->sent_ns = now;
  segment->sent_order = ++board->sendings;
}

void tcp_board_clear(tcp_scoreboard_t* board) {
  free(board->ring);
  *board = (tcp_scoreboard_t){.lost_ever = board->lost_ever, .sendings = board->sendings};
}

// What was counted of a segment is no longer.
static void uncount(tcp_scoreboard_t* board, const tcp_segment_t* segment, uint32_t length) {
  if (segment->sacked) board->sacked -= length;
  if (segment->lost) board->lost -= length;
  if (segment->in_flight_again) board->retransmitted -= length;
}

void tcp_board_pop(tcp_scoreboard_t* board) {
  tcp_segment_t* first = tcp_board_at(board, 0);
  uncount(board, first, length_of(first));
  board->head = (board->head + 1) & (board->room - 1);
  board->count--;
}

uint32_t tcp_board_find(const tcp_scoreboard_t* board, uint32_t seq) {
  uint32_t low = 0, high = board->count;
  while (low < high) {
    uint32_t middle = (low + high) / 2;
    if (seq_le(tcp_board_at(board, middle)->end, seq))
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static bool waits(const tcp_segment_t* segment) {
  return segment->lost && !segment->in_flight_again;
}

static uint32_t payload_of(const tcp_segment_t* segment, uint32_t fin_end) {
  return length_of(segment) - (segment->end == fin_end);
}

// Both rings have room. The pieces inherit all that is known of the whole.
static void copy_in_pieces(tcp_scoreboard_t* to, const tcp_segment_t* segment, uint32_t most,
                           uint32_t fin_end) {
  uint32_t left = waits(segment) ? payload_of(segment, fin_end) : 0;
  tcp_segment_t piece = *segment;
  for (; left > most; left -= most, piece.seq = piece.end) {
    piece.end = piece.seq + most;
    to->ring[to->count++] = piece;
  }
  piece.end = segment->end;
  to->ring[to->count++] = piece;
}

bool tcp_board_cut(tcp_scoreboard_t* board, uint32_t most, uint32_t fin_end) {
  uint32_t room = board->room, needed = board->count;
  for (uint32_t i = 0; i < board->count; i++) {
    const tcp_segment_t* s = tcp_board_at(board, i);
    if (waits(s)) needed += payload_of(s, fin_end) / most;
  }
  while (room < needed)
    room *= 2;
  tcp_scoreboard_t cut = *board;
  cut.ring = malloc(room * sizeof *cut.ring);
  if (!cut.ring) return false;
  cut.room = room;
  cut.head = cut.count = 0;
  for (uint32_t i = 0; i < board->count; i++)
    copy_in_pieces(&cut, tcp_board_at(board, i), most, fin_end);
  free(board->ring);
  *board = cut;
  return true;
}

void tcp_board_mark_lost(tcp_scoreboard_t* board, tcp_segment_t* segment) {
  uint32_t length = length_of(segment);
  if (board->lost == board->retransmitted || seq_lt(segment->seq, board->lost_from))
    board->lost_from = segment->seq;
  if (segment->in_flight_again) {  // the retransmission is lost
    board->retransmitted -= length;
    segment->in_flight_again = false;
  }
  if (!segment->lost) board->lost += length;
  board->lost_ever += length;
  segment->lost = true;
}

void tcp_board_mark_sacked(tcp_scoreboard_t* board, tcp_segment_t* segment) {
  uint32_t length = length_of(segment);
  uncount(board, segment, length);
  segment->lost = segment->in_flight_again = false;
  segment->sacked = true;
  segment->run = 1;
  board->sacked += length;
}

uint32_t tcp_board_skip(const tcp_scoreboard_t* board, uint32_t index) {
  uint32_t run = tcp_board_at(board, index)->run;
  return index + (run ? run : 1);
}

void tcp_board_join(tcp_scoreboard_t* board, uint32_t first, uint32_t end) {
  if (first < end) tcp_board_at(board, first)->run = end - first;
}

tcp_segment_t* tcp_board_next_lost(tcp_scoreboard_t* board) {
  if (board->lost == board->retransmitted) return NULL;
  for (uint32_t i = tcp_board_find(board, board->lost_from); i < board->count; i++) {
    tcp_segment_t* s = tcp_board_at(board, i);
    if (waits(s)) {
      board->lost_from = s->seq;
      return s;
    }
  }
  return NULL;
}

void tcp_board_forget_sacks(tcp_scoreboard_t* board) {
  for (uint32_t i = 0; i < board->count; i++)
    tcp_board_at(board, i)->sacked = false;
  board->sacked = 0;
}

uint32_t tcp_pipe(const tcp_t* tcp) {
  const tcp_scoreboard_t* board = &tcp->board;
  uint32_t gone = board->sacked + board->lost;
  // Without SACK each duplicate acknowledgement stands for a segment that arrived (RFC 5681).
  if (!tcp->use_sack) gone += tcp->dupacks * tcp->mss;
  uint32_t flight = tcp_flight(tcp) + board->retransmitted;
  return gone < flight ? flight - gone : 0;
}
