// The script language for TCP: what a peer sends, what the engine must answer, and what the socket sees
// meanwhile.
//
// A line is one step; # begins a comment. Numbers of octets count from each side's initial sequence number,
// so that 0 is its SYN and 1 its first octet; times are milliseconds. The peer is 10.0.0.99 or fd00::63 (each
// script runs over both).
//
//   < FLAGS A[:B] [ATTRIBUTE...]   the peer sends the octets from A to before B
//   > FLAGS A[:B] [ATTRIBUTE...]   the next segment we send; an attribute that is not named is not looked at
//   acks A:B                       the peer, at its octet 1, acknowledges the segments of 1460 octets from A
//   to
//                                  before B, each by itself
//   none                           we send nothing more
//   drop N, drop_all               N segments that we sent, or all of them, are not looked at
//   +MS                            time passes
//
// FLAGS are of S, F, R, P, U, E (ECN-Echo), C (congestion window reduced) and . for ACK. P is not compared.
// ATTRIBUTES are: ack N, win N, mss N, scale N, sackok, ts VALUE ECHO (ours count from the first one we
// sent), nots, sack A-B ..., nosack, up N (the urgent pointer as it stands in the header), ect, ce and notect
// (what the IP header says), gso N (the size of the pieces it is to be cut into, or was put together from),
// badsum (the peer's checksum is wrong)
//
// How we begin:
//   link FEATURE...                before all else: tso, checksum, mtu N
//   only ipv4|ipv6                 before all else: the script is not run over the other one
//   budget N                       before all else: octets of buffers for all sockets
//   listen N, accept, no_accept (there is none), close_listener, port N (the peer's, from now on)
//   stand_in N                     listen, in the place of 203.0.113.7 or 2001:db8::7, which we are from now
//   on admit, refuse ERRNO            what was accepted so connect, connect_error ERRNO (0: it has opened),
//   connect_any (from a port the engine chooses) established [mss N] [scale N] [sackok] [ts] [ecn]   listen,
//   a handshake over 20 ms (mss 1460, window 65535), accept
//
// What the socket does and sees:
//   write N, urgent N (writes N octets, the last of them urgent), read N, eof, again (would block), peek N,
//   skip N (the stream leaves out so many), oob, oob ERRNO, mark 0|1, shutdown, shutdown_read, close,
//   disconnect, set OPTION N, get OPTION N, error ERRNO (the pending one), state NAME, congestion NAME, cwnd
//   N, ssthresh N (full segments), event NAME 0|1 (readable, writable, urgent, read_shutdown,
//   write_shutdown), connections N (in the engine), stat NAME N, isn_grew LEAST MOST (by how much our SYN's
//   number lies beyond the one of our SYN before), random_port (the one chosen lies in its range and not
//   beside the one before)
//
//   link_down, link_up             our interface
//   icmp toobig MTU [A], icmp unreachable net|host|port [A]   a message about our segment that begins at A
#ifndef TESTS_TCPIP_SCRIPT_H_
#define TESTS_TCPIP_SCRIPT_H_

#include "host.h"

#define SCRIPT_PEER_ISN 1000000000u
#define SCRIPT_LAST_OCTET 1
#define SCRIPT_MSS 1460u

typedef struct script_segment {
  uint8_t flags;
  uint32_t seq, end, ack, win, mss, scale, ts_value, ts_echo, gso;
  bool has_ack, has_win, has_mss, has_scale, sackok, has_ts, no_ts, no_sack, has_up, badsum;
  int ecn;  // the codepoint, -1: not named
  uint16_t up;
  uint32_t sacks[8];
  unsigned sack_count;
} script_segment_t;

typedef struct script {
  host_t host;
  bool started, skipped;
  host_config_t config;
  size_t budget;
  uint8_t family;
  tcpip_socket_t* fresh;  // made by an option, before it listens or connects
  tcpip_socket_t* listener;
  tcpip_socket_t* socket;
  uint16_t local_port, peer_port, port_before;
  bool stands_in;
  uint32_t our_isn, isn_before, our_ts;
  bool ts_known;
  uint64_t written, read;
  const char* name;
  int line;
} script_t;

// Fails the test, naming the script and its line.
#define script_require(s, condition, ...)          \
  do {                                             \
    if (!(condition)) script_fail(s, __VA_ARGS__); \
  } while (0)
_Noreturn void script_fail(const script_t* s, const char* format, ...) __attribute__((format(printf, 2, 3)));

// Cuts the next word off `at`, NULL at the end of the line; a number must be there.
char* script_word(char** at);
uint32_t script_number(script_t* s, char** at);
uint8_t script_pattern(uint64_t position);  // what octet `position` of either stream is

tcpip_address_t script_local(const script_t* s);  // who we are

void script_segment_parse(script_t* s, char* at, script_segment_t* out);
void script_segment_inject(script_t* s, const script_segment_t* g);
void script_segment_expect(script_t* s, const script_segment_t* g);
void script_segment_none(script_t* s);
void script_icmp(script_t* s, char* at);

// What the socket does: false if `word` is none of it.
bool script_call(script_t* s, const char* word, char* at);

// Runs the script in `file`.
void script_run(const char* file, const char* name, uint8_t family);

#endif  // TESTS_TCPIP_SCRIPT_H_
