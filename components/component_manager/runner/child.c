// The order in which a new process walls itself in. Rights are given up after what needs them and before the
// program; the request to die with the parent comes after the change of ids, which would undo it.
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void report(const child_t* child, child_report_kind_t kind, const char* text) {
  child_report_t record = {.kind = kind, .error = errno};
  snprintf(record.text, sizeof record.text, "%s", text);
  if (write(child->status_fd, &record, sizeof record) != sizeof record) _exit(126);
}

void child_fail(const child_t* child, const char* what) {
  report(child, CHILD_FAILED, what);
  _exit(126);
}

void child_fail_without_rights(const child_t* child, const char* what) {
  report(child, errno == EPERM || errno == EACCES ? CHILD_NO_RIGHTS : CHILD_FAILED, what);
  _exit(126);
}

void child_note(const child_t* child, const char* what) {
  report(child, CHILD_NOTE, what);
}

static void wait_for_parent(const child_t* child) {
  char byte;
  ssize_t got;
  do {
    got = read(child->go_fd, &byte, 1);
  } while (got < 0 && errno == EINTR);
  if (got != 1) _exit(126);
}

// Between fork and here the parent may have died already; then its end of the pipe is closed.
static void die_with_parent(const child_t* child) {
  struct pollfd parent = {.fd = child->go_fd, .events = POLLIN};
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
    child_fail(child, "cannot be made to end with the component manager");
  if (poll(&parent, 1, 0) < 0 || (parent.revents & (POLLHUP | POLLERR))) _exit(126);
}

// Besides what the program is given, the descriptors that exec closes: the status pipe, and the program to be
// executed (or its init, which also takes the pipe to report the end of the program on).
typedef struct last_descriptors {
  int status_fd, exec_fd, report_fd;
} last_descriptors_t;

// Out of the way of everything that is to be placed.
static int move_up(const child_t* child, int fd) {
  int moved = fcntl(fd, F_DUPFD_CLOEXEC, sandbox_number(child->spec, SANDBOX_DESCRIPTORS_MAX + 3));
  if (moved < 0) child_fail(child, "no descriptor");
  return moved;
}

static int place(const child_t* child, int fd, size_t index, int flags) {
  int number = sandbox_number(child->spec, index);
  if (dup3(fd, number, flags) < 0) child_fail(child, "no descriptor");
  return number;
}

static void keep_open(const child_t* child) {
  for (size_t i = 0; i < child->spec->kept_count; i++) {
    if (fcntl(child->spec->kept[i], F_SETFD, 0) != 0) child_fail(child, "no descriptor");
  }
}

static void close_range_of(const child_t* child, unsigned first, unsigned last) {
  if (syscall(SYS_close_range, first, last, 0u) != 0) child_fail(child, "cannot close other descriptors");
}

// All that have a number from that of `index` on, but for those that are kept.
static void close_from(const child_t* child, size_t index) {
  const sandbox_spec_t* spec = child->spec;
  unsigned first = (unsigned)sandbox_number(spec, index);
  for (size_t i = 0; i < spec->kept_count; i++) {
    unsigned kept = (unsigned)spec->kept[i];
    if (kept < first) continue;
    if (kept > first) close_range_of(child, first, kept - 1);
    first = kept + 1;
  }
  close_range_of(child, first, ~0u);
}

static last_descriptors_t arrange_descriptors(child_t* child, int exec_fd) {
  const sandbox_spec_t* spec = child->spec;
  size_t count = spec->descriptor_count;
  int moved[SANDBOX_DESCRIPTORS_MAX];
  bool has_init = spec->kind == SANDBOX_POSIX;
  for (size_t i = 0; i < count; i++)
    moved[i] = spec->descriptors[i] < 0 ? -1 : move_up(child, spec->descriptors[i]);
  exec_fd = move_up(child, exec_fd);
  int report_fd = has_init ? move_up(child, child->init_report_fd) : -1;
  child->status_fd = move_up(child, child->status_fd);
  for (size_t i = 0; i < count; i++) {
    if (moved[i] < 0) {
      close(sandbox_number(spec, i));
    } else {
      place(child, moved[i], i, 0);
    }
  }
  last_descriptors_t last = {.status_fd = place(child, child->status_fd, count, has_init ? 0 : O_CLOEXEC)};
  child->status_fd = last.status_fd;
  last.exec_fd = place(child, exec_fd, count + 1, O_CLOEXEC);
  last.report_fd = has_init ? place(child, report_fd, count + 2, 0) : -1;
  close_from(child, count + (has_init ? 3 : 2));
  keep_open(child);
  return last;
}

// What the component manager does with signals for itself is not the program's.
static void reset_signals(void) {
  sigset_t none;
  signal(SIGPIPE, SIG_DFL);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

static void execute_elf(const child_t* child, const last_descriptors_t* last) {
  const sandbox_spec_t* spec = child->spec;
  syscall(SYS_execveat, last->exec_fd, "", spec->argv, spec->envp, AT_EMPTY_PATH);
}

// init gets: STATUS_FD REPORT_FD SVC_FD PRELOAD PROGRAM ARGV...
static void execute_posix(const child_t* child, const last_descriptors_t* last) {
  const sandbox_spec_t* spec = child->spec;
  char status_fd[16], report_fd[16], svc_fd[16];
  size_t count = 0, size = 0;
  while (spec->argv[size])
    size++;
  char** argv = calloc(size + 7, sizeof *argv);
  if (!argv) return;
  snprintf(status_fd, sizeof status_fd, "%d", last->status_fd);
  snprintf(report_fd, sizeof report_fd, "%d", last->report_fd);
  snprintf(svc_fd, sizeof svc_fd, "%d", spec->svc);
  argv[count++] = (char*)"jacinth-init";
  argv[count++] = status_fd;
  argv[count++] = report_fd;
  argv[count++] = svc_fd;
  const char* preload = child->has_mounts ? spec->preload : spec->preload_outside;
  argv[count++] = (char*)(preload ? preload : "");
  argv[count++] = (char*)(child->has_mounts ? spec->program : spec->program_outside);
  for (size_t i = 0; i < size; i++)
    argv[count++] = (char*)spec->argv[i];
  syscall(SYS_execveat, last->exec_fd, "", argv, spec->envp, AT_EMPTY_PATH);
}

void child_main(child_t* child) {
  const sandbox_spec_t* spec = child->spec;
  wait_for_parent(child);
  reset_signals();
  if (!spec->foreground) umask(022);  // what is run for somebody makes files as that person does
  int exec_fd = open(spec->kind == SANDBOX_POSIX ? spec->init : spec->program_outside, O_PATH | O_CLOEXEC);
  if (exec_fd < 0) child_fail(child, spec->kind == SANDBOX_POSIX ? spec->init : spec->program_outside);
  if (!spec->foreground && setsid() < 0) child_fail(child, "setsid");
  if (child->has_mounts) child_make_root(child);
  const char* directory = spec->working_directory ? spec->working_directory : "/";
  if (chdir(directory) != 0 && chdir("/") != 0) child_fail(child, directory);
  child_drop_privileges(child);
  die_with_parent(child);
  last_descriptors_t last = arrange_descriptors(child, exec_fd);
  child_filter_calls(child, last.exec_fd);
  if (spec->kind == SANDBOX_ELF) {
    execute_elf(child, &last);
  } else {
    execute_posix(child, &last);
  }
  report(child, CHILD_NO_PROGRAM, spec->program);
  _exit(126);
}
