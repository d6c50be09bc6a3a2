// TCP from within (RFC 9293): the connection and what its files do with it.
//
//   tcp_input.c     a segment arrives: which connection, is it acceptable, what does it change
//   tcp_ack.c       its acknowledgement: what is delivered, lost, and how the window moves
//   tcp_receive.c   its data: in order, out of order, the window we offer
//   tcp_output.c    what is sent and when
//   tcp_timer.c     what happens when nothing arrives
//   tcp_time_wait.c the time after the end
//   tcp_recovery.c  which segments are lost (RACK, RFC 8985) and how much may be sent meanwhile (PRR, RFC
//   6937) tcp_scoreboard.c  the segments in flight tcp_idle.c      memory of connections that rest
//   tcp_rate.c      how fast what is sent arrives, and the pace of sending
//   tcp_congestion.c, tcp_cubic.c, tcp_bbr.c   congestion controls
//   tcp_listen.c    passive opening
//   tcp_stand_in.c  the same in the name of other hosts
//   tcp_stream.c    the bytes between the user and the rings
//   tcp_urgent.c    the urgent pointer, both ways
//   tcp_ecn.c       marks of congestion
//   tcp_mtu.c       segments that are too large for a path that does not say so
//   tcp_socket.c    the other calls from above
#ifndef TCPIP_TCP_H_
#define TCPIP_TCP_H_

#include "sock.h"
#include "stack.h"
#include "tcp_ring.h"

enum {
  TCP_FIN = 1,
  TCP_SYN = 2,
  TCP_RST = 4,
  TCP_PSH = 8,
  TCP_ACK = 16,
  TCP_URG = 32,
  TCP_ECE = 64,
  TCP_CWR = 128
};

#define TCP_HEADER_MAX 60u
#define TCP_SACKS_MAX 4
#define TCP_OOO_MAX 128  // ranges of out-of-order data
#define TCP_MSS_DEFAULT_V4 536u
#define TCP_MSS_DEFAULT_V6 1220u
#define TCP_RTO_MIN (200 * NS_PER_MS)
#define TCP_RTO_MAX (120 * NS_PER_S)
#define TCP_RTO_INITIAL (1 * NS_PER_S)
#define TCP_RTO_AFTER_SYN_LOSS (3 * NS_PER_S)
#define TCP_TIME_WAIT_TIME (60 * NS_PER_S)
#define TCP_LINGER2_MAX 120
#define TCP_QUICK_ACKS 16
#define TCP_WINDOW_SCALE 7  // of the windows we offer

static inline bool seq_lt(uint32_t a, uint32_t b) {
  return (int32_t)(a - b) < 0;
}
static inline bool seq_le(uint32_t a, uint32_t b) {
  return (int32_t)(a - b) <= 0;
}
static inline uint32_t seq_max(uint32_t a, uint32_t b) {
  return seq_lt(a, b) ? b : a;
}

typedef struct tcp_range {
  uint32_t start, end;
  uint32_t stamp;  // when it last changed: the newest are reported first
} tcp_range_t;

// A received segment, read once.
typedef struct tcp_in {
  rx_t* rx;
  uint32_t seq, ack;
  uint32_t window;  // as in the header
  uint16_t urgent;  // likewise
  uint8_t flags;
  const uint8_t* data;  // its sequence number is data_seq: a SYN comes before it
  uint32_t data_seq;
  uint32_t length;
  bool has_timestamp, has_scale, sack_ok;
  uint8_t scale;
  uint16_t mss;  // 0: none
  uint32_t ts_value, ts_echo;
  uint32_t isn_floor;  // for the connection it opens: one in TIME-WAIT had got so far
  bool has_isn_floor;
  tcp_range_t sacks[TCP_SACKS_MAX];
  uint32_t sack_count;
} tcp_in_t;

// What one of them has told.
typedef struct tcp_progress {
  uint32_t delivered;  // bytes newly known to have arrived, by ACK or SACK
  uint32_t acked;      // bytes snd_una moved
  int64_t rtt;         // of the latest segment sent once; 0: none
  uint32_t highest;    // behind what was known to have arrived before it
  bool lost;           // the third duplicate came, where there is no SACK
  bool original;       // something had arrived that was taken for lost and not sent again
  // Of the latest sent among what was delivered (tcp_rate.c); prior_ns 0: none.
  uint32_t prior_delivered;
  bool app_limited;
  int64_t prior_ns, send_elapsed;
} tcp_progress_t;

// A sent segment that is not yet acknowledged as a whole. At most one MSS, so loss is told by packet even
// where the link cuts large sends up.
typedef struct tcp_segment {
  uint32_t seq, end;
  int64_t sent_ns;
  bool sacked : 1, lost : 1;
  bool retransmitted : 1;    // ever: gives no round-trip time
  bool in_flight_again : 1;  // the retransmission is (thought to be) under way
  bool app_limited : 1;      // less was sent than could have been
  uint32_t sent_order;       // of all sendings of the connection: many are at the same time by our clock
  uint32_t run;  // of a sacked one: so many from it on are known to be sacked, 0 and 1 for itself alone
  // As it was when this left (tcp_rate.c): bytes delivered, when the last of them was, and when what was
  // delivered then had left.
  uint32_t delivered;
  int64_t delivered_ns, first_sent_ns;
} tcp_segment_t;

typedef struct tcp_scoreboard {
  tcp_segment_t* ring;
  uint32_t head, count, room;            // room is a power of two
  uint32_t sacked, lost, retransmitted;  // bytes
  uint32_t lost_ever;                    // bytes marked lost in its life
  uint32_t sendings;                     // of segments in its life
  // While there are lost segments that are still to be sent again: none of them begins before it.
  uint32_t lost_from;
} tcp_scoreboard_t;

typedef struct tcp tcp_t;

// What an acknowledgement says about the path.
typedef struct tcp_rate {
  uint64_t bytes_per_s;      // of delivery; 0: unknown
  uint32_t delivered;        // bytes, with this acknowledgement
  uint32_t prior_delivered;  // model->delivered when the latest of them left,
  bool prior_known;          // if there is one
  bool app_limited;          // the path might have carried more
  int64_t rtt;               // 0: unknown
} tcp_rate_t;

// A congestion control: what it makes of acknowledgements and losses. cwnd and ssthresh are the connection's.
typedef struct tcp_congestion_ops {
  const char* name;
  void (*start)(tcp_t* tcp);
  // `acked` bytes were delivered outside of recovery, while the window was what limited us.
  void (*acked)(tcp_t* tcp, uint32_t acked);
  // Loss: what the threshold becomes.
  uint32_t (*threshold)(tcp_t* tcp);
  // A round-trip sample, before `acked`.
  void (*sample)(tcp_t* tcp, int64_t rtt_ns);
  // The loss was none.
  void (*undo)(tcp_t* tcp);
  // For a control that goes by a model of the path, NULL for others: after every acknowledgement, in recovery
  // as well. It then sets cwnd always by itself (but for a timeout, which begins with one segment again), and
  // may set model->pace; its `start` calls tcp_model_create.
  void (*measured)(tcp_t* tcp, const tcp_rate_t* rate);
  // Such a control's: a router has marked something.
  void (*marked)(tcp_t* tcp);
} tcp_congestion_ops_t;

extern const tcp_congestion_ops_t tcp_cubic, tcp_newreno, tcp_bbr;

// tcp->congestion has become another on an open connection: it goes on with the window there is.
void tcp_congestion_change(tcp_t* tcp);

typedef struct tcp_cubic_state {
  int64_t epoch;  // start of the present growth; 0: none
  double w_max, w_max_before, k, w_estimate;
  // HyStart++ (RFC 9406)
  uint32_t round_end;
  uint8_t samples, slow_rounds;
  bool conservative;
  int64_t round_min, last_min, baseline;
} tcp_cubic_state_t;

#define BBR_ROUNDS 10  // that a bandwidth is remembered

typedef struct tcp_bbr {
  uint8_t mode, phase, slot, full_rounds;
  bool full;                                  // the bandwidth is known
  bool marked;                                // by a router, in this round
  uint64_t best[BBR_ROUNDS], full_bandwidth;  // bytes a second
  uint32_t round_end, round_delivered, round_lost;
  uint32_t carried;  // in the last round
  uint32_t bound;    // of what may be in flight, set by losses; UINT32_MAX: none
  uint32_t saved_window;
  int64_t min_rtt, min_rtt_at, phase_at;
} tcp_bbr_t;

// What a control keeps that goes by a model of the path, and the pace that it sets.
typedef struct tcp_model {
  tcp_t* tcp;
  uint64_t pace;    // bytes a second; 0: as fast as the window allows
  int64_t pace_at;  // when the next may leave
  wheel_timer_t pace_timer;
  uint32_t delivered;  // bytes in its life
  uint32_t
      app_limited_until;  // `delivered` when what was sent too slowly will have arrived; 0: it is not limited
  int64_t delivered_ns, first_sent_ns;
  tcp_bbr_t bbr;
} tcp_model_t;

typedef enum tcp_timer_kind {
  TCP_TIMER_NONE,
  TCP_TIMER_RTO,
  TCP_TIMER_PROBE,
  TCP_TIMER_REORDER,
  TCP_TIMER_PERSIST
} tcp_timer_kind_t;

// The search for what a path takes that says nothing (tcp_mtu.c).
typedef struct tcp_mtu_search {
  uint16_t low;    // gets through, or is being tried; 0: there is no search
  uint16_t high;   // more than this does not
  uint16_t size;   // of the probe that is under way
  bool confirmed;  // `low` gets through
  bool probing, tried_full;
  uint32_t probe_end;
} tcp_mtu_search_t;

// The urgent octet that was announced last.
typedef enum tcp_urgent {
  TCP_URGENT_NONE,
  TCP_URGENT_AWAITED,
  TCP_URGENT_HERE,
  TCP_URGENT_TAKEN
} tcp_urgent_t;

// Whether a timeout was needed, where there are no timestamps to tell (RFC 5682): after it the answer to the
// retransmission is awaited, then new data is sent, and what is acknowledged next decides.
typedef enum tcp_frto { TCP_FRTO_OFF, TCP_FRTO_ASKED, TCP_FRTO_TRYING } tcp_frto_t;

// TCP_REDUCING: the window is reduced over a round trip although nothing was lost.
typedef enum tcp_recovery { TCP_OPEN, TCP_REDUCING, TCP_RECOVERY, TCP_LOSS } tcp_recovery_t;

// What a listener has that others need no room for.
typedef struct tcp_listening {
  list_node_t half_open, ready;
  list_node_t undecided;  // accepted, and neither admitted nor refused (tcp_stand_in.c)
  uint32_t half_open_count, ready_count, undecided_count, backlog;
  int64_t cookies_until;  // it has sent one that may still come back
} tcp_listening_t;

struct tcp {
  tcpip_socket_t base;
  uint8_t state;      // tcpip_tcp_state_t
  bool detached : 1;  // no socket above any more
  bool keepalive : 1;
  bool use_sack : 1, use_timestamps : 1, use_scale : 1;
  bool was_connected : 1;  // and is no longer
  bool fin_wanted : 1, fin_sent : 1, fin_acked : 1;
  bool fin_known : 1;    // a FIN has come in, at fin_seq
  bool read_closed : 1;  // all up to it has come in
  bool ack_now : 1;
  bool sending : 1;   // a segment of it is with IP
  bool push_now : 1;  // small segments may leave: the window has been small for too long
  bool was_writable : 1;
  bool connect_reported : 1;
  bool quick_off : 1;  // TCPIP_TCP_QUICK_ACK was switched off
  bool deferred : 1;   // acknowledged, but its listener wants data first
  bool ecn : 1;        // both ends understand it
  bool ecn_asked : 1;  // our SYN asked for it
  bool ecn_echo : 1;   // congestion was met on the way to us, and the peer has not said that it knows
  bool cwr_due : 1;    // the window was reduced, and the peer has not been told
  bool undecided : 1;  // its SYN is not answered before somebody says how; nothing was sent yet
  bool held : 1;       // undecided and accepted: it still counts for the backlog of `listener`
  bool nodelay, cork, urgent_inline;
  uint8_t ecn_mode;    // TCPIP_ECN_*
  uint8_t soft_error;  // what ICMP said last; the reason if it comes to an end by a timeout
  uint8_t urgent;      // tcp_urgent_t
  uint8_t urgent_octet;
  uint8_t snd_scale, rcv_scale;
  uint8_t quick_acks;
  uint8_t ttl, tos;  // ttl 0: the default
  uint16_t rcv_mss;  // how large the peer's segments seem to be
  uint32_t ts_offset;
  uint32_t lent;  // the first bytes of rx that are not in it, but among the stack's loans
  int64_t syn_sent_ns;

  // Sending. tx holds the bytes from snd_una on; FIN is one more.
  uint32_t iss, snd_una, snd_nxt, snd_wnd, snd_wl1, snd_wl2, snd_wnd_max;
  tcp_mtu_search_t mtu;
  uint32_t snd_up;  // behind the urgent octet; not beyond snd_una: none
  uint32_t mss, peer_mss, mss_limit;
  uint8_t backoff;       // of the retransmission timer, in powers of two
  uint8_t recovery : 4;  // tcp_recovery_t
  uint8_t frto : 4;      // tcp_frto_t
  bool rx_limit_fixed, tx_limit_fixed;
  tcp_ring_t tx;
  tcp_scoreboard_t board;

  // Receiving. rx holds what is readable and behind it, at their places, the ranges out of order.
  uint32_t irs, rcv_nxt, rcv_adv, fin_seq;
  tcp_ring_t rx;
  tcp_range_t* ooo;
  uint32_t ooo_count, ooo_stamp;
  uint32_t dsack_start, dsack_end;
  uint32_t rx_limit, window_clamp;
  uint32_t rcv_up;         // the urgent octet
  uint32_t unacked_bytes;  // received, not yet acknowledged by us
  uint32_t last_ack;       // what we acknowledged last
  uint32_t ts_recent;
  int64_t ts_recent_at;
  // How fast the reader is, for the size of the window.
  int64_t tune_start;
  uint32_t tune_copied, tune_before;

  // Round trips.
  int64_t srtt, rttvar, rto, min_rtt;
  // Congestion.
  const tcp_congestion_ops_t* congestion;
  uint32_t cwnd, ssthresh;
  uint32_t recovery_point;
  uint32_t prr_delivered, prr_out, prr_flight;
  uint32_t dupacks;
  uint32_t undo_cwnd, undo_ssthresh;
  uint32_t undo_ts;  // our clock when the first retransmission of this recovery left; 0: cannot be undone
  tcp_cubic_state_t cubic;
  tcp_model_t* model;  // NULL without a control that wants it
  // RACK
  int64_t rack_sent, rack_rtt;
  uint32_t rack_order;
  uint32_t rack_highest;  // behind all that is known to have arrived
  uint32_t dsack_round;   // snd_nxt when one was counted; the next counts once that has been acknowledged
  uint32_t probe_end;     // snd_nxt when a tail probe left
  int64_t reorder_at;     // when overtaken segments are to be looked at again; 0: none
  uint8_t rack_window_steps, rack_persist;
  bool reordering_seen, dsack_counted;
  bool probe_out, probe_was_data;
  uint8_t send_timer_kind;  // tcp_timer_kind_t

  wheel_timer_t send_timer, ack_timer, life_timer;
  int64_t stalled_since;  // nothing was acknowledged since; 0: nothing is waiting
  int64_t last_heard;
  bucket_t challenges;
  int64_t confirm_at;  // when to tell the neighbour cache again that there is progress
  uint32_t keepalive_idle_s, keepalive_interval_s, user_timeout_ms;
  int32_t linger_s;   // -1: none
  int16_t linger2_s;  // -1: does not wait in FIN-WAIT-2; 0: the default
  uint16_t defer_accept_s;
  uint8_t syn_count, keepalive_count, keepalive_sent;

  list_node_t ack_node;   // in the stack's `acks`
  list_node_t idle_node;  // in the stack's `resting` since idle_since
  int64_t idle_since;
  path_t path;
  // Listening, or waiting to be accepted.
  tcp_listening_t* listening;  // NULL if it does not
  tcp_t* listener;
  list_node_t listen_node;
};

// RFC 7323, 2.2: the window of a SYN is never scaled.
static inline uint32_t tcp_window_shown(const tcp_t* tcp, const tcp_in_t* in) {
  return in->flags & TCP_SYN ? in->window : in->window << tcp->snd_scale;
}

static inline tcp_t* tcp_of(tcpip_socket_t* socket) {
  return list_owner(socket, tcp_t, base);
}
static inline const tcp_t* tcp_of_const(const tcpip_socket_t* socket) {
  return (const tcp_t*)(const void*)socket;
}
// Does it wait to be accepted, so that nobody above knows of it?
static inline bool tcp_queued(const tcp_t* tcp) {
  return tcp->listener && !tcp->held;
}
static inline uint32_t tcp_flight(const tcp_t* tcp) {
  return tcp->snd_nxt - tcp->snd_una;
}
// Whether the peer's FIN has come in, in order.
static inline bool tcp_has_fin(const tcp_t* tcp) {
  return tcp->fin_known && seq_lt(tcp->fin_seq, tcp->rcv_nxt);
}
// The sequence number of the first octet that has not been read.
static inline uint32_t tcp_read_seq(const tcp_t* tcp) {
  return tcp->rcv_nxt - tcp_has_fin(tcp) - tcp->rx.length;
}
// Our clock in timestamps: milliseconds, from an offset of its own for each pair of hosts.
uint32_t tcp_clock(const tcp_t* tcp);
uint32_t tcp_clock_from(const tcpip_t* stack, uint32_t offset);

// Life (tcp_socket.c).
tcp_t* tcp_create(tcpip_client_t* client, uint8_t family, void* context);
// The connection is over: it leaves the tables, its buffers go; if neither a socket nor a listener's queue
// holds it, it is freed, else the socket shows `error`.
void tcp_end(tcp_t* tcp, int error);
void tcp_free(tcp_t* tcp);
void tcp_inherit(tcp_t* tcp, const tcp_t* listener);
void tcp_event(tcp_t* tcp, uint32_t events);
// Nobody holds it, and its FIN is acknowledged: waits for the peer's. False if it does not, and is over.
bool tcp_wait_for_end(tcp_t* tcp);

// The time after the end (tcp_time_wait.c). A connection that waits it out without a socket is no more than
// this.
typedef struct tcp_wait {
  socket_name_t name;
  tcpip_t* stack;
  wheel_timer_t timer;
  bucket_t challenges;
  int64_t ts_recent_at;
  uint32_t snd_nxt, rcv_nxt, ts_recent, ts_offset;
  uint16_t window;  // as in the header
  uint8_t ttl, tos;
  bool use_timestamps;
} tcp_wait_t;

void tcp_enter_time_wait(tcp_t* tcp);
// Nobody holds `tcp` any more: if it waits out its time, a tcp_wait_t does so instead, and `tcp` is gone.
void tcp_retire(tcp_t* tcp);
tcp_wait_t* tcp_wait_find(const tcpip_t* stack, const socket_key_t* key);
// A segment for a connection that waits, with a socket and without. True if that is over, and the segment is
// to be looked at anew.
bool tcp_time_wait_input(tcp_t* tcp, tcp_in_t* in);
bool tcp_wait_input(tcp_wait_t* wait, tcp_in_t* in);
// RFC 6191, 2, from the other side: where the peer would recognize old segments by their timestamps, a
// connection that waits out its time makes room for a new one a second after it last heard anything. True if
// it did.
bool tcp_time_wait_replace(tcpip_t* stack, const socket_key_t* key, uint32_t* out_isn_floor);

// Bytes in and out (tcp_stream.c); the first three as in socket_ops_t.
int64_t tcp_stream_send(tcpip_socket_t* socket, const tcpip_send_t* send);
int64_t tcp_stream_recv(tcpip_socket_t* socket, tcpip_recv_t* recv);
size_t tcp_stream_next_length(const tcpip_socket_t* socket);
bool tcp_writable(const tcp_t* tcp);
// After the window has moved: tells the socket if it has become writable.
void tcp_check_writable(tcp_t* tcp);

int tcp_option_set(tcpip_socket_t* socket, tcpip_option_t option, int64_t value);
int tcp_option_get(const tcpip_socket_t* socket, tcpip_option_t option, int64_t* out);

// Input.
bool tcp_parse(rx_t* rx, tcp_in_t* out);
void tcp_established(tcp_t* tcp);
void tcp_take_options(tcp_t* tcp, const tcp_in_t* in);
void tcp_reset_reply(const tcp_in_t* in);
// As in socket_ops_t.
void tcp_icmp_error(tcpip_socket_t* socket, const icmp_error_t* error);  // as in socket_ops_t

// Acknowledgements: false if the segment must not be looked at further.
bool tcp_ack_input(tcp_t* tcp, const tcp_in_t* in);

// Data and FIN.
void tcp_receive(tcp_t* tcp, const tcp_in_t* in);
uint32_t tcp_receive_window(const tcp_t* tcp);
uint32_t tcp_first_window(const tcp_t* tcp);  // of a SYN, never scaled
void tcp_receive_read(tcp_t* tcp, uint32_t bytes);
uint32_t tcp_receive_sacks(const tcp_t* tcp, tcp_range_t out[TCP_SACKS_MAX]);
void tcp_schedule_ack(tcp_t* tcp);

// ECN (RFC 3168).
void tcp_ecn_syn_received(tcp_t* tcp, const tcp_in_t* in);
uint8_t tcp_ecn_syn_flags(tcp_t* tcp);
void tcp_ecn_received(tcp_t* tcp, const tcp_in_t* in);      // a segment within the window
void tcp_ecn_acknowledged(tcp_t* tcp, const tcp_in_t* in);  // and what it says about ours
// Has the window been reduced for what is in flight now?
static inline bool tcp_reducing(const tcp_t* tcp) {
  return tcp->recovery == TCP_REDUCING || tcp->recovery == TCP_RECOVERY;
}

// Urgent data.
void tcp_urgent_input(tcp_t* tcp, const tcp_in_t* in);
int64_t tcp_urgent_recv(tcp_t* tcp, tcpip_recv_t* recv);
void tcp_urgent_send(tcp_t* tcp);  // what is written ends with the urgent octet
// What a reader gets of the received bytes: up to the urgent octet, or from behind it.
typedef struct tcp_span {
  uint32_t start, length;  // from the head of the ring
} tcp_span_t;
tcp_span_t tcp_readable(const tcp_t* tcp);
void tcp_urgent_passed(tcp_t* tcp);  // after reading
bool tcp_at_mark(const tcp_t* tcp);
// The urgent pointer for a segment at `seq`; 0: none.
uint16_t tcp_urgent_pointer(const tcp_t* tcp, uint32_t seq);

// Loans (tcp_loan.c).
// Leaves bytes that come next in order where they are, if that may be; the caller counts them as in the ring.
bool tcp_loan_make(tcp_t* tcp, const uint8_t* data, uint32_t length);
// Appends the pieces of what is lent to `out`, up to `most` in all; returns how many bytes they have.
uint32_t tcp_loan_pieces(const tcp_t* tcp, struct iovec* out, size_t most, size_t* out_count);
void tcp_loan_consume(tcp_t* tcp, uint32_t length);  // the first bytes of rx have been read
void tcp_loan_settle(tcp_t* tcp);                    // copies them to their place in the ring
void tcp_loan_forget(tcp_t* tcp);

// Output.
void tcp_output(tcp_t* tcp);
void tcp_send_syn(tcp_t* tcp);
void tcp_send_ack(tcp_t* tcp);
void tcp_send_challenge(tcp_t* tcp);
// Whether one may be sent by a connection with this bucket.
bool tcp_may_challenge(tcpip_t* stack, bucket_t* bucket);
void tcp_send_reset(tcp_t* tcp);
void tcp_send_probe(tcp_t* tcp);
// So many segments of the scoreboard from `index` on, as one frame. -EAGAIN if the link refuses it, -EMSGSIZE
// if it has to be cut up first: then nothing was sent.
int tcp_retransmit(tcp_t* tcp, uint32_t index, uint32_t segments);
uint32_t tcp_gathered(const tcp_t* tcp);  // so much room in the window is waited for before it is used
void tcp_send_new(tcp_t* tcp);            // as much new data as may leave now
void tcp_update_mss(tcp_t* tcp);
int tcp_refresh_path(tcp_t* tcp);

// A segment that belongs to no connection of ours.
typedef struct tcp_bare {
  path_t path;
  uint16_t local_port, remote_port;
  uint32_t seq, ack;
  uint16_t window;
  uint8_t flags;
  uint8_t ttl, tos;  // ttl 0: the usual one
  const uint8_t* options;
  size_t options_length;
} tcp_bare_t;
void tcp_send_bare(tcpip_t* stack, const tcp_bare_t* bare);
#define TCP_TIMESTAMP_BYTES 12u
size_t tcp_put_timestamp(uint8_t* p, uint32_t value, uint32_t echo);  // with what fills it up

// Timers.
void tcp_timers_init(tcp_t* tcp);
void tcp_timers_stop(tcp_t* tcp);
void tcp_arm_send_timer(tcp_t* tcp);
void tcp_arm_reorder(tcp_t* tcp, int64_t delay);
void tcp_arm_life(tcp_t* tcp, int64_t delay);
void tcp_rtt_sample(tcp_t* tcp, int64_t rtt);

// The scoreboard.
tcp_segment_t* tcp_board_at(const tcp_scoreboard_t* board, uint32_t index);
// Makes room for `more` segments, so that those can be appended. False: no memory.
bool tcp_board_reserve(tcp_scoreboard_t* board, uint32_t more);
void tcp_board_append(tcp_scoreboard_t* board, uint32_t seq, uint32_t end, int64_t now);
void tcp_board_sent(tcp_scoreboard_t* board, tcp_segment_t* segment, int64_t now);  // once more
void tcp_board_clear(tcp_scoreboard_t* board);
void tcp_board_pop(tcp_scoreboard_t* board);
uint32_t tcp_board_find(const tcp_scoreboard_t* board, uint32_t seq);  // the first that ends after seq
// The first behind `index`, which is sacked, that is not known to be sacked.
uint32_t tcp_board_skip(const tcp_scoreboard_t* board, uint32_t index);
// All from `first` to before `end` are sacked: they are skipped at once from now on.
void tcp_board_join(tcp_scoreboard_t* board, uint32_t first, uint32_t end);
// Cuts what is to be sent again into pieces of at most `most` octets: it left as larger segments than the
// path takes now. A FIN before `fin_end` takes no room. False: no memory.
bool tcp_board_cut(tcp_scoreboard_t* board, uint32_t most, uint32_t fin_end);
// The first lost one that is to be sent again; NULL if there is none.
tcp_segment_t* tcp_board_next_lost(tcp_scoreboard_t* board);
// A receiver may take back what it reported by SACK (RFC 2018, 8).
void tcp_board_forget_sacks(tcp_scoreboard_t* board);
void tcp_board_mark_lost(tcp_scoreboard_t* board, tcp_segment_t* segment);
void tcp_board_mark_sacked(tcp_scoreboard_t* board, tcp_segment_t* segment);
// Bytes thought to be in the network (RFC 6675's pipe).
uint32_t tcp_pipe(const tcp_t* tcp);

// Path MTU discovery where the path is silent.
void tcp_mtu_timeout(tcp_t* tcp);
void tcp_mtu_delivered(tcp_t* tcp);
bool tcp_mtu_probe_lost(tcp_t* tcp);
uint32_t tcp_mtu_probe(tcp_t* tcp, uint32_t left, uint32_t room);

// Rate and pace (tcp_rate.c); none of them does anything without a model.
bool tcp_model_create(tcp_t* tcp);  // false: no memory
void tcp_model_destroy(tcp_t* tcp);
void tcp_rate_sent(tcp_t* tcp, tcp_segment_t* segment, bool first_in_flight);
void tcp_rate_delivered(tcp_t* tcp, const tcp_segment_t* segment, tcp_progress_t* progress);
void tcp_rate_measure(tcp_t* tcp, const tcp_progress_t* progress);  // tells the control
void tcp_rate_app_limited(tcp_t* tcp);                              // there is nothing more to send
uint32_t tcp_pace_quantum(const tcp_t* tcp);                        // bytes in one frame
bool tcp_pace_allows(tcp_t* tcp);  // false: tcp_output is called again when it does
void tcp_pace_sent(tcp_t* tcp, uint32_t bytes);

// Resting (tcp_idle.c): an emptied buffer is kept for a moment.
void tcp_rest(tcp_t* tcp);

// Recovery.
tcp_progress_t tcp_rack_progress(const tcp_t* tcp);  // before an acknowledgement is looked at
void tcp_rack_delivered(tcp_t* tcp, const tcp_segment_t* segment, const tcp_progress_t* progress);
void tcp_rack_dsack(tcp_t* tcp);  // one has come
// Marks what must be lost by now; true if anything was.
bool tcp_rack_detect(tcp_t* tcp);
void tcp_enter_recovery(tcp_t* tcp, tcp_recovery_t kind);
void tcp_recovery_acked(tcp_t* tcp, const tcp_progress_t* progress, const tcp_in_t* in);
// Whether a timeout is being questioned, so that nothing is to be sent again; sends what the question is.
bool tcp_frto_output(tcp_t* tcp);
void tcp_probe_acked(tcp_t* tcp, const tcp_progress_t* progress, const tcp_in_t* in);
void tcp_mark_all_lost(tcp_t* tcp);

// Listening.
void tcp_listen_input(tcp_t* listener, const tcp_in_t* in);
int tcp_listen_start(tcp_t* tcp, uint32_t backlog);  // -ENOMEM
bool tcp_listen_established(tcp_t* tcp);             // false: no room among those to be accepted
// The listener wants data first (TCPIP_TCP_DEFER_ACCEPT), and this has none.
bool tcp_listen_defers(tcp_t* tcp, const tcp_in_t* in);
void tcp_listen_forget(tcp_t* tcp);
void tcp_listen_close(tcp_t* listener);  // nothing happens if it is none
// A connection that the SYN `in` asks for, without a state yet. NULL if it cannot be.
tcp_t* tcp_listen_child(tcp_t* listener, const tcp_in_t* in);

// Listening in the name of other hosts.
void tcp_stand_in_input(tcp_t* listener, const tcp_in_t* in);
void tcp_stand_in_accepted(tcp_t* tcp, tcp_t* listener);  // it has left the listener's queue
// True if the connection is over, and the segment is to be looked at anew.
bool tcp_undecided_input(tcp_t* tcp, const tcp_in_t* in);
void tcp_decided(tcp_t* tcp);  // one way or the other; nothing happens if it was before

// Chooses where the connection's sequence numbers begin (above `floor` if there is one), and its timestamps.
// Its endpoints must be known.
void tcp_choose_numbers(tcp_t* tcp, const uint32_t* floor);
uint32_t tcp_clock_offset(const tcpip_t* stack, const addr_t* local, const addr_t* remote);

#endif  // TCPIP_TCP_H_
