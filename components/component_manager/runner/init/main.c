// Process 1 of a posix component: starts the program, takes in orphans, passes signals on, and reports how
// the program ended. When it exits the kernel ends everything else in its namespace.
//
// jacinth-init STATUS_FD REPORT_FD PRELOAD PROGRAM ARGV...
// STATUS_FD is closed when the program runs; before that it takes a child_report_t saying why it cannot.
// REPORT_FD takes the program's wait status.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../child.h"

static void run_program(int status_fd, const char* preload, char** argv, const sigset_t* mask) {
  child_report_t report = {.kind = CHILD_NO_PROGRAM};
  // Where there are no namespaces, nothing else ends the program with its init.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getenv("LISTEN_FDS")) {
    char pid[16];
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("LISTEN_PID", pid, 1);
  }
  if (*preload) setenv("LD_PRELOAD", preload, 1);
  sigprocmask(SIG_SETMASK, mask, NULL);
  execv(argv[0], argv + 1);
  report.error = errno;
  snprintf(report.text, sizeof report.text, "%s", argv[0]);
  if (write(status_fd, &report, sizeof report) < 0) _exit(125);
  _exit(127);
}

static void report_end(int report_fd, int status) {
  if (write(report_fd, &status, sizeof status) != sizeof status) _exit(125);
  _exit(0);
}

static void reap(pid_t program, int report_fd) {
  int status;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    if (pid == program) report_end(report_fd, status);
  }
}

// What the component manager sends is for the program. What the terminal sends to the process group, which is
// ours, too, has reached it already, and so has what one of its own sends there.
static void forward(const siginfo_t* info, pid_t program) {
  if (info->si_code <= 0 && info->si_pid == getppid()) kill(program, info->si_signo);
}

int main(int argc, char** argv) {
  sigset_t all, before;
  siginfo_t info;
  if (argc < 6) return 125;
  int status_fd = atoi(argv[1]), report_fd = atoi(argv[2]);
  // Its program is of the same user, and could make it outlive the component manager.
  prctl(PR_SET_DUMPABLE, 0);
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  fcntl(status_fd, F_SETFD, FD_CLOEXEC);
  fcntl(report_fd, F_SETFD, FD_CLOEXEC);
  pid_t program = fork();
  if (program < 0) return 125;
  if (program == 0) run_program(status_fd, argv[3], argv + 4, &before);
  if (report_fd != 3 && dup3(report_fd, 3, O_CLOEXEC) < 0) return 125;
  // It holds nothing of the program's, lest a pipe stay open through it.
  syscall(SYS_close_range, 0u, 2u, 0u);
  syscall(SYS_close_range, 4u, ~0u, 0u);
  for (;;) {
    if (sigwaitinfo(&all, &info) < 0) continue;
    if (info.si_signo == SIGCHLD) {
      reap(program, 3);
    } else {
      forward(&info, program);
    }
  }
}
