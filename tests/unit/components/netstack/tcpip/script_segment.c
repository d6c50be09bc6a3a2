// Segments in scripts: how they are written, built as the peer's, and compared with ours.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "script.h"

static const char flag_letters[] = "FSRP.UEC";

static size_t ip_header(const script_t* s) {
  return s->family == TCPIP_IPV4 ? 20 : 40;
}

static uint8_t parse_flags(script_t* s, const char* word) {
  uint8_t bits = 0;
  for (; *word; word++) {
    const char* letter = strchr(flag_letters, *word);
    script_require(s, letter, "what flag is %c?", *word);
    bits = (uint8_t)(bits | 1u << (letter - flag_letters));
  }
  return bits;
}

static void parse_range(const char* word, char separator, uint32_t* start, uint32_t* end) {
  char* rest;
  *start = (uint32_t)strtoul(word, &rest, 0);
  *end = *rest == separator ? (uint32_t)strtoul(rest + 1, NULL, 0) : *start;
}

static bool parse_option(script_t* s, const char* word, char** at, script_segment_t* out) {
  if (!strcmp(word, "mss")) {
    out->has_mss = true;
    out->mss = script_number(s, at);
  } else if (!strcmp(word, "scale")) {
    out->has_scale = true;
    out->scale = script_number(s, at);
  } else if (!strcmp(word, "sackok")) {
    out->sackok = true;
  } else if (!strcmp(word, "ts")) {
    out->has_ts = true;
    out->ts_value = script_number(s, at);
    out->ts_echo = script_number(s, at);
  } else if (!strcmp(word, "nots")) {
    out->no_ts = true;
  } else if (!strcmp(word, "nosack")) {
    out->no_sack = true;
  } else if (!strcmp(word, "sack")) {
    char* range = script_word(at);
    script_require(s, range && out->sack_count < 4, "a range is missing");
    parse_range(range, '-', &out->sacks[2 * out->sack_count], &out->sacks[2 * out->sack_count + 1]);
    out->sack_count++;
  } else {
    return false;
  }
  return true;
}

static void parse_attribute(script_t* s, const char* word, char** at, script_segment_t* out) {
  if (parse_option(s, word, at, out)) return;
  if (!strcmp(word, "ack")) {
    out->has_ack = true;
    out->ack = script_number(s, at);
  } else if (!strcmp(word, "win")) {
    out->has_win = true;
    out->win = script_number(s, at);
  } else if (!strcmp(word, "up")) {
    out->has_up = true;
    out->up = (uint16_t)script_number(s, at);
  } else if (!strcmp(word, "gso")) {
    out->gso = script_number(s, at);
  } else if (!strcmp(word, "notect")) {
    out->ecn = 0;
  } else if (!strcmp(word, "ect")) {
    out->ecn = 2;
  } else if (!strcmp(word, "ce")) {
    out->ecn = 3;
  } else if (!strcmp(word, "badsum")) {
    out->badsum = true;
  } else {
    script_fail(s, "what is %s?", word);
  }
}

void script_segment_parse(script_t* s, char* at, script_segment_t* out) {
  *out = (script_segment_t){.ecn = -1};
  char* word = script_word(&at);
  script_require(s, word, "flags are missing");
  out->flags = parse_flags(s, word);
  word = script_word(&at);
  script_require(s, word, "a sequence number is missing");
  parse_range(word, ':', &out->seq, &out->end);
  while ((word = script_word(&at)))
    parse_attribute(s, word, &at, out);
}

static size_t put_options(const script_t* s, const script_segment_t* g, uint8_t* p) {
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
    p[n] = p[n + 1] = 3;
    p[n + 2] = (uint8_t)g->scale;
    n += 3;
  }
  if (g->has_ts) {
    p[n] = 8;
    p[n + 1] = 10;
    be32_put(p + n + 2, g->ts_value);
    be32_put(p + n + 6, g->ts_echo + s->our_ts);
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

void script_segment_inject(script_t* s, const script_segment_t* g) {
  static uint8_t tcp[70000], frame[70100];
  bool v4 = s->family == TCPIP_IPV4;
  size_t options = put_options(s, g, tcp + 20), length = g->end - g->seq;
  be16_put(tcp, s->peer_port);
  be16_put(tcp + 2, s->local_port);
  be32_put(tcp + 4, g->seq + SCRIPT_PEER_ISN);
  be32_put(tcp + 8, g->has_ack ? g->ack + s->our_isn : 0);
  tcp[12] = (uint8_t)((20 + options) / 4 << 4);
  tcp[13] = (uint8_t)(g->flags | (g->has_ack ? 16 : 0));
  be16_put(tcp + 14, g->has_win ? g->win : 65535);
  be16_put(tcp + 16, 0);
  be16_put(tcp + 18, g->up);
  for (size_t i = 0; i < length; i++)
    tcp[20 + options + i] = script_pattern(g->seq + i + !!(g->flags & 2));
  peer_packet_t packet = {.from = v4 ? host_ipv4(99) : host_ipv6(99),
                          .to = script_local(s),
                          .protocol = 6,
                          .tos = g->ecn > 0 ? (uint8_t)g->ecn : 0,
                          .payload = tcp,
                          .length = 20 + options + length,
                          .checksum_at = 16};
  size_t size = peer_frame(frame, peer_mac, s->host.mac, &packet);
  if (g->badsum) frame[14 + ip_header(s) + 16] ^= 1;
  if (!g->gso) {
    host_input(&s->host, frame, size);
    return;
  }
  tcpip_offload_t merged = {.flags = TCPIP_OFFLOAD_DATA_VALID,
                            .gso_type = v4 ? TCPIP_GSO_TCPV4 : TCPIP_GSO_TCPV6,
                            .gso_size = (uint16_t)g->gso};
  host_input_shared(&s->host, frame, size, &merged);
}

// One of our segments, taken apart.
typedef struct sent {
  const uint8_t* tcp;
  size_t header, length;
  int ecn;
  uint32_t gso;
} sent_t;

static sent_t take_apart(const script_t* s, const host_frame_t* f) {
  const uint8_t* t = f->bytes + 14 + ip_header(s);
  size_t header = (size_t)(t[12] >> 4) * 4;
  const uint8_t* ip = f->bytes + 14;
  return (sent_t){.tcp = t,
                  .header = header,
                  .length = f->length - 14 - ip_header(s) - header,
                  .ecn = (s->family == TCPIP_IPV4 ? ip[1] : ip[1] >> 4) & 3,
                  .gso = f->offload.gso_type ? f->offload.gso_size : 0};
}

static const char* describe(const script_t* s, const sent_t* f, char out[160]) {
  char flags[12] = "";
  uint32_t seq = be32_get(f->tcp + 4) - s->our_isn;
  for (unsigned i = 0, n = 0; i < 8; i++) {
    if (f->tcp[13] >> i & 1) {
      flags[n++] = flag_letters[i];
      flags[n] = 0;
    }
  }
  snprintf(out, 160, "%s %u:%u ack %u win %u up %u ecn %d gso %u", flags, seq, (uint32_t)(seq + f->length),
           be32_get(f->tcp + 8) - SCRIPT_PEER_ISN, be16_get(f->tcp + 14), be16_get(f->tcp + 18), f->ecn,
           f->gso);
  return out;
}

// The option of this kind, NULL if it is not there.
static const uint8_t* find_option(const sent_t* f, uint8_t kind) {
  const uint8_t *p = f->tcp + 20, *end = f->tcp + f->header;
  while (p < end && *p && *p != kind)
    p += *p == 1 ? 1 : p[1];
  return p < end && *p == kind ? p : NULL;
}

static void check_timestamp(script_t* s, const script_segment_t* g, const sent_t* f) {
  const uint8_t* p = find_option(f, 8);
  if (p && !s->ts_known) {
    s->our_ts = be32_get(p + 2);
    s->ts_known = true;
  }
  script_require(s, !g->no_ts || !p, "there is a timestamp");
  if (!g->has_ts) return;
  script_require(s, p, "there is no timestamp");
  uint32_t value = be32_get(p + 2) - s->our_ts, echo = be32_get(p + 6);
  script_require(s, value == g->ts_value && echo == g->ts_echo, "the timestamp is %u %u", value, echo);
}

static void check_options(script_t* s, const script_segment_t* g, const sent_t* f) {
  const uint8_t* p;
  check_timestamp(s, g, f);
  if (g->has_mss) {
    p = find_option(f, 2);
    script_require(s, p && be16_get(p + 2) == g->mss, "mss is %u", p ? be16_get(p + 2) : 0);
  }
  if (g->has_scale) {
    p = find_option(f, 3);
    script_require(s, p && p[2] == g->scale, "scale is %d", p ? p[2] : -1);
  }
  script_require(s, !g->sackok || find_option(f, 4), "there is no SACK permitted");
  p = find_option(f, 5);
  script_require(s, !g->no_sack || !p, "there are SACK blocks");
  if (!g->sack_count) return;
  script_require(s, p && p[1] == 2 + 8 * g->sack_count, "there are %d SACK blocks", p ? (p[1] - 2) / 8 : 0);
  for (unsigned i = 0; i < g->sack_count; i++) {
    uint32_t start = be32_get(p + 2 + 8 * i) - SCRIPT_PEER_ISN,
             end = be32_get(p + 6 + 8 * i) - SCRIPT_PEER_ISN;
    script_require(s, start == g->sacks[2 * i] && end == g->sacks[2 * i + 1], "SACK block %u is %u-%u", i,
                   start, end);
  }
}

void script_segment_expect(script_t* s, const script_segment_t* g) {
  host_frame_t frame;
  char got[160];
  script_require(s, host_take(&s->host, &frame), "nothing was sent");
  sent_t f = take_apart(s, &frame);
  const uint8_t* t = f.tcp;
  if (t[13] & 2) {
    s->isn_before = s->our_isn;
    s->our_isn = be32_get(t + 4);
  }
  describe(s, &f, got);
  uint32_t seq = be32_get(t + 4) - s->our_isn;
  script_require(s, (t[13] & 0xf7) == (g->flags & 0xf7), "flags differ: %s", got);
  script_require(s, seq == g->seq && seq + f.length == g->end, "octets differ: %s", got);
  script_require(s, !g->has_ack || be32_get(t + 8) - SCRIPT_PEER_ISN == g->ack, "ack differs: %s", got);
  script_require(s, !g->has_win || be16_get(t + 14) == g->win, "window differs: %s", got);
  script_require(s, !(g->flags & 32) || !g->has_up || be16_get(t + 18) == g->up, "urgent pointer differs: %s",
                 got);
  script_require(s, g->ecn < 0 || f.ecn == g->ecn, "ECN differs: %s", got);
  script_require(s, !g->gso || f.gso == g->gso, "gso differs: %s", got);
  for (size_t i = 0; i < f.length; i++)
    script_require(s, t[f.header + i] == script_pattern(g->seq + i), "octet %zu differs", i);
  check_options(s, g, &f);
  free(frame.bytes);
}

void script_segment_none(script_t* s) {
  char got[160] = "";
  if (!s->host.frame_count) return;
  sent_t f = take_apart(s, &s->host.frames[0]);
  script_fail(s, "was sent: %s", describe(s, &f, got));
}

// Puts the header of our segment that begins at `seq` where an ICMP error quotes it.
static size_t quote(const script_t* s, uint32_t seq, uint8_t* out) {
  uint8_t tcp[20] = {0};
  bool v4 = s->family == TCPIP_IPV4;
  be16_put(tcp, s->local_port);
  be16_put(tcp + 2, s->peer_port);
  be32_put(tcp + 4, seq + s->our_isn);
  tcp[12] = 5 << 4;
  peer_packet_t packet = {.from = script_local(s),
                          .to = v4 ? host_ipv4(99) : host_ipv6(99),
                          .protocol = 6,
                          .payload = tcp,
                          .length = sizeof tcp};
  return peer_ip(out, &packet);
}

void script_icmp(script_t* s, char* at) {
  static const uint8_t codes_v4[] = {0, 1, 3}, codes_v6[] = {0, 3, 4};  // net, host, port
  bool v4 = s->family == TCPIP_IPV4;
  uint8_t icmp[200] = {0}, frame[300];
  char* kind = script_word(&at);
  char* argument = script_word(&at);
  script_require(s, kind && argument, "icmp what?");
  if (!strcmp(kind, "toobig")) {
    uint32_t mtu = (uint32_t)strtoul(argument, NULL, 0) + (v4 ? 0 : 20);  // as the link's
    icmp[0] = v4 ? 3 : 2;
    icmp[1] = v4 ? 4 : 0;
    be32_put(icmp + 4, mtu);
  } else {
    int which = !strcmp(argument, "net") ? 0 : !strcmp(argument, "host") ? 1 : 2;
    icmp[0] = v4 ? 3 : 1;
    icmp[1] = v4 ? codes_v4[which] : codes_v6[which];
  }
  char* seq = script_word(&at);
  size_t length = 8 + quote(s, seq ? (uint32_t)strtoul(seq, NULL, 0) : 0, icmp + 8);
  peer_packet_t packet = {.from = v4 ? host_ipv4(99) : host_ipv6(99),
                          .to = script_local(s),
                          .protocol = v4 ? 1 : 58,
                          .payload = icmp,
                          .length = length,
                          .checksum_at = 2};
  host_input(&s->host, frame, peer_frame(frame, peer_mac, s->host.mac, &packet));
}
