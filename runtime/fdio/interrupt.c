// Waits that the program's signal handlers interrupt as POSIX says. While a thread waits all its signals are
// blocked; a signalfd, one of a few that the process keeps, turns a pending one into something the wait can
// see.
#include <pthread.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "fdio.h"

#define INTERRUPT_SLOTS 16

static struct {
  atomic_flag taken;
  int fd;  // 0: not made yet
  sigset_t watched;
} slots[INTERRUPT_SLOTS];

static sigset_t complement(const sigset_t* mask) {
  sigset_t result = {0};  // sigfillset leaves what the kernel does not know, and it is compared as a whole
  sigfillset(&result);
  for (int number = 1; number < NSIG; number++) {
    if (sigismember(mask, number) == 1) sigdelset(&result, number);
  }
  return result;
}

static bool watch(int slot, const sigset_t* wanted) {
  if (slots[slot].fd > 0 && memcmp(&slots[slot].watched, wanted, sizeof(*wanted)) == 0) return true;
  int fd = signalfd(slots[slot].fd > 0 ? slots[slot].fd : -1, wanted, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd < 0) return false;
  slots[slot].fd = fd;
  slots[slot].watched = *wanted;
  return true;
}

void fdio_interrupt_begin(fdio_interrupt_t* interrupt) {
  sigset_t all;
  interrupt->fd = -1;
  if (fdio_thread.masked) {
    interrupt->mask = fdio_thread.mask;
  } else {
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &interrupt->mask);
  }
  sigset_t wanted = complement(&interrupt->mask);
  for (interrupt->slot = 0; interrupt->slot < INTERRUPT_SLOTS; interrupt->slot++) {
    if (atomic_flag_test_and_set_explicit(&slots[interrupt->slot].taken, memory_order_acquire)) continue;
    if (watch(interrupt->slot, &wanted)) {
      interrupt->fd = slots[interrupt->slot].fd;
      return;
    }
    atomic_flag_clear_explicit(&slots[interrupt->slot].taken, memory_order_release);
    break;
  }
  interrupt->slot = -1;
  // Without such a descriptor (many threads wait, or there are none left) handlers run at any moment and
  // nothing ends with EINTR; better than signals that are never delivered.
  pthread_sigmask(SIG_SETMASK, &interrupt->mask, NULL);
}

static bool ends_call(const sigset_t* pending, const sigset_t* mask, bool timed) {
  for (int number = 1; number < NSIG; number++) {
    struct sigaction action;
    if (sigismember(pending, number) != 1 || sigismember(mask, number) == 1) continue;
    if (sigaction(number, NULL, &action) != 0) continue;
    if (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN) continue;
    if (timed || !(action.sa_flags & SA_RESTART)) return true;
  }
  return false;
}

bool fdio_interrupt_end(fdio_interrupt_t* interrupt, bool timed) {
  fdio_thread.masked = false;
  if (interrupt->slot < 0) return false;
  sigset_t pending;
  bool ends = sigpending(&pending) == 0 && ends_call(&pending, &interrupt->mask, timed);
  atomic_flag_clear_explicit(&slots[interrupt->slot].taken, memory_order_release);
  pthread_sigmask(SIG_SETMASK, &interrupt->mask, NULL);
  return ends;
}

// A child's signalfds are its parent's, too: what one changes about them the other would have to know.
void fdio_interrupt_reset(void) {
  for (int slot = 0; slot < INTERRUPT_SLOTS; slot++) {
    if (slots[slot].fd > 0) close(slots[slot].fd);
    slots[slot].fd = 0;
    atomic_flag_clear_explicit(&slots[slot].taken, memory_order_relaxed);
  }
}

// Seeing handlers being installed

atomic_bool fdio_has_handlers;

static void note(bool is_handler) {
  if (is_handler) atomic_store_explicit(&fdio_has_handlers, true, memory_order_relaxed);
}

FDIO_EXPORT int sigaction(int number, const struct sigaction* action, struct sigaction* old) {
  note(action && action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN);
  return libc_sigaction(number, action, old);
}

FDIO_EXPORT sighandler_t signal(int number, sighandler_t handler) {
  note(handler != SIG_DFL && handler != SIG_IGN);
  return libc_signal(number, handler);
}
