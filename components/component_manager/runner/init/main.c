// Process 1 of a posix component: starts the program, takes in orphans, passes signals on, and reports how
// the program ended. When it exits the kernel ends everything else in its namespace.
//
// jacinth-init STATUS_FD REPORT_FD SVC_FD PRELOAD PROGRAM ARGV...
// STATUS_FD is closed when the program runs; before that it takes a child_report_t saying why it cannot.
// REPORT_FD takes the program's wait status. SVC_FD, unless 0, is the channel to the services, which stays
// the program's, too: a thread makes the calls on sockets there that the program makes past the C library
// (<lib/intercept/intercept.h>). As everybody's ancestor it may look into the program.
#include <errno.h>
#include <fcntl.h>
#include <lib/intercept/intercept.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zircon/errors.h>
#include <zircon/linux.h>

#include "../child.h"

// What it keeps for itself, by number.
enum { REPORT_FD = 3, SVC_FD, LISTENER_FD, FIRST_OTHER_FD };

typedef struct start {
  int status_fd;
  int svc_fd;           // 0: none
  int listener_way[2];  // a pair, on which the program's process sends the listener
  intercept_numbers_t numbers;
  sigset_t mask;  // the program's
} start_t;

static void fail(const start_t* start, int error, const char* text) {
  child_report_t report = {.kind = CHILD_NO_PROGRAM, .error = error};
  snprintf(report.text, sizeof report.text, "%s", text);
  if (write(start->status_fd, &report, sizeof report) < 0) _exit(125);
  _exit(127);
}

// One message: with a descriptor, or with none.
static bool send_listener(int way, int listener) {
  _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof listener)] = {0};
  struct iovec byte = {.iov_base = (char[1]){0}, .iov_len = 1};
  struct msghdr message = {.msg_iov = &byte, .msg_iovlen = 1};
  if (listener >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    struct cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof listener);
    memcpy(CMSG_DATA(header), &listener, sizeof listener);
  }
  return sendmsg(way, &message, MSG_NOSIGNAL) == 1;
}

static int receive_listener(int way) {
  _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  char bytes[1];
  struct iovec byte = {.iov_base = bytes, .iov_len = sizeof bytes};
  struct msghdr message = {
      .msg_iov = &byte, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  int listener = -1;
  if (recvmsg(way, &message, MSG_CMSG_CLOEXEC) != 1) return -1;
  struct cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header && header->cmsg_type == SCM_RIGHTS) memcpy(&listener, CMSG_DATA(header), sizeof listener);
  return listener;
}

static void be_intercepted(const start_t* start) {
  int listener = -1;
  zx_status_t status = intercept_begin(&start->numbers, &listener);
  if (status != ZX_OK && status != ZX_ERR_NOT_SUPPORTED) fail(start, EPERM, "its system call filter");
  if (!send_listener(start->listener_way[1], listener)) _exit(125);
  close(listener);
}

static void run_program(const start_t* start, const char* preload, char** argv) {
  // Where there are no namespaces, nothing else ends the program with its init.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getenv("LISTEN_FDS")) {
    char pid[16];
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("LISTEN_PID", pid, 1);
  }
  if (*preload) setenv("LD_PRELOAD", preload, 1);
  if (start->svc_fd) be_intercepted(start);
  sigprocmask(SIG_SETMASK, &start->mask, NULL);
  execv(argv[0], argv + 1);
  fail(start, errno, argv[0]);
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

typedef struct service {
  intercept_numbers_t numbers;
  zx_handle_t svc;
} service_t;

// Whoever cannot be served at all had better not run: every call on a socket would fail (ENOSYS).
static void* serve(void* context) {
  const service_t* service = context;
  if (intercept_serve(&service->numbers, LISTENER_FD, service->svc) != ZX_OK) _exit(125);
  return NULL;
}

// A socket takes several descriptors here, and the program's limit is its own.
static void allow_many_descriptors(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

static void begin_to_serve(service_t* service) {
  pthread_t thread;
  allow_many_descriptors();
  if (zx_linux_channel_from_fd(SVC_FD, &service->svc) != ZX_OK) _exit(125);
  if (pthread_create(&thread, NULL, serve, service) != 0) _exit(125);
  pthread_detach(thread);
}

// It holds nothing of the program's, lest a pipe stay open through it.
static void keep_only(const start_t* start, int report_fd, int listener) {
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  int kept[] = {report_fd, start->svc_fd, listener};
  for (size_t i = 0; i < 3; i++)
    kept[i] = kept[i] > 0 ? fcntl(kept[i], F_DUPFD_CLOEXEC, FIRST_OTHER_FD) : -1;
  for (int fd = 0; fd < FIRST_OTHER_FD; fd++) {
    int from = fd < REPORT_FD ? null : kept[fd - REPORT_FD];
    if (from < 0) {
      close(fd);
    } else if (from != fd && dup3(from, fd, O_CLOEXEC) < 0) {
      _exit(125);
    }
  }
  syscall(SYS_close_range, (unsigned)FIRST_OTHER_FD, ~0u, 0u);
}

static void watch(pid_t program, const sigset_t* all) {
  siginfo_t info;
  for (;;) {
    if (sigwaitinfo(all, &info) < 0) continue;
    if (info.si_signo == SIGCHLD) {
      reap(program, REPORT_FD);
    } else {
      forward(&info, program);
    }
  }
}

int main(int argc, char** argv) {
  static service_t service;
  sigset_t all;
  start_t start = {.listener_way = {-1, -1}};
  if (argc < 7) return 125;
  int report_fd = atoi(argv[2]), listener = -1;
  start.status_fd = atoi(argv[1]);
  start.svc_fd = atoi(argv[3]);
  // Its program is of the same user, and could make it outlive the component manager.
  prctl(PR_SET_DUMPABLE, 0);
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &start.mask);
  fcntl(start.status_fd, F_SETFD, FD_CLOEXEC);
  fcntl(report_fd, F_SETFD, FD_CLOEXEC);
  start.numbers = service.numbers = intercept_numbers();
  if (start.svc_fd && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, start.listener_way) != 0)
    return 125;
  pid_t program = fork();
  if (program < 0) return 125;
  if (program == 0) run_program(&start, argv[4], argv + 5);
  if (start.svc_fd) {
    close(start.listener_way[1]);
    listener = receive_listener(start.listener_way[0]);
  }
  keep_only(&start, report_fd, listener);
  if (listener >= 0) begin_to_serve(&service);
  watch(program, &all);
}
