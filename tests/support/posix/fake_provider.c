// Runs a program over the fake stack: fake_provider LIBFDIO PROGRAM [ARGUMENT...]. Ends as the program ends;
// fails if the program left sockets behind. The program finds its directory of services as it would in a
// component.
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zircon/linux.h>

#include "fake_stack.h"

static void run(int fd, char** arguments) {
  char number[16];
  const int svc = 3;  // where the runner of components has it, too
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (fd == svc ? fcntl(fd, F_SETFD, 0) < 0 : dup2(fd, svc) < 0) _exit(126);
  snprintf(number, sizeof(number), "%d", svc);
  setenv("JACINTH_SVC", number, 1);
  const char* fdio = realpath(arguments[0], NULL);  // the program may go elsewhere before it starts others
  setenv("LD_PRELOAD", fdio ? fdio : arguments[0], 1);
  execvp(arguments[1], arguments + 1);
  perror(arguments[1]);
  _exit(127);
}

// Sockets whose processes died by a signal go when the stack has noticed.
static bool all_sockets_gone(fake_stack_t* stack) {
  const struct timespec pause = {.tv_nsec = 1000000};
  for (int i = 0; i < 50000 && fake_stack_sockets(stack) > 0; i++) {
    nanosleep(&pause, NULL);
  }
  return fake_stack_sockets(stack) == 0;
}

int main(int argc, char** argv) {
  int ends[2];
  zx_handle_t svc;
  if (argc < 3) {
    fprintf(stderr, "usage: fake_provider LIBFDIO PROGRAM [ARGUMENT...]\n");
    return 2;
  }
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return 2;
  pid_t child = fork();
  if (child < 0) return 2;
  if (child == 0) run(ends[0], argv + 1);
  close(ends[0]);
  if (zx_linux_channel_from_fd(ends[1], &svc) != ZX_OK) return 2;
  fake_stack_t* stack = fake_stack_start(svc);
  int status;
  if (waitpid(child, &status, 0) != child) return 2;
  bool gone = all_sockets_gone(stack);
  fake_stack_stop(stack);
  if (!gone) {
    fprintf(stderr, "fake_provider: the program's sockets outlive it\n");
    return 3;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
