#include "script.h"

#include <check.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"

void script_fail(const script_t* s, const char* format, ...) {
  char message[300];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  ck_abort_msg("%s.tcp:%d (IPv%d): %s", s->name, s->line, s->family == TCPIP_IPV4 ? 4 : 6, message);
  abort();
}

char* script_word(char** at) {
  while (isspace((unsigned char)**at))
    ++*at;
  if (!**at) return NULL;
  char* word = *at;
  while (**at && !isspace((unsigned char)**at))
    ++*at;
  if (**at) *(*at)++ = 0;
  return word;
}

uint32_t script_number(script_t* s, char** at) {
  char* word = script_word(at);
  script_require(s, word && isdigit((unsigned char)*word), "a number is missing");
  return (uint32_t)strtoul(word, NULL, 0);
}

uint8_t script_pattern(uint64_t position) {
  return (uint8_t)('a' + position % 26);
}

tcpip_address_t script_local(const script_t* s) {
  bool v4 = s->family == TCPIP_IPV4;
  if (s->stands_in) return host_address(v4 ? "203.0.113.7" : "2001:db8::7");
  return v4 ? host_ipv4(SCRIPT_LAST_OCTET) : host_ipv6(SCRIPT_LAST_OCTET);
}

// IPv6's header is larger by 20 octets; its link as well, so that segments are of one size in both.
static void start(script_t* s) {
  bool v4 = s->family == TCPIP_IPV4;
  if (s->started) return;
  s->started = true;
  s->config.last_octet = SCRIPT_LAST_OCTET;
  s->config.mtu = (s->config.mtu ? s->config.mtu : 1500) + (v4 ? 0 : 20);
  if (s->config.mtu > 65535) s->config.mtu = 65535;
  host_init(&s->host, &s->config);
  tcpip_address_t peer = v4 ? host_ipv4(99) : host_ipv6(99);
  ck_assert_int_eq(tcpip_neighbour_set(s->host.stack, s->host.interface, &peer, peer_mac), 0);
  if (!s->budget) return;
  tcpip_quota_t quota = {.buffer_bytes = s->budget};
  tcpip_client_destroy(s->host.client);
  ck_assert_int_eq(tcpip_client_create(s->host.stack, &quota, &s->host.client), 0);
}

static void do_link(script_t* s, char* at) {
  for (char* word; (word = script_word(&at));) {
    if (!strcmp(word, "tso"))
      s->config.link_features |= TCPIP_LINK_TX_TSO | TCPIP_LINK_TX_CHECKSUM;
    else if (!strcmp(word, "checksum"))
      s->config.link_features |= TCPIP_LINK_TX_CHECKSUM;
    else if (!strcmp(word, "mtu"))
      s->config.mtu = script_number(s, &at);
    else
      script_fail(s, "what feature is %s?", word);
  }
}

// The peer acknowledges full segments one by one.
static void do_acks(script_t* s, char* at) {
  char* end = at;
  uint32_t from = (uint32_t)strtoul(at, &end, 0),
           to = *end == ':' ? (uint32_t)strtoul(end + 1, NULL, 0) : from;
  script_require(s, from < to && (to - from) % SCRIPT_MSS == 0, "acks A:B, whole segments");
  while (from != to) {
    from += SCRIPT_MSS;
    script_segment_inject(s,
                          &(script_segment_t){.seq = 1, .end = 1, .has_ack = true, .ack = from, .ecn = -1});
  }
}

static void step(script_t* s, char* line);

static void run_line(script_t* s, const char* text) {
  char line[120];
  snprintf(line, sizeof line, "%s", text);
  step(s, line);
}

// The whole of a passive opening, so that a script can be about what follows.
static void do_established(script_t* s, char* at) {
  char syn[100] = "", ack[60] = "< . 1 ack 1 ", whole[120];
  bool ecn = false, mss = false;
  for (char* word; (word = script_word(&at));) {
    ecn |= !strcmp(word, "ecn");
    mss |= !strcmp(word, "mss");
    if (!strcmp(word, "ts")) {
      strcat(syn, "ts 1000 0 ");
      strcat(ack, "ts 1020 0 ");
    } else if (strcmp(word, "ecn")) {
      script_require(s, strlen(syn) + strlen(word) < 80, "too much");
      strcat(strcat(syn, word), " ");
    }
  }
  if (!mss) strcat(syn, "mss 1460");
  snprintf(whole, sizeof whole, "< %s 0 %s", ecn ? "SEC" : "S", syn);
  const char* const lines[] = {"listen 8", whole, ecn ? "> SE. 0 ack 1" : "> S. 0 ack 1",
                               "+20",      ack,   "accept"};
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
    run_line(s, lines[i]);
}

static void step(script_t* s, char* line) {
  char* at = line;
  script_segment_t g;
  char* word = script_word(&at);
  if (!word) return;
  if (!strcmp(word, "link")) {
    do_link(s, at);
    return;
  }
  if (!strcmp(word, "only")) {
    char* family = script_word(&at);
    s->skipped = family && strcmp(family, s->family == TCPIP_IPV4 ? "ipv4" : "ipv6");
    return;
  }
  if (!strcmp(word, "budget")) {
    s->budget = script_number(s, &at);
    return;
  }
  start(s);
  if (!strcmp(word, "<")) {
    script_segment_parse(s, at, &g);
    script_segment_inject(s, &g);
  } else if (!strcmp(word, ">")) {
    script_segment_parse(s, at, &g);
    script_segment_expect(s, &g);
  } else if (!strcmp(word, "acks")) {
    do_acks(s, at);
  } else if (!strcmp(word, "none")) {
    script_segment_none(s);
  } else if (!strcmp(word, "drop_all")) {
    host_drop_all(&s->host);
  } else if (!strcmp(word, "drop")) {
    for (uint32_t n = script_number(s, &at); n; n--) {
      host_frame_t frame;
      script_require(s, host_take(&s->host, &frame), "%u more were not sent", n);
      free(frame.bytes);
    }
  } else if (word[0] == '+') {
    host_advance(&s->host, (int64_t)(strtod(word + 1, NULL) * 1e6));
  } else if (!strcmp(word, "icmp")) {
    script_icmp(s, at);
  } else if (!strcmp(word, "established")) {
    do_established(s, at);
  } else if (!script_call(s, word, at)) {
    script_fail(s, "what is %s?", word);
  }
}

void script_run(const char* file_name, const char* name, uint8_t family) {
  script_t* s = calloc(1, sizeof *s);
  *s = (script_t){.name = name, .family = family, .peer_port = 5000};
  char line[300];
  FILE* file = fopen(file_name, "re");
  ck_assert_msg(file, "cannot open %s", file_name);
  while (!s->skipped && fgets(line, sizeof line, file)) {
    s->line++;
    char* comment = strchr(line, '#');
    if (comment) *comment = 0;
    step(s, line);
  }
  fclose(file);
  if (s->started) {
    script_segment_none(s);
    host_deinit(&s->host);
  }
  free(s);
}
