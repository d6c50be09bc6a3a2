// Sockets that stand in for other hosts: streams, admitted and refused, and opened in the names of others.
#include <stdlib.h>
#include <string.h>

#include "stand_in_hosts.h"

START_TEST(a_stream_is_answered_only_once_it_is_admitted) {
  for (int v6 = 0; v6 < 2; v6++) {
    tcpip_socket_t *l = listening(v6, 4), *c = calling(v6, farther[v6], 443), *s;
    tcpip_endpoint_t at;
    char bytes[8];
    b.events = 0;
    host_exchange(&a, &b);
    ck_assert_uint_eq(b.events, TCPIP_EVENT_READABLE);
    ck_assert_ptr_eq(b.event_socket, l);
    ck_assert(tcpip_socket_poll(l) & TCPIP_EVENT_READABLE);
    ck_assert_int_eq(state_of(c), TCPIP_TCP_SYN_SENT);
    s = accepted(l);
    ck_assert_int_eq(tcpip_socket_accept(l, NULL, &s), -EAGAIN);
    ck_assert_uint_eq(tcpip_socket_poll(l), 0);
    ck_assert_int_eq(state_of(s), TCPIP_TCP_SYN_RECEIVED);
    ck_assert_uint_eq(tcpip_socket_poll(s), 0);
    ck_assert_int_eq(host_send(s, "x", 1, NULL), -EAGAIN);
    ck_assert_int_eq(host_recv(s, bytes, 1, NULL), -EAGAIN);
    tcpip_socket_local(s, &at);
    same_address(&at.address, farther[v6]);
    ck_assert_uint_eq(at.port, 443);
    ck_assert_int_eq(tcpip_socket_peer(s, &at), 0);
    same_address(&at.address, of_a[v6]);
    ck_assert_int_eq(tcpip_socket_set(s, TCPIP_TCP_NO_DELAY, 1), 0);
    ck_assert_int_eq(tcpip_socket_set(s, TCPIP_RECEIVE_BUFFER, 20000), 0);
    a.now += 500 * MS;
    b.now += 500 * MS;
    b.events = 0;
    ck_assert_int_eq(tcpip_socket_admit(s), 0);
    ck_assert_int_eq(tcpip_socket_admit(s), -EINVAL);
    ck_assert_uint_eq(b.frame_count, 1);
    size_t tcp = v6 ? 54 : 34;
    ck_assert_uint_eq(be16_get(b.frames[0].bytes + tcp + 14), 20000);
    host_exchange(&a, &b);
    ck_assert(b.events & TCPIP_EVENT_WRITABLE);
    ck_assert_ptr_eq(b.event_socket, s);
    ck_assert_int_eq(state_of(c), TCPIP_TCP_ESTABLISHED);
    ck_assert_int_eq(state_of(s), TCPIP_TCP_ESTABLISHED);
    ck_assert_int_eq(host_send(c, "hello", 5, NULL), 5);
    ck_assert_int_eq(host_send(s, "there", 5, NULL), 5);
    host_exchange(&a, &b);
    ck_assert_int_eq(host_recv(s, bytes, sizeof bytes, NULL), 5);
    ck_assert_int_eq(memcmp(bytes, "hello", 5), 0);
    ck_assert_int_eq(host_recv(c, bytes, sizeof bytes, NULL), 5);
    ck_assert_int_eq(memcmp(bytes, "there", 5), 0);
    tcpip_socket_destroy(s);
    host_exchange(&a, &b);
    ck_assert_int_eq(host_recv(c, bytes, sizeof bytes, NULL), 0);
    tcpip_socket_destroy(c);
    host_exchange(&a, &b);
    tcpip_socket_destroy(l);
  }
}
END_TEST

START_TEST(a_refusal_says_why) {
  const struct {
    int error, seen[2];
    unsigned code[2];  // 99: a reset
  } rows[] = {{ECONNREFUSED, {ECONNREFUSED, ECONNREFUSED}, {99, 99}},
              {EHOSTUNREACH, {EHOSTUNREACH, EHOSTUNREACH}, {1, 3}},
              {EHOSTDOWN, {EHOSTUNREACH, EHOSTUNREACH}, {1, 3}},
              {ENETUNREACH, {ENETUNREACH, ENETUNREACH}, {0, 0}},
              {ENETDOWN, {ENETUNREACH, ENETUNREACH}, {0, 0}},
              {EACCES, {EHOSTUNREACH, EACCES}, {13, 1}},
              {EPERM, {EHOSTUNREACH, EACCES}, {13, 1}}};
  for (int v6 = 0; v6 < 2; v6++) {
    tcpip_socket_t* l = listening(v6, 1);  // one at a time, so each refusal must give its place back
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
      tcpip_socket_t* c = calling(v6, farther[v6], 80);
      host_exchange(&a, &b);
      tcpip_socket_refuse(accepted(l), rows[i].error);
      ck_assert_uint_eq(b.frame_count, 1);
      const uint8_t *ip = b.frames[0].bytes + 14, *h = ip + (v6 ? 40 : 20);
      tcpip_address_t source = v6 ? tcpip_ipv6(ip + 8) : tcpip_ipv4(ip + 12);
      same_address(&source, farther[v6]);
      if (rows[i].code[v6] == 99) {
        ck_assert_uint_eq(ip[v6 ? 6 : 9], 6);
        ck_assert_uint_eq(h[13], TCP_RST | TCP_ACK);
      } else {
        ck_assert_uint_eq(h[0], v6 ? 1 : 3);
        ck_assert_uint_eq(h[1], rows[i].code[v6]);
      }
      host_exchange(&a, &b);
      ck_assert_int_eq(state_of(c), TCPIP_TCP_CLOSED);
      ck_assert_int_eq(tcpip_socket_take_error(c), -rows[i].seen[v6]);
      tcpip_socket_destroy(c);
    }
    tcpip_socket_t* c = calling(v6, farther[v6], 80);
    host_exchange(&a, &b);
    tcpip_socket_refuse(accepted(l), ETIMEDOUT);
    ck_assert_uint_eq(b.frame_count, 0);
    ck_assert_int_eq(state_of(c), TCPIP_TCP_SYN_SENT);
    host_advance(&a, 1100 * MS);  // it asks again, and is heard again
    host_exchange(&a, &b);
    tcpip_socket_refuse(accepted(l), ECONNREFUSED);
    host_exchange(&a, &b);
    ck_assert_int_eq(tcpip_socket_take_error(c), -ECONNREFUSED);
    tcpip_socket_destroy(c);
    ck_assert_uint_eq(host_connections(&b), 0);
  }
}
END_TEST

START_TEST(a_segment_that_belongs_to_nothing_is_reset_from_where_it_went) {
  for (int v6 = 0; v6 < 2; v6++) {
    uint32_t seq, ack;
    tcpip_socket_t* s = standing(v6, TCPIP_TCP);
    inject_segment(v6, farther[v6], 100, 0, TCP_SYN);  // it does not listen yet
    ck_assert_uint_eq(take_segment(v6, farther[v6], &seq, &ack), TCP_RST | TCP_ACK);
    ck_assert_uint_eq(ack, 101);
    ck_assert_int_eq(tcpip_socket_listen(s, 1), 0);
    inject_segment(v6, farther[v6], 100, 7, TCP_ACK);
    ck_assert_uint_eq(take_segment(v6, farther[v6], &seq, &ack), TCP_RST);
    ck_assert_uint_eq(seq, 7);
    inject_segment(v6, farther[v6], 100, 7, TCP_SYN | TCP_ACK);
    ck_assert_uint_eq(take_segment(v6, farther[v6], &seq, &ack), TCP_RST);
    inject_segment(v6, farther[v6], 100, 0, TCP_FIN);
    ck_assert_uint_eq(take_segment(v6, farther[v6], &seq, &ack), TCP_RST | TCP_ACK);
    ck_assert_uint_eq(ack, 101);
    inject_segment(v6, others[v6], 100, 7, TCP_RST | TCP_ACK);
    inject_segment(v6, others[v6], 100, 7, TCP_RST);
    ck_assert_uint_eq(b.frame_count, 0);
    ck_assert_int_eq(tcpip_socket_accept(s, NULL, &s), -EAGAIN);
  }
}
END_TEST

START_TEST(what_waits_changes_by_what_its_peer_does) {
  for (int v6 = 0; v6 < 2; v6++) {
    tcpip_socket_t *l = listening(v6, 4), *s;
    uint32_t seq, ack;
    inject_segment(v6, farther[v6], 100, 0, TCP_SYN);
    s = accepted(l);
    b.event_count = 0;
    inject_segment(v6, farther[v6], 100, 0, TCP_SYN);  // once more
    inject_segment(v6, farther[v6], 777, 0, TCP_RST);  // not its number
    inject_segment(v6, farther[v6], 101, 0, TCP_PSH);
    ck_assert_uint_eq(b.event_count, 0);
    ck_assert_uint_eq(b.frame_count, 0);
    inject_segment(v6, farther[v6], 101, 9, TCP_ACK);  // of what was never sent
    ck_assert_uint_eq(take_segment(v6, farther[v6], &seq, &ack), TCP_RST);
    ck_assert_int_eq(state_of(s), TCPIP_TCP_SYN_RECEIVED);
    inject_segment(v6, farther[v6], 101, 0, TCP_RST);
    ck_assert(tcpip_socket_poll(s) & TCPIP_EVENT_ERROR);
    ck_assert_ptr_eq(b.event_socket, s);
    ck_assert(b.events & TCPIP_EVENT_ERROR);
    ck_assert_int_eq(tcpip_socket_admit(s), -EINVAL);
    ck_assert_int_eq(tcpip_socket_take_error(s), -ECONNRESET);
    tcpip_socket_refuse(s, ECONNREFUSED);  // nobody is there to be told
    ck_assert_uint_eq(b.frame_count, 0);

    inject_segment(v6, farther[v6], 100, 0, TCP_SYN);
    s = accepted(l);
    inject_segment(v6, farther[v6], 5000, 0, TCP_SYN);  // the old attempt is over
    ck_assert_int_eq(tcpip_socket_take_error(s), -ECONNRESET);
    tcpip_socket_destroy(s);
    s = accepted(l);
    ck_assert_int_eq(tcpip_socket_admit(s), 0);
    ck_assert_uint_eq(take_segment(v6, farther[v6], &seq, &ack), TCP_SYN | TCP_ACK);
    ck_assert_uint_eq(ack, 5001);
    ck_assert_uint_eq(b.frame_count, 0);
    tcpip_socket_destroy(s);

    inject_segment(v6, others[v6], 100, 0, TCP_SYN);  // ends before it is accepted
    inject_segment(v6, others[v6], 101, 0, TCP_RST);
    ck_assert_int_eq(tcpip_socket_accept(l, NULL, &s), -EAGAIN);
    inject_segment(v6, others[v6], 100, 0, TCP_SYN);
    inject_segment(v6, others[v6], 200, 0, TCP_SYN);
    s = accepted(l);
    ck_assert_int_eq(tcpip_socket_accept(l, NULL, &s), -EAGAIN);
    tcpip_socket_destroy(l);
  }
}
END_TEST

START_TEST(openings_beyond_the_backlog_get_no_answer) {
  for (int v6 = 0; v6 < 2; v6++) {
    tcpip_socket_t *l = listening(v6, 2), *c[4], *s[4];
    uint64_t before = tcpip_stats(b.stack)->tcp_listen_overflows;
    for (int i = 0; i < 3; i++)
      c[i] = calling(v6, farther[v6], (uint16_t)(80 + i));
    host_exchange(&a, &b);
    ck_assert_uint_eq(tcpip_stats(b.stack)->tcp_listen_overflows - before, 1);
    for (int i = 0; i < 2; i++)
      s[i] = accepted(l);
    ck_assert_int_eq(tcpip_socket_accept(l, NULL, &s[2]), -EAGAIN);
    c[3] = calling(v6, farther[v6], 83);
    host_exchange(&a, &b);
    ck_assert_int_eq(tcpip_socket_accept(l, NULL, &s[2]), -EAGAIN);  // accepted is not answered
    ck_assert_uint_eq(tcpip_stats(b.stack)->tcp_cookies_sent, 0);
    ck_assert_int_eq(tcpip_socket_admit(s[0]), 0);
    tcpip_socket_refuse(s[1], EHOSTUNREACH);
    host_exchange(&a, &b);
    a.now = b.now += 1100 * MS;
    tcpip_advance(a.stack, a.now);  // those without an answer ask again
    host_exchange(&a, &b);
    for (int i = 0; i < 2; i++)
      tcpip_socket_destroy(accepted(l));
    ck_assert_int_eq(tcpip_socket_accept(l, NULL, &s[2]), -EAGAIN);
    for (int i = 0; i < 4; i++)
      tcpip_socket_destroy(c[i]);
    tcpip_socket_destroy(s[0]);
    host_exchange(&a, &b);
  }
}
END_TEST

START_TEST(what_waits_is_forgotten_without_a_word) {
  for (int v6 = 0; v6 < 2; v6++) {
    tcpip_socket_t *l = listening(v6, 4), *s;
    uint64_t resets = tcpip_stats(b.stack)->tcp_tx_resets;
    inject_segment(v6, farther[v6], 100, 0, TCP_SYN);
    tcpip_socket_destroy(accepted(l));
    inject_segment(v6, farther[v6], 100, 0, TCP_SYN);  // as if nothing had been
    s = accepted(l);
    tcpip_reset_streams(b.stack);
    ck_assert_int_eq(tcpip_socket_disconnect(s), 0);
    tcpip_socket_destroy(s);
    inject_segment(v6, farther[v6], 100, 0, TCP_SYN);
    inject_segment(v6, others[v6], 100, 0, TCP_SYN);
    s = accepted(l);
    ck_assert_int_eq(tcpip_socket_set(s, TCPIP_LINGER, 0), 0);
    tcpip_socket_destroy(l);  // the other one still waited
    ck_assert_uint_eq(host_connections(&b), 1);
    ck_assert_uint_eq(b.frame_count, 0);
    ck_assert_uint_eq(tcpip_stats(b.stack)->tcp_tx_resets, resets);
    ck_assert_int_eq(tcpip_socket_admit(s), 0);  // it was accepted, and is ours to answer
    ck_assert_uint_eq(b.frame_count, 1);
    tcpip_socket_destroy(s);
    host_drop_all(&b);
    ck_assert_uint_eq(host_connections(&b), 0);
    ck_assert(!tcpip_is_unfinished(b.stack));
  }
}
END_TEST

START_TEST(an_admitted_stream_is_repeated_and_can_fail) {
  for (int v6 = 0; v6 < 2; v6++) {
    tcpip_socket_t *l = listening(v6, 1), *s;
    uint32_t seq, again, ack;
    inject_segment(v6, farther[v6], 100, 0, TCP_SYN);
    s = accepted(l);
    host_advance(&b, 100 * S);  // how long it waits is ours to say
    ck_assert_uint_eq(b.frame_count, 0);
    ck_assert_int_eq(tcpip_socket_admit(s), 0);
    ck_assert_uint_eq(take_segment(v6, farther[v6], &seq, &ack), TCP_SYN | TCP_ACK);
    host_advance(&b, 1100 * MS);
    ck_assert_uint_eq(take_segment(v6, farther[v6], &again, &ack), TCP_SYN | TCP_ACK);
    ck_assert_uint_eq(again, seq);
    inject_segment(v6, farther[v6], 100, 0, TCP_SYN);
    ck_assert_uint_eq(take_segment(v6, farther[v6], &again, &ack), TCP_SYN | TCP_ACK);
    ck_assert_uint_eq(again, seq);
    b.events = 0;
    host_advance(&b, 300 * S);
    ck_assert(b.events & TCPIP_EVENT_ERROR);
    ck_assert_ptr_eq(b.event_socket, s);
    ck_assert_int_eq(tcpip_socket_take_error(s), -ETIMEDOUT);
    host_drop_all(&b);
    tcpip_socket_destroy(s);
    inject_segment(v6, farther[v6], 100, 0, TCP_SYN);
    s = accepted(l);
    ck_assert_int_eq(tcpip_socket_admit(s), 0);
    inject_segment(v6, farther[v6], 101, 0, TCP_RST);
    ck_assert_int_eq(tcpip_socket_take_error(s), -ECONNRESET);
    tcpip_socket_destroy(s);
    host_drop_all(&b);
  }
}
END_TEST

START_TEST(errors_about_what_was_sent_in_other_names_are_heard) {
  static uint8_t bytes[3000];
  for (int v6 = 0; v6 < 2; v6++) {
    tcpip_socket_t *l = listening(v6, 1), *c = calling(v6, farther[v6], 80), *s;
    tcpip_tcp_info_t info;
    uint32_t mtu;
    size_t ip = v6 ? 40 : 20;
    host_exchange(&a, &b);
    s = accepted(l);
    uint8_t quote[60];
    ck_assert_int_eq(tcpip_socket_admit(s), 0);
    host_exchange(&a, &b);
    ck_assert_int_eq(host_send(s, bytes, sizeof bytes, NULL), sizeof bytes);
    memcpy(quote, b.frames[0].bytes + 14, ip + 20);
    host_drop_all(&b);
    inject_too_big(v6, farther[v6], quote, ip + 20, 1300);
    ck_assert_int_eq(tcpip_socket_path_mtu(s, &mtu), 0);
    ck_assert_uint_eq(mtu, 1300);
    ck_assert_int_eq(tcpip_socket_tcp_info(s, &info), 0);
    ck_assert_uint_eq(info.mss, 1300 - ip - 20 - 12);
    ck_assert_uint_gt(b.frame_count, 0);  // again, in smaller pieces
    ck_assert_uint_le(b.frames[0].length, 14 + 1300);
    host_exchange(&a, &b);
    tcpip_socket_destroy(s);
    tcpip_socket_destroy(c);
    host_exchange(&a, &b);
    // An error about nothing that was sent changes nothing.
    be16_put(quote + ip + 2, 77);
    inject_too_big(v6, farther[v6], quote, ip + 20, 1290);
    ck_assert_uint_eq(tcpip_stats(b.stack)->icmp_path_mtu_lowered, 1u + (unsigned)v6);
  }
}
END_TEST

START_TEST(the_name_of_another_goes_with_the_connection) {
  for (int v6 = 0; v6 < 2; v6++) {
    tcpip_socket_t *l = listening(v6, 4), *c = calling(v6, farther[v6], 80), *s;
    tcpip_endpoint_t at, to = host_endpoint(of_a[v6], 99);
    host_exchange(&a, &b);
    s = accepted(l);
    ck_assert_int_eq(tcpip_socket_admit(s), 0);
    host_exchange(&a, &b);
    ck_assert_int_eq(tcpip_socket_connect(s, &to), -EISCONN);
    ck_assert_int_eq(tcpip_socket_disconnect(s), 0);
    host_exchange(&a, &b);
    ck_assert_int_eq(tcpip_socket_connect(s, &to), -EINPROGRESS);
    tcpip_socket_local(s, &at);
    same_address(&at.address, of_b[v6]);
    tcpip_socket_destroy(s);
    tcpip_socket_destroy(c);
    host_exchange(&a, &b);
  }
}
END_TEST

START_TEST(a_stream_is_opened_in_the_name_of_another_host) {
  for (int v6 = 0; v6 < 2; v6++) {
    tcpip_socket_t *l = new_socket(&a, v6, TCPIP_TCP), *c = new_socket(&b, v6, TCPIP_TCP), *s;
    tcpip_endpoint_t here = host_endpoint(of_a[v6], 80), as = host_endpoint(farther[v6], 1234), peer;
    ck_assert_int_eq(tcpip_socket_bind(l, &here), 0);
    ck_assert_int_eq(tcpip_socket_listen(l, 4), 0);
    ck_assert_int_eq(tcpip_socket_speak_as(c, b.interface, &as), -ENODEV);
    tcpip_socket_t* gate = listening(v6, 4);
    ck_assert_int_eq(tcpip_socket_speak_as(c, b.interface, &as), 0);
    ck_assert_int_eq(tcpip_socket_speak_as(c, b.interface, &as), -EINVAL);
    ck_assert_int_eq(tcpip_socket_connect(c, &here), -EINPROGRESS);
    host_exchange(&a, &b);
    ck_assert_int_eq(state_of(c), TCPIP_TCP_ESTABLISHED);
    ck_assert_int_eq(tcpip_socket_accept(l, &a, &s), 0);
    ck_assert_int_eq(tcpip_socket_peer(s, &peer), 0);
    same_address(&peer.address, farther[v6]);
    ck_assert_uint_eq(peer.port, 1234);
    tcpip_socket_destroy(s);
    tcpip_socket_destroy(c);
    tcpip_socket_destroy(l);
    host_exchange(&a, &b);
    tcpip_socket_destroy(gate);
  }
}
END_TEST

START_TEST(a_name_that_is_no_other_hosts_is_refused) {
  const char* const bad4[] = {of_b[0], "127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255"};
  tcpip_socket_t *gate = listening(0, 4), *s = new_socket(&b, 0, TCPIP_TCP),
                 *other = new_socket(&b, 0, TCPIP_TCP);
  for (size_t i = 0; i < sizeof bad4 / sizeof *bad4; i++) {
    tcpip_endpoint_t as = host_endpoint(bad4[i], 1234);
    ck_assert_int_eq(tcpip_socket_speak_as(s, b.interface, &as), -EADDRNOTAVAIL);
  }
  tcpip_endpoint_t none = host_endpoint(farther[0], 0), v6 = host_endpoint(farther[1], 1234);
  tcpip_endpoint_t as = host_endpoint(farther[0], 1234);
  ck_assert_int_eq(tcpip_socket_speak_as(s, b.interface, &none), -EINVAL);
  ck_assert_int_eq(tcpip_socket_speak_as(s, b.interface, &v6), -EAFNOSUPPORT);
  ck_assert_int_eq(tcpip_socket_speak_as(s, b.interface + 1, &as), -ENODEV);
  ck_assert_int_eq(tcpip_socket_speak_as(s, b.interface, &as), 0);
  ck_assert_int_eq(tcpip_socket_speak_as(other, b.interface, &as), -EADDRINUSE);
  tcpip_socket_destroy(other);
  tcpip_socket_destroy(s);
  tcpip_socket_destroy(gate);
}
END_TEST

START_TEST(a_stream_may_be_opened_anew_in_place_of_one_that_waits_out_its_time) {
  for (int v6 = 0; v6 < 2; v6++) {
    tcpip_socket_t *l = listening(v6, 4), *s;
    tcpip_endpoint_t from = host_endpoint(of_a[v6], 6000), to = host_endpoint(farther[v6], 80);
    for (int round = 0; round < 2; round++) {
      tcpip_socket_t* c = new_socket(&a, v6, TCPIP_TCP);
      ck_assert_int_eq(tcpip_socket_bind(c, &from), 0);
      ck_assert_int_eq(tcpip_socket_connect(c, &to), -EINPROGRESS);
      host_exchange(&a, &b);
      s = accepted(l);
      ck_assert_int_eq(tcpip_socket_admit(s), 0);
      host_exchange(&a, &b);
      ck_assert_int_eq(state_of(c), TCPIP_TCP_ESTABLISHED);
      tcpip_socket_destroy(s);  // first, so that b waits
      host_exchange(&a, &b);
      tcpip_socket_destroy(c);
      host_exchange(&a, &b);
      ck_assert_uint_eq(host_connections(&b), 1);
      a.now = b.now += 2 * S;
      tcpip_advance(a.stack, a.now);
      tcpip_advance(b.stack, b.now);
    }
    ck_assert_uint_eq(tcpip_stats(b.stack)->tcp_time_wait_reused, 1u + (unsigned)v6);
    host_advance(&b, 70 * S);
    ck_assert_uint_eq(host_connections(&b), 0);
    host_advance(&a, 72 * S);
    a.now = b.now = a.now > b.now ? a.now : b.now;
  }
}
END_TEST

int main(void) {
  Suite* suite = suite_create("stand_in_streams");
  TCase* tc = jx_test_case(suite, "stand_in_streams");
  tcase_add_checked_fixture(tc, stand_in_setup, stand_in_teardown);
  tcase_add_test(tc, a_stream_is_answered_only_once_it_is_admitted);
  tcase_add_test(tc, a_refusal_says_why);
  tcase_add_test(tc, a_segment_that_belongs_to_nothing_is_reset_from_where_it_went);
  tcase_add_test(tc, what_waits_changes_by_what_its_peer_does);
  tcase_add_test(tc, openings_beyond_the_backlog_get_no_answer);
  tcase_add_test(tc, what_waits_is_forgotten_without_a_word);
  tcase_add_test(tc, an_admitted_stream_is_repeated_and_can_fail);
  tcase_add_test(tc, errors_about_what_was_sent_in_other_names_are_heard);
  tcase_add_test(tc, the_name_of_another_goes_with_the_connection);
  tcase_add_test(tc, a_stream_is_opened_in_the_name_of_another_host);
  tcase_add_test(tc, a_name_that_is_no_other_hosts_is_refused);
  tcase_add_test(tc, a_stream_may_be_opened_anew_in_place_of_one_that_waits_out_its_time);
  return jx_test_run(suite);
}
