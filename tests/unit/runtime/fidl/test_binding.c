// Bindings against raw bytes: exchanges of the wire format's examples, unknown interactions, order, ends.
#include <fidl/test.vectors.h>
#include <malloc.h>

#include "hex.h"
#include "jx_test.h"
#include "ordinals.h"
#include "peer.h"

#define MAX_NOTES 200

typedef struct server {
  peer_t peer;
  fidl_binding_t* binding;
  int unbound;
  zx_status_t reason;
  int clears;
  int notes;
  uint32_t note[MAX_NOTES];
  uint64_t unknown;
  fidl_completer_t completers[FIDL_BINDING_MAX_OUTSTANDING + 1];
  int num_completers;
  bool keep;  // completers are kept instead of answered
  bool close_in_handler;
  bool refused;  // answers may fail
  zx_handle_t taken;
  zx_handle_t seen[2];
  struct server* other;  // counts in the other's notes too
} server_t;

static void on_unbound(void* context, fidl_binding_t* binding, zx_status_t reason) {
  server_t* server = context;
  ck_assert_ptr_eq(binding, server->binding);
  server->unbound++;
  server->reason = reason;
}

static void add(void* context, test_vectors_CalculatorAddRequest* request, fidl_completer_t completer) {
  test_vectors_CalculatorAddResponse response = {.sum = request->a + request->b};
  ck_assert_int_eq(test_vectors_Calculator_Add_reply(completer, &response), ZX_OK);
}

static void divide(void* context, test_vectors_CalculatorDivideRequest* request, fidl_completer_t completer) {
  if (request->d == 0) {
    ck_assert_int_eq(test_vectors_Calculator_Divide_reply_error(completer, 5), ZX_OK);
    return;
  }
  test_vectors_Calculator_Divide_Response response = {.q = request->n / request->d,
                                                      .r = request->n % request->d};
  ck_assert_int_eq(test_vectors_Calculator_Divide_reply(completer, &response), ZX_OK);
}

static void ping(void* context, fidl_completer_t completer) {
  server_t* server = context;
  if (server->keep) {
    server->completers[server->num_completers++] = completer;
    return;
  }
  if (server->close_in_handler) fidl_binding_close(server->binding, ZX_ERR_UNAVAILABLE);
  if (server->refused) {
    test_vectors_Device_Ping_reply(completer);
    return;
  }
  ck_assert_int_eq(test_vectors_Device_Ping_reply(completer),
                   server->close_in_handler ? ZX_ERR_CANCELED : ZX_OK);
}

static void clear(void* context) {
  ((server_t*)context)->clears++;
}

static void sync_(void* context, fidl_completer_t completer) {
  server_t* server = context;
  zx_status_t expected = server->peer.raw == ZX_HANDLE_INVALID ? ZX_ERR_PEER_CLOSED : ZX_OK;
  zx_status_t status = test_vectors_Device_Sync_reply(completer);
  if (!server->refused) ck_assert_int_eq(status, expected);
}

static void note(void* context, test_vectors_DeviceNoteRequest* request) {
  server_t* server = context;
  ck_assert_int_lt(server->notes, MAX_NOTES);
  server->note[server->notes++] = request->code;
  if (server->other && server->other != server) note(server->other, request);
}

static void take(void* context, test_vectors_DeviceTakeRequest* request) {
  server_t* server = context;
  server->seen[0] = request->h;
  server->seen[1] = request->optional;
  server->taken = request->h;
  request->h = ZX_HANDLE_INVALID;
}

static void swap(void* context, test_vectors_DeviceSwapRequest* request, fidl_completer_t completer) {
  test_vectors_Device_Swap_Response response = {.h = request->h};
  request->h = ZX_HANDLE_INVALID;
  ck_assert_int_eq(test_vectors_Device_Swap_reply(completer, &response), ZX_OK);
  ck_assert_uint_eq(response.h, ZX_HANDLE_INVALID);
}

static void unknown(void* context, uint64_t ordinal) {
  ((server_t*)context)->unknown = ordinal;
}

static const test_vectors_Calculator_ops_t calculator = {
    .Add = add, .Divide = divide, .on_unknown_interaction = unknown};
static const test_vectors_Ajar_ops_t ajar = {.on_unknown_interaction = unknown};
static const test_vectors_Device_ops_t device = {.Ping = ping,
                                                 .Clear = clear,
                                                 .Sync = sync_,
                                                 .Note = note,
                                                 .Take = take,
                                                 .Swap = swap,
                                                 .on_unknown_interaction = unknown};

static void start_device(server_t* server) {
  *server = (server_t){0};
  peer_init(&server->peer);
  ck_assert_int_eq(test_vectors_Device_bind(server->peer.dispatcher, server->peer.bound, &device, server,
                                            on_unbound, &server->binding),
                   ZX_OK);
}

static void start_calculator(server_t* server) {
  *server = (server_t){0};
  peer_init(&server->peer);
  ck_assert_int_eq(test_vectors_Calculator_bind(server->peer.dispatcher, server->peer.bound, &calculator,
                                                server, on_unbound, &server->binding),
                   ZX_OK);
}

static void start_ajar(server_t* server) {
  *server = (server_t){0};
  peer_init(&server->peer);
  ck_assert_int_eq(test_vectors_Ajar_bind(server->peer.dispatcher, server->peer.bound, &ajar, server,
                                          on_unbound, &server->binding),
                   ZX_OK);
}

static void stop(server_t* server) {
  peer_deinit(&server->peer);
  ck_assert_int_eq(server->unbound, 1);
}

// Sends `hex` and expects the binding to end with `reason`, which is also its epitaph.
static void expect_end(server_t* server, const char* hex, zx_status_t reason, const char* epitaph) {
  peer_write(&server->peer, hex);
  peer_run(&server->peer);
  ck_assert_int_eq(server->unbound, 1);
  ck_assert_int_eq(server->reason, reason);
  peer_expect(&server->peer, epitaph);
  peer_expect_closed(&server->peer);
}

#define INVALID_ARGS_EPITAPH H("00", STRICT, EPITAPH) "f6 ff ff ff 00*4"
#define NOT_SUPPORTED_EPITAPH H("00", STRICT, EPITAPH) "fe ff ff ff 00*4"

START_TEST(requests_are_answered_byte_by_byte) {
  server_t server;
  start_calculator(&server);
  peer_write(&server.peer, H("01", STRICT, ADD) "7b 00 00 00 c8 01 00 00");
  peer_write(&server.peer, H("02", STRICT, DIVIDE) "1e 00 00 00 00*4");
  peer_write(&server.peer, H("02", STRICT, DIVIDE) "dc 00*3 0a 00*3");
  peer_run(&server.peer);
  peer_expect(&server.peer, H("01", STRICT, ADD) "43 02 00 00 00 00 00 00");
  peer_expect(&server.peer, H("02", STRICT, DIVIDE) "02 00*7 05 00 00 00 00 00 01 00");
  peer_expect(&server.peer, H("02", STRICT, DIVIDE) "01 00*7 08 00*7 16 00*3 00*4");
  stop(&server);
  ck_assert_int_eq(server.reason, ZX_ERR_PEER_CLOSED);
}
END_TEST

START_TEST(empty_payloads_are_a_header_or_an_empty_success) {
  server_t server;
  start_device(&server);
  peer_write(&server.peer, H("03", FLEXIBLE, PING));
  peer_write(&server.peer, H("04", STRICT, SYNC));
  peer_write(&server.peer, H("00", FLEXIBLE, CLEAR));
  peer_run(&server.peer);
  peer_expect(&server.peer, H("03", FLEXIBLE, PING) "01 00*7 00 00 00 00 00 00 01 00");
  peer_expect(&server.peer, H("04", STRICT, SYNC));
  ck_assert_int_eq(server.clears, 1);
  stop(&server);
}
END_TEST

START_TEST(events_and_epitaphs_are_sent) {
  server_t server;
  start_device(&server);
  test_vectors_DeviceOnErrorRequest event = {.code = 7};
  ck_assert_int_eq(test_vectors_Device_OnError_send(server.binding, &event), ZX_OK);
  peer_expect(&server.peer, H("00", FLEXIBLE, ON_ERROR) "07 00*7");
  test_vectors_DeviceOnHandleRequest with_handle = {.h = peer_event()};
  ck_assert_int_eq(test_vectors_Device_OnHandle_send(server.binding, &with_handle), ZX_OK);
  zx_handle_close(peer_expect_handle(&server.peer, H("00", FLEXIBLE, ON_HANDLE) "ff*4 00*4"));
  fidl_binding_close(server.binding, ZX_ERR_PEER_CLOSED);
  fidl_binding_close(server.binding, ZX_ERR_INTERNAL);
  ck_assert_int_eq(server.unbound, 0);
  peer_expect(&server.peer, H("00", STRICT, EPITAPH) "e8 ff ff ff 00*4");
  peer_expect_closed(&server.peer);
  with_handle.h = peer_event();
  ck_assert_int_eq(test_vectors_Device_OnHandle_send(server.binding, &with_handle), ZX_ERR_CANCELED);
  stop(&server);
}
END_TEST

START_TEST(flags_that_mean_nothing_are_ignored) {
  server_t server;
  start_device(&server);
  // A strict method called as flexible, a flexible one as strict, and bits that have no meaning.
  peer_write(&server.peer, H("04", FLEXIBLE, SYNC));
  peer_write(&server.peer, H("00", STRICT, CLEAR));
  peer_write(&server.peer, "04 00 00 00 66 c8 64 01" SYNC);
  peer_run(&server.peer);
  peer_expect(&server.peer, H("04", STRICT, SYNC));
  peer_expect(&server.peer, H("04", STRICT, SYNC));
  ck_assert_int_eq(server.clears, 1);
  stop(&server);
}
END_TEST

START_TEST(messages_that_break_the_protocol_end_the_binding) {
  static const char* const messages[] = {
      "01 00 00 00 02 00 00 01 00 00 00",       // shorter than a header
      "04 00 00 00 02 00 00 02" SYNC,           // magic number
      "04 00 00 00 00 00 00 01" SYNC,           // wire format v1
      H("04", STRICT, "00*8"),                  // ordinal 0
      H("05", STRICT, NOTE) "01 00*7",          // one-way with a transaction id
      H("00", STRICT, SYNC),                    // two-way without
      H("00", STRICT, NOTE),                    // body missing
      H("00", STRICT, NOTE) "01 00*15",         // body too long
      H("04", STRICT, SYNC) "00*8",             // body where there is none
      H("00", STRICT, NOTE) "01 00*3 01 00*3",  // padding
  };
  server_t server;
  start_device(&server);
  expect_end(&server, messages[_i], ZX_ERR_INVALID_ARGS, INVALID_ARGS_EPITAPH);
  stop(&server);
}
END_TEST

START_TEST(unknown_strict_interactions_end_an_open_binding) {
  server_t server;
  start_device(&server);
  expect_end(&server, H("00", STRICT, UNKNOWN), ZX_ERR_NOT_SUPPORTED, NOT_SUPPORTED_EPITAPH);
  stop(&server);
}
END_TEST

START_TEST(unknown_flexible_interactions_are_reported_and_answered) {
  server_t server;
  start_device(&server);
  peer_write(&server.peer, H("00", FLEXIBLE, UNKNOWN) "00*24");
  peer_run(&server.peer);
  ck_assert_uint_eq(server.unknown, 0x0807060504030201);
  server.unknown = 0;
  peer_write_handle(&server.peer, H("03", FLEXIBLE, UNKNOWN) "00*24", peer_event());
  peer_run(&server.peer);
  ck_assert_uint_eq(server.unknown, 0x0807060504030201);
  peer_expect(&server.peer, H("03", FLEXIBLE, UNKNOWN) UNKNOWN_METHOD);
  stop(&server);
}
END_TEST

START_TEST(ajar_bindings_tolerate_one_way_interactions_only) {
  server_t server;
  start_ajar(&server);
  peer_write(&server.peer, H("00", FLEXIBLE, UNKNOWN));
  peer_run(&server.peer);
  ck_assert_uint_eq(server.unknown, 0x0807060504030201);
  expect_end(&server, H("01", FLEXIBLE, UNKNOWN), ZX_ERR_NOT_SUPPORTED, NOT_SUPPORTED_EPITAPH);
  stop(&server);
}
END_TEST

START_TEST(closed_bindings_tolerate_nothing) {
  server_t server;
  start_calculator(&server);
  expect_end(&server, H("00", FLEXIBLE, UNKNOWN), ZX_ERR_NOT_SUPPORTED, NOT_SUPPORTED_EPITAPH);
  ck_assert_uint_eq(server.unknown, 0);
  stop(&server);
}
END_TEST

START_TEST(control_messages_are_no_requests) {
  server_t server;
  start_device(&server);
  expect_end(&server, H("00", FLEXIBLE, EPITAPH) "00*8", ZX_ERR_NOT_SUPPORTED, NOT_SUPPORTED_EPITAPH);
  stop(&server);
}
END_TEST

START_TEST(methods_without_function_count_as_unknown) {
  server_t server;
  start_device(&server);  // has no Echo
  peer_write(&server.peer, H("03", FLEXIBLE, ECHO) "00*8 ff*8 00*8 ff*8");
  peer_run(&server.peer);
  peer_expect(&server.peer, H("03", FLEXIBLE, ECHO) UNKNOWN_METHOD);
  stop(&server);
  start_ajar(&server);  // has no Sync, which is strict
  expect_end(&server, "04 00 00 00 02 00 00 01 22 0e b6 9a 86 44 07 05", ZX_ERR_NOT_SUPPORTED,
             NOT_SUPPORTED_EPITAPH);
  stop(&server);
}
END_TEST

START_TEST(handles_left_in_a_request_are_closed) {
  server_t server;
  start_device(&server);
  uint8_t bytes[24] = {[4] = 2, [6] = 0x80, [7] = 1};
  uint64_t ordinal = test_vectors_Device_Take_ORDINAL;
  memcpy(bytes + 8, &ordinal, 8);
  memset(bytes + 16, 0xff, 8);
  zx_handle_t handles[2] = {peer_event(), peer_event()};
  ck_assert_int_eq(zx_channel_write(server.peer.raw, 0, bytes, sizeof(bytes), handles, 2), ZX_OK);
  peer_run(&server.peer);
  ck_assert(peer_handle_valid(server.taken));
  ck_assert_uint_ne(server.seen[1], ZX_HANDLE_INVALID);
  ck_assert(!peer_handle_valid(server.seen[1]));
  zx_handle_close(server.taken);
  stop(&server);
}
END_TEST

START_TEST(small_payloads_with_handles_travel_both_ways) {
  server_t server;
  start_device(&server);
  peer_write_handle(&server.peer, H("07", FLEXIBLE, SWAP) "ff*4 00*4", peer_event());
  peer_run(&server.peer);
  zx_handle_t back = peer_expect_handle(&server.peer, H("07", FLEXIBLE, SWAP) "01 00*7 ff*4 01 00 01 00");
  zx_handle_close(back);
  stop(&server);
}
END_TEST

START_TEST(a_binding_may_be_closed_from_its_own_handler) {
  server_t server;
  start_device(&server);
  server.close_in_handler = true;
  peer_write(&server.peer, H("01", FLEXIBLE, PING));
  peer_write(&server.peer, H("02", FLEXIBLE, PING));
  peer_run(&server.peer);
  ck_assert_int_eq(server.unbound, 1);
  ck_assert_int_eq(server.reason, ZX_ERR_UNAVAILABLE);
  peer_expect(&server.peer, H("00", STRICT, EPITAPH) "e4 ff ff ff 00*4");
  peer_expect_closed(&server.peer);
  stop(&server);
}
END_TEST

START_TEST(requests_may_be_answered_later_and_in_any_order) {
  server_t server;
  start_device(&server);
  server.keep = true;
  peer_write(&server.peer, H("01", FLEXIBLE, PING));
  peer_write(&server.peer, H("02", FLEXIBLE, PING));
  peer_run(&server.peer);
  peer_expect_nothing(&server.peer);
  ck_assert_int_eq(test_vectors_Device_Ping_reply(server.completers[1]), ZX_OK);
  ck_assert_int_eq(test_vectors_Device_Ping_reply(server.completers[0]), ZX_OK);
  ck_assert_int_eq(test_vectors_Device_Ping_reply(server.completers[0]), ZX_ERR_BAD_STATE);
  peer_expect(&server.peer, H("02", FLEXIBLE, PING) "01 00*7 00 00 00 00 00 00 01 00");
  peer_expect(&server.peer, H("01", FLEXIBLE, PING) "01 00*7 00 00 00 00 00 00 01 00");
  peer_expect_nothing(&server.peer);
  stop(&server);
}
END_TEST

START_TEST(completers_outlive_their_binding) {
  server_t server;
  start_device(&server);
  server.keep = true;
  peer_write(&server.peer, H("01", FLEXIBLE, PING));
  peer_write(&server.peer, H("02", FLEXIBLE, PING));
  peer_run(&server.peer);
  zx_handle_close(server.peer.raw);
  server.peer.raw = ZX_HANDLE_INVALID;
  peer_run(&server.peer);
  ck_assert_int_eq(server.unbound, 1);
  ck_assert_int_eq(test_vectors_Device_Ping_reply(server.completers[0]), ZX_ERR_CANCELED);
  fidl_completer_close(server.completers[1], ZX_ERR_INTERNAL);
  stop(&server);
}
END_TEST

START_TEST(closing_a_completer_closes_the_binding) {
  server_t server;
  start_device(&server);
  server.keep = true;
  peer_write(&server.peer, H("01", FLEXIBLE, PING));
  peer_run(&server.peer);
  fidl_completer_close(server.completers[0], ZX_ERR_NO_MEMORY);
  peer_expect(&server.peer, H("00", STRICT, EPITAPH) "fc ff ff ff 00*4");
  ck_assert_int_eq(server.unbound, 0);
  peer_run(&server.peer);
  ck_assert_int_eq(server.unbound, 1);
  ck_assert_int_eq(server.reason, ZX_ERR_NO_MEMORY);
  stop(&server);
}
END_TEST

START_TEST(too_many_unanswered_requests_stay_in_the_channel) {
  server_t server;
  start_device(&server);
  server.keep = true;
  for (uint32_t i = 0; i < FIDL_BINDING_MAX_OUTSTANDING + 1; i++)
    peer_write(&server.peer, H("09", FLEXIBLE, PING));
  peer_run(&server.peer);
  ck_assert_int_eq(server.num_completers, FIDL_BINDING_MAX_OUTSTANDING);
  ck_assert_int_eq(test_vectors_Device_Ping_reply(server.completers[5]), ZX_OK);
  peer_run(&server.peer);
  ck_assert_int_eq(server.num_completers, FIDL_BINDING_MAX_OUTSTANDING + 1);
  for (int i = 0; i < server.num_completers; i++)
    if (i != 5) ck_assert_int_eq(test_vectors_Device_Ping_reply(server.completers[i]), ZX_OK);
  stop(&server);
}
END_TEST

// Sends a message again and again and never reads, until the binding is over or takes no more. Returns how
// many were sent.
static int flood(server_t* server, const char* hex) {
  uint8_t bytes[64];
  uint32_t size = (uint32_t)hex_parse(hex, bytes, sizeof(bytes));
  int sent = 0;
  for (; sent < 100000 && server->unbound == 0; sent++) {
    if (zx_channel_write(server->peer.raw, 0, bytes, size, NULL, 0) != ZX_OK) break;
    if (sent % 16 == 0) peer_run(&server->peer);
  }
  peer_run(&server->peer);
  return sent;
}

// What a channel and the loop may take for themselves, however much is sent.
#define MAX_GROWTH (256u * 1024)

static size_t memory_in_use(void) {
  return mallinfo2().uordblks;
}

START_TEST(a_client_that_takes_no_answers_is_cut_off) {
  static const char* const requests[] = {H("09", FLEXIBLE, PING), H("09", FLEXIBLE, UNKNOWN),
                                         H("09", STRICT, SYNC)};
  for (int i = 0; i < 3; i++) {
    server_t server;
    start_device(&server);
    size_t before = memory_in_use();
    server.refused = true;
    ck_assert_int_gt(flood(&server, requests[i]), 16);
    ck_assert_int_eq(server.unbound, 1);
    ck_assert_int_eq(server.reason, ZX_ERR_NO_RESOURCES);
    ck_assert_uint_lt(memory_in_use(), before + MAX_GROWTH);
    stop(&server);
  }
}
END_TEST

START_TEST(a_client_that_floods_an_idle_server_fills_only_the_channel) {
  server_t server;
  start_device(&server);
  server.keep = true;
  size_t before = memory_in_use();
  ck_assert_int_lt(flood(&server, H("09", FLEXIBLE, PING)), 100000);
  ck_assert_int_eq(server.num_completers, FIDL_BINDING_MAX_OUTSTANDING);
  ck_assert_uint_lt(memory_in_use(), before + MAX_GROWTH);
  ck_assert_int_eq(server.unbound, 0);
  for (int i = 0; i < server.num_completers; i++)
    fidl_completer_close(server.completers[i], ZX_ERR_NO_RESOURCES);
  stop(&server);
}
END_TEST

START_TEST(what_was_sent_before_the_peer_closed_is_handled_first) {
  server_t server;
  start_device(&server);
  for (int i = 0; i < 50; i++)
    peer_write(&server.peer, H("00", STRICT, NOTE) "01 00*7");
  // Its answer finds nobody, which is not the end yet.
  peer_write(&server.peer, H("04", STRICT, SYNC));
  peer_write(&server.peer, H("00", STRICT, NOTE) "02 00*7");
  zx_handle_close(server.peer.raw);
  server.peer.raw = ZX_HANDLE_INVALID;
  peer_run(&server.peer);
  ck_assert_int_eq(server.notes, 51);
  ck_assert_int_eq(server.reason, ZX_ERR_PEER_CLOSED);
  stop(&server);
}
END_TEST

START_TEST(a_busy_client_leaves_others_their_turn) {
  server_t busy, other;
  start_device(&busy);
  other = (server_t){0};
  other.peer = busy.peer;
  ck_assert_int_eq(zx_channel_create(0, &other.peer.raw, &other.peer.bound), ZX_OK);
  ck_assert_int_eq(test_vectors_Device_bind(busy.peer.dispatcher, other.peer.bound, &device, &other,
                                            on_unbound, &other.binding),
                   ZX_OK);
  other.other = &busy;
  for (int i = 0; i < 100; i++)
    peer_write(&busy.peer, H("00", STRICT, NOTE) "01 00*7");
  peer_write(&other.peer, H("00", STRICT, NOTE) "02 00*7");
  peer_run(&busy.peer);
  ck_assert_int_eq(busy.notes, 101);
  int turn = 0;
  while (busy.note[turn] != 2)
    turn++;
  ck_assert_int_lt(turn, 50);
  zx_handle_close(other.peer.raw);
  stop(&busy);
  ck_assert_int_eq(other.unbound, 1);
}
END_TEST

START_TEST(the_end_of_the_loop_ends_its_bindings) {
  server_t server;
  start_device(&server);
  async_loop_shutdown(server.peer.loop);
  ck_assert_int_eq(server.unbound, 1);
  ck_assert_int_eq(server.reason, ZX_ERR_CANCELED);
  peer_expect_closed(&server.peer);
  zx_handle_close(server.peer.raw);
  async_loop_destroy(server.peer.loop);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("fidl binding");
  TCase* tc = jx_test_case(suite, "binding");
  tcase_add_test(tc, requests_are_answered_byte_by_byte);
  tcase_add_test(tc, empty_payloads_are_a_header_or_an_empty_success);
  tcase_add_test(tc, events_and_epitaphs_are_sent);
  tcase_add_test(tc, flags_that_mean_nothing_are_ignored);
  tcase_add_loop_test(tc, messages_that_break_the_protocol_end_the_binding, 0, 10);
  tcase_add_test(tc, unknown_strict_interactions_end_an_open_binding);
  tcase_add_test(tc, unknown_flexible_interactions_are_reported_and_answered);
  tcase_add_test(tc, ajar_bindings_tolerate_one_way_interactions_only);
  tcase_add_test(tc, closed_bindings_tolerate_nothing);
  tcase_add_test(tc, control_messages_are_no_requests);
  tcase_add_test(tc, methods_without_function_count_as_unknown);
  tcase_add_test(tc, handles_left_in_a_request_are_closed);
  tcase_add_test(tc, small_payloads_with_handles_travel_both_ways);
  tcase_add_test(tc, a_binding_may_be_closed_from_its_own_handler);
  tcase_add_test(tc, requests_may_be_answered_later_and_in_any_order);
  tcase_add_test(tc, completers_outlive_their_binding);
  tcase_add_test(tc, closing_a_completer_closes_the_binding);
  tcase_add_test(tc, too_many_unanswered_requests_stay_in_the_channel);
  tcase_add_test(tc, a_client_that_takes_no_answers_is_cut_off);
  tcase_add_test(tc, a_client_that_floods_an_idle_server_fills_only_the_channel);
  tcase_add_test(tc, what_was_sent_before_the_peer_closed_is_handled_first);
  tcase_add_test(tc, a_busy_client_leaves_others_their_turn);
  tcase_add_test(tc, the_end_of_the_loop_ends_its_bindings);
  return jx_test_run(suite);
}
