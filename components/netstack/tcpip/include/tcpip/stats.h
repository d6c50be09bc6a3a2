// Counters, by layer. Each only grows. "bad" means malformed and dropped.
#ifndef TCPIP_STATS_H_
#define TCPIP_STATS_H_

#include <stddef.h>
#include <stdint.h>

// clang-format off
// One list gives both the members and their names: X(layer_what).
#define TCPIP_STATS(X)                                                                                          \
  X(link_rx) X(link_rx_short) X(link_rx_not_ours) X(link_rx_unknown_type) X(link_rx_down) X(link_tx)            \
  X(link_tx_full) X(link_tx_dropped)                                                                            \
  X(arp_rx) X(arp_rx_bad) X(arp_rx_conflict) X(arp_tx_request) X(arp_tx_reply)                                  \
  X(nd_rx) X(nd_rx_bad) X(nd_tx_solicit) X(nd_tx_advert) X(nd_duplicate_address)                                \
  X(nd_tx_router_solicit) X(nd_rx_router_advert) X(nd_rx_redirect) X(nd_rx_rate_limited) X(autoconf_full)        \
  X(neighbour_full) X(neighbour_failed) X(neighbour_queue_dropped)                                              \
  X(ipv4_rx) X(ipv4_rx_bad_header) X(ipv4_rx_bad_checksum) X(ipv4_rx_bad_source) X(ipv4_rx_not_ours)            \
  X(ipv4_rx_unknown_protocol) X(ipv4_rx_options) X(ipv4_tx) X(ipv4_tx_fragments) X(ipv4_tx_failed)              \
  X(ipv6_rx) X(ipv6_rx_bad_header) X(ipv6_rx_bad_source) X(ipv6_rx_not_ours) X(ipv6_rx_bad_extension)           \
  X(ipv6_rx_unknown_header) X(ipv6_tx) X(ipv6_tx_fragments) X(ipv6_tx_failed)                                   \
  X(reassembly_fragments) X(reassembly_done) X(reassembly_bad) X(reassembly_overlap) X(reassembly_timeout)      \
  X(reassembly_no_memory)                                                                                       \
  X(icmpv4_rx) X(icmpv4_rx_bad) X(icmpv4_tx_echo_reply) X(icmpv4_tx_error) X(icmpv4_tx_rate_limited)            \
  X(icmpv6_rx) X(icmpv6_rx_bad) X(icmpv6_tx_echo_reply) X(icmpv6_tx_error) X(icmpv6_tx_rate_limited)            \
  X(igmp_rx) X(igmp_rx_bad) X(igmp_tx_report) X(mld_rx) X(mld_rx_bad) X(mld_tx_report)                           \
  X(icmp_path_mtu_lowered)                                                                                      \
  X(udp_rx) X(udp_rx_bad) X(udp_rx_bad_checksum) X(udp_rx_no_port) X(udp_rx_buffer_full) X(udp_tx)              \
  X(udp_tx_failed)                                                                                              \
  X(tcp_rx) X(tcp_rx_bad) X(tcp_rx_bad_checksum) X(tcp_rx_no_port) X(tcp_rx_out_of_window) X(tcp_rx_paws)       \
  X(tcp_rx_resets) X(tcp_tx) X(tcp_tx_resets) X(tcp_retransmits) X(tcp_retransmitted_bytes)                      \
  X(tcp_timeouts) X(tcp_timed_out_bytes) X(tcp_tail_probes) X(tcp_challenge_acks)                               \
  X(tcp_challenge_acks_limited) X(tcp_ecn_ce) X(tcp_ecn_reductions) X(tcp_black_holes) X(tcp_time_wait_reused) \
  X(tcp_opened) X(tcp_listen_overflows) X(tcp_cookies_sent) X(tcp_cookies_accepted)                             \
  X(loopback_full) X(no_memory)
// clang-format on

typedef struct tcpip_stats {
#define TCPIP_STATS_MEMBER(name) uint64_t name;
  TCPIP_STATS(TCPIP_STATS_MEMBER)
#undef TCPIP_STATS_MEMBER
} tcpip_stats_t;

typedef struct tcpip_counter {
  const char* name;  // a literal, "ipv4_rx_bad_checksum"
  uint64_t value;
} tcpip_counter_t;

// Copies up to `capacity` counters with their names, in the order above, and returns how many there are in
// all.
size_t tcpip_stats_list(const tcpip_stats_t* stats, tcpip_counter_t* out, size_t capacity);

#endif  // TCPIP_STATS_H_
