// Black holes (RFC 2923, RFC 4821): places that drop what is too large and say nothing. When full segments
// get no answer, smaller ones are tried. Once those get through, larger ones are sent as probes, by halves,
// until what the path takes is known; the loss of a probe is no sign of congestion.
//
// It may have been an outage and no black hole, so the first probe is of full size and mostly ends the search
// at once. All sizes are those of IP packets.
#include "tcp.h"

#define FIRST_TIMEOUTS 3u   // in a row, before smaller segments are tried
#define SECOND_TIMEOUTS 5u  // and the smallest
#define FIRST_V4 1200u
#define SECOND_V4 576u
#define CLOSE_ENOUGH 16u

static uint32_t headers(const tcp_t* tcp) {
  return (tcp->path.v4 ? IPV4_HEADER : IPV6_HEADER) + TCP_HEADER + (tcp->use_timestamps ? 12 : 0);
}

// After a timeout: `backoff` of them have been in a row.
void tcp_mtu_timeout(tcp_t* tcp) {
  tcp_mtu_search_t* m = &tcp->mtu;
  const tcp_segment_t* first = tcp->board.count ? tcp_board_at(&tcp->board, 0) : NULL;
  if (!first || !tcp->path.interface || tcp->path.interface->info.loopback) return;
  uint32_t lower = 0;
  if (tcp->backoff == FIRST_TIMEOUTS)
    lower = tcp->path.v4 ? FIRST_V4 : IPV6_MIN_MTU;
  else if (tcp->backoff == SECOND_TIMEOUTS && tcp->path.v4)
    lower = SECOND_V4;
  // Only what is sent in smaller pieces now can tell anything.
  if (!lower || first->end - first->seq + headers(tcp) <= lower || (m->low && m->low <= lower)) return;
  if (!m->low) m->high = (uint16_t)tcp->path.mtu;
  m->low = (uint16_t)lower;
  m->confirmed = m->probing = false;
  tcp_update_mss(tcp);
}

static void end_search(tcp_t* tcp) {
  tcp_mtu_search_t* m = &tcp->mtu;
  bool narrower = m->low < tcp->path.mtu;
  if (narrower) {
    count(tcp->base.stack, tcp_black_holes);
    path_mtu_lower(tcp->base.stack, &tcp->base.remote, interface_mtu(tcp->path.interface, tcp->path.v4),
                   m->low);
  }
  *m = (tcp_mtu_search_t){0};
  if (narrower)
    (void)tcp_refresh_path(tcp);
  else
    tcp_update_mss(tcp);
}

static void search_on(tcp_t* tcp) {
  tcp_mtu_search_t* m = &tcp->mtu;
  m->probing = false;
  tcp_update_mss(tcp);
  if (m->high < m->low + CLOSE_ENOUGH) end_search(tcp);
}

// Something was delivered: the small segments get through, and a probe may have, too.
void tcp_mtu_delivered(tcp_t* tcp) {
  tcp_mtu_search_t* m = &tcp->mtu;
  if (!m->low) return;
  m->confirmed = true;
  if (!m->probing || seq_lt(tcp->snd_una, m->probe_end)) return;
  m->low = m->size;
  search_on(tcp);
}

// The probe's segment is lost. True if nothing else is, so that it means nothing for congestion.
bool tcp_mtu_probe_lost(tcp_t* tcp) {
  tcp_mtu_search_t* m = &tcp->mtu;
  if (!m->probing) return false;
  uint32_t length = m->size - headers(tcp), i = tcp_board_find(&tcp->board, m->probe_end - 1);
  const tcp_segment_t* probe = i < tcp->board.count ? tcp_board_at(&tcp->board, i) : NULL;
  if (!probe || probe->end != m->probe_end || !probe->lost) return false;
  bool alone = tcp->board.lost == length && !probe->in_flight_again;
  m->high = (uint16_t)(m->size - 1);
  search_on(tcp);
  return alone;
}

// The payload of a probe that may leave now, as the next segment; 0: none.
uint32_t tcp_mtu_probe(tcp_t* tcp, uint32_t left, uint32_t room) {
  tcp_mtu_search_t* m = &tcp->mtu;
  if (!m->low || !m->confirmed || m->probing || tcp->recovery != TCP_OPEN) return 0;
  if (m->high > tcp->path.mtu) m->high = (uint16_t)tcp->path.mtu;
  uint32_t size = m->tried_full ? (m->low + m->high + 1u) / 2 : m->high, most = tcp->peer_mss + headers(tcp);
  if (size > most) size = most;
  if (size <= m->low) {
    m->high = m->low;
    search_on(tcp);
    return 0;
  }
  // What comes behind it shows soon whether it was lost.
  uint32_t payload = size - headers(tcp);
  if (left < payload + 3 * tcp->mss || room < payload + tcp->mss) return 0;
  m->tried_full = m->probing = true;
  m->size = (uint16_t)size;
  m->probe_end = tcp->snd_nxt + payload;
  return payload;
}
