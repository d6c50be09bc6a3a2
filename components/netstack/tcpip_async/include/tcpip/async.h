// An engine in an asynchronous loop: what whoever drives one from a dispatcher needs besides.
#ifndef TCPIP_ASYNC_H_
#define TCPIP_ASYNC_H_

#include <lib/async/task.h>
#include <tcpip/tcpip.h>

// Wakes the loop at the engine's next deadline. It is only ever moved forward in time by its own firing: a
// deadline that became later costs nothing until then.
typedef struct tcpip_timer {
  async_dispatcher_t* dispatcher;
  tcpip_t* engine;
  void (*fired)(void* context);  // the engine has been advanced; sets the timer again
  void* context;
  async_task_t task;
  int64_t deadline;  // TCPIP_NEVER while it is not set
} tcpip_timer_t;

void tcpip_timer_init(tcpip_timer_t* timer, async_dispatcher_t* dispatcher, tcpip_t* engine,
                      void (*fired)(void* context), void* context);
// Sets it to the engine's deadline, or to now if there is something left to do `at_once`.
void tcpip_timer_set(tcpip_timer_t* timer, bool at_once);
// Also for one that is all zero.
void tcpip_timer_cancel(tcpip_timer_t* timer);

// Serves those above the engine and does what is due in it, until neither has anything to do now, but not so
// often that the loop's others would have to wait. `serve` returns whether somebody has something to do
// again; so does this.
bool tcpip_take_rounds(tcpip_t* engine, bool (*serve)(void* context), void* context);

#endif  // TCPIP_ASYNC_H_
