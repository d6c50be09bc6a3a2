// What the socket of a script does and sees.
#include <check.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "script.h"

enum { LISTENING_PORT = 80, CONNECTING_PORT = 4000 };

static tcpip_endpoint_t peer(const script_t* s) {
  return host_endpoint(s->family == TCPIP_IPV4 ? "10.0.0.99" : "fd00::63", s->peer_port);
}

// Takes the socket that options were set on, or another one, and binds it; port 0: that is left to
// connecting.
static tcpip_socket_t* open_socket(script_t* s, tcpip_socket_t* socket, uint16_t port) {
  tcpip_endpoint_t at = host_endpoint(s->family == TCPIP_IPV4 ? "10.0.0.1" : "fd00::1", port), bound;
  if (s->fresh) socket = s->fresh;
  s->fresh = NULL;
  if (!socket) ck_assert_int_eq(tcpip_socket_create(s->host.client, s->family, TCPIP_TCP, NULL, &socket), 0);
  tcpip_socket_local(socket, &bound);
  if (bound.port || !port) return socket;
  ck_assert_int_eq(tcpip_socket_set(socket, TCPIP_REUSE_ADDRESS, 1), 0);  // where one waits out its time
  ck_assert_int_eq(tcpip_socket_bind(socket, &at), 0);
  return socket;
}

static void do_listen(script_t* s, int backlog) {
  s->listener = open_socket(s, NULL, LISTENING_PORT);
  s->local_port = LISTENING_PORT;
  ck_assert_int_eq(tcpip_socket_listen(s->listener, backlog), 0);
}

static void do_stand_in(script_t* s, int backlog) {
  s->listener = open_socket(s, NULL, 0);
  s->local_port = LISTENING_PORT;
  s->stands_in = true;
  ck_assert_int_eq(tcpip_socket_stand_in(s->listener, s->host.interface), 0);
  ck_assert_int_eq(tcpip_socket_listen(s->listener, backlog), 0);
}

static void do_connect(script_t* s, uint16_t port, int error) {
  tcpip_endpoint_t to = peer(s), local;
  s->socket = open_socket(s, s->socket, port);
  int result = tcpip_socket_connect(s->socket, &to);
  script_require(s, result == -error, "connect: %d", result);
  tcpip_socket_local(s->socket, &local);
  if (local.port) s->local_port = local.port;
}

// RFC 6056: the port was chosen from the range, and not next to the one chosen before.
static void do_random_port(script_t* s) {
  int step = abs((int)s->local_port - (int)s->port_before);
  script_require(s, s->local_port >= 32768, "the port is %u", s->local_port);
  script_require(s, step > 16, "after %u the port is %u", s->port_before, s->local_port);
  s->port_before = s->local_port;
}

static void do_link(script_t* s, bool up) {
  ck_assert_int_eq(tcpip_interface_set_up(s->host.stack, s->host.interface, up), 0);
  tcpip_address_t to = peer(s).address;
  if (up) ck_assert_int_eq(tcpip_neighbour_set(s->host.stack, s->host.interface, &to, peer_mac), 0);
}

static void do_write(script_t* s, uint32_t length, bool urgent) {
  uint8_t* bytes = malloc(length);
  for (uint32_t i = 0; i < length; i++)
    bytes[i] = script_pattern(1 + s->written + i);
  struct iovec iov = {bytes, length};
  tcpip_send_t send = {.iov = &iov, .iov_count = 1, .ttl = -1, .tos = -1, .urgent = urgent};
  int64_t n = tcpip_socket_send(s->socket, &send);
  script_require(s, n == length, "wrote %lld", (long long)n);
  s->written += length;
  free(bytes);
}

static void do_read(script_t* s, uint32_t length, bool peek) {
  uint8_t* bytes = malloc(length);
  tcpip_recv_t recv = {.peek = peek};
  int64_t n = host_recv(s->socket, bytes, length, &recv);
  script_require(s, n == length, "read %lld", (long long)n);
  for (uint32_t i = 0; i < length; i++)
    script_require(s, bytes[i] == script_pattern(1 + s->read + i), "read something else");
  if (!peek) s->read += length;
  free(bytes);
}

// The urgent octet: what it is when the stream's pattern is there, or the error.
static void do_oob(script_t* s, char* at) {
  uint8_t byte = 0;
  struct iovec iov = {&byte, 1};
  tcpip_recv_t recv = {.iov = &iov, .iov_count = 1, .urgent = true};
  int64_t n = tcpip_socket_recv(s->socket, &recv);
  char* word = script_word(&at);
  if (word && isdigit((unsigned char)*word)) {
    script_require(s, n == -strtol(word, NULL, 0), "urgent: %lld", (long long)n);
    return;
  }
  script_require(s, word && word[0] == 'o' && word[1] == 'c', "oob ERRNO or oob octet N");
  uint32_t position = script_number(s, &at);
  script_require(s, n == 1 && byte == script_pattern(position), "urgent: %lld, %c", (long long)n, byte);
}

static const struct {
  const char* name;
  tcpip_option_t option;
} options[] = {{"nodelay", TCPIP_TCP_NO_DELAY},
               {"cork", TCPIP_TCP_CORK},
               {"receive_buffer", TCPIP_RECEIVE_BUFFER},
               {"send_buffer", TCPIP_SEND_BUFFER},
               {"keepalive", TCPIP_KEEP_ALIVE},
               {"keepalive_idle", TCPIP_TCP_KEEP_ALIVE_IDLE},
               {"keepalive_interval", TCPIP_TCP_KEEP_ALIVE_INTERVAL},
               {"keepalive_count", TCPIP_TCP_KEEP_ALIVE_COUNT},
               {"syn_count", TCPIP_TCP_SYN_COUNT},
               {"user_timeout", TCPIP_TCP_USER_TIMEOUT},
               {"linger", TCPIP_LINGER},
               {"linger2", TCPIP_TCP_LINGER2},
               {"defer_accept", TCPIP_TCP_DEFER_ACCEPT},
               {"quick_ack", TCPIP_TCP_QUICK_ACK},
               {"window_clamp", TCPIP_TCP_WINDOW_CLAMP},
               {"max_segment", TCPIP_TCP_MAX_SEGMENT},
               {"inline", TCPIP_OUT_OF_BAND_INLINE},
               {"ecn", TCPIP_TCP_ECN},
               {"congestion", TCPIP_TCP_CONGESTION}};

static tcpip_option_t find_option(script_t* s, const char* name) {
  for (size_t i = 0; name && i < sizeof options / sizeof options[0]; i++) {
    if (!strcmp(name, options[i].name)) return options[i].option;
  }
  script_fail(s, "what option is %s?", name ? name : "");
}

// Before anything is opened the socket is meant that will listen or connect.
static tcpip_socket_t* option_socket(script_t* s) {
  if (s->socket) return s->socket;
  if (s->listener) return s->listener;
  if (!s->fresh)
    ck_assert_int_eq(tcpip_socket_create(s->host.client, s->family, TCPIP_TCP, NULL, &s->fresh), 0);
  return s->fresh;
}

static void do_option(script_t* s, char* at, bool set) {
  tcpip_option_t option = find_option(s, script_word(&at));
  char* word = script_word(&at);
  script_require(s, word, "a value is missing");
  int64_t wanted = strtol(word, NULL, 0), value = 0;
  int result = set ? tcpip_socket_set(option_socket(s), option, wanted)
                   : tcpip_socket_get(option_socket(s), option, &value);
  script_require(s, result == 0, "error %d", result);
  script_require(s, set || value == wanted, "it is %lld", (long long)value);
}

static bool name_is(script_t* s, char* at, const char* const* names, size_t count, unsigned value,
                    const char** is) {
  char* word = script_word(&at);
  script_require(s, word && value < count, "a name is missing");
  *is = names[value];
  return !strcmp(word, *is);
}

static void do_info(script_t* s, const char* what, char* at) {
  static const char* const states[] = {"closed",      "listen",     "syn_sent",   "syn_received",
                                       "established", "fin_wait_1", "fin_wait_2", "close_wait",
                                       "closing",     "last_ack",   "time_wait"};
  static const char* const congestion[] = {"open", "disorder", "cwr", "recovery", "loss"};
  const char* is = "";
  tcpip_tcp_info_t info;
  ck_assert_int_eq(tcpip_socket_tcp_info(s->socket, &info), 0);
  if (!strcmp(what, "state")) {
    script_require(s, name_is(s, at, states, 11, info.state, &is), "the state is %s", is);
  } else if (!strcmp(what, "congestion")) {
    script_require(s, name_is(s, at, congestion, 5, info.congestion_state, &is),
                   "congestion control is in %s", is);
  } else {
    uint32_t bytes = *what == 'c' ? info.window_bytes : info.threshold_bytes;
    script_require(s, bytes / info.mss == script_number(s, &at), "it is %u of %u bytes", bytes / info.mss,
                   info.mss);
  }
}

static void do_event(script_t* s, char* at) {
  static const char* const names[] = {"readable",      "writable",       "error",
                                      "read_shutdown", "write_shutdown", "urgent"};
  char* word = script_word(&at);
  unsigned bit = 0;
  while (word && bit < 6 && strcmp(word, names[bit]))
    bit++;
  script_require(s, bit < 6, "what event?");
  uint32_t is = tcpip_socket_poll(s->socket) >> bit & 1;
  script_require(s, is == script_number(s, &at), "%s is %u", word, is);
}

static void do_stat(script_t* s, char* at) {
  tcpip_counter_t all[200];
  size_t count = tcpip_stats_list(tcpip_stats(s->host.stack), all, 200);
  char* word = script_word(&at);
  for (size_t i = 0; word && i < count; i++) {
    if (strcmp(word, all[i].name)) continue;
    script_require(s, all[i].value == script_number(s, &at), "%s is %llu", word,
                   (unsigned long long)all[i].value);
    return;
  }
  script_fail(s, "what counter is %s?", word ? word : "");
}

static bool call_end(script_t* s, const char* word) {
  uint8_t byte;
  if (!strcmp(word, "eof")) {
    script_require(s, host_recv(s->socket, &byte, 1, NULL) == 0, "no end of file");
  } else if (!strcmp(word, "again")) {
    int64_t n = host_recv(s->socket, &byte, 1, NULL);
    script_require(s, n == -EAGAIN, "reading gives %lld", (long long)n);
  } else if (!strcmp(word, "shutdown")) {
    ck_assert_int_eq(tcpip_socket_shutdown(s->socket, false, true), 0);
  } else if (!strcmp(word, "shutdown_read")) {
    ck_assert_int_eq(tcpip_socket_shutdown(s->socket, true, false), 0);
  } else if (!strcmp(word, "disconnect")) {
    ck_assert_int_eq(tcpip_socket_disconnect(s->socket), 0);
    s->written = s->read = 0;
  } else if (!strcmp(word, "close")) {
    tcpip_socket_destroy(s->socket);
    s->socket = NULL;
  } else if (!strcmp(word, "close_listener")) {
    tcpip_socket_destroy(s->listener);
    s->listener = NULL;
  } else {
    return false;
  }
  return true;
}

static bool call_data(script_t* s, const char* word, char* at) {
  if (!strcmp(word, "write") || !strcmp(word, "urgent"))
    do_write(s, script_number(s, &at), *word == 'u');
  else if (!strcmp(word, "read") || !strcmp(word, "peek"))
    do_read(s, script_number(s, &at), *word == 'p');
  else if (!strcmp(word, "skip"))  // the stream leaves out so many octets
    s->read += script_number(s, &at);
  else if (!strcmp(word, "oob"))
    do_oob(s, at);
  else if (!strcmp(word, "mark"))
    script_require(s, tcpip_socket_at_mark(s->socket) == script_number(s, &at), "it is not");
  else
    return false;
  return true;
}

static bool call_open(script_t* s, const char* word, char* at) {
  if (!strcmp(word, "listen")) {
    do_listen(s, (int)script_number(s, &at));
  } else if (!strcmp(word, "stand_in")) {
    do_stand_in(s, (int)script_number(s, &at));
  } else if (!strcmp(word, "admit")) {
    int result = tcpip_socket_admit(s->socket);
    script_require(s, result == 0, "admit: %d", result);
  } else if (!strcmp(word, "refuse")) {
    tcpip_socket_refuse(s->socket, (int)script_number(s, &at));
    s->socket = NULL;
  } else if (!strcmp(word, "connect")) {
    do_connect(s, CONNECTING_PORT, EINPROGRESS);
  } else if (!strcmp(word, "connect_any")) {
    do_connect(s, 0, EINPROGRESS);
  } else if (!strcmp(word, "connect_error")) {
    do_connect(s, CONNECTING_PORT, (int)script_number(s, &at));
  } else if (!strcmp(word, "random_port")) {
    do_random_port(s);
  } else if (!strcmp(word, "port")) {
    s->peer_port = (uint16_t)script_number(s, &at);
  } else if (!strcmp(word, "accept")) {
    int result = tcpip_socket_accept(s->listener, NULL, &s->socket);
    script_require(s, result == 0, "accept: %d", result);
    s->written = s->read = 0;
  } else if (!strcmp(word, "no_accept")) {
    int result = tcpip_socket_accept(s->listener, NULL, &s->socket);
    script_require(s, result == -EAGAIN, "accept: %d", result);
  } else {
    return false;
  }
  return true;
}

bool script_call(script_t* s, const char* word, char* at) {
  if (call_open(s, word, at) || call_data(s, word, at) || call_end(s, word)) return true;
  if (!strcmp(word, "set") || !strcmp(word, "get")) {
    do_option(s, at, *word == 's');
  } else if (!strcmp(word, "error")) {
    int wanted = (int)script_number(s, &at), error = -tcpip_socket_take_error(s->socket);
    script_require(s, error == wanted, "the error is %d", error);
  } else if (!strcmp(word, "event")) {
    do_event(s, at);
  } else if (!strcmp(word, "stat")) {
    do_stat(s, at);
  } else if (!strcmp(word, "link_down") || !strcmp(word, "link_up")) {
    do_link(s, !strcmp(word, "link_up"));
  } else if (!strcmp(word, "isn_grew")) {
    uint32_t least = script_number(s, &at), most = script_number(s, &at), by = s->our_isn - s->isn_before;
    script_require(s, by >= least && by <= most, "it grew by %u", by);
  } else if (!strcmp(word, "connections")) {
    uint32_t wanted = script_number(s, &at);
    script_require(s, host_connections(&s->host) == wanted, "there are %zu", host_connections(&s->host));
  } else if (!strcmp(word, "state") || !strcmp(word, "congestion") || !strcmp(word, "cwnd") ||
             !strcmp(word, "ssthresh")) {
    do_info(s, word, at);
  } else {
    return false;
  }
  return true;
}
