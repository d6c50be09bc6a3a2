// The DHCP client against a server that the test plays, with a clock of its own.
#include <inet/bytes.h>
#include <jx_test.h>
#include <string.h>

#include "dhcp_client.h"

#define SECOND INT64_C(1000000000)

static const uint8_t mac[6] = {2, 0, 0, 0, 0, 7};
#define SERVER 0xc0000201u
#define OTHER_SERVER 0xc0000202u
#define ADDRESS 0xc0000232u
#define ROUTER 0xc0000203u
#define MASK 0xffffff00u

static dhcp_client_t client;
static int64_t now;
static unsigned sent, changes;
static uint8_t last[DHCP_REQUEST_BYTES];
static uint32_t last_to;
static bool has;
static dhcp_lease_t lease;

static void on_send(void* context, uint32_t server, const uint8_t* message) {
  sent++;
  last_to = server;
  memcpy(last, message, sizeof last);
}

static void on_changed(void* context, const dhcp_lease_t* granted) {
  changes++;
  has = granted != NULL;
  if (granted) lease = *granted;
}

static const dhcp_ops_t ops = {on_send, on_changed};

static void setup(void) {
  now = 1000 * SECOND;
  sent = changes = 0;
  has = false;
  dhcp_client_init(&client, &ops, NULL, 42);
}

// The value of an option of the last message; NULL if it has none.
static const uint8_t* option_of(uint8_t option, size_t length) {
  for (size_t at = 240; last[at] != 255; at += 2 + last[at + 1]) {
    if (last[at] != option) continue;
    ck_assert_uint_eq(last[at + 1], length);
    return last + at + 2;
  }
  return NULL;
}

static dhcp_type_t asked(void) {
  return (dhcp_type_t)*option_of(53, 1);
}

static uint32_t number_of(uint8_t option) {
  const uint8_t* value = option_of(option, 4);
  return value ? be32_get(value) : 0;
}

// Lets the time come that the client waits for.
static int64_t pass(void) {
  int64_t before = now;
  ck_assert_int_ne(dhcp_client_deadline(&client), DHCP_NEVER);
  now = dhcp_client_deadline(&client);
  dhcp_client_run(&client, now);
  return now - before;
}

typedef struct answer {
  dhcp_type_t type;
  uint32_t server, lease_s, renew_s, rebind_s, address, mask, router;
} answer_t;

static const answer_t good = {
    .server = SERVER, .lease_s = 3600, .address = ADDRESS, .mask = MASK, .router = ROUTER};

static size_t put(uint8_t* bytes, size_t at, uint8_t option, uint32_t number) {
  if (number == 0) return at;
  bytes[at] = option;
  bytes[at + 1] = 4;
  be32_put(bytes + at + 2, number);
  return at + 6;
}

// An answer to the last message.
static size_t answer_write(const answer_t* answer, uint8_t bytes[600]) {
  memset(bytes, 0, 600);
  bytes[0] = 2;
  bytes[1] = 1;
  bytes[2] = 6;
  memcpy(bytes + 4, last + 4, 4);
  be32_put(bytes + 16, answer->address);
  memcpy(bytes + 28, mac, 6);
  memcpy(bytes + 236, "\x63\x82\x53\x63\x35\x01", 6);
  bytes[242] = (uint8_t)answer->type;
  size_t at = put(bytes, 243, 54, answer->server);
  at = put(bytes, at, 51, answer->lease_s);
  at = put(bytes, at, 58, answer->renew_s);
  at = put(bytes, at, 59, answer->rebind_s);
  at = put(bytes, at, 1, answer->mask);
  at = put(bytes, at, 3, answer->router);
  bytes[at++] = 255;
  return at;
}

static void answer_as(dhcp_type_t type, const answer_t* answer) {
  uint8_t bytes[600];
  answer_t typed = *answer;
  typed.type = type;
  size_t length = answer_write(&typed, bytes);
  dhcp_client_input(&client, bytes, length, now);
}

static void become_bound(const answer_t* answer) {
  dhcp_client_up(&client, mac, now);
  answer_as(DHCP_OFFER, answer);
  answer_as(DHCP_ACK, answer);
  ck_assert(has);
}

START_TEST(an_address_is_offered_asked_for_and_had) {
  dhcp_client_up(&client, mac, now);
  ck_assert_uint_eq(sent, 1);
  ck_assert_uint_eq(last_to, 0);
  ck_assert_int_eq(asked(), DHCP_DISCOVER);
  ck_assert_uint_eq(be16_get(last + 10), 0x8000);  // answers by broadcast
  ck_assert_mem_eq(last + 28, mac, 6);
  ck_assert_mem_eq(option_of(61, 7) + 1, mac, 6);
  answer_as(DHCP_OFFER, &good);
  ck_assert_int_eq(asked(), DHCP_REQUEST);
  ck_assert_uint_eq(last_to, 0);
  ck_assert_uint_eq(number_of(50), ADDRESS);
  ck_assert_uint_eq(number_of(54), SERVER);
  ck_assert(!has);
  answer_as(DHCP_ACK, &good);
  ck_assert(has);
  ck_assert_uint_eq(lease.address, ADDRESS);
  ck_assert_uint_eq(lease.mask, MASK);
  ck_assert_uint_eq(lease.router_count, 1);
  ck_assert_uint_eq(lease.routers[0], ROUTER);
  ck_assert_int_eq(dhcp_client_deadline(&client), now + 1800 * SECOND);
}
END_TEST

START_TEST(it_asks_less_and_less_often_while_nobody_answers) {
  dhcp_client_up(&client, mac, now);
  int64_t least[] = {3, 7, 15, 31, 63, 63, 63};
  for (size_t i = 0; i < 7; i++) {
    int64_t waited = pass();
    ck_assert_int_ge(waited, least[i] * SECOND);
    ck_assert_int_le(waited, (least[i] + 2) * SECOND);
    ck_assert_int_eq(asked(), DHCP_DISCOVER);
  }
  ck_assert_uint_eq(sent, 8);
  ck_assert_uint_ge(be16_get(last + 8), 200);
}
END_TEST

START_TEST(an_offer_whose_server_is_silent_is_given_up) {
  dhcp_client_up(&client, mac, now);
  answer_as(DHCP_OFFER, &good);
  for (int i = 0; i < 2; i++) {
    pass();
    ck_assert_int_eq(asked(), DHCP_REQUEST);
  }
  pass();
  ck_assert_int_eq(asked(), DHCP_DISCOVER);
  ck_assert_uint_eq(changes, 0);
}
END_TEST

START_TEST(a_lease_is_renewed_with_its_server_and_then_with_any) {
  become_bound(&good);
  int64_t begun = now;
  pass();
  ck_assert_int_eq(now, begun + 1800 * SECOND);
  ck_assert_int_eq(asked(), DHCP_REQUEST);
  ck_assert_uint_eq(last_to, SERVER);
  ck_assert_uint_eq(be32_get(last + 12), ADDRESS);
  ck_assert_ptr_null(option_of(50, 4));
  ck_assert_ptr_null(option_of(54, 4));
  ck_assert_uint_eq(be16_get(last + 10), 0);
  answer_as(DHCP_ACK, &good);
  ck_assert_uint_eq(changes, 1);  // nothing that matters
  begun = now;
  ck_assert_int_eq(dhcp_client_deadline(&client), now + 1800 * SECOND);
  unsigned renewals = 0;
  while (pass(), last_to == SERVER)
    renewals++;
  ck_assert_uint_gt(renewals, 3);
  ck_assert_int_eq(now, begun + 3150 * SECOND);
  ck_assert_uint_eq(last_to, 0);
  ck_assert_uint_eq(be32_get(last + 12), ADDRESS);
  answer_t other = good;
  other.server = OTHER_SERVER;
  answer_as(DHCP_ACK, &other);
  ck_assert_uint_eq(lease.server, OTHER_SERVER);
  pass();
  ck_assert_uint_eq(last_to, OTHER_SERVER);
}
END_TEST

START_TEST(a_lease_that_nobody_renews_ends_with_its_time) {
  become_bound(&good);
  int64_t end = now + 3600 * SECOND;
  while (has)
    pass();
  ck_assert_int_eq(now, end);
  ck_assert_int_eq(asked(), DHCP_DISCOVER);
  ck_assert_uint_lt(sent, 20);
}
END_TEST

START_TEST(what_the_server_says_of_times_counts) {
  answer_t answer = good;
  answer.renew_s = 100;
  answer.rebind_s = 200;
  become_bound(&answer);
  ck_assert_int_eq(dhcp_client_deadline(&client), now + 100 * SECOND);
  answer.lease_s = DHCP_FOR_EVER;
  dhcp_client_down(&client);
  dhcp_client_init(&client, &ops, NULL, 1);
  become_bound(&answer);
  ck_assert_int_eq(dhcp_client_deadline(&client), DHCP_NEVER);
}
END_TEST

START_TEST(a_link_that_comes_back_asks_for_the_address_it_had) {
  become_bound(&good);
  dhcp_client_down(&client);
  ck_assert_int_eq(dhcp_client_deadline(&client), DHCP_NEVER);
  now += 60 * SECOND;
  dhcp_client_up(&client, mac, now);
  ck_assert_int_eq(asked(), DHCP_REQUEST);
  ck_assert_uint_eq(number_of(50), ADDRESS);
  ck_assert_ptr_null(option_of(54, 4));
  answer_as(DHCP_ACK, &good);
  ck_assert_uint_eq(changes, 1);
  // Nobody answers: it is kept as long as it was given.
  dhcp_client_down(&client);
  int64_t end = now + 3600 * SECOND;
  now += 3000 * SECOND;
  dhcp_client_up(&client, mac, now);
  while (has)
    pass();
  ck_assert_int_eq(now, end);
  // It has ended meanwhile, or another station asks.
  become_bound(&good);
  dhcp_client_down(&client);
  static const uint8_t other[6] = {2, 0, 0, 0, 0, 8};
  dhcp_client_up(&client, other, now);
  ck_assert(!has);
  ck_assert_int_eq(asked(), DHCP_DISCOVER);
}
END_TEST

START_TEST(a_refusal_takes_the_address_away) {
  become_bound(&good);
  pass();
  answer_as(DHCP_NAK, &good);
  ck_assert(!has);
  ck_assert_int_eq(pass(), 2 * SECOND);
  ck_assert_int_eq(asked(), DHCP_DISCOVER);
}
END_TEST

START_TEST(a_lease_is_given_back) {
  become_bound(&good);
  dhcp_client_release(&client, now);
  ck_assert_int_eq(asked(), DHCP_RELEASE);
  ck_assert_uint_eq(last_to, SERVER);
  ck_assert_uint_eq(be32_get(last + 12), ADDRESS);
  ck_assert_int_eq(dhcp_client_deadline(&client), DHCP_NEVER);
  sent = 0;
  dhcp_client_release(&client, now);
  ck_assert_uint_eq(sent, 0);
}
END_TEST

static const answer_t useless[] = {
    {.server = SERVER, .lease_s = 3600, .mask = MASK},
    {.lease_s = 3600, .address = ADDRESS, .mask = MASK},
    {.server = SERVER, .address = ADDRESS, .mask = MASK},
    {.server = SERVER, .lease_s = 3600, .address = 0x7f000001, .mask = MASK},
    {.server = SERVER, .lease_s = 3600, .address = 0xe0000001, .mask = MASK},
    {.server = SERVER, .lease_s = 3600, .address = 0xffffffff, .mask = MASK},
    {.server = SERVER, .lease_s = 3600, .address = 0xc00002ff, .mask = MASK},
    {.server = SERVER, .lease_s = 3600, .address = 0xc0000200, .mask = MASK},
    {.server = SERVER, .lease_s = 3600, .address = ADDRESS, .mask = 0xff00ff00},
};

START_TEST(what_no_host_can_use_is_not_asked_for) {
  dhcp_client_up(&client, mac, now);
  answer_as(DHCP_OFFER, &useless[_i]);
  ck_assert_uint_eq(sent, 1);
}
END_TEST

START_TEST(a_router_that_is_not_near_is_not_taken) {
  answer_t answer = good;
  answer.router = 0x0a000001;
  become_bound(&answer);
  ck_assert_uint_eq(lease.router_count, 0);
}
END_TEST

START_TEST(what_is_not_for_it_is_passed_over) {
  uint8_t bytes[600];
  answer_t answer = good;
  answer.type = DHCP_OFFER;
  dhcp_client_up(&client, mac, now);
  static const size_t places[] = {0, 1, 2, 4, 28, 236, 240};
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    size_t length = answer_write(&answer, bytes);
    bytes[places[i]] ^= 0x40;
    dhcp_client_input(&client, bytes, length, now);
    ck_assert_uint_eq(sent, 1);
  }
  // Whatever is cut off, and options whose length cannot be.
  size_t length = answer_write(&answer, bytes);
  for (size_t i = 0; i < 244; i++)
    dhcp_client_input(&client, bytes, i, now);
  for (size_t i = 0; i < 3; i++) {  // the type's number, length and value
    (void)answer_write(&answer, bytes);
    bytes[240 + i] = 0xff;
    dhcp_client_input(&client, bytes, length, now);
  }
  ck_assert_uint_eq(sent, 1);
}
END_TEST

START_TEST(options_are_found_in_parts_and_beside_their_place) {
  uint8_t bytes[600];
  dhcp_reply_t reply;
  answer_t answer = good;
  answer.type = DHCP_ACK;
  answer.router = 0;
  dhcp_client_up(&client, mac, now);
  size_t length = answer_write(&answer, bytes);
  memcpy(bytes + length - 1, "\x34\x01\x03\x03\x02\xc0\x00\xff", 8);  // overload both; the half of a router
  length += 7;
  memcpy(bytes + 108, "\x00\x03\x02\x02\x03\xff", 6);  // the other half
  memcpy(bytes + 44, "\x06\x08\xc0\x00\x02\x35\xc0\x00\x02\x36\xff", 11);
  ck_assert(dhcp_reply_read(bytes, length, mac, &reply));
  ck_assert_uint_eq(reply.router_count, 1);
  ck_assert_uint_eq(reply.routers[0], ROUTER);
  ck_assert_uint_eq(reply.name_server_count, 2);
  ck_assert_uint_eq(reply.name_servers[1], 0xc0000236);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("dhcp");
  TCase* tc = jx_test_case(suite, "dhcp");
  tcase_add_checked_fixture(tc, setup, NULL);
  tcase_add_test(tc, an_address_is_offered_asked_for_and_had);
  tcase_add_test(tc, it_asks_less_and_less_often_while_nobody_answers);
  tcase_add_test(tc, an_offer_whose_server_is_silent_is_given_up);
  tcase_add_test(tc, a_lease_is_renewed_with_its_server_and_then_with_any);
  tcase_add_test(tc, a_lease_that_nobody_renews_ends_with_its_time);
  tcase_add_test(tc, what_the_server_says_of_times_counts);
  tcase_add_test(tc, a_link_that_comes_back_asks_for_the_address_it_had);
  tcase_add_test(tc, a_refusal_takes_the_address_away);
  tcase_add_test(tc, a_lease_is_given_back);
  tcase_add_loop_test(tc, what_no_host_can_use_is_not_asked_for, 0, (int)(sizeof useless / sizeof *useless));
  tcase_add_test(tc, a_router_that_is_not_near_is_not_taken);
  tcase_add_test(tc, what_is_not_for_it_is_passed_over);
  tcase_add_test(tc, options_are_found_in_parts_and_beside_their_place);
  return jx_test_run(suite);
}
