// Sockets that stand in for other hosts: what they take, and datagrams and pings.
#include <stdlib.h>
#include <string.h>

#include "stand_in_hosts.h"

static uint8_t frame[70000];

START_TEST(only_a_new_socket_can_stand_in_and_only_one_of_a_kind) {
  for (int v6 = 0; v6 < 2; v6++) {
    for (int protocol = TCPIP_UDP; protocol <= TCPIP_TCP; protocol++) {
      tcpip_socket_t *s = new_socket(&b, v6, (tcpip_protocol_t)protocol), *second;
      tcpip_endpoint_t at = {.address = {.family = family_of(v6)}, .port = 7};
      ck_assert_int_eq(tcpip_socket_stand_in(s, 99), -ENODEV);
      ck_assert_int_eq(tcpip_socket_stand_in(s, TCPIP_LOOPBACK), -ENODEV);
      ck_assert_int_eq(tcpip_socket_stand_in(s, b.interface), 0);
      ck_assert_int_eq(tcpip_socket_stand_in(s, b.interface), -EINVAL);
      ck_assert_int_eq(tcpip_socket_bind(s, &at), -EINVAL);
      ck_assert_int_eq(tcpip_socket_connect(s, &at), -EINVAL);
      ck_assert_int_eq(tcpip_socket_set(s, TCPIP_BIND_TO_DEVICE, 0), -EINVAL);
      if (v6) ck_assert_int_eq(tcpip_socket_set(s, TCPIP_IPV6_ONLY, 0), -EINVAL);
      second = new_socket(&b, v6, (tcpip_protocol_t)protocol);
      ck_assert_int_eq(tcpip_socket_stand_in(second, b.interface), -EADDRINUSE);
      ck_assert_int_eq(tcpip_socket_bind(second, &at), 0);
      ck_assert_int_eq(tcpip_socket_stand_in(second, b.interface), -EINVAL);
      tcpip_socket_destroy(second);
      tcpip_socket_destroy(s);
      s = standing(v6, (tcpip_protocol_t)protocol);  // the place is free again
      tcpip_socket_destroy(s);
    }
  }
  tcpip_socket_t* l = listening(0, 1);
  ck_assert_int_eq(tcpip_socket_stand_in(l, b.interface), -EINVAL);
}
END_TEST

START_TEST(datagrams_to_anyone_arrive_and_are_answered_in_their_names) {
  for (int v6 = 0; v6 < 2; v6++) {
    tcpip_socket_t *s = standing(v6, TCPIP_UDP), *c = host_udp(&a, family_of(v6), of_a[v6], 5000);
    const char* const to[3] = {farther[v6], others[v6], of_b[v6]};
    for (uint16_t i = 0; i < 3; i++) {
      tcpip_endpoint_t peer = host_endpoint(to[i], (uint16_t)(53 + i));
      tcpip_recv_t recv = {0};
      char bytes[8];
      ck_assert_int_eq(tcpip_socket_connect(c, &peer), 0);
      ck_assert_int_eq(host_send(c, "ask", 3, NULL), 3);
      host_exchange(&a, &b);
      ck_assert_int_eq(host_recv(s, bytes, sizeof bytes, &recv), 3);
      same_address(&recv.from.address, of_a[v6]);
      ck_assert_uint_eq(recv.from.port, 5000);
      same_address(&recv.destination, to[i]);
      same_address(&recv.local, to[i]);
      ck_assert_uint_eq(recv.destination_port, 53 + i);
      ck_assert_uint_eq(recv.interface, b.interface);
      ck_assert_uint_eq(recv.ttl, 64);
      ck_assert_int_eq(answer(s, "told", 4, &recv.from, to[i], (uint16_t)(53 + i)), 4);
      host_exchange(&a, &b);
      ck_assert_int_eq(host_recv(c, bytes, sizeof bytes, &recv), 4);  // from no one but its peer
      ck_assert_uint_eq(recv.destination_port, 5000);
    }
    tcpip_socket_destroy(c);
  }
}
END_TEST

START_TEST(other_sockets_come_first_but_only_for_this_hosts_addresses) {
  for (int v6 = 0; v6 < 2; v6++) {
    tcpip_socket_t *s = standing(v6, TCPIP_UDP), *bound = new_socket(&b, v6, TCPIP_UDP);
    tcpip_endpoint_t any = {.address = {.family = family_of(v6)}, .port = 53};
    char bytes[8];
    ck_assert_int_eq(tcpip_socket_bind(bound, &any), 0);
    inject_udp(v6, of_b[v6], 53);
    ck_assert_int_eq(host_recv(bound, bytes, sizeof bytes, NULL), 1);
    ck_assert_int_eq(host_recv(s, bytes, sizeof bytes, NULL), -EAGAIN);
    inject_udp(v6, farther[v6], 53);
    ck_assert_int_eq(host_recv(bound, bytes, sizeof bytes, NULL), -EAGAIN);
    ck_assert_int_eq(host_recv(s, bytes, sizeof bytes, NULL), 1);
    // The same for streams.
    tcpip_socket_t *l = listening(v6, 4), *own = new_socket(&b, v6, TCPIP_TCP), *child;
    any.port = 80;
    // Past connections of the other family that wait out their time.
    ck_assert_int_eq(tcpip_socket_set(l, TCPIP_REUSE_ADDRESS, 1), 0);
    ck_assert_int_eq(tcpip_socket_set(own, TCPIP_REUSE_ADDRESS, 1), 0);
    ck_assert_int_eq(tcpip_socket_bind(own, &any), 0);
    ck_assert_int_eq(tcpip_socket_listen(own, 4), 0);
    tcpip_socket_t* c = calling(v6, of_b[v6], 80);
    host_exchange(&a, &b);
    ck_assert_int_eq(tcpip_socket_accept(l, NULL, &child), -EAGAIN);
    ck_assert_int_eq(tcpip_socket_accept(own, NULL, &child), 0);
    tcpip_socket_destroy(child);
    tcpip_socket_destroy(c);
    c = calling(v6, farther[v6], 80);
    host_exchange(&a, &b);
    ck_assert_int_eq(tcpip_socket_accept(own, NULL, &child), -EAGAIN);
    tcpip_socket_refuse(accepted(l), ECONNREFUSED);
    tcpip_socket_destroy(own);
    tcpip_socket_destroy(c);
    c = calling(v6, of_b[v6], 80);  // ours, and nobody listens
    host_exchange(&a, &b);
    child = accepted(l);
    ck_assert_int_eq(tcpip_socket_admit(child), 0);
    host_exchange(&a, &b);
    ck_assert_int_eq(state_of(c), TCPIP_TCP_ESTABLISHED);
    tcpip_socket_destroy(c);
    tcpip_socket_destroy(child);
    tcpip_socket_destroy(bound);
  }
}
END_TEST

START_TEST(echo_requests_to_others_are_answered_from_above) {
  for (int v6 = 0; v6 < 2; v6++) {
    tcpip_socket_t *s = standing(v6, TCPIP_ICMP_ECHO), *c = new_socket(&a, v6, TCPIP_ICMP_ECHO);
    tcpip_endpoint_t to = host_endpoint(farther[v6], 0), own = host_endpoint(of_b[v6], 0);
    uint8_t echo[40] = {v6 ? 128 : 8, [7] = 3, [20] = 99}, got[64];
    tcpip_recv_t recv = {0};
    ck_assert_int_eq(host_send(c, echo, sizeof echo, &to), sizeof echo);
    host_exchange(&a, &b);
    ck_assert_int_eq(host_recv(c, got, sizeof got, NULL), -EAGAIN);
    ck_assert_int_eq(host_recv(s, got, sizeof got, &recv), sizeof echo);
    ck_assert_uint_eq(got[0], echo[0]);
    ck_assert_int_eq(memcmp(got + 6, echo + 6, sizeof echo - 6), 0);
    same_address(&recv.from.address, of_a[v6]);
    same_address(&recv.destination, farther[v6]);
    ck_assert_uint_eq(recv.destination_port, 0);
    ck_assert_uint_eq(recv.ttl, 64);
    ck_assert_int_eq(answer(s, got, sizeof echo, &recv.from, farther[v6], 0), -EINVAL);  // it is no reply
    got[0] = v6 ? 129 : 0;
    ck_assert_int_eq(answer(s, got, sizeof echo, &recv.from, NULL, 0), -EINVAL);
    ck_assert_int_eq(answer(s, got, sizeof echo, &recv.from, farther[v6], 0), sizeof echo);
    host_exchange(&a, &b);
    ck_assert_int_eq(host_recv(c, got, sizeof got, &recv), sizeof echo);
    same_address(&recv.from.address, farther[v6]);
    ck_assert_int_eq(memcmp(got + 6, echo + 6, sizeof echo - 6), 0);
    // Its own addresses' are the engine's to answer.
    ck_assert_int_eq(host_send(c, echo, sizeof echo, &own), sizeof echo);
    host_exchange(&a, &b);
    ck_assert_int_eq(host_recv(s, got, sizeof got, NULL), -EAGAIN);
    ck_assert_int_eq(host_recv(c, got, sizeof got, NULL), sizeof echo);
  }
}
END_TEST

START_TEST(what_nobody_stands_in_for_is_never_taken) {
  static const char* const never[2][8] = {
      {"127.0.0.1", "0.0.0.0", "0.1.2.3", "169.254.1.1", "224.0.0.5", "255.255.255.255", "10.0.0.255", NULL},
      {"::1", "::", "fe80::77", "ff02::77", "ff0e::1", "::ffff:203.0.113.7", NULL}};
  for (int v6 = 0; v6 < 2; v6++) {
    tcpip_socket_t *udp = standing(v6, TCPIP_UDP), *l = listening(v6, 4), *s,
                   *echo = standing(v6, TCPIP_ICMP_ECHO);
    uint8_t ping[16] = {v6 ? 128 : 8};
    char bytes[8];
    for (int i = 0; never[v6][i]; i++) {
      inject_udp(v6, never[v6][i], 53);
      inject_segment(v6, never[v6][i], 1, 0, TCP_SYN);
      inject(v6, never[v6][i], v6 ? 58 : 1, ping, sizeof ping, 2);
    }
    ck_assert_int_eq(host_recv(udp, bytes, sizeof bytes, NULL), -EAGAIN);
    ck_assert_int_eq(host_recv(echo, bytes, sizeof bytes, NULL), -EAGAIN);
    ck_assert_int_eq(tcpip_socket_accept(l, NULL, &s), -EAGAIN);
    ck_assert_uint_eq(b.frame_count, 0);
  }
}
END_TEST

START_TEST(each_protocol_and_family_is_taken_for_itself) {
  for (int standing_v6 = 0; standing_v6 < 2; standing_v6++) {
    for (int protocol = TCPIP_UDP; protocol <= TCPIP_TCP; protocol++) {
      tcpip_socket_t* s = standing(standing_v6, (tcpip_protocol_t)protocol);
      if (protocol == TCPIP_TCP) ck_assert_int_eq(tcpip_socket_listen(s, 4), 0);
      for (int v6 = 0; v6 < 2; v6++) {
        uint8_t ping[16] = {v6 ? 128 : 8}, other[16] = {0};
        uint64_t before = not_ours(v6);
        bool same = v6 == standing_v6;
        inject_udp(v6, farther[v6], 53);
        ck_assert_uint_eq(not_ours(v6) - before, same && protocol == TCPIP_UDP ? 0 : 1);
        before = not_ours(v6);
        inject_segment(v6, farther[v6], 1, 0, TCP_SYN);
        ck_assert_uint_eq(not_ours(v6) - before, same && protocol == TCPIP_TCP ? 0 : 1);
        before = not_ours(v6);
        inject(v6, farther[v6], v6 ? 58 : 1, ping, sizeof ping, 2);
        ck_assert_uint_eq(not_ours(v6) - before, same && protocol == TCPIP_ICMP_ECHO ? 0 : 1);
        before = not_ours(v6);
        inject(v6, farther[v6], 132, other, sizeof other, 0);
        ck_assert_uint_eq(not_ours(v6) - before, 1);
        ck_assert_uint_eq(b.frame_count, 0);
      }
      tcpip_socket_destroy(s);
    }
  }
}
END_TEST

START_TEST(large_datagrams_are_cut_and_put_together) {
  static uint8_t bytes[20000], got[20000];
  for (size_t i = 0; i < sizeof bytes; i++)
    bytes[i] = (uint8_t)(i * 7 + i / 251);
  for (int v6 = 0; v6 < 2; v6++) {
    tcpip_socket_t *s = standing(v6, TCPIP_UDP), *c = host_udp(&a, family_of(v6), of_a[v6], 5000);
    tcpip_endpoint_t to = host_endpoint(farther[v6], 53), back = host_endpoint(of_a[v6], 5000);
    ck_assert_int_eq(host_send(c, bytes, sizeof bytes, &to), sizeof bytes);
    host_exchange(&a, &b);
    ck_assert_int_eq(host_recv(s, got, sizeof got, NULL), sizeof bytes);
    ck_assert_int_eq(memcmp(bytes, got, sizeof got), 0);
    ck_assert_int_eq(answer(s, bytes, sizeof bytes, &back, farther[v6], 53), sizeof bytes);
    ck_assert_uint_gt(b.frame_count, 10);
    host_exchange(&a, &b);
    ck_assert_int_eq(host_recv(c, got, sizeof got, NULL), sizeof bytes);
    ck_assert_int_eq(memcmp(bytes, got, sizeof got), 0);
    ck_assert_int_eq(answer(s, bytes, 100, &back, farther[v6], 53), 100);
    if (!v6) ck_assert_uint_eq(be16_get(b.frames[0].bytes + 20), 0);  // routers may cut it
    host_exchange(&a, &b);
    tcpip_socket_destroy(c);
  }
}
END_TEST

START_TEST(what_the_link_does_for_others_it_does_for_them) {
  host_deinit(&b);
  host_init(&b, &(host_config_t){.last_octet = 2, .seed = 2, .link_features = TCPIP_LINK_TX_CHECKSUM});
  host_introduce(&a, &b);
  for (int v6 = 0; v6 < 2; v6++) {
    tcpip_socket_t *s = standing(v6, TCPIP_UDP), *c = host_udp(&a, family_of(v6), of_a[v6], 5000);
    tcpip_endpoint_t to = host_endpoint(of_a[v6], 5000);
    uint8_t udp[8 + 2500] = {0}, got[1000];
    ck_assert_int_eq(answer(s, "told", 4, &to, farther[v6], 53), 4);
    ck_assert_uint_eq(b.frames[0].offload.flags, TCPIP_OFFLOAD_NEEDS_CHECKSUM);
    ck_assert_uint_eq(b.frames[0].offload.checksum_start, v6 ? 54 : 34);
    host_exchange(&a, &b);
    ck_assert_int_eq(host_recv(c, got, sizeof got, NULL), 4);
    // Several datagrams that came as one frame.
    peer_udp(udp, 5000, 53, udp + 8, 2500);
    peer_packet_t p = {.from = host_address(of_a[v6]),
                       .to = host_address(farther[v6]),
                       .protocol = 17,
                       .payload = udp,
                       .length = sizeof udp};
    tcpip_offload_t merged = {.flags = TCPIP_OFFLOAD_DATA_VALID, .gso_type = TCPIP_GSO_UDP, .gso_size = 1000};
    host_input_shared(&b, frame, peer_frame(frame, a.mac, b.mac, &p), &merged);
    for (int i = 0; i < 3; i++) {
      tcpip_recv_t recv = {0};
      ck_assert_int_eq(host_recv(s, got, sizeof got, &recv), i < 2 ? 1000 : 500);
      ck_assert_uint_eq(recv.destination_port, 53);
    }
    tcpip_socket_destroy(c);
  }
}
END_TEST

START_TEST(a_datagram_needs_a_name_that_may_be_used) {
  static const char* const bad[2][7] = {
      {"127.0.0.1", "224.0.0.5", "255.255.255.255", "10.0.0.255", "169.254.1.1", "0.0.0.0", NULL},
      {"::1", "ff02::1", "fe80::77", "::", NULL}};
  for (int v6 = 0; v6 < 2; v6++) {
    tcpip_socket_t *s = standing(v6, TCPIP_UDP), *plain = new_socket(&b, v6, TCPIP_UDP);
    tcpip_endpoint_t to = host_endpoint(of_a[v6], 5000), at;
    ck_assert_int_eq(answer(s, "x", 1, NULL, farther[v6], 53), -EDESTADDRREQ);
    ck_assert_int_eq(answer(s, "x", 1, &to, NULL, 53), -EINVAL);
    ck_assert_int_eq(answer(s, "x", 1, &to, farther[v6], 0), -EINVAL);
    ck_assert_int_eq(answer(s, "x", 1, &to, farther[1 - v6], 53), -EINVAL);
    for (int i = 0; bad[v6][i]; i++)
      ck_assert_int_eq(answer(s, "x", 1, &to, bad[v6][i], 53), -EINVAL);
    // Another's name is not for others, nor is another's port.
    ck_assert_int_eq(answer(plain, "x", 1, &to, farther[v6], 0), -EINVAL);
    ck_assert_int_eq(answer(plain, "x", 1, &to, of_b[v6], 9), -EINVAL);
    ck_assert_uint_eq(b.frame_count, 0);
    tcpip_socket_local(plain, &at);
    ck_assert_int_eq(answer(plain, "x", 1, &to, of_b[v6], at.port), 1);
    ck_assert_int_eq(answer(s, "x", 1, &to, of_b[v6], 53), 1);
    ck_assert_uint_eq(b.frame_count, 2);
    host_drop_all(&b);
    // To itself: it would have to arrive where it stands in for others.
    to = host_endpoint(v6 ? "::1" : "127.0.0.1", 53);
    ck_assert_int_eq(answer(s, "x", 1, &to, farther[v6], 53), -ENETUNREACH);
    tcpip_socket_destroy(plain);
  }
}
END_TEST

START_TEST(a_sender_is_told_that_a_datagram_was_not_delivered) {
  const struct {
    int error, seen[2];
  } rows[] = {{ECONNREFUSED, {ECONNREFUSED, ECONNREFUSED}},
              {EHOSTUNREACH, {EHOSTUNREACH, EHOSTUNREACH}},
              {ENETUNREACH, {ENETUNREACH, ENETUNREACH}},
              {EACCES, {EHOSTUNREACH, EACCES}},
              {EPERM, {EHOSTUNREACH, EACCES}}};
  for (int v6 = 0; v6 < 2; v6++) {
    tcpip_socket_t *s = standing(v6, TCPIP_UDP), *c = host_udp(&a, family_of(v6), of_a[v6], 5000);
    tcpip_endpoint_t to = host_endpoint(farther[v6], 53), from = host_endpoint(of_a[v6], 5000);
    ck_assert_int_eq(tcpip_socket_set(c, v6 ? TCPIP_IPV6_RECEIVE_ERRORS : TCPIP_RECEIVE_ERRORS, 1), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
      tcpip_recv_t recv = {0};
      tcpip_error_t error;
      ck_assert_int_eq(tcpip_socket_unreachable(s, &from, &to, rows[i].error), 0);
      host_exchange(&a, &b);
      ck_assert_int_eq(tcpip_socket_recv_error(c, &recv, &error), 0);
      ck_assert_int_eq(error.error, rows[i].seen[v6]);
      same_address(&error.to.address, farther[v6]);
      same_address(&error.offender.address, farther[v6]);
      ck_assert_uint_eq(error.to.port, 53);
    }
    // The quoted packet is one as IP has it.
    ck_assert_int_eq(tcpip_socket_unreachable(s, &from, &to, ECONNREFUSED), 0);
    const uint8_t* quoted = b.frames[0].bytes + 14 + (v6 ? 48 : 28);
    ck_assert_uint_eq(b.frames[0].length, 14 + (v6 ? 96 : 56));
    if (!v6) ck_assert_uint_eq(naive_checksum(0, quoted, 20), 0xffff);
    ck_assert_uint_eq(be16_get(quoted + (v6 ? 4 : 2)), v6 ? 8 : 28);
    host_exchange(&a, &b);
    tcpip_endpoint_t wrong = host_endpoint(of_a[1 - v6], 5000),
                     group = host_endpoint(v6 ? "ff02::1" : "224.0.0.1", 53);
    tcpip_socket_t* plain = new_socket(&b, v6, TCPIP_UDP);
    ck_assert_int_eq(tcpip_socket_unreachable(s, &from, &to, ETIMEDOUT), -EINVAL);
    ck_assert_int_eq(tcpip_socket_unreachable(s, &wrong, &to, ECONNREFUSED), -EINVAL);
    ck_assert_int_eq(tcpip_socket_unreachable(s, &from, &wrong, ECONNREFUSED), -EINVAL);
    ck_assert_int_eq(tcpip_socket_unreachable(s, &group, &to, ECONNREFUSED), -EINVAL);
    ck_assert_int_eq(tcpip_socket_unreachable(s, &from, &group, ECONNREFUSED), -EINVAL);
    ck_assert_int_eq(tcpip_socket_unreachable(plain, &from, &to, ECONNREFUSED), -EINVAL);
    ck_assert_int_eq(tcpip_socket_unreachable(standing(v6, TCPIP_TCP), &from, &to, ECONNREFUSED), -EINVAL);
    ck_assert_uint_eq(b.frame_count, 0);
    for (int i = 0; i < 100; i++)
      ck_assert_int_eq(tcpip_socket_unreachable(s, &from, &to, ECONNREFUSED), 0);
    ck_assert_uint_lt(b.frame_count, 30);  // so many at once, as for errors of its own
    const tcpip_stats_t* stats = tcpip_stats(b.stack);
    ck_assert_uint_eq(b.frame_count + (v6 ? stats->icmpv6_tx_rate_limited : stats->icmpv4_tx_rate_limited),
                      100);
    host_drop_all(&b);
    tcpip_socket_destroy(c);
  }
}
END_TEST

START_TEST(a_ping_is_told_that_it_was_not_delivered) {
  for (int v6 = 0; v6 < 2; v6++) {
    tcpip_socket_t *s = standing(v6, TCPIP_ICMP_ECHO), *c = new_socket(&a, v6, TCPIP_ICMP_ECHO);
    tcpip_endpoint_t to = host_endpoint(farther[v6], 0), identifier;
    uint8_t echo[16] = {v6 ? 128 : 8, [7] = 3}, got[64];
    tcpip_recv_t recv = {0};
    tcpip_error_t error;
    ck_assert_int_eq(tcpip_socket_set(c, v6 ? TCPIP_IPV6_RECEIVE_ERRORS : TCPIP_RECEIVE_ERRORS, 1), 0);
    ck_assert_int_eq(host_send(c, echo, sizeof echo, &to), sizeof echo);
    host_exchange(&a, &b);
    ck_assert_int_eq(host_recv(s, got, sizeof got, &recv), sizeof echo);
    tcpip_socket_local(c, &identifier);
    ck_assert_uint_eq(be16_get(got + 4), identifier.port);
    recv.from.port = (uint16_t)be16_get(got + 4);
    to.port = (uint16_t)be16_get(got + 6);
    ck_assert_int_eq(tcpip_socket_unreachable(s, &recv.from, &to, EHOSTUNREACH), 0);
    host_exchange(&a, &b);
    struct iovec iov = {got, sizeof got};
    recv = (tcpip_recv_t){.iov = &iov, .iov_count = 1};
    ck_assert_int_eq(tcpip_socket_recv_error(c, &recv, &error), 8);
    ck_assert_int_eq(error.error, EHOSTUNREACH);
    same_address(&error.to.address, farther[v6]);
    ck_assert_uint_eq(got[0], echo[0]);
    ck_assert_uint_eq(be16_get(got + 6), 3);
  }
}
END_TEST

START_TEST(datagrams_follow_what_is_told_of_the_path) {
  static uint8_t bytes[1400];
  for (int v6 = 0; v6 < 2; v6++) {
    tcpip_socket_t* s = standing(v6, TCPIP_UDP);
    tcpip_endpoint_t to = host_endpoint(of_a[v6], 5000);
    uint8_t quote[48];
    size_t ip = v6 ? 40 : 20;
    ck_assert_int_eq(answer(s, bytes, sizeof bytes, &to, farther[v6], 53), sizeof bytes);
    ck_assert_uint_eq(b.frame_count, 1);
    memcpy(quote, b.frames[0].bytes + 14, ip + 8);
    host_drop_all(&b);
    inject_too_big(v6, farther[v6], quote, ip + 8, 1300);
    ck_assert_int_eq(answer(s, bytes, sizeof bytes, &to, farther[v6], 53), sizeof bytes);
    ck_assert_uint_eq(b.frame_count, 2);
    host_drop_all(&b);
  }
}
END_TEST

START_TEST(the_engine_says_nothing_in_other_names_by_itself) {
  uint8_t udp[64], bad_option[8] = {17, 0, 0xbe, 2, 0, 0, 0, 0};
  size_t length = peer_udp(udp, 4000, 53, "01234567890123456789012345678901", 32);
  for (int v6 = 0; v6 < 2; v6++)
    standing(v6, TCPIP_UDP);
  // The first fragment of a datagram, and never the rest.
  peer_packet_t p = {.from = host_address(of_a[0]),
                     .to = host_address(farther[0]),
                     .protocol = 17,
                     .payload = udp,
                     .length = length,
                     .checksum_at = 6,
                     .fragment = 0x2000,
                     .identification = 9};
  host_input(&b, frame, peer_frame(frame, a.mac, b.mac, &p));
  uint8_t fragment[8] = {17, 0, 0, 1, 0, 0, 0, 9};
  p = (peer_packet_t){.from = host_address(of_a[1]),
                      .to = host_address(farther[1]),
                      .protocol = 17,
                      .payload = udp,
                      .length = length,
                      .extension = fragment,
                      .extension_length = 8,
                      .extension_type = 44};
  host_input(&b, frame, peer_frame(frame, a.mac, b.mac, &p));
  host_advance(&b, 100 * S);
  ck_assert_uint_eq(tcpip_stats(b.stack)->reassembly_timeout, 2);
  ck_assert_uint_eq(b.frame_count, 0);
  // An option that has to be complained about, of a header that this host would not look at.
  p.extension = bad_option;
  p.extension_type = 60;
  host_input(&b, frame, peer_frame(frame, a.mac, b.mac, &p));
  ck_assert_uint_eq(b.frame_count, 0);
  p.to = host_address(of_b[1]);
  host_input(&b, frame, peer_frame(frame, a.mac, b.mac, &p));
  ck_assert_uint_eq(b.frame_count, 1);
  host_drop_all(&b);
}
END_TEST

START_TEST(frames_and_addresses_of_no_host_are_not_taken) {
  for (int v6 = 0; v6 < 2; v6++) {
    tcpip_socket_t* s = standing(v6, TCPIP_UDP);
    uint8_t udp[9];
    char bytes[8];
    const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    peer_packet_t p = {.from = host_address(of_a[v6]),
                       .to = host_address(farther[v6]),
                       .protocol = 17,
                       .payload = udp,
                       .length = peer_udp(udp, 4000, 53, "x", 1),
                       .checksum_at = 6};
    host_input(&b, frame, peer_frame(frame, a.mac, broadcast, &p));
    const char* const bad[] = {v6 ? "::" : "0.0.0.0", farther[v6], of_b[v6], v6 ? "::1" : "127.0.0.1",
                               v6 ? "ff02::1" : "224.0.0.1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
      p.from = host_address(bad[i]);
      host_input(&b, frame, peer_frame(frame, a.mac, b.mac, &p));
    }
    ck_assert_int_eq(host_recv(s, bytes, sizeof bytes, NULL), -EAGAIN);
    ck_assert_uint_eq(b.frame_count, 0);
    inject_udp(v6, farther[v6], 53);
    ck_assert_int_eq(host_recv(s, bytes, sizeof bytes, NULL), 1);
  }
  // Ours, but not yet: it may turn out to be another's on this link.
  tcpip_subnet_t subnet = {host_address("fd00::77"), 64};
  ck_assert_int_eq(tcpip_address_add(b.stack, b.interface, &subnet, false), 0);
  host_drop_all(&b);
  uint64_t before = not_ours(1);
  inject_udp(1, "fd00::77", 53);
  ck_assert_uint_eq(not_ours(1) - before, 1);
}
END_TEST

START_TEST(it_ends_with_its_interface) {
  tcpip_socket_t *udp = standing(0, TCPIP_UDP), *l = listening(0, 4), *s;
  inject_segment(0, farther[0], 100, 0, TCP_SYN);
  s = accepted(l);
  ck_assert_int_eq(tcpip_interface_remove(b.stack, b.interface), 0);
  ck_assert_int_eq(tcpip_socket_take_error(udp), -ENODEV);
  ck_assert_int_eq(tcpip_socket_take_error(l), -ENODEV);
  tcpip_endpoint_t to = host_endpoint(of_a[0], 5000);
  ck_assert_int_lt(answer(udp, "x", 1, &to, farther[0], 53), 0);
  ck_assert_int_eq(tcpip_socket_unreachable(udp, &to, &to, ECONNREFUSED), -EINVAL);
  tcpip_socket_refuse(s, EHOSTUNREACH);
  tcpip_socket_destroy(udp);
  tcpip_socket_destroy(l);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("stand_in");
  TCase* tc = jx_test_case(suite, "stand_in");
  tcase_add_checked_fixture(tc, stand_in_setup, stand_in_teardown);
  tcase_add_test(tc, only_a_new_socket_can_stand_in_and_only_one_of_a_kind);
  tcase_add_test(tc, datagrams_to_anyone_arrive_and_are_answered_in_their_names);
  tcase_add_test(tc, other_sockets_come_first_but_only_for_this_hosts_addresses);
  tcase_add_test(tc, echo_requests_to_others_are_answered_from_above);
  tcase_add_test(tc, what_nobody_stands_in_for_is_never_taken);
  tcase_add_test(tc, each_protocol_and_family_is_taken_for_itself);
  tcase_add_test(tc, large_datagrams_are_cut_and_put_together);
  tcase_add_test(tc, what_the_link_does_for_others_it_does_for_them);
  tcase_add_test(tc, a_datagram_needs_a_name_that_may_be_used);
  tcase_add_test(tc, a_sender_is_told_that_a_datagram_was_not_delivered);
  tcase_add_test(tc, a_ping_is_told_that_it_was_not_delivered);
  tcase_add_test(tc, datagrams_follow_what_is_told_of_the_path);
  tcase_add_test(tc, the_engine_says_nothing_in_other_names_by_itself);
  tcase_add_test(tc, frames_and_addresses_of_no_host_are_not_taken);
  tcase_add_test(tc, it_ends_with_its_interface);
  return jx_test_run(suite);
}
