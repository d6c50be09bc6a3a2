// A process whose calls on sockets are made for it, and whoever makes them: a thread of the test's, over the
// fake stack.
#ifndef TESTS_UNIT_RUNTIME_INTERCEPT_TARGET_H_
#define TESTS_UNIT_RUNTIME_INTERCEPT_TARGET_H_

#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>
#include <zircon/types.h>

#include <lib/intercept/intercept.h>

#include "fake_stack.h"

typedef struct target {
  pid_t pid;
  int said;  // what it writes to `says` can be read here
  fake_stack_t* stack;
  intercept_numbers_t numbers;
  int listener;
  zx_handle_t svc;
  pthread_t thread;
  zx_status_t served;
} target_t;

// The kernel can do it.
bool target_is_possible(void);

// Starts a process that makes the calls of `body`. `with_stack`: there is a network stack.
void target_start(target_t* target, void (*body)(void), bool with_stack);
// Waits until it has said one more thing.
void target_await(target_t* target);
// Waits for its end, and for that of the service; nothing must be left of its sockets. The wait status.
int target_end(target_t* target);
// All of it, for a process that ends by itself and finds everything as it should be.
void target_run(void (*body)(void));

// In the target

void target_say(void);
_Noreturn void target_fail(const char* what, int line);

// The fixture's own ck_assert: that one is Check's, of the test's process.
#define EXPECT(condition) ((condition) ? (void)0 : target_fail(#condition, __LINE__))
#define EXPECT_FAILS(call, code) EXPECT((errno = 0, (call) < 0 && errno == (code)))

struct sockaddr_in target_address(int port);
// A datagram socket, bound to `port`.
int target_socket(int port);

#endif  // TESTS_UNIT_RUNTIME_INTERCEPT_TARGET_H_
