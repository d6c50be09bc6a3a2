// See tcpip/async.h.
#include <stddef.h>

#include <tcpip/async.h>
#include <zircon/syscalls.h>

// What is left after them waits for the timer.
enum { ROUNDS = 4 };

static void due(async_dispatcher_t* dispatcher, async_task_t* task, zx_status_t status) {
  tcpip_timer_t* timer = (void*)((char*)task - offsetof(tcpip_timer_t, task));
  timer->deadline = TCPIP_NEVER;
  if (status != ZX_OK) return;
  tcpip_advance(timer->engine, zx_clock_get_monotonic());
  timer->fired(timer->context);
}

void tcpip_timer_init(tcpip_timer_t* timer, async_dispatcher_t* dispatcher, tcpip_t* engine,
                      void (*fired)(void* context), void* context) {
  *timer = (tcpip_timer_t){.dispatcher = dispatcher,
                           .engine = engine,
                           .fired = fired,
                           .context = context,
                           .task.handler = due,
                           .deadline = TCPIP_NEVER};
}

void tcpip_timer_set(tcpip_timer_t* timer, bool at_once) {
  int64_t deadline = at_once ? tcpip_time(timer->engine) : tcpip_deadline(timer->engine);
  if (deadline >= timer->deadline) return;
  (void)async_cancel_task(timer->dispatcher, &timer->task);
  timer->task.deadline = deadline;
  zx_status_t status = async_post_task(timer->dispatcher, &timer->task);
  timer->deadline = status == ZX_OK ? deadline : TCPIP_NEVER;
}

void tcpip_timer_cancel(tcpip_timer_t* timer) {
  if (timer->dispatcher) (void)async_cancel_task(timer->dispatcher, &timer->task);
  timer->deadline = TCPIP_NEVER;
}

bool tcpip_take_rounds(tcpip_t* engine, bool (*serve)(void* context), void* context) {
  bool more = true;
  for (int i = 0; more && i < ROUNDS; i++) {
    more = serve(context);
    int64_t now = tcpip_time(engine);
    if (tcpip_deadline(engine) > now) continue;
    tcpip_advance(engine, now);
    more = true;
  }
  return more;
}
