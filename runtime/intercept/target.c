// The process that made a call: its memory, its descriptors, the signals it has. It may be gone at any
// moment, and its number be another's; so what was read counts only if the call is still there afterwards.
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "internal.h"

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL  // Linux 6.9; headers may be older
#endif

// The kernel's own number for "do it again, if the signal's handler says so"; no program sees it.
#define ERESTARTSYS 512

bool call_is_valid(const supervisor_t* supervisor, const call_t* call) {
  uint64_t id = call->notif.id;
  return ioctl(supervisor->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

// Memory

static struct iovec remote(uint64_t address, size_t size) {
  return (struct iovec){.iov_base = (void*)(uintptr_t)address, .iov_len = size};
}

static int outcome(ssize_t moved, size_t size) {
  if (moved == (ssize_t)size) return 0;
  return moved < 0 && errno != EFAULT ? errno : EFAULT;
}

int call_gather(const supervisor_t* supervisor, const call_t* call, const struct iovec* iov, size_t count,
                void* to, size_t size) {
  if (size == 0) return 0;
  struct iovec local = {.iov_base = to, .iov_len = size};
  int error = outcome(process_vm_readv((pid_t)call->notif.pid, &local, 1, iov, count, 0), size);
  return error || call_is_valid(supervisor, call) ? error : ESRCH;
}

int call_scatter(const supervisor_t* supervisor, const call_t* call, const struct iovec* iov, size_t count,
                 const void* from, size_t size) {
  if (size == 0) return 0;
  if (!call_is_valid(supervisor, call)) return ESRCH;
  struct iovec local = {.iov_base = (void*)(uintptr_t)from, .iov_len = size};
  return outcome(process_vm_writev((pid_t)call->notif.pid, &local, 1, iov, count, 0), size);
}

int call_read(const supervisor_t* supervisor, const call_t* call, uint64_t address, void* to, size_t size) {
  struct iovec iov = remote(address, size);
  return call_gather(supervisor, call, &iov, 1, to, size);
}

int call_write(const supervisor_t* supervisor, const call_t* call, uint64_t address, const void* from,
               size_t size) {
  struct iovec iov = remote(address, size);
  return call_scatter(supervisor, call, &iov, 1, from, size);
}

// What /proc says of it

typedef struct status {
  int process, threads;
  uint64_t pending, shared_pending, blocked;
} status_t;

static bool number_of(const char* text, const char* name, int base, uint64_t* out) {
  const char* line = strstr(text, name);
  if (!line) return false;
  *out = strtoull(line + strlen(name), NULL, base);
  return true;
}

static bool read_status(const supervisor_t* supervisor, const call_t* call, status_t* out) {
  char path[32], text[4096];
  snprintf(path, sizeof(path), "/proc/%d/status", (int)call->notif.pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t size = read(fd, text, sizeof(text) - 1);
  close(fd);
  if (size <= 0 || !call_is_valid(supervisor, call)) return false;
  text[size] = '\0';
  uint64_t process = 0, threads = 0;
  bool ok = number_of(text, "\nTgid:\t", 10, &process) && number_of(text, "\nThreads:\t", 10, &threads) &&
            number_of(text, "\nSigPnd:\t", 16, &out->pending) &&
            number_of(text, "\nShdPnd:\t", 16, &out->shared_pending) &&
            number_of(text, "\nSigBlk:\t", 16, &out->blocked);
  out->process = (int)process;
  out->threads = (int)threads;
  return ok;
}

// A signal that is the thread's own, or that the kernel gives to this thread before all others of the process
// (the first, if it does not block it), has marked the thread: the kernel then takes ERESTARTSYS as from a
// call of its own. Of one that another thread may have been chosen for nobody can say so; if it stays, nobody
// else takes it.
int call_interruption(const supervisor_t* supervisor, call_t* call) {
  status_t status;
  if (!read_status(supervisor, call, &status)) return 0;
  bool marked = status.pending & ~status.blocked;
  if (status.shared_pending & ~status.blocked) {
    if (status.threads == 1 || status.process == (int)call->notif.pid) {
      marked = true;
    } else if (!marked && call->saw_signal) {
      return EINTR;
    }
    call->saw_signal = true;
  }
  if (!marked) return 0;
  return call->timed ? EINTR : ERESTARTSYS;
}

// Descriptors

static int open_process(supervisor_t* supervisor, const call_t* call) {
  pid_t thread = (pid_t)call->notif.pid;
  if (!supervisor->no_thread_pidfds) {
    int pidfd = (int)syscall(SYS_pidfd_open, thread, PIDFD_THREAD);
    if (pidfd >= 0 || errno != EINVAL) return pidfd;
    supervisor->no_thread_pidfds = true;
  }
  int pidfd = (int)syscall(SYS_pidfd_open, thread, 0);
  status_t status;
  if (pidfd >= 0 || !read_status(supervisor, call, &status)) return pidfd;
  return (int)syscall(SYS_pidfd_open, status.process, 0);
}

static int get_fd(int pidfd, int number, int* out_fd) {
  *out_fd = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
  return *out_fd < 0 ? errno : 0;
}

int call_get_fd(supervisor_t* supervisor, const call_t* call, int number, int* out_fd) {
  int pidfd = open_process(supervisor, call);
  if (pidfd < 0) return errno;
  int error = get_fd(pidfd, number, out_fd);
  close(pidfd);
  if (error || call_is_valid(supervisor, call)) return error;
  close(*out_fd);
  *out_fd = -1;
  return ESRCH;
}

bool call_is_open_to_us(supervisor_t* supervisor, const call_t* call) {
  int fd = -1;
  int error = call_get_fd(supervisor, call, INT_MAX, &fd);
  if (fd >= 0) close(fd);
  return error == EBADF || error == 0;
}

// Those that were opened before the limit became lower than their numbers take nothing away.
static bool has_free_number(const char* folder, uint64_t limit) {
  DIR* listing = opendir(folder);
  uint64_t taken = 0;
  if (!listing) return true;
  for (struct dirent* entry = readdir(listing); entry; entry = readdir(listing)) {
    if (entry->d_name[0] != '.' && strtoull(entry->d_name, NULL, 10) < limit) taken++;
  }
  closedir(listing);
  return taken < limit;
}

// The folder's size is the number of descriptors (Linux 6.2; nothing is known before). A program with so many
// that counting them takes long has no others.
bool call_has_room(supervisor_t* supervisor, const call_t* call) {
  enum { COUNTED = 1 << 16 };
  char path[32];
  struct stat stat_;
  struct rlimit limit;
  snprintf(path, sizeof(path), "/proc/%d/fd", (int)call->notif.pid);
  if (stat(path, &stat_) != 0 || prlimit((pid_t)call->notif.pid, RLIMIT_NOFILE, NULL, &limit) != 0)
    return true;
  if ((uint64_t)stat_.st_size < limit.rlim_cur) return true;
  return limit.rlim_cur <= COUNTED && has_free_number(path, limit.rlim_cur);
}

static int put_fd(const supervisor_t* supervisor, const call_t* call, int fd, uint32_t flags, uint32_t number,
                  bool close_on_exec) {
  struct seccomp_notif_addfd addition = {.id = call->notif.id,
                                         .flags = flags | SECCOMP_ADDFD_FLAG_SEND,
                                         .srcfd = (uint32_t)fd,
                                         .newfd = number,
                                         .newfd_flags = close_on_exec ? O_CLOEXEC : 0};
  int result;
  do {
    result = ioctl(supervisor->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &addition);
  } while (result < 0 && errno == EINTR);
  return result < 0 ? errno : 0;
}

step_t call_answer_fd(const supervisor_t* supervisor, call_t* call, int fd, bool close_on_exec) {
  int error = put_fd(supervisor, call, fd, 0, 0, close_on_exec);
  return error ? call_fail(call, error) : STEP_ANSWERED;
}

// Whether a number of the process is free. Nobody else takes one of these as long as there are lower ones.
static bool is_free(int pidfd, uint32_t number) {
  int fd;
  int error = get_fd(pidfd, (int)number, &fd);
  if (!error) close(fd);
  return error == EBADF;
}

// The numbers go round, so that one that was closed is not at once another socket's.
static bool find_free(supervisor_t* supervisor, int pidfd, unsigned which, uint32_t least, uint32_t limit,
                      uint32_t* out) {
  intercept_range_t range = supervisor->numbers.ranges[which];
  if (range.first < least) range.first = least;
  if (range.end > limit) range.end = limit;
  if (range.first >= range.end) return false;
  uint32_t count = range.end - range.first;
  uint32_t next = supervisor->next_number[which];
  if (next < range.first || next >= range.end) next = range.first;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t number = range.first + (next - range.first + i) % count;
    if (!is_free(pidfd, number)) continue;
    supervisor->next_number[which] = number + 1;
    *out = number;
    return true;
  }
  return false;
}

step_t call_answer_numbered_fd(supervisor_t* supervisor, call_t* call, int fd, bool close_on_exec,
                               uint32_t least) {
  struct rlimit limit = {.rlim_cur = 0};
  uint32_t number = 0;
  int pidfd = open_process(supervisor, call);
  if (pidfd < 0) return call_fail(call, errno);
  bool found = false;
  if (prlimit((pid_t)call->notif.pid, RLIMIT_NOFILE, NULL, &limit) == 0) {
    uint32_t most = limit.rlim_cur > INT_MAX ? INT_MAX : (uint32_t)limit.rlim_cur;
    for (unsigned which = 0; which < 2 && !found; which++)
      found = find_free(supervisor, pidfd, which, least, most, &number);
  }
  close(pidfd);
  if (least > 0 && least >= limit.rlim_cur) return call_fail(call, EINVAL);  // fcntl's
  if (!found) return call_fail(call, EMFILE);
  int error = put_fd(supervisor, call, fd, SECCOMP_ADDFD_FLAG_SETFD, number, close_on_exec);
  return error ? call_fail(call, error == EBADF ? EMFILE : error) : STEP_ANSWERED;
}
