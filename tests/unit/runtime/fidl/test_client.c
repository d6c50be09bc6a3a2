// Asynchronous clients against raw bytes.
#include <fidl/test.vectors.h>
#include <stdlib.h>

#include "jx_test.h"
#include "ordinals.h"
#include "peer.h"

typedef struct user {
  peer_t peer;
  fidl_client_t* client;
  int closed;
  zx_status_t reason;
  int called;
  zx_status_t status;
  uint32_t error_code;
  int strict_events;
  uint64_t unknown;
  char text[65];
  zx_handle_t handle;
  bool close_in_callback;
} user_t;

static void on_closed(void* context, fidl_client_t* client, zx_status_t reason) {
  user_t* user = context;
  user->closed++;
  user->reason = reason;
  if (user->close_in_callback) {
    fidl_client_close(client);
    user->client = NULL;
  }
}

static void on_error(void* context, test_vectors_DeviceOnErrorRequest* event) {
  ((user_t*)context)->error_code = event->code;
}

static void on_handle(void* context, test_vectors_DeviceOnHandleRequest* event) {
  ((user_t*)context)->handle = event->h;
}

static void on_strict(void* context) {
  ((user_t*)context)->strict_events++;
}

static void on_unknown(void* context, uint64_t ordinal) {
  ((user_t*)context)->unknown = ordinal;
}

static const test_vectors_Device_event_ops_t events = {
    .OnError = on_error, .OnHandle = on_handle, .OnStrict = on_strict, .on_unknown_interaction = on_unknown};

static void start(user_t* user, const test_vectors_Device_event_ops_t* ops) {
  *user = (user_t){0};
  peer_init(&user->peer);
  ck_assert_int_eq(test_vectors_Device_client_bind(user->peer.dispatcher, user->peer.bound, ops, user,
                                                   on_closed, &user->client),
                   ZX_OK);
}

static void stop(user_t* user) {
  fidl_client_close(user->client);
  peer_deinit(&user->peer);
}

static void pinged(void* context, zx_status_t status, test_vectors_Device_Ping_Result* result) {
  user_t* user = context;
  user->called++;
  user->status = status;
  ck_assert_int_eq(result != NULL, status == ZX_OK);
  if (user->close_in_callback) {
    fidl_client_close(user->client);
    user->client = NULL;
  }
}

static void ping(user_t* user) {
  ck_assert_int_eq(test_vectors_Device_Ping_async(user->client, pinged, user), ZX_OK);
}

static void echoed(void* context, zx_status_t status, test_vectors_Device_Echo_Result* result) {
  user_t* user = context;
  user->called++;
  user->status = status;
  if (status != ZX_OK || result->ordinal != test_vectors_Device_Echo_Result_Tag_response) return;
  memcpy(user->text, result->response->text.data, result->response->text.size);
}

static void swapped(void* context, zx_status_t status, test_vectors_Device_Swap_Result* result) {
  user_t* user = context;
  user->called++;
  user->handle = result->response.h;  // left there
}

// Reads a request and writes it back with the given body.
static void answer(user_t* user, const void* body, uint32_t body_size, zx_handle_t handle) {
  uint8_t bytes[4096];
  zx_handle_t handles[4];
  uint32_t size, count;
  ck_assert_int_eq(zx_channel_read(user->peer.raw, 0, bytes, handles, sizeof(bytes), 4, &size, &count),
                   ZX_OK);
  for (uint32_t i = 0; i < count; i++)
    zx_handle_close(handles[i]);
  ck_assert_uint_ge(size, 16);
  memcpy(bytes + 16, body, body_size);
  ck_assert_int_eq(zx_channel_write(user->peer.raw, 0, bytes, 16 + body_size, &handle, handle ? 1 : 0),
                   ZX_OK);
}

static const uint8_t empty_success[16] = {1, [14] = 1};
static const uint8_t unknown_method[16] = {3, [8] = 0xfe, 0xff, 0xff, 0xff, 0, 0, 1, 0};

START_TEST(replies_reach_their_callbacks) {
  user_t user;
  start(&user, &events);
  ping(&user);
  answer(&user, empty_success, 16, 0);
  peer_run(&user.peer);
  ck_assert_int_eq(user.called, 1);
  ck_assert_int_eq(user.status, ZX_OK);
  test_vectors_DeviceEchoRequest request = {.text = fidl_string("hello"), .data = fidl_bytes("x", 1)};
  ck_assert_int_eq(test_vectors_Device_Echo_async(user.client, &request, echoed, &user), ZX_OK);
  uint8_t reply[16 + 32 + 8] = {1, [8] = 40, [16] = 5, [48] = 'h', 'e', 'l', 'l', 'o'};
  memset(reply + 24, 0xff, 8);
  memset(reply + 40, 0xff, 8);
  answer(&user, reply, sizeof(reply), 0);
  peer_run(&user.peer);
  ck_assert_int_eq(user.called, 2);
  ck_assert_str_eq(user.text, "hello");
  stop(&user);
  ck_assert_int_eq(user.closed, 0);
}
END_TEST

START_TEST(an_unknown_method_is_no_end) {
  user_t user;
  start(&user, &events);
  ping(&user);
  answer(&user, unknown_method, 16, 0);
  peer_run(&user.peer);
  ck_assert_int_eq(user.called, 1);
  ck_assert_int_eq(user.status, ZX_ERR_NOT_SUPPORTED);
  ck_assert_int_eq(user.closed, 0);
  ping(&user);
  stop(&user);
  ck_assert_int_eq(user.called, 2);
  ck_assert_int_eq(user.status, ZX_ERR_CANCELED);
}
END_TEST

START_TEST(handles_left_in_a_reply_are_closed) {
  user_t user;
  static const uint8_t reply[16] = {1, [8] = 0xff, 0xff, 0xff, 0xff, 1, 0, 1, 0};
  start(&user, &events);
  test_vectors_DeviceSwapRequest request = {.h = peer_event()};
  ck_assert_int_eq(test_vectors_Device_Swap_async(user.client, &request, swapped, &user), ZX_OK);
  ck_assert_uint_eq(request.h, ZX_HANDLE_INVALID);
  answer(&user, reply, 16, peer_event());
  peer_run(&user.peer);
  ck_assert_uint_ne(user.handle, ZX_HANDLE_INVALID);
  ck_assert(!peer_handle_valid(user.handle));
  stop(&user);
}
END_TEST

START_TEST(events_reach_their_functions) {
  user_t user;
  start(&user, &events);
  peer_write(&user.peer, H("00", FLEXIBLE, ON_ERROR) "07 00*7");
  peer_write(&user.peer, H("00", STRICT, ON_STRICT));
  peer_write_handle(&user.peer, H("00", FLEXIBLE, ON_HANDLE) "ff*4 00*4", peer_event());
  peer_write_handle(&user.peer, H("00", FLEXIBLE, UNKNOWN) "00*8", peer_event());
  peer_run(&user.peer);
  ck_assert_uint_eq(user.error_code, 7);
  ck_assert_int_eq(user.strict_events, 1);
  ck_assert(!peer_handle_valid(user.handle));
  ck_assert_uint_eq(user.unknown, 0x0807060504030201);
  stop(&user);
}
END_TEST

START_TEST(events_without_function_are_ignored) {
  user_t user;
  start(&user, NULL);
  peer_write(&user.peer, H("00", FLEXIBLE, ON_ERROR) "07 00*7");
  peer_write_handle(&user.peer, H("00", FLEXIBLE, ON_HANDLE) "ff*4 00*4", peer_event());
  peer_write(&user.peer, H("00", FLEXIBLE, UNKNOWN) "00*8");
  peer_run(&user.peer);
  ck_assert_int_eq(user.closed, 0);
  stop(&user);
}
END_TEST

START_TEST(messages_that_break_the_protocol_end_the_client) {
  static const struct {
    const char* hex;
    zx_status_t reason;
  } messages[] = {
      {H("00", STRICT, UNKNOWN), ZX_ERR_NOT_SUPPORTED},        // strict event
      {H("07", FLEXIBLE, PING) "00*16", ZX_ERR_INVALID_ARGS},  // no such call
      {H("00", FLEXIBLE, ON_ERROR) "07 00*15", ZX_ERR_INVALID_ARGS},
      {"00 00 00 00 02 00 80 00" ON_ERROR "07 00*7", ZX_ERR_INVALID_ARGS},
      {H("00", STRICT, EPITAPH) "e8 ff ff ff 01 00*3", ZX_ERR_INVALID_ARGS},
      {H("00", STRICT, EPITAPH) "e8 ff ff ff 00*4", ZX_ERR_PEER_CLOSED},
      {H("00", STRICT, EPITAPH) "e2 ff ff ff 00*4", ZX_ERR_ACCESS_DENIED},
  };
  user_t user;
  start(&user, &events);
  ping(&user);
  peer_write(&user.peer, messages[_i].hex);
  peer_run(&user.peer);
  ck_assert_int_eq(user.closed, 1);
  ck_assert_int_eq(user.reason, messages[_i].reason);
  ck_assert_int_eq(user.called, 1);
  ck_assert_int_eq(user.status, messages[_i].reason);
  ck_assert_uint_eq(fidl_client_channel(user.client), ZX_HANDLE_INVALID);
  ck_assert_int_eq(test_vectors_Device_Ping_async(user.client, pinged, &user), ZX_ERR_PEER_CLOSED);
  stop(&user);
  ck_assert_int_eq(user.called, 1);
}
END_TEST

START_TEST(a_reply_with_another_ordinal_ends_the_client) {
  user_t user;
  start(&user, &events);
  ping(&user);
  uint8_t bytes[16];
  uint32_t size, count;
  ck_assert_int_eq(zx_channel_read(user.peer.raw, 0, bytes, NULL, 16, 0, &size, &count), ZX_OK);
  bytes[8] ^= 1;
  ck_assert_int_eq(zx_channel_write(user.peer.raw, 0, bytes, 16, NULL, 0), ZX_OK);
  peer_run(&user.peer);
  ck_assert_int_eq(user.closed, 1);
  ck_assert_int_eq(user.called, 1);
  ck_assert_int_eq(user.status, ZX_ERR_INVALID_ARGS);
  stop(&user);
}
END_TEST

START_TEST(replies_sent_before_the_server_went_arrive) {
  user_t user;
  start(&user, &events);
  for (int i = 0; i < 40; i++)
    ping(&user);
  for (int i = 0; i < 39; i++)
    answer(&user, empty_success, 16, 0);
  zx_handle_close(user.peer.raw);
  user.peer.raw = ZX_HANDLE_INVALID;
  peer_run(&user.peer);
  ck_assert_int_eq(user.called, 40);
  ck_assert_int_eq(user.status, ZX_ERR_PEER_CLOSED);
  ck_assert_int_eq(user.closed, 1);
  ck_assert_int_eq(user.reason, ZX_ERR_PEER_CLOSED);
  stop(&user);
}
END_TEST

START_TEST(a_client_may_be_closed_from_its_callbacks) {
  user_t user;
  start(&user, &events);
  ping(&user);
  ping(&user);
  user.close_in_callback = true;
  answer(&user, empty_success, 16, 0);
  // The second call is called back while the first one's callback closes the client.
  peer_run(&user.peer);
  ck_assert_int_eq(user.called, 2);
  ck_assert_ptr_null(user.client);
  stop(&user);
  start(&user, &events);
  user.close_in_callback = true;
  zx_handle_close(user.peer.raw);
  user.peer.raw = ZX_HANDLE_INVALID;
  peer_run(&user.peer);
  ck_assert_int_eq(user.closed, 1);
  ck_assert_ptr_null(user.client);
  stop(&user);
}
END_TEST

START_TEST(outstanding_calls_are_bounded) {
  user_t user;
  start(&user, &events);
  for (uint32_t i = 0; i < FIDL_CLIENT_MAX_PENDING; i++) {
    ping(&user);
    if (i >= FIDL_CLIENT_MAX_PENDING / 2) answer(&user, empty_success, 16, 0);
  }
  peer_run(&user.peer);
  ck_assert_int_eq(user.called, FIDL_CLIENT_MAX_PENDING / 2);
  uint8_t bytes[16];
  for (uint32_t i = 0; i < FIDL_CLIENT_MAX_PENDING / 2; i++) {
    uint32_t size, count;
    ping(&user);
    ck_assert_int_eq(zx_channel_read(user.peer.raw, 0, bytes, NULL, 16, 0, &size, &count), ZX_OK);
  }
  ck_assert_int_eq(test_vectors_Device_Ping_async(user.client, pinged, &user), ZX_ERR_NO_RESOURCES);
  user.called = 0;
  fidl_client_close(user.client);
  user.client = NULL;
  ck_assert_int_eq(user.called, FIDL_CLIENT_MAX_PENDING);
  stop(&user);
}
END_TEST

START_TEST(the_end_of_the_loop_ends_its_clients) {
  user_t user;
  start(&user, &events);
  ping(&user);
  async_loop_shutdown(user.peer.loop);
  ck_assert_int_eq(user.called, 1);
  ck_assert_int_eq(user.status, ZX_ERR_CANCELED);
  ck_assert_int_eq(user.reason, ZX_ERR_CANCELED);
  fidl_client_close(user.client);
  zx_handle_close(user.peer.raw);
  async_loop_destroy(user.peer.loop);
}
END_TEST

// One of many calls: how often it was called back, and with what.
typedef struct counted {
  user_t* user;
  int called;
  zx_status_t status;
  bool closes;
} counted_t;

static void count_call(void* context, zx_status_t status, test_vectors_Device_Ping_Result* result) {
  counted_t* call = context;
  user_t* user = call->user;
  call->called++;
  call->status = status;
  if (call->closes) {
    fidl_client_close(user->client);
    user->client = NULL;
  }
  // A call made now, while others are being called back, is refused or answered like any other.
  if (user->client && status != ZX_OK)
    ck_assert_int_eq(test_vectors_Device_Ping_async(user->client, count_call, context), ZX_ERR_PEER_CLOSED);
}

static void end_in_order(user_t* user) {
  peer_write(&user->peer, H("00", STRICT, EPITAPH) "e8 ff ff ff 00*4");
}

static void end_by_death(user_t* user) {
  zx_handle_close(user->peer.raw);
  user->peer.raw = ZX_HANDLE_INVALID;
}

static void end_by_nonsense(user_t* user) {
  peer_write(&user->peer, "01 02 03");
}

static void end_by_a_bad_reply(user_t* user) {
  peer_write(&user->peer, H("77", FLEXIBLE, PING));
}

static void end_by_closing(user_t* user) {
  fidl_client_close(user->client);
  user->client = NULL;
}

static void end_of_the_loop(user_t* user) {
  async_loop_shutdown(user->peer.loop);
}

static void end_in_a_callback(user_t* user) {
  answer(user, empty_success, 16, 0);  // to the call that closes the client
}

START_TEST(every_call_is_answered_once_however_it_ends) {
  static const struct {
    void (*end)(user_t* user);
    zx_status_t status;
  } ends[] = {
      {end_in_order, ZX_ERR_PEER_CLOSED},     {end_by_death, ZX_ERR_PEER_CLOSED},
      {end_by_nonsense, ZX_ERR_INVALID_ARGS}, {end_by_a_bad_reply, ZX_ERR_INVALID_ARGS},
      {end_by_closing, ZX_ERR_CANCELED},      {end_of_the_loop, ZX_ERR_CANCELED},
      {end_in_a_callback, ZX_ERR_CANCELED},
  };
  for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
    enum { ANSWERED = 7, CALLS = 40 };
    user_t user;
    counted_t calls[CALLS] = {0};
    start(&user, &events);
    for (int j = 0; j < CALLS; j++) {
      calls[j].user = &user;
      calls[j].closes = ends[i].end == end_in_a_callback && j == ANSWERED;
      ck_assert_int_eq(test_vectors_Device_Ping_async(user.client, count_call, &calls[j]), ZX_OK);
    }
    for (int j = 0; j < ANSWERED; j++)
      answer(&user, empty_success, 16, 0);
    if (ends[i].end == end_by_closing || ends[i].end == end_of_the_loop) peer_run(&user.peer);
    ends[i].end(&user);
    if (ends[i].end != end_of_the_loop) peer_run(&user.peer);
    for (int j = 0; j < CALLS; j++) {
      bool answered = j < ANSWERED + calls[j].closes;
      ck_assert_int_eq(calls[j].called, 1);
      ck_assert_int_eq(calls[j].status, answered ? ZX_OK : ends[i].status);
    }
    fidl_client_close(user.client);
    zx_handle_close(user.peer.raw);
    async_loop_destroy(user.peer.loop);
  }
}
END_TEST

int main(void) {
  Suite* suite = suite_create("fidl client");
  TCase* tc = jx_test_case(suite, "client");
  tcase_add_test(tc, replies_reach_their_callbacks);
  tcase_add_test(tc, an_unknown_method_is_no_end);
  tcase_add_test(tc, handles_left_in_a_reply_are_closed);
  tcase_add_test(tc, events_reach_their_functions);
  tcase_add_test(tc, events_without_function_are_ignored);
  tcase_add_loop_test(tc, messages_that_break_the_protocol_end_the_client, 0, 7);
  tcase_add_test(tc, a_reply_with_another_ordinal_ends_the_client);
  tcase_add_test(tc, replies_sent_before_the_server_went_arrive);
  tcase_add_test(tc, a_client_may_be_closed_from_its_callbacks);
  tcase_add_test(tc, outstanding_calls_are_bounded);
  tcase_add_test(tc, the_end_of_the_loop_ends_its_clients);
  tcase_add_test(tc, every_call_is_answered_once_however_it_ends);
  return jx_test_run(suite);
}
