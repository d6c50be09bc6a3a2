// The terminal from which `jacinth exec` was started, and who is in its foreground.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "manager_internal.h"

int terminal_lend(void) {
  int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
  if (terminal >= 0 && tcgetpgrp(terminal) == getpgrp()) return terminal;
  if (terminal >= 0) close(terminal);
  return -1;
}

void terminal_take_back(int terminal) {
  if (terminal < 0) return;
  pid_t holder = tcgetpgrp(terminal);
  // A shell that has put us into its background has the terminal by right. The program's group has ended with
  // it.
  bool is_left = holder > 1 && holder != getpgrp() && kill(-holder, 0) != 0 && errno == ESRCH;
  if (is_left) {
    sigset_t set, before;
    sigemptyset(&set);
    sigaddset(&set, SIGTTOU);  // which would stop us, as one in the background
    sigprocmask(SIG_BLOCK, &set, &before);
    tcsetpgrp(terminal, getpgrp());
    sigprocmask(SIG_SETMASK, &before, NULL);
  }
  close(terminal);
}
