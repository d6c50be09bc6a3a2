// Requests answered on other threads than the loop's, many at a time, until the binding ends in one way or
// another.
#include <fidl/test.vectors.h>
#include <lib/async-loop/loop.h>
#include <pthread.h>
#include <stdlib.h>
#include <zircon/syscalls.h>

#include "jx_test.h"

#define REQUESTS 3000
#define WORKERS 3

// A server that leaves its answers to workers.
typedef struct server {
  async_loop_t* loop;
  zx_handle_t raw;  // the client's end
  fidl_binding_t* binding;
  int unbound;
  zx_status_t reason;
  int closing_answer;  // the one that closes the binding instead; 0: none does
  pthread_t workers[WORKERS];
  pthread_mutex_t lock;
  pthread_cond_t changed;
  bool over;
  bool held;  // nothing is answered yet
  int received, answered;
  fidl_completer_t completers[REQUESTS];
} server_t;

static void on_unbound(void* context, fidl_binding_t* binding, zx_status_t reason) {
  server_t* server = context;
  ck_assert_ptr_eq(binding, server->binding);
  server->unbound++;
  server->reason = reason;
}

static void ping(void* context, fidl_completer_t completer) {
  server_t* server = context;
  pthread_mutex_lock(&server->lock);
  server->completers[server->received++] = completer;
  pthread_cond_broadcast(&server->changed);
  pthread_mutex_unlock(&server->lock);
}

static const test_vectors_Device_ops_t device = {.Ping = ping};

// The number of an answer to give, from 1; 0 in the end.
static int next_answer(server_t* server, fidl_completer_t* out) {
  pthread_mutex_lock(&server->lock);
  while (!server->over && (server->held || server->answered == server->received))
    pthread_cond_wait(&server->changed, &server->lock);
  int number = 0;
  if (server->answered < server->received) {
    *out = server->completers[server->answered++];
    number = server->answered;
  }
  pthread_mutex_unlock(&server->lock);
  return number;
}

static void* work(void* context) {
  server_t* server = context;
  fidl_completer_t completer;
  for (int number; (number = next_answer(server, &completer)) != 0;) {
    if (number == server->closing_answer)
      fidl_completer_close(completer, ZX_ERR_NO_MEMORY);
    else
      test_vectors_Device_Ping_reply(completer);
  }
  return NULL;
}

static server_t* start(int closing_answer) {
  server_t* server = calloc(1, sizeof(*server));
  zx_handle_t end;
  server->closing_answer = closing_answer;
  pthread_mutex_init(&server->lock, NULL);
  pthread_cond_init(&server->changed, NULL);
  ck_assert_int_eq(async_loop_create(NULL, &server->loop), ZX_OK);
  ck_assert_int_eq(zx_channel_create(0, &server->raw, &end), ZX_OK);
  ck_assert_int_eq(test_vectors_Device_bind(async_loop_get_dispatcher(server->loop), end, &device, server,
                                            on_unbound, &server->binding),
                   ZX_OK);
  ck_assert_int_eq(async_loop_start_thread(server->loop, "loop", NULL), ZX_OK);
  for (int i = 0; i < WORKERS; i++)
    ck_assert_int_eq(pthread_create(&server->workers[i], NULL, work, server), 0);
  return server;
}

static void stop_workers(server_t* server) {
  pthread_mutex_lock(&server->lock);
  server->over = true;
  server->held = false;
  pthread_cond_broadcast(&server->changed);
  pthread_mutex_unlock(&server->lock);
  for (int i = 0; i < WORKERS; i++)
    pthread_join(server->workers[i], NULL);
}

static void hold(server_t* server, bool held) {
  pthread_mutex_lock(&server->lock);
  server->held = held;
  pthread_cond_broadcast(&server->changed);
  pthread_mutex_unlock(&server->lock);
}

static void wait_until_received(server_t* server, int count) {
  pthread_mutex_lock(&server->lock);
  while (server->received < count)
    pthread_cond_wait(&server->changed, &server->lock);
  pthread_mutex_unlock(&server->lock);
}

// The loop ends and with it whatever is still bound.
static void stop(server_t* server, zx_status_t reason) {
  zx_handle_close(server->raw);
  async_loop_shutdown(server->loop);
  stop_workers(server);
  ck_assert_int_eq(server->unbound, 1);
  if (reason != ZX_OK) ck_assert_int_eq(server->reason, reason);
  async_loop_destroy(server->loop);
  pthread_mutex_destroy(&server->lock);
  pthread_cond_destroy(&server->changed);
  free(server);
}

static zx_status_t request(server_t* server, uint32_t txid) {
  const struct {
    uint32_t txid;
    uint8_t flags[4];
    uint64_t ordinal;
  } message = {txid, {2, 0, 0x80, 1}, test_vectors_Device_Ping_ORDINAL};
  return zx_channel_write(server->raw, 0, &message, sizeof(message), NULL, 0);
}

// The transaction id of the next reply, 0 for an epitaph.
static zx_status_t reply(server_t* server, uint32_t* out_txid) {
  uint32_t words[16], size;
  zx_status_t status = zx_channel_read(server->raw, 0, words, NULL, sizeof(words), 0, &size, NULL);
  if (status == ZX_OK) *out_txid = words[0];
  return status;
}

static void wait_for_reply(server_t* server) {
  ck_assert_int_eq(
      zx_object_wait_one(server->raw, ZX_CHANNEL_READABLE | ZX_CHANNEL_PEER_CLOSED, ZX_TIME_INFINITE, NULL),
      ZX_OK);
}

START_TEST(each_request_is_answered_once_whichever_thread_does) {
  server_t* server = start(0);
  static uint8_t answers[REQUESTS + 1];
  uint32_t sent = 0, received = 0, txid = 0;
  memset(answers, 0, sizeof(answers));
  while (received < REQUESTS) {
    // More than may be unanswered, so that the binding stops reading now and then.
    while (sent < REQUESTS && sent < received + 3 * FIDL_BINDING_MAX_OUTSTANDING &&
           request(server, sent + 1) == ZX_OK)
      sent++;
    wait_for_reply(server);
    while (reply(server, &txid) == ZX_OK) {
      ck_assert_uint_ge(txid, 1);
      ck_assert_uint_le(txid, REQUESTS);
      ck_assert_uint_eq(answers[txid]++, 0);
      received++;
    }
  }
  stop(server, ZX_OK);
}
END_TEST

START_TEST(room_made_on_another_thread_is_used) {
  server_t* server = start(0);
  hold(server, true);
  for (uint32_t i = 0; i < FIDL_BINDING_MAX_OUTSTANDING + 1; i++)
    ck_assert_int_eq(request(server, i + 1), ZX_OK);
  wait_until_received(server, FIDL_BINDING_MAX_OUTSTANDING);
  hold(server, false);
  wait_until_received(server, FIDL_BINDING_MAX_OUTSTANDING + 1);
  stop(server, ZX_OK);
}
END_TEST

START_TEST(a_binding_may_be_closed_on_another_thread) {
  for (int closing = 1; closing <= 200; closing += 23) {
    server_t* server = start(closing);
    uint32_t txid;
    for (uint32_t i = 0; i < 200; i++)
      if (request(server, i + 1) != ZX_OK) break;
    zx_status_t status;
    do {
      wait_for_reply(server);
      while ((status = reply(server, &txid)) == ZX_OK)
        continue;
    } while (status == ZX_ERR_SHOULD_WAIT);
    ck_assert_int_eq(status, ZX_ERR_PEER_CLOSED);
    stop(server, ZX_ERR_NO_MEMORY);
  }
}
END_TEST

START_TEST(answers_race_with_the_clients_end) {
  for (int i = 0; i < 30; i++) {
    server_t* server = start(0);
    uint32_t txid;
    for (uint32_t j = 0; j < 100; j++)
      if (request(server, j + 1) != ZX_OK) break;
    wait_for_reply(server);
    ck_assert_int_eq(reply(server, &txid), ZX_OK);
    stop(server, ZX_OK);
  }
}
END_TEST

START_TEST(the_end_of_the_loop_ends_what_waits_for_answers) {
  server_t* server = start(0);
  hold(server, true);
  for (uint32_t i = 0; i < FIDL_BINDING_MAX_OUTSTANDING + 1; i++)
    ck_assert_int_eq(request(server, i + 1), ZX_OK);
  wait_until_received(server, FIDL_BINDING_MAX_OUTSTANDING);
  async_loop_shutdown(server->loop);
  ck_assert_int_eq(server->unbound, 1);
  ck_assert_int_eq(server->reason, ZX_ERR_CANCELED);
  ck_assert_int_eq(test_vectors_Device_Ping_reply(server->completers[0]), ZX_ERR_CANCELED);
  stop(server, ZX_ERR_CANCELED);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("fidl answers");
  TCase* tc = jx_test_case(suite, "answers");
  tcase_add_test(tc, each_request_is_answered_once_whichever_thread_does);
  tcase_add_test(tc, room_made_on_another_thread_is_used);
  tcase_add_test(tc, a_binding_may_be_closed_on_another_thread);
  tcase_add_test(tc, answers_race_with_the_clients_end);
  tcase_add_test(tc, the_end_of_the_loop_ends_what_waits_for_answers);
  return jx_test_run(suite);
}
