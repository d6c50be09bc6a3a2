// Bodies that are unions which may be absent, byte by byte in both directions; and their methods composed
// into another protocol.
#include <fidl/test.vectors.h>
#include <stdio.h>

#include "jx_test.h"
#include "peer.h"

#define ABSENT "00*16"
#define NUMBER_100 "01 00*7 64 00 00 00 00 00 01 00"

// A message of the protocol, as text: its header and `body`.
static const char* message(uint32_t txid, uint64_t ordinal, const char* body) {
  static char texts[4][512];
  static unsigned next;
  char* text = texts[next++ % 4];
  int size = sprintf(text, "%02x 00 00 00 02 00 00 01", txid);
  for (int i = 0; i < 8; i++)
    size += sprintf(text + size, " %02x", (unsigned)(ordinal >> (8 * i)) & 0xffu);
  sprintf(text + size, " %s", body);
  return text;
}

typedef struct side {
  peer_t peer;
  fidl_binding_t* binding;
  fidl_client_t* client;
  int calls;
  uint64_t ordinal;  // of the last union received
  uint32_t number;
  zx_handle_t handle;
  zx_status_t status;
  zx_status_t reason;
} side_t;

// The server

static void exchange(void* context, test_vectors_FlexibleUnion* request, fidl_completer_t completer) {
  side_t* side = context;
  side->calls++;
  side->ordinal = request->ordinal;
  side->number = request->a;
  fidl_vector_test_vectors_Recursive_t none = {0, (test_vectors_Recursive*)(void*)side};
  test_vectors_Recursive response = {0};
  if (request->ordinal != 0) response = test_vectors_Recursive_with_v(&none);
  ck_assert_int_eq(test_vectors_Perhaps_Exchange_reply(completer, &response), ZX_OK);
}

static void hand(void* context, test_vectors_PerhapsHandle* request) {
  side_t* side = context;
  side->calls++;
  side->ordinal = request->ordinal;
  if (request->ordinal == test_vectors_PerhapsHandle_Tag_h) side->handle = request->h;
}

static const test_vectors_Perhaps_ops_t ops = {.Exchange = exchange, .Hand = hand};

static void on_unbound(void* context, fidl_binding_t* binding, zx_status_t reason) {
  ((side_t*)context)->reason = reason;
}

static void start_server(side_t* side) {
  *side = (side_t){0};
  peer_init(&side->peer);
  ck_assert_int_eq(test_vectors_Perhaps_bind(side->peer.dispatcher, side->peer.bound, &ops, side, on_unbound,
                                             &side->binding),
                   ZX_OK);
}

START_TEST(requests_and_responses_may_be_absent) {
  side_t side;
  start_server(&side);
  peer_write(&side.peer, message(1, test_vectors_Perhaps_Exchange_ORDINAL, ABSENT));
  peer_run(&side.peer);
  ck_assert_int_eq(side.calls, 1);
  ck_assert_uint_eq(side.ordinal, 0);
  peer_expect(&side.peer, message(1, test_vectors_Perhaps_Exchange_ORDINAL, ABSENT));
  peer_write(&side.peer, message(2, test_vectors_Perhaps_Exchange_ORDINAL, NUMBER_100));
  peer_run(&side.peer);
  ck_assert_uint_eq(side.ordinal, test_vectors_FlexibleUnion_Tag_a);
  ck_assert_uint_eq(side.number, 100);
  peer_expect(&side.peer, message(2, test_vectors_Perhaps_Exchange_ORDINAL, "01 00*7 10 00*7 00*8 ff*8"));
  peer_deinit(&side.peer);
}
END_TEST

START_TEST(an_absent_union_with_content_ends_the_binding) {
  side_t side;
  start_server(&side);
  peer_write(&side.peer, message(1, test_vectors_Perhaps_Exchange_ORDINAL, "00*8 08 00*7 00*8"));
  peer_run(&side.peer);
  ck_assert_int_eq(side.calls, 0);
  ck_assert_int_eq(side.reason, ZX_ERR_INVALID_ARGS);
  peer_deinit(&side.peer);
}
END_TEST

START_TEST(handles_come_with_what_is_present) {
  side_t side;
  start_server(&side);
  peer_write(&side.peer, message(0, test_vectors_Perhaps_Hand_ORDINAL, ABSENT));
  peer_run(&side.peer);
  ck_assert_int_eq(side.calls, 1);
  ck_assert_uint_eq(side.ordinal, 0);
  peer_write_handle(&side.peer, message(0, test_vectors_Perhaps_Hand_ORDINAL, "01 00*7 ff*4 01 00 01 00"),
                    peer_event());
  peer_run(&side.peer);
  ck_assert_int_eq(side.calls, 2);
  ck_assert_uint_ne(side.handle, ZX_HANDLE_INVALID);
  ck_assert(!peer_handle_valid(side.handle));  // it was left in the request
  peer_deinit(&side.peer);
}
END_TEST

// The client

static void exchanged(void* context, zx_status_t status, test_vectors_Recursive* response) {
  side_t* side = context;
  side->calls++;
  side->status = status;
  side->ordinal = response ? response->ordinal : 99;
}

static void told(void* context, test_vectors_StrictUnion* event) {
  side_t* side = context;
  side->calls++;
  side->ordinal = event->ordinal;
}

static const test_vectors_Perhaps_event_ops_t events = {.Told = told};

START_TEST(clients_send_and_receive_absent_unions) {
  side_t side = {0};
  peer_init(&side.peer);
  ck_assert_int_eq(test_vectors_Perhaps_client_bind(side.peer.dispatcher, side.peer.bound, &events, &side,
                                                    NULL, &side.client),
                   ZX_OK);
  test_vectors_FlexibleUnion request = {0};
  ck_assert_int_eq(test_vectors_Perhaps_Exchange_async(side.client, &request, exchanged, &side), ZX_OK);
  uint32_t words[8], size;
  ck_assert_int_eq(zx_channel_read(side.peer.raw, 0, words, NULL, sizeof(words), 0, &size, NULL), ZX_OK);
  ck_assert_uint_eq(size, 32);
  for (int i = 4; i < 8; i++)
    ck_assert_uint_eq(words[i], 0);
  ck_assert_int_eq(zx_channel_write(side.peer.raw, 0, words, size, NULL, 0), ZX_OK);
  peer_run(&side.peer);
  ck_assert_int_eq(side.calls, 1);
  ck_assert_int_eq(side.status, ZX_OK);
  ck_assert_uint_eq(side.ordinal, 0);
  side.ordinal = 99;
  peer_write(&side.peer, message(0, test_vectors_Perhaps_Told_ORDINAL, ABSENT));
  peer_run(&side.peer);
  ck_assert_int_eq(side.calls, 2);
  ck_assert_uint_eq(side.ordinal, 0);
  fidl_client_close(side.client);
  peer_deinit(&side.peer);
}
END_TEST

START_TEST(events_and_handles_may_be_absent_where_they_are_sent) {
  side_t side;
  start_server(&side);
  test_vectors_StrictUnion event = {0};
  ck_assert_int_eq(test_vectors_Perhaps_Told_send(side.binding, &event), ZX_OK);
  peer_expect(&side.peer, message(0, test_vectors_Perhaps_Told_ORDINAL, ABSENT));
  event = test_vectors_StrictUnion_with_a(100);
  ck_assert_int_eq(test_vectors_Perhaps_Told_send(side.binding, &event), ZX_OK);
  peer_expect(&side.peer, message(0, test_vectors_Perhaps_Told_ORDINAL, NUMBER_100));
  peer_deinit(&side.peer);

  zx_handle_t ends[2];
  ck_assert_int_eq(zx_channel_create(0, &ends[0], &ends[1]), ZX_OK);
  test_vectors_PerhapsHandle request = {0};
  ck_assert_int_eq(test_vectors_Perhaps_Hand(ends[0], &request), ZX_OK);
  request = test_vectors_PerhapsHandle_with_h(peer_event());
  zx_handle_t handle = request.h;
  zx_handle_close(ends[1]);
  ck_assert_int_eq(test_vectors_Perhaps_Hand(ends[0], &request), ZX_ERR_PEER_CLOSED);
  ck_assert(!peer_handle_valid(handle));
  zx_handle_close(ends[0]);
}
END_TEST

// Composition

static void widen(void* context, test_vectors_WiderWidenRequest* request, fidl_completer_t completer) {
  test_vectors_WiderWidenResponse response = {.width = request->by + 1};
  ((side_t*)context)->calls++;
  ck_assert_int_eq(test_vectors_Wider_Widen_reply(completer, &response), ZX_OK);
}

static const test_vectors_Wider_ops_t wider_ops = {.Widen = widen, .Exchange = exchange};

static void start_wider(side_t* side) {
  *side = (side_t){0};
  peer_init(&side->peer);
  ck_assert_int_eq(test_vectors_Wider_bind(side->peer.dispatcher, side->peer.bound, &wider_ops, side,
                                           on_unbound, &side->binding),
                   ZX_OK);
}

START_TEST(a_composing_protocol_serves_its_own_methods_and_the_composed_ones) {
  side_t side;
  start_wider(&side);
  ck_assert_uint_eq(test_vectors_Wider_Exchange_ORDINAL, test_vectors_Perhaps_Exchange_ORDINAL);
  peer_write(&side.peer, message(1, test_vectors_Wider_Exchange_ORDINAL, ABSENT));
  peer_write(&side.peer, message(2, test_vectors_Wider_Widen_ORDINAL, "07 00*7"));
  peer_run(&side.peer);
  ck_assert_int_eq(side.calls, 2);
  peer_expect(&side.peer, message(1, test_vectors_Wider_Exchange_ORDINAL, ABSENT));
  peer_expect(&side.peer, message(2, test_vectors_Wider_Widen_ORDINAL, "08 00*7"));
  test_vectors_StrictUnion event = test_vectors_StrictUnion_with_a(100);
  ck_assert_int_eq(test_vectors_Wider_Told_send(side.binding, &event), ZX_OK);
  peer_expect(&side.peer, message(0, test_vectors_Wider_Told_ORDINAL, NUMBER_100));
  peer_deinit(&side.peer);
}
END_TEST

START_TEST(a_composed_method_without_function_ends_the_binding) {
  side_t side;
  start_wider(&side);
  peer_write(&side.peer, message(0, test_vectors_Wider_Hand_ORDINAL, ABSENT));
  peer_run(&side.peer);
  ck_assert_int_eq(side.calls, 0);
  ck_assert_int_eq(side.reason, ZX_ERR_NOT_SUPPORTED);
  peer_deinit(&side.peer);
}
END_TEST

START_TEST(clients_of_a_composing_protocol_call_and_hear_the_composed_one) {
  static const test_vectors_Wider_event_ops_t wider_events = {.Told = told};
  side_t side = {0};
  peer_init(&side.peer);
  ck_assert_int_eq(test_vectors_Wider_client_bind(side.peer.dispatcher, side.peer.bound, &wider_events, &side,
                                                  NULL, &side.client),
                   ZX_OK);
  test_vectors_FlexibleUnion request = {0};
  test_vectors_Wider_Exchange_callback_t callback = exchanged;
  ck_assert_int_eq(test_vectors_Wider_Exchange_async(side.client, &request, callback, &side), ZX_OK);
  char bytes[32];
  ck_assert_int_eq(zx_channel_read(side.peer.raw, 0, bytes, NULL, sizeof(bytes), 0, NULL, NULL), ZX_OK);
  ck_assert_int_eq(zx_channel_write(side.peer.raw, 0, bytes, sizeof(bytes), NULL, 0), ZX_OK);
  peer_write(&side.peer, message(0, test_vectors_Wider_Told_ORDINAL, NUMBER_100));
  peer_run(&side.peer);
  ck_assert_int_eq(side.calls, 2);
  ck_assert_int_eq(side.status, ZX_OK);
  ck_assert_uint_eq(side.ordinal, test_vectors_StrictUnion_Tag_a);
  fidl_client_close(side.client);
  peer_deinit(&side.peer);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("fidl payloads");
  TCase* tc = jx_test_case(suite, "payloads");
  tcase_add_test(tc, requests_and_responses_may_be_absent);
  tcase_add_test(tc, an_absent_union_with_content_ends_the_binding);
  tcase_add_test(tc, handles_come_with_what_is_present);
  tcase_add_test(tc, clients_send_and_receive_absent_unions);
  tcase_add_test(tc, events_and_handles_may_be_absent_where_they_are_sent);
  tcase_add_test(tc, a_composing_protocol_serves_its_own_methods_and_the_composed_ones);
  tcase_add_test(tc, a_composed_method_without_function_ends_the_binding);
  tcase_add_test(tc, clients_of_a_composing_protocol_call_and_hear_the_composed_one);
  return jx_test_run(suite);
}
