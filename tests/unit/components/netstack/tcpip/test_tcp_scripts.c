// TCP rule by rule: scripts of what a peer sends, what we must answer, and what the socket sees meanwhile.
//
// A line is one step; # begins a comment. Sequence numbers count from each side's initial one. Times are milliseconds.
//   < FLAGS A[:B] [ack N] [win N] [mss N] [scale N] [sackok] [ts V E] [sack A-B]...   the peer sends octets A..B
//   > FLAGS A[:B] [ack N] [win N] [sack A-B]...   the next segment we send; what is not named is not looked at
//   none            we send nothing
//   +MS             time passes
//   listen N, connect, accept, write N, read N, eof, again, shutdown, close, reset, set OPTION N
//   error ERRNO     the pending error;  state NAME;  writable 0|1;  connections N
// FLAGS are of S, F, R, P and . for ACK; P is not compared.
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "host.h"
#include "jx_test.h"

#define SCRIPTS_MAX 64

static const char* script_names[SCRIPTS_MAX];
static const char* folder;

typedef struct segment {
  char flags[8];
  uint32_t seq, end, ack, win, mss, scale, ts_value, ts_echo;
  bool has_ack, has_win, has_mss, has_scale, sackok, has_ts;
  uint32_t sacks[8];
  unsigned sack_count;
} segment_t;

typedef struct script {
  host_t host;
  tcpip_socket_t* listener;
  tcpip_socket_t* socket;
  uint16_t local_port;
  uint32_t our_isn;
  uint64_t written, read;
  const char* name;
  int line;
} script_t;

#define PEER_ISN 1000000000u
#define PEER_PORT 5000

#define require(s, condition, ...)                                             \
  do {                                                                         \
    if (!(condition)) {                                                        \
      char message[200];                                                       \
      snprintf(message, sizeof message, __VA_ARGS__);                          \
      ck_abort_msg("%s:%d: %s", (s)->name, (s)->line, message);                \
    }                                                                          \
  } while (0)

static uint8_t pattern(uint64_t position) {
  return (uint8_t)('a' + position % 26);
}

static char* next_word(char** at) {
  while (isspace((unsigned char)**at))
    ++*at;
  if (!**at)
    return NULL;
  char* word = *at;
  while (**at && !isspace((unsigned char)**at))
    ++*at;
  if (**at)
    *(*at)++ = 0;
  return word;
}

static uint32_t number(script_t* s, char** at) {
  char* word = next_word(at);
  require(s, word, "a number is missing");
  return (uint32_t)strtoul(word, NULL, 0);
}

static void parse_segment(script_t* s, char* at, segment_t* out) {
  *out = (segment_t){0};
  char* word = next_word(&at);
  require(s, word && strlen(word) < sizeof out->flags, "flags are missing");
  strcpy(out->flags, word);
  word = next_word(&at);
  require(s, word, "a sequence number is missing");
  out->seq = (uint32_t)strtoul(word, &word, 0);
  out->end = *word == ':' ? (uint32_t)strtoul(word + 1, NULL, 0) : out->seq;
  while ((word = next_word(&at))) {
    if (!strcmp(word, "ack")) {
      out->has_ack = true;
      out->ack = number(s, &at);
    } else if (!strcmp(word, "win")) {
      out->has_win = true;
      out->win = number(s, &at);
    } else if (!strcmp(word, "mss")) {
      out->has_mss = true;
      out->mss = number(s, &at);
    } else if (!strcmp(word, "scale")) {
      out->has_scale = true;
      out->scale = number(s, &at);
    } else if (!strcmp(word, "sackok")) {
      out->sackok = true;
    } else if (!strcmp(word, "ts")) {
      out->has_ts = true;
      out->ts_value = number(s, &at);
      out->ts_echo = number(s, &at);
    } else if (!strcmp(word, "sack")) {
      word = next_word(&at);
      require(s, word && out->sack_count < 4, "a range is missing");
      out->sacks[2 * out->sack_count] = (uint32_t)strtoul(word, &word, 0);
      out->sacks[2 * out->sack_count++ + 1] = (uint32_t)strtoul(word + 1, NULL, 0);
    } else {
      require(s, false, "what is %s?", word);
    }
  }
}

static uint8_t flag_bits(const char* flags) {
  static const char letters[] = "FSRP.U";
  uint8_t bits = 0;
  for (; *flags; flags++) {
    const char* letter = strchr(letters, *flags);
    bits = (uint8_t)(bits | (letter ? 1u << (letter - letters) : 0));
  }
  return bits;
}

static size_t put_options(const script_t* s, const segment_t* g, uint8_t* p) {
  size_t n = 0;
  if (g->has_mss) {
    p[n] = 2;
    p[n + 1] = 4;
    be16_put(p + n + 2, g->mss);
    n += 4;
  }
  if (g->sackok) {
    p[n++] = 4;
    p[n++] = 2;
  }
  if (g->has_scale) {
    p[n] = 3;
    p[n + 1] = 3;
    p[n + 2] = (uint8_t)g->scale;
    n += 3;
  }
  if (g->has_ts) {
    p[n] = 8;
    p[n + 1] = 10;
    be32_put(p + n + 2, g->ts_value);
    be32_put(p + n + 6, g->ts_echo);
    n += 10;
  }
  if (g->sack_count) {
    p[n] = 5;
    p[n + 1] = (uint8_t)(2 + 8 * g->sack_count);
    for (unsigned i = 0; i < 2 * g->sack_count; i++)
      be32_put(p + n + 2 + 4 * i, g->sacks[i] + s->our_isn);
    n += 2 + 8 * g->sack_count;
  }
  while (n % 4)
    p[n++] = 1;
  return n;
}

static void inject(script_t* s, const segment_t* g) {
  static uint8_t tcp[70000], frame[70100];
  size_t options = put_options(s, g, tcp + 20), length = g->end - g->seq;
  be16_put(tcp, PEER_PORT);
  be16_put(tcp + 2, s->local_port);
  be32_put(tcp + 4, g->seq + PEER_ISN);
  be32_put(tcp + 8, g->has_ack ? g->ack + s->our_isn : 0);
  tcp[12] = (uint8_t)((20 + options) / 4 << 4);
  tcp[13] = flag_bits(g->flags);
  if (g->has_ack)
    tcp[13] |= 16;
  be16_put(tcp + 14, g->has_win ? g->win : 65535);
  memset(tcp + 16, 0, 4);
  for (size_t i = 0; i < length; i++)
    tcp[20 + options + i] = pattern(g->seq + i);
  peer_packet_t packet = {.from = host_ipv4(99), .to = host_ipv4(1), .protocol = 6, .payload = tcp,
                          .length = 20 + options + length, .checksum_at = 16};
  host_input(&s->host, frame, peer_frame(frame, peer_mac, s->host.mac, &packet));
}

static void describe(const script_t* s, const host_frame_t* f, char* out, size_t size) {
  const uint8_t* t = f->bytes + 34;
  size_t header = (size_t)(t[12] >> 4) * 4, length = f->length - 34 - header;
  snprintf(out, size, "%s%s%s%s%s %u:%u ack %u win %u", t[13] & 2 ? "S" : "", t[13] & 1 ? "F" : "", t[13] & 4 ? "R" : "",
           t[13] & 8 ? "P" : "", t[13] & 16 ? "." : "", be32_get(t + 4) - s->our_isn,
           (uint32_t)(be32_get(t + 4) - s->our_isn + length), be32_get(t + 8) - PEER_ISN, be16_get(t + 14));
}

static void check_sacks(script_t* s, const segment_t* g, const uint8_t* t) {
  const uint8_t* p = t + 20;
  const uint8_t* end = t + (t[12] >> 4) * 4;
  while (p < end && *p != 5)
    p += *p == 1 ? 1 : p[1];
  require(s, p < end && p[1] == 2 + 8 * g->sack_count, "the SACK blocks are not %u", g->sack_count);
  for (unsigned i = 0; i < 2 * g->sack_count; i++)
    require(s, be32_get(p + 2 + 4 * i) - PEER_ISN == g->sacks[i], "SACK block %u is %u, not %u", i / 2,
            be32_get(p + 2 + 4 * i) - PEER_ISN, g->sacks[i]);
}

static void expect(script_t* s, const segment_t* g) {
  host_frame_t f;
  char got[120];
  require(s, host_take(&s->host, &f), "nothing was sent");
  const uint8_t* t = f.bytes + 34;
  uint8_t wanted = flag_bits(g->flags);
  if (t[13] & 2) {
    s->our_isn = be32_get(t + 4);
  }
  size_t header = (size_t)(t[12] >> 4) * 4, length = f.length - 34 - header;
  uint32_t seq = be32_get(t + 4) - s->our_isn;
  describe(s, &f, got, sizeof got);
  require(s, (t[13] & 0x37) == (wanted & 0x37), "flags differ: %s", got);
  require(s, seq == g->seq && seq + length == g->end, "sequence numbers differ: %s", got);
  require(s, !g->has_ack || be32_get(t + 8) - PEER_ISN == g->ack, "ack differs: %s", got);
  require(s, !g->has_win || be16_get(t + 14) == g->win, "window differs: %s", got);
  for (size_t i = 0; i < length; i++)
    require(s, t[header + i] == pattern(g->seq + i), "octet %zu differs", i);
  if (g->sack_count)
    check_sacks(s, g, t);
  free(f.bytes);
}

static void expect_none(script_t* s) {
  char got[120] = "";
  if (s->host.frame_count)
    describe(s, &s->host.frames[0], got, sizeof got);
  require(s, s->host.frame_count == 0, "was sent: %s", got);
}

static void do_open(script_t* s, bool listen, int backlog) {
  tcpip_socket_t* socket;
  tcpip_endpoint_t at = host_endpoint("10.0.0.1", listen ? 80 : 4000), to = host_endpoint("10.0.0.99", PEER_PORT);
  s->local_port = at.port;
  if (s->socket == NULL || listen)
    ck_assert_int_eq(tcpip_socket_create(s->host.client, TCPIP_IPV4, TCPIP_TCP, NULL, &socket), 0);
  else
    socket = s->socket;
  ck_assert_int_eq(tcpip_socket_bind(socket, &at), 0);
  if (listen) {
    ck_assert_int_eq(tcpip_socket_listen(socket, backlog), 0);
    s->listener = socket;
  } else {
    ck_assert_int_eq(tcpip_socket_connect(socket, &to), -EINPROGRESS);
    s->socket = socket;
  }
}

static void do_write(script_t* s, uint32_t length) {
  uint8_t* bytes = malloc(length);
  for (uint32_t i = 0; i < length; i++)
    bytes[i] = pattern(1 + s->written + i);
  int64_t n = host_send(s->socket, bytes, length, NULL);
  require(s, n == length, "wrote %lld", (long long)n);
  s->written += length;
  free(bytes);
}

static void do_read(script_t* s, uint32_t length) {
  uint8_t* bytes = malloc(length);
  int64_t n = host_recv(s->socket, bytes, length, NULL);
  require(s, n == length, "read %lld", (long long)n);
  for (uint32_t i = 0; i < length; i++)
    require(s, bytes[i] == pattern(1 + s->read + i), "read something else");
  s->read += length;
  free(bytes);
}

static void do_set(script_t* s, char** at) {
  static const struct {
    const char* name;
    tcpip_option_t option;
  } options[] = {{"nodelay", TCPIP_TCP_NO_DELAY},       {"cork", TCPIP_TCP_CORK},
                 {"receive_buffer", TCPIP_RECEIVE_BUFFER}, {"keepalive", TCPIP_KEEP_ALIVE},
                 {"keepalive_idle", TCPIP_TCP_KEEP_ALIVE_IDLE}, {"keepalive_interval", TCPIP_TCP_KEEP_ALIVE_INTERVAL},
                 {"keepalive_count", TCPIP_TCP_KEEP_ALIVE_COUNT}, {"user_timeout", TCPIP_TCP_USER_TIMEOUT},
                 {"linger", TCPIP_LINGER}, {"congestion", TCPIP_TCP_CONGESTION}};
  char* name = next_word(at);
  uint32_t value = number(s, at);
  for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
    if (!strcmp(name, options[i].name)) {
      ck_assert_int_eq(tcpip_socket_set(s->socket, options[i].option, value), 0);
      return;
    }
  }
  require(s, false, "what option is %s?", name);
}

static const char* state_name(tcpip_tcp_state_t state) {
  static const char* const names[] = {"closed",      "listen",     "syn_sent",   "syn_received", "established", "fin_wait_1",
                                      "fin_wait_2", "close_wait", "closing",    "last_ack",     "time_wait"};
  return names[state];
}

static void do_state(script_t* s, const char* wanted) {
  tcpip_tcp_info_t info;
  ck_assert_int_eq(tcpip_socket_tcp_info(s->socket, &info), 0);
  require(s, !strcmp(state_name(info.state), wanted), "state is %s", state_name(info.state));
}

static void step(script_t* s, char* line) {
  char* at = line;
  segment_t g;
  char* word = next_word(&at);
  uint8_t byte;
  if (!word || word[0] == '#')
    return;
  if (!strcmp(word, "<")) {
    parse_segment(s, at, &g);
    inject(s, &g);
  } else if (!strcmp(word, ">")) {
    parse_segment(s, at, &g);
    expect(s, &g);
  } else if (!strcmp(word, "none")) {
    expect_none(s);
  } else if (word[0] == '+') {
    host_advance(&s->host, (int64_t)(strtod(word + 1, NULL) * 1e6));
  } else if (!strcmp(word, "listen")) {
    do_open(s, true, (int)number(s, &at));
  } else if (!strcmp(word, "connect")) {
    do_open(s, false, 0);
  } else if (!strcmp(word, "accept")) {
    int result = tcpip_socket_accept(s->listener, NULL, &s->socket);
    require(s, result == 0, "accept: %d", result);
  } else if (!strcmp(word, "write")) {
    do_write(s, number(s, &at));
  } else if (!strcmp(word, "read")) {
    do_read(s, number(s, &at));
  } else if (!strcmp(word, "eof")) {
    require(s, host_recv(s->socket, &byte, 1, NULL) == 0, "no end of file");
  } else if (!strcmp(word, "again")) {
    require(s, host_recv(s->socket, &byte, 1, NULL) == -EAGAIN, "reading would not block");
  } else if (!strcmp(word, "shutdown")) {
    ck_assert_int_eq(tcpip_socket_shutdown(s->socket, false, true), 0);
  } else if (!strcmp(word, "close")) {
    tcpip_socket_destroy(s->socket);
    s->socket = NULL;
  } else if (!strcmp(word, "set")) {
    do_set(s, &at);
  } else if (!strcmp(word, "error")) {
    int wanted = (int)number(s, &at), error = -tcpip_socket_take_error(s->socket);
    require(s, error == wanted, "error is %d", error);
  } else if (!strcmp(word, "state")) {
    do_state(s, next_word(&at));
  } else if (!strcmp(word, "writable")) {
    bool wanted = number(s, &at), is = tcpip_socket_poll(s->socket) & TCPIP_EVENT_WRITABLE;
    require(s, wanted == is, "writable is %d", is);
  } else if (!strcmp(word, "connections")) {
    uint32_t wanted = number(s, &at);
    require(s, host_connections(&s->host) == wanted, "there are %zu", host_connections(&s->host));
  } else {
    require(s, false, "what is %s?", word);
  }
}

static void run_script(const char* name) {
  script_t s = {.name = name};
  char path[600], line[300];
  snprintf(path, sizeof path, "%s/%s.tcp", folder, name);
  FILE* file = fopen(path, "re");
  ck_assert_msg(file, "cannot open %s", path);
  host_init(&s.host, &(host_config_t){.last_octet = 1});
  tcpip_address_t peer = host_ipv4(99);
  ck_assert_int_eq(tcpip_neighbour_set(s.host.stack, s.host.interface, &peer, peer_mac), 0);
  while (fgets(line, sizeof line, file)) {
    s.line++;
    char* comment = strchr(line, '#');
    if (comment)
      *comment = 0;
    step(&s, line);
  }
  fclose(file);
  s.line++;
  expect_none(&s);
  host_deinit(&s.host);
}

START_TEST(script) {
  run_script(script_names[_i]);
} END_TEST

int main(int argc, char** argv) {
  Suite* suite = suite_create("tcp_scripts");
  folder = argv[1];
  for (int i = 2; i < argc && i - 2 < SCRIPTS_MAX; i++) {
    script_names[i - 2] = argv[i];
    TCase* tc = jx_test_case(suite, argv[i]);
    tcase_add_loop_test(tc, script, i - 2, i - 1);
  }
  return jx_test_run(suite);
}
