// Synchronous calls, answered by a binding on a loop in another thread, or by raw bytes.
#include <fidl/test.vectors.h>
#include <pthread.h>
#include <stdlib.h>

#include "jx_test.h"
#include "ordinals.h"
#include "peer.h"

typedef struct server {
  pthread_t thread;
  async_loop_t* loop;
  zx_handle_t channel;  // the client's end
  int notes;
} server_t;

static void echo(void* context, test_vectors_DeviceEchoRequest* request, fidl_completer_t completer) {
  if (request->text.size == 0) {
    test_vectors_Device_Echo_reply_error(completer, -3);
    return;
  }
  test_vectors_Device_Echo_Response response = {.text = request->text, .data = request->data};
  test_vectors_Device_Echo_reply(completer, &response);
}

static void swap(void* context, test_vectors_DeviceSwapRequest* request, fidl_completer_t completer) {
  test_vectors_Device_Swap_Response response = {.h = request->h};
  request->h = ZX_HANDLE_INVALID;
  test_vectors_Device_Swap_reply(completer, &response);
}

static void sync_(void* context, fidl_completer_t completer) {
  test_vectors_Device_Sync_reply(completer);
}

static void note(void* context, test_vectors_DeviceNoteRequest* request) {
  ((server_t*)context)->notes++;
}

static void plain(void* context, test_vectors_FlexibleUnion* request, fidl_completer_t completer) {
  test_vectors_Mixed mixed;
  test_vectors_Mixed_frame_t frame;
  test_vectors_Mixed_init(&mixed, &frame);
  if (request->ordinal == test_vectors_FlexibleUnion_Tag_a)
    test_vectors_Mixed_set_bar(&mixed, (int32_t)request->a);
  test_vectors_Device_Plain_reply(completer, &mixed);
}

static const test_vectors_Device_ops_t device = {
    .Echo = echo, .Swap = swap, .Sync = sync_, .Note = note, .Plain = plain};

static void on_unbound(void* context, fidl_binding_t* binding, zx_status_t reason) {
  async_loop_quit(((server_t*)context)->loop);
}

static void* serve(void* context) {
  server_t* server = context;
  async_loop_run(server->loop, ZX_TIME_INFINITE, false);
  return NULL;
}

static void start(server_t* server) {
  zx_handle_t end;
  *server = (server_t){0};
  ck_assert_int_eq(async_loop_create(NULL, &server->loop), ZX_OK);
  ck_assert_int_eq(zx_channel_create(0, &server->channel, &end), ZX_OK);
  ck_assert_int_eq(test_vectors_Device_bind(async_loop_get_dispatcher(server->loop), end, &device, server,
                                            on_unbound, NULL),
                   ZX_OK);
  ck_assert_int_eq(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void stop(server_t* server) {
  zx_handle_close(server->channel);
  pthread_join(server->thread, NULL);
  async_loop_destroy(server->loop);
}

START_TEST(a_call_returns_the_reply) {
  server_t server;
  start(&server);
  FIDL_BUFFER(buffer, test_vectors_Device_Echo_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, ZX_TIME_INFINITE);
  uint8_t* data = malloc(65536);
  for (int i = 0; i < 65536; i++)
    data[i] = (uint8_t)(i * 31);
  // Small, gathered, and the largest that a message holds: 16 header, 16 union, 32 struct, 8 text.
  static const uint32_t sizes[] = {0, 1, 511, 512, 1400, 4097, 65536 - 16 - 16 - 32 - 8};
  for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
    test_vectors_DeviceEchoRequest request = {.text = fidl_string("text"),
                                              .data = fidl_bytes(data, sizes[i])};
    test_vectors_Device_Echo_Result* result;
    ck_assert_int_eq(test_vectors_Device_Echo(server.channel, &request, &call, &result), ZX_OK);
    ck_assert_uint_eq(result->ordinal, test_vectors_Device_Echo_Result_Tag_response);
    ck_assert(fidl_string_equals(result->response->text, "text"));
    ck_assert_uint_eq(result->response->data.count, sizes[i]);
    if (sizes[i]) ck_assert_mem_eq(result->response->data.data, data, sizes[i]);
  }
  test_vectors_DeviceEchoRequest large = {.text = fidl_string("text"), .data = fidl_bytes(data, 65500)};
  test_vectors_Device_Echo_Result* result;
  ck_assert_int_eq(test_vectors_Device_Echo(server.channel, &large, &call, &result), ZX_ERR_OUT_OF_RANGE);
  free(data);
  stop(&server);
}
END_TEST

START_TEST(a_call_returns_the_servers_error) {
  server_t server;
  start(&server);
  FIDL_BUFFER(buffer, 256);
  fidl_call_t call = FIDL_CALL(buffer, ZX_TIME_INFINITE);
  test_vectors_DeviceEchoRequest request = {.text = fidl_string(""), .data = fidl_bytes("", 0)};
  test_vectors_Device_Echo_Result* result;
  ck_assert_int_eq(test_vectors_Device_Echo(server.channel, &request, &call, &result), ZX_OK);
  ck_assert_uint_eq(result->ordinal, test_vectors_Device_Echo_Result_Tag_err);
  ck_assert_int_eq(result->err, -3);
  stop(&server);
}
END_TEST

START_TEST(a_method_the_server_lacks_is_not_supported) {
  server_t server;
  start(&server);
  FIDL_BUFFER(buffer, 256);
  fidl_call_t call = FIDL_CALL(buffer, ZX_TIME_INFINITE);
  test_vectors_Device_Ping_Result* result;
  ck_assert_int_eq(test_vectors_Device_Ping(server.channel, &call, &result), ZX_ERR_NOT_SUPPORTED);
  ck_assert_int_eq(test_vectors_Device_Sync(server.channel, &call), ZX_OK);
  stop(&server);
}
END_TEST

START_TEST(payloads_may_be_unions_and_tables) {
  server_t server;
  start(&server);
  FIDL_BUFFER(buffer, test_vectors_Device_Plain_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, ZX_TIME_INFINITE);
  test_vectors_FlexibleUnion request = test_vectors_FlexibleUnion_with_a(77);
  test_vectors_Mixed* mixed;
  ck_assert_int_eq(test_vectors_Device_Plain(server.channel, &request, &call, &mixed), ZX_OK);
  ck_assert(!test_vectors_Mixed_has_foo(mixed));
  ck_assert_int_eq(test_vectors_Mixed_bar(mixed), 77);
  stop(&server);
}
END_TEST

START_TEST(handles_go_there_and_back) {
  server_t server;
  start(&server);
  FIDL_BUFFER(buffer, test_vectors_Device_Swap_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, ZX_TIME_INFINITE);
  test_vectors_DeviceSwapRequest request = {.h = peer_event()};
  test_vectors_Device_Swap_Result* result;
  ck_assert_int_eq(test_vectors_Device_Swap(server.channel, &request, &call, &result), ZX_OK);
  ck_assert_uint_eq(request.h, ZX_HANDLE_INVALID);
  ck_assert(peer_handle_valid(result->response.h));
  test_vectors_Device_Swap_Result_close_handles(result);
  ck_assert_uint_eq(result->response.h, ZX_HANDLE_INVALID);
  stop(&server);
}
END_TEST

START_TEST(one_way_calls_arrive_in_order_with_others) {
  server_t server;
  start(&server);
  FIDL_BUFFER(buffer, 64);
  fidl_call_t call = FIDL_CALL(buffer, ZX_TIME_INFINITE);
  test_vectors_DeviceNoteRequest request = {.code = 1};
  for (int i = 0; i < 10; i++)
    ck_assert_int_eq(test_vectors_Device_Note(server.channel, &request), ZX_OK);
  ck_assert_int_eq(test_vectors_Device_Sync(server.channel, &call), ZX_OK);
  ck_assert_int_eq(server.notes, 10);
  stop(&server);
}
END_TEST

START_TEST(a_reply_larger_than_the_buffer_is_told) {
  server_t server;
  start(&server);
  FIDL_BUFFER(buffer, 64);
  fidl_call_t call = FIDL_CALL(buffer, ZX_TIME_INFINITE);
  static const uint8_t data[100];
  test_vectors_DeviceEchoRequest request = {.text = fidl_string("text"), .data = fidl_bytes(data, 100)};
  test_vectors_Device_Echo_Result* result;
  ck_assert_int_eq(test_vectors_Device_Echo(server.channel, &request, &call, &result),
                   ZX_ERR_BUFFER_TOO_SMALL);
  stop(&server);
}
END_TEST

START_TEST(a_silent_server_times_out) {
  zx_handle_t client, silent;
  ck_assert_int_eq(zx_channel_create(0, &client, &silent), ZX_OK);
  FIDL_BUFFER(buffer, 64);
  fidl_call_t call = FIDL_CALL(buffer, 0);
  ck_assert_int_eq(test_vectors_Device_Sync(client, &call), ZX_ERR_TIMED_OUT);
  zx_handle_close(silent);
  ck_assert_int_eq(test_vectors_Device_Sync(client, &call), ZX_ERR_PEER_CLOSED);
  ck_assert_int_eq(test_vectors_Device_Clear(client), ZX_ERR_PEER_CLOSED);
  zx_handle_close(client);
}
END_TEST

START_TEST(a_failing_call_consumes_its_handles) {
  zx_handle_t client, server;
  ck_assert_int_eq(zx_channel_create(0, &client, &server), ZX_OK);
  zx_handle_close(server);
  test_vectors_DeviceTakeRequest request = {.h = peer_event(), .optional = peer_event()};
  zx_handle_t sent[2] = {request.h, request.optional};
  ck_assert_int_eq(test_vectors_Device_Take(client, &request), ZX_ERR_PEER_CLOSED);
  ck_assert(!peer_handle_valid(sent[0]));
  ck_assert(!peer_handle_valid(sent[1]));
  // The required handle is missing; the other one is consumed all the same.
  request = (test_vectors_DeviceTakeRequest){.optional = peer_event()};
  sent[1] = request.optional;
  ck_assert_int_eq(test_vectors_Device_Take(client, &request), ZX_ERR_INVALID_ARGS);
  ck_assert(!peer_handle_valid(sent[1]));
  zx_handle_close(client);
}
END_TEST

typedef struct answer {
  pthread_t thread;
  zx_handle_t end;
  const char* hex;  // the reply without its transaction id
  uint32_t num_handles;
} answer_t;

static void* answer_once(void* context) {
  answer_t* answer = context;
  uint8_t bytes[256], reply[256];
  zx_handle_t handles[2];
  uint32_t size, count;
  zx_object_wait_one(answer->end, ZX_CHANNEL_READABLE, ZX_TIME_INFINITE, NULL);
  zx_channel_read(answer->end, 0, bytes, handles, sizeof(bytes), 2, &size, &count);
  uint32_t reply_size = 4;
  for (const char* c = answer->hex; *c; c += *c == ' ' ? 1 : 2)
    if (*c != ' ') reply[reply_size++] = (uint8_t)strtoul((char[]){c[0], c[1], 0}, NULL, 16);
  memcpy(reply, bytes, 4);
  for (uint32_t i = 0; i < answer->num_handles; i++)
    zx_event_create(0, &handles[i]);
  zx_channel_write(answer->end, 0, reply, reply_size, handles, answer->num_handles);
  return NULL;
}

START_TEST(replies_that_do_not_decode_are_errors_and_leak_nothing) {
  static const struct {
    const char* hex;
    uint32_t num_handles;
  } replies[] = {
      {"02 00 80 00 41 3e 83 5f ce 23 f5 79 01 00 00 00 00 00 00 00 00 00 00 00 00 00 01 00", 0},  // magic
      {"00 00 80 01 41 3e 83 5f ce 23 f5 79 01 00 00 00 00 00 00 00 00 00 00 00 00 00 01 00",
       1},  // wire format
      {"02 00 80 01 42 3e 83 5f ce 23 f5 79 01 00 00 00 00 00 00 00 00 00 00 00 00 00 01 00", 1},  // ordinal
      {"02 00 80 01 41 3e 83 5f ce 23 f5 79 02 00 00 00 00 00 00 00 00 00 00 00 00 00 01 00",
       0},  // no such error
      {"02 00 80 01 41 3e 83 5f ce 23 f5 79 03 00 00 00 00 00 00 00 fd ff ff ff 00 00 01 00",
       0},  // framework_err
      {"02 00 80 01 41 3e 83 5f ce 23 f5 79 01 00 00 00 00 00 00 00 00 00 00 00 00 00 01 00", 1},  // a handle
      {"02 00 80 01 41 3e 83 5f ce 23 f5 79", 1},                                                  // no body
      {"02 00 80 01", 0},  // no header
  };
  answer_t answer = {.hex = replies[_i].hex, .num_handles = replies[_i].num_handles};
  zx_handle_t client;
  ck_assert_int_eq(zx_channel_create(0, &client, &answer.end), ZX_OK);
  ck_assert_int_eq(pthread_create(&answer.thread, NULL, answer_once, &answer), 0);
  FIDL_BUFFER(buffer, 256);
  fidl_call_t call = FIDL_CALL(buffer, ZX_TIME_INFINITE);
  test_vectors_Device_Ping_Result* result;
  ck_assert_int_eq(test_vectors_Device_Ping(client, &call, &result), ZX_ERR_INVALID_ARGS);
  pthread_join(answer.thread, NULL);
  zx_handle_close(answer.end);
  zx_handle_close(client);
}
END_TEST

START_TEST(a_buffer_that_is_not_aligned_is_refused) {
  zx_handle_t client, server;
  ck_assert_int_eq(zx_channel_create(0, &client, &server), ZX_OK);
  FIDL_BUFFER(buffer, 256);
  fidl_call_t call = fidl_call_make((uint8_t*)buffer + 4, 128, ZX_TIME_INFINITE);
  test_vectors_DeviceSwapRequest request = {.h = peer_event()};
  test_vectors_Device_Swap_Result* result;
  ck_assert_int_eq(test_vectors_Device_Swap(client, &request, &call, &result), ZX_ERR_INVALID_ARGS);
  zx_handle_close(client);
  zx_handle_close(server);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("fidl call");
  TCase* tc = jx_test_case(suite, "call");
  tcase_add_test(tc, a_call_returns_the_reply);
  tcase_add_test(tc, a_call_returns_the_servers_error);
  tcase_add_test(tc, a_method_the_server_lacks_is_not_supported);
  tcase_add_test(tc, payloads_may_be_unions_and_tables);
  tcase_add_test(tc, handles_go_there_and_back);
  tcase_add_test(tc, one_way_calls_arrive_in_order_with_others);
  tcase_add_test(tc, a_reply_larger_than_the_buffer_is_told);
  tcase_add_test(tc, a_silent_server_times_out);
  tcase_add_test(tc, a_failing_call_consumes_its_handles);
  tcase_add_loop_test(tc, replies_that_do_not_decode_are_errors_and_leak_nothing, 0, 8);
  tcase_add_test(tc, a_buffer_that_is_not_aligned_is_refused);
  return jx_test_run(suite);
}
