// The parent's side: creating the process, mapping its ids, and hearing how it went.
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zircon/errors.h>

#include "child.h"

#define NOBODY 65534u
#define WALLS (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)

int sandbox_number(const sandbox_spec_t* spec, size_t index) {
  int number = (int)index;
  for (size_t i = 0; i < spec->kept_count && spec->kept[i] <= number; i++)
    number++;
  return number;
}

static void close_fd(int* fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

static void add_note(sandbox_process_t* out, const char* note) {
  size_t used = strlen(out->notes);
  snprintf(out->notes + used, sizeof out->notes - used, "%s%s", used ? "; " : "", note);
}

static pid_t create(uint64_t flags, int* out_pidfd) {
  struct clone_args args = {.flags = flags | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
                            .pidfd = (uint64_t)(uintptr_t)out_pidfd,
                            .exit_signal = SIGCHLD};
  return (pid_t)syscall(SYS_clone3, &args, sizeof args);
}

static bool is_refusal(int error) {
  return error == EPERM || error == EACCES || error == ENOSPC || error == EUSERS || error == EINVAL ||
         error == ENOSYS;
}

static void note_no_walls(sandbox_process_t* out, const char* why) {
  char note[200];
  snprintf(note, sizeof note, "NO NAMESPACES AT ALL (%s)", why);
  add_note(out, note);
}

// Creates the process with as many walls as it can have: all; for root also without a user namespace; else
// with none.
static pid_t create_with_walls(const sandbox_spec_t* spec, child_t* child, int* out_pidfd,
                               sandbox_process_t* out) {
  uint64_t walls = WALLS | (spec->host_network ? 0 : CLONE_NEWNET);
  child->has_user_namespace = child->has_mounts = true;
  pid_t pid = create(walls | CLONE_NEWUSER, out_pidfd);
  if (pid >= 0 || !is_refusal(errno)) return pid;
  child->has_user_namespace = false;
  if (geteuid() == 0 && (pid = create(walls, out_pidfd)) >= 0) {
    if (pid > 0) add_note(out, "no user namespace (the kernel refuses it)");
    return pid;
  }
  child->has_mounts = false;
  pid = create(0, out_pidfd);
  if (pid > 0)
    note_no_walls(out, "the kernel refuses user namespaces; see /proc/sys/user/max_user_namespaces");
  return pid;
}

static bool write_file(pid_t pid, const char* name, const char* text) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
  close(fd);
  return ok;
}

// Ids mean inside what they mean outside; there are only the caller's own, and for root also nobody's.
static bool map_ids(pid_t pid) {
  char uids[64], gids[64];
  bool is_root = geteuid() == 0;
  snprintf(uids, sizeof uids, is_root ? "0 0 1\n%u %u 1\n" : "%u %u 1\n", is_root ? NOBODY : geteuid(),
           is_root ? NOBODY : geteuid());
  snprintf(gids, sizeof gids, is_root ? "0 0 1\n%u %u 1\n" : "%u %u 1\n", is_root ? NOBODY : getegid(),
           is_root ? NOBODY : getegid());
  if (write_file(pid, "uid_map", uids) && write_file(pid, "gid_map", gids)) return true;
  // Without the right to set groups, the map may be written once the process has given that right up.
  char uid[64], gid[64];
  snprintf(uid, sizeof uid, "%u %u 1\n", geteuid(), geteuid());
  snprintf(gid, sizeof gid, "%u %u 1\n", getegid(), getegid());
  write_file(pid, "uid_map", uid);
  return write_file(pid, "setgroups", "deny") && write_file(pid, "gid_map", gid);
}

// A process takes milliseconds; one that hangs (in a network file system, say) must not hang us.
#define PATIENCE_MS 10000

// Reads reports until the program runs (the exec closes the pipe). False if it will not.
static bool hear(int status_fd, sandbox_process_t* out, zx_status_t* out_status) {
  child_report_t report;
  bool ok = true;
  for (;;) {
    struct pollfd more = {.fd = status_fd, .events = POLLIN};
    if (poll(&more, 1, PATIENCE_MS) == 0) {
      snprintf(out->problem, sizeof out->problem, "its process did not get ready within %d ms", PATIENCE_MS);
      return false;
    }
    ssize_t got = read(status_fd, &report, sizeof report);
    if (got < 0 && errno == EINTR) continue;
    if (got != sizeof report) return ok;
    report.text[sizeof report.text - 1] = '\0';
    if (report.kind == CHILD_NOTE) {
      add_note(out, report.text);
      continue;
    }
    snprintf(out->problem, sizeof out->problem, "%s: %s", report.text, strerror(report.error));
    *out_status = report.kind == CHILD_NO_PROGRAM  ? ZX_ERR_NOT_FOUND
                  : report.kind == CHILD_NO_RIGHTS ? ZX_ERR_ACCESS_DENIED
                                                   : ZX_ERR_NO_RESOURCES;
    ok = false;
  }
}

static zx_status_t give_up(sandbox_process_t* out, zx_status_t status) {
  if (out->pid > 0) {
    kill(out->pid, SIGKILL);
    waitpid(out->pid, NULL, 0);
  }
  close_fd(&out->pidfd);
  close_fd(&out->report_fd);
  out->pid = -1;
  return status;
}

static zx_status_t fail(sandbox_process_t* out, const char* what) {
  snprintf(out->problem, sizeof out->problem, "%s: %s", what, strerror(errno));
  return ZX_ERR_NO_RESOURCES;
}

typedef struct pipes {
  int go[2], status[2], report[2];
} pipes_t;

static bool open_pipes(pipes_t* pipes, sandbox_kind_t kind) {
  *pipes = (pipes_t){{-1, -1}, {-1, -1}, {-1, -1}};
  return pipe2(pipes->go, O_CLOEXEC) == 0 && pipe2(pipes->status, O_CLOEXEC) == 0 &&
         (kind != SANDBOX_POSIX || pipe2(pipes->report, O_CLOEXEC) == 0);
}

static void close_pipes(pipes_t* pipes) {
  for (size_t i = 0; i < 2; i++) {
    close_fd(&pipes->go[i]);
    close_fd(&pipes->status[i]);
    close_fd(&pipes->report[i]);
  }
}

static void run_child(child_t* child, const pipes_t* pipes) {
  child->go_fd = pipes->go[0];
  child->status_fd = pipes->status[1];
  child->init_report_fd = pipes->report[1];
  close(pipes->go[1]);
  child_main(child);
}

// Whom the process becomes; asked of the parent, for in a new user namespace nobody is anybody yet. An
// ordinary user has nobody else to be.
static void choose_ids(child_t* child) {
  bool becomes_nobody = geteuid() == 0 && child->spec->kind == SANDBOX_ELF;
  child->uid = becomes_nobody ? NOBODY : geteuid();
  child->gid = becomes_nobody ? NOBODY : getegid();
}

static zx_status_t start(const sandbox_spec_t* spec, bool with_walls, sandbox_process_t* out) {
  pipes_t pipes;
  child_t child = {.spec = spec};
  zx_status_t status = ZX_ERR_NO_RESOURCES;
  *out = (sandbox_process_t){.pid = -1, .pidfd = -1, .report_fd = -1};
  if (!open_pipes(&pipes, spec->kind)) {
    close_pipes(&pipes);
    return fail(out, "no pipes");
  }
  choose_ids(&child);
  out->pid = with_walls ? create_with_walls(spec, &child, &out->pidfd, out) : create(0, &out->pidfd);
  if (out->pid == 0) run_child(&child, &pipes);
  if (out->pid < 0) {
    fail(out, "no process");
    close_pipes(&pipes);
    return give_up(out, status);
  }
  close_fd(&pipes.go[0]);
  close_fd(&pipes.status[1]);
  out->report_fd = pipes.report[0];
  pipes.report[0] = -1;
  bool ok = !child.has_user_namespace || map_ids(out->pid);
  if (!ok) fail(out, "cannot map user ids into its namespace");
  if (ok && write(pipes.go[1], "", 1) != 1) {
    fail(out, "its process ended at once");
    ok = false;
  }
  ok = ok && hear(pipes.status[0], out, &status);
  close_pipes(&pipes);
  return ok ? ZX_OK : give_up(out, status);
}

zx_status_t sandbox_start(const sandbox_spec_t* spec, sandbox_process_t* out) {
  zx_status_t status = start(spec, true, out);
  if (status != ZX_ERR_ACCESS_DENIED) return status;
  // Some distributions let anybody make a user namespace and then give no rights in it.
  status = start(spec, false, out);
  if (status == ZX_OK) {
    note_no_walls(out,
                  "user namespaces give no rights here; see kernel.apparmor_restrict_unprivileged_userns");
  }
  return status;
}

int sandbox_reap(const sandbox_process_t* process) {
  int status, reported;
  if (waitpid(process->pid, &status, WNOHANG) != process->pid) return -1;
  // A report was written before the end. Where there is none, others may still hold the pipe open.
  struct pollfd report = {.fd = process->report_fd, .events = POLLIN};
  if (process->report_fd >= 0 && poll(&report, 1, 0) == 1 &&
      read(process->report_fd, &reported, sizeof reported) == sizeof reported)
    return reported;
  return status;
}
