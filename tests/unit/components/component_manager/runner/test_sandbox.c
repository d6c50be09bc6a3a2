// What a sandboxed process finds, told by a probe that looks around from within. Run as root these cover
// root's way of making a sandbox and, by a case that becomes another user first, an ordinary user's.
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zircon/errors.h>

#include "jx_test.h"

static char output[8192];
// The sanitizers' search for leaks needs system calls that a component does not have.
static const char* const no_environment[] = {"ASAN_OPTIONS=detect_leaks=0", NULL};

// Reads until the other end is closed.
static void read_all(int fd) {
  size_t size = 0;
  ssize_t got;
  while ((got = read(fd, output + size, sizeof output - 1 - size)) > 0)
    size += (size_t)got;
  output[size] = '\0';
}

static int wait_for(sandbox_process_t* process) {
  struct pollfd ended = {.fd = process->pidfd, .events = POLLIN};
  ck_assert_int_eq(poll(&ended, 1, 50000), 1);
  int status = sandbox_reap(process);
  close(process->pidfd);
  if (process->report_fd >= 0) close(process->report_fd);
  return status;
}

static sandbox_spec_t probe_spec(sandbox_kind_t kind, const char* const* argv) {
  sandbox_spec_t spec = {
      .kind = kind, .package = PROBE_FOLDER, .argv = argv, .envp = no_environment, .init = INIT};
  spec.program = "/pkg/sandbox_probe";
  spec.program_outside = PROBE_FOLDER "/sandbox_probe";
  return spec;
}

// Runs the probe and returns its wait status; what it said is in `output`.
static int probe_with(sandbox_spec_t* spec) {
  sandbox_process_t process;
  int ends[2];
  ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  spec->descriptors[0] = null;
  spec->descriptors[1] = ends[1];
  spec->descriptors[2] = STDERR_FILENO;
  if (spec->descriptor_count < 3) spec->descriptor_count = 3;
  zx_status_t status = sandbox_start(spec, &process);
  close(null);
  close(ends[1]);
  ck_assert_msg(status == ZX_OK, "%s", process.problem);
  read_all(ends[0]);
  close(ends[0]);
  return wait_for(&process);
}

static int probe(sandbox_kind_t kind, const char* const* argv) {
  sandbox_spec_t spec = probe_spec(kind, argv);
  return probe_with(&spec);
}

START_TEST(a_component_has_exactly_its_descriptors) {
  const char* argv[] = {"p", "descriptors", NULL};
  sandbox_spec_t spec = probe_spec(SANDBOX_ELF, argv);
  int extra = open("/dev/null", O_RDONLY);  // not close-on-exec
  spec.descriptors[3] = -1;
  spec.descriptors[4] = extra;
  spec.descriptor_count = 5;
  ck_assert_int_eq(probe_with(&spec), 0);
  close(extra);
  ck_assert_str_eq(output, "0 1 2 4 \n");
}
END_TEST

// The process's descriptors with three of its own beside those that are kept, the second of them closed.
static void expect_numbers(const int* kept, size_t kept_count) {
  char expected[256] = "0 1 2 ";
  size_t next_kept = 0, index = 3;
  for (int fd = 3; fd < 1024; fd++) {
    bool is_kept = next_kept < kept_count && kept[next_kept] == fd;
    if (is_kept || index == 3 || index == 5)
      snprintf(expected + strlen(expected), sizeof expected - strlen(expected), "%d ", fd);
    if (is_kept) {
      next_kept++;
    } else {
      index++;
    }
  }
  strcat(expected, "\n");
  ck_assert_str_eq(output, expected);
}

START_TEST(descriptors_that_are_kept_stay_what_they_are) {
  static const char* const argv[] = {"p", "descriptors", NULL};
  static const sandbox_kind_t kinds[] = {SANDBOX_ELF, SANDBOX_POSIX};
  int first = open("/dev/null", O_RDONLY | O_CLOEXEC), gap = fcntl(first, F_DUPFD_CLOEXEC, 0);
  int kept[] = {first, fcntl(first, F_DUPFD_CLOEXEC, 0), fcntl(first, F_DUPFD_CLOEXEC, 300)};
  close(gap);
  for (size_t i = 0; i < 2; i++) {
    sandbox_spec_t spec = probe_spec(kinds[i], argv);
    spec.kept = kept;
    spec.kept_count = 3;
    spec.descriptors[3] = spec.descriptors[5] = first;
    spec.descriptors[4] = -1;
    spec.descriptor_count = 6;
    ck_assert_int_eq(probe_with(&spec), 0);
    expect_numbers(kept, 3);
  }
  for (size_t i = 0; i < 3; i++)
    close(kept[i]);
}
END_TEST

START_TEST(a_component_is_alone_with_its_package_and_libraries) {
  const char* argv[] = {"p",        "pid",           "/pkg/sandbox_probe", "/etc/passwd", "/home",   "/sys",
                        "/usr/bin", "/proc/self/fd", "/proc/sys",          "!/x",         "!/pkg/x", NULL};
  ck_assert_int_eq(probe(SANDBOX_ELF, argv), 0);
  ck_assert_str_eq(output, "1\nthere\nmissing\nmissing\nmissing\nmissing\nthere\nmissing\nEROFS\nEROFS\n");
}
END_TEST

START_TEST(a_component_has_no_rights_and_can_gain_none) {
  const char* argv[] = {"p", "CapEff", "CapPrm", "CapBnd", "NoNewPrivs", "Seccomp:", NULL};
  ck_assert_int_eq(probe(SANDBOX_ELF, argv), 0);
  ck_assert_str_eq(output,
                   "CapEff:\t0000000000000000\nCapPrm:\t0000000000000000\nCapBnd:\t0000000000000000\n"
                   "NoNewPrivs:\t1\nSeccomp:\t2\n");
}
END_TEST

START_TEST(a_component_makes_threads_but_neither_processes_nor_sockets) {
  const char* argv[] = {"p", "thread", "fork", "inet", "vsock", "unshare", "mount", "exec", NULL};
  ck_assert_int_eq(probe(SANDBOX_ELF, argv), 0);
  ck_assert_str_eq(output, "yes\nENOSYS\nENOSYS\nENOSYS\nENOSYS\nENOSYS\nENOSYS\n");
}
END_TEST

START_TEST(a_component_with_the_hosts_network_has_no_way_to_its_unix_sockets) {
  const char* argv[] = {"p", "inet", "unix", "unix pair", NULL};
  sandbox_spec_t spec = probe_spec(SANDBOX_ELF, argv);
  spec.host_network = true;
  ck_assert_int_eq(probe_with(&spec), 0);
  const char* line = strchr(output, '\n');  // what leads to the network depends on this machine
  ck_assert(strncmp(output, "ENOSYS", 6) != 0 && line);
  ck_assert_str_eq(line, "\nENOSYS\nENOSYS\n");
}
END_TEST

START_TEST(nobody_can_ask_to_outlive_the_component_manager) {
  const char* argv[] = {"p", "outlive", NULL};
  ck_assert_int_eq(probe(SANDBOX_ELF, argv), 0);
  ck_assert_str_eq(output, "ENOSYS\n");
  argv[1] = "init's memory";
  ck_assert_int_eq(probe(SANDBOX_POSIX, argv), 0);
  ck_assert_str_eq(output, "EACCES\n");
}
END_TEST

START_TEST(the_hosts_devices_can_be_used_but_not_changed) {
  const char* argv[] = {"p", "use device", "protect device", NULL};
  ck_assert_int_eq(probe(SANDBOX_POSIX, argv), 0);
  ck_assert_str_eq(output, "yes\nEROFS\n");
}
END_TEST

START_TEST(files_are_made_for_the_caller_alone_who_wants_that) {
  const char* argv[] = {"p", "umask", NULL};
  sandbox_spec_t spec = probe_spec(SANDBOX_POSIX, argv);
  umask(077);
  ck_assert_int_eq(probe_with(&spec), 0);
  ck_assert_str_eq(output, "022\n");
  spec.foreground = true;
  ck_assert_int_eq(probe_with(&spec), 0);
  ck_assert_str_eq(output, "077\n");
}
END_TEST

START_TEST(a_component_of_root_is_nobody) {
  const char* argv[] = {"p", "ids", NULL};
  if (geteuid() != 0) return;
  ck_assert_int_eq(probe(SANDBOX_ELF, argv), 0);
  ck_assert_str_eq(output, "65534 65534\n");
}
END_TEST

START_TEST(a_program_sees_the_host_read_only) {
  const char* argv[] = {"p",         "pid",         "/etc/passwd", "/usr/bin", "/dev/null", "/dev/shm",
                        "/dev/kmsg", "/sys/kernel", "!/etc/x",     "!/usr/x",  "!/tmp/x",   NULL};
  ck_assert_int_eq(probe(SANDBOX_POSIX, argv), 0);
  ck_assert_str_eq(output, "2\nthere\nthere\nthere\nthere\nmissing\nmissing\nEROFS\nEROFS\nyes\n");
}
END_TEST

START_TEST(a_program_reaches_no_network) {
  const char* argv[] = {"p", "fork", "inet", "vsock", "packet", "unshare", "mount", "CapEff", NULL};
  ck_assert_int_eq(probe(SANDBOX_POSIX, argv), 0);
  ck_assert_str_eq(output,
                   "yes\nENETUNREACH\nEAFNOSUPPORT\nEAFNOSUPPORT\nEPERM\nEPERM\nCapEff:\t0000000000000000\n");
}
END_TEST

START_TEST(a_program_ends_with_its_own_status) {
  const char* argv[] = {"p", "exit=7", NULL};
  int status = probe(SANDBOX_POSIX, argv);
  ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 7);
  const char* aborts[] = {"p", "abort", NULL};
  status = probe(SANDBOX_POSIX, aborts);
  ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}
END_TEST

START_TEST(what_a_program_leaves_behind_ends_with_it) {
  const char* argv[] = {"p", "linger", NULL};
  // The pipe is read to its end, which comes only when nobody holds it any more.
  ck_assert_int_eq(probe(SANDBOX_POSIX, argv), 0);
}
END_TEST

START_TEST(a_signal_reaches_the_program_through_its_init) {
  const char* argv[] = {"p", "pid", "wait", NULL};
  sandbox_spec_t spec = probe_spec(SANDBOX_POSIX, argv);
  sandbox_process_t process;
  int ends[2];
  char line[8];
  ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
  spec.descriptors[0] = -1;
  spec.descriptors[1] = ends[1];
  spec.descriptors[2] = STDERR_FILENO;
  spec.descriptor_count = 3;
  ck_assert_int_eq(sandbox_start(&spec, &process), ZX_OK);
  close(ends[1]);
  ck_assert_int_gt(read(ends[0], line, sizeof line), 0);
  kill(process.pid, SIGTERM);
  int status = wait_for(&process);
  close(ends[0]);
  ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}
END_TEST

START_TEST(a_working_directory_can_be_lent_writable) {
  char *folder = jx_test_make_folder(), file[PATH_MAX];
  const char* argv[] = {"p", "cwd", "!here", NULL};
  sandbox_spec_t spec = probe_spec(SANDBOX_POSIX, argv);
  spec.working_directory = folder;
  spec.writable_directory = true;
  ck_assert_int_eq(probe_with(&spec), 0);
  ck_assert_ptr_nonnull(strstr(output, folder));
  ck_assert_msg(strstr(output, "\nyes\n"), "%s", output);
  snprintf(file, sizeof file, "%s/here", folder);
  ck_assert_int_eq(unlink(file), 0);
  rmdir(folder);
  free(folder);
}
END_TEST

// Writes the path of something in a folder.
static const char* path_in(char out[PATH_MAX], const char* folder, const char* name) {
  ck_assert_int_lt(snprintf(out, PATH_MAX, "%s/%s", folder, name), PATH_MAX);
  return out;
}

// The link lies where the program sees it, and leads to where it sees all and cannot write.
START_TEST(a_working_directory_may_lie_behind_a_link) {
  char folder[] = PROBE_FOLDER "/linkedXXXXXX", inside[PATH_MAX], link[PATH_MAX], file[PATH_MAX],
       directory[PATH_MAX];
  const char* argv[] = {"p", "!here", NULL};
  if (!mkdtemp(folder)) return;  // the build is somebody else's
  ck_assert_int_eq(mkdir(path_in(inside, folder, "inside"), 0755), 0);
  ck_assert_int_eq(symlink(folder, path_in(link, folder, "link")), 0);
  sandbox_spec_t spec = probe_spec(SANDBOX_POSIX, argv);
  spec.working_directory = path_in(directory, folder, "link/inside");
  spec.writable_directory = true;
  int status = probe_with(&spec);
  bool made = unlink(path_in(file, folder, "inside/here")) == 0;
  unlink(link);
  rmdir(inside);
  rmdir(folder);
  ck_assert_int_eq(status, 0);
  ck_assert_str_eq(output, "yes\n");
  ck_assert(made);
}
END_TEST

START_TEST(a_program_gets_its_own_name_server) {
  const char* argv[] = {"sh", "-c", "cat /etc/resolv.conf", NULL};
  sandbox_spec_t spec = probe_spec(SANDBOX_POSIX, argv);
  spec.program = spec.program_outside = "/bin/sh";
  const char* environment[] = {"PATH=/usr/bin:/bin", NULL};
  spec.envp = environment;
  spec.name_server = "10.0.2.3";
  ck_assert_int_eq(probe_with(&spec), 0);
  ck_assert_ptr_nonnull(strstr(output, "nameserver 10.0.2.3\n"));
}
END_TEST

START_TEST(a_program_that_cannot_be_executed_is_told) {
  const char* argv[] = {"p", NULL};
  sandbox_process_t process;
  for (int kind = SANDBOX_ELF; kind <= SANDBOX_POSIX; kind++) {
    sandbox_spec_t spec = probe_spec((sandbox_kind_t)kind, argv);
    spec.program = "/etc/passwd";
    spec.program_outside = "/etc/passwd";
    ck_assert_int_eq(sandbox_start(&spec, &process), ZX_ERR_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(process.problem, "/etc/passwd: Permission denied"));
    ck_assert_int_eq(process.pid, -1);
  }
}
END_TEST

// Forks a process that becomes the parent of a sandbox and dies by SIGKILL; the sandbox's end of a pipe
// closes then.
START_TEST(nothing_survives_a_parent_that_is_killed) {
  const char* argv[] = {"p", "pid", "wait", NULL};
  int ends[2];
  char byte[8];
  ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
  pid_t parent = fork();
  if (parent == 0) {
    sandbox_spec_t spec = probe_spec((sandbox_kind_t)_i, argv);
    sandbox_process_t process;
    spec.descriptors[0] = -1;
    spec.descriptors[1] = ends[1];
    spec.descriptor_count = 2;
    if (sandbox_start(&spec, &process) != ZX_OK) _exit(1);
    close(ends[1]);
    pause();
  }
  close(ends[1]);
  ck_assert_int_gt(read(ends[0], byte, sizeof byte), 0);
  kill(parent, SIGKILL);
  waitpid(parent, NULL, 0);
  ck_assert_int_eq(read(ends[0], byte, sizeof byte), 0);
  close(ends[0]);
}
END_TEST

// The same walls for somebody who is not root: everything above that does not depend on who runs it.
START_TEST(an_ordinary_user_gets_the_same_walls) {
  if (geteuid() != 0) return;
  struct stat info;
  if (stat(PROBE_FOLDER, &info) != 0 || setgid(1000) != 0 || setuid(1000) != 0)
    ck_abort_msg("cannot become another user");
  prctl(PR_SET_DUMPABLE, 1);  // a change of user hides a process from itself
  if (access(PROBE_FOLDER "/sandbox_probe", X_OK) != 0 || access(INIT, X_OK) != 0)
    return;  // the build is root's alone
  const char* argv[] = {"p",    "pid",         "ids",    "descriptors", "inet",
                        "fork", "/etc/passwd", "CapEff", "NoNewPrivs",  NULL};
  ck_assert_int_eq(probe(SANDBOX_ELF, argv), 0);
  ck_assert_str_eq(
      output, "1\n1000 1000\n0 1 2 \nENOSYS\nENOSYS\nmissing\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\n");
  ck_assert_int_eq(probe(SANDBOX_POSIX, argv), 0);
  ck_assert_str_eq(
      output, "2\n1000 1000\n0 1 2 \nENETUNREACH\nyes\nthere\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\n");
}
END_TEST

// As on distributions where anybody may make a user namespace, but has no rights in it.
START_TEST(missing_walls_are_told) {
  const char* argv[] = {"p", "exit=3", NULL};
  sandbox_spec_t spec = probe_spec(SANDBOX_POSIX, argv);
  sandbox_process_t process;
  if (geteuid() == 0 && (setgid(1000) != 0 || setuid(1000) != 0)) ck_abort_msg("cannot become another user");
  prctl(PR_SET_DUMPABLE, 1);
  if (access(PROBE_FOLDER "/sandbox_probe", X_OK) != 0 || access(INIT, X_OK) != 0) return;
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  ck_assert_int_eq(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(mount), 0), 0);
  ck_assert_int_eq(seccomp_load(filter), 0);
  seccomp_release(filter);
  ck_assert_int_eq(sandbox_start(&spec, &process), ZX_OK);
  ck_assert_ptr_nonnull(strstr(process.notes, "NO NAMESPACES AT ALL"));
  int status = wait_for(&process);
  ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 3);
}
END_TEST

// An init that was killed reports nothing, and its program may have given the pipe's end to somebody who
// lives.
START_TEST(the_end_of_a_killed_init_is_learnt_without_its_report) {
  int ends[2];
  siginfo_t ended;
  ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
  pid_t child = fork();
  if (child == 0) {
    raise(SIGKILL);
    _exit(0);
  }
  ck_assert_int_eq(waitid(P_PID, (id_t)child, &ended, WEXITED | WNOWAIT), 0);
  sandbox_process_t process = {.pid = child, .pidfd = -1, .report_fd = ends[0]};
  int status = sandbox_reap(&process);
  ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  close(ends[0]);
  close(ends[1]);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("sandbox");
  TCase* tc = jx_test_case(suite, "sandbox");
  tcase_add_test(tc, a_component_has_exactly_its_descriptors);
  tcase_add_test(tc, descriptors_that_are_kept_stay_what_they_are);
  tcase_add_test(tc, a_component_is_alone_with_its_package_and_libraries);
  tcase_add_test(tc, a_component_has_no_rights_and_can_gain_none);
  tcase_add_test(tc, a_component_makes_threads_but_neither_processes_nor_sockets);
  tcase_add_test(tc, a_component_with_the_hosts_network_has_no_way_to_its_unix_sockets);
  tcase_add_test(tc, nobody_can_ask_to_outlive_the_component_manager);
  tcase_add_test(tc, the_hosts_devices_can_be_used_but_not_changed);
  tcase_add_test(tc, files_are_made_for_the_caller_alone_who_wants_that);
  tcase_add_test(tc, a_component_of_root_is_nobody);
  tcase_add_test(tc, a_program_sees_the_host_read_only);
  tcase_add_test(tc, a_program_reaches_no_network);
  tcase_add_test(tc, a_program_ends_with_its_own_status);
  tcase_add_test(tc, what_a_program_leaves_behind_ends_with_it);
  tcase_add_test(tc, the_end_of_a_killed_init_is_learnt_without_its_report);
  tcase_add_test(tc, a_signal_reaches_the_program_through_its_init);
  tcase_add_test(tc, a_working_directory_can_be_lent_writable);
  tcase_add_test(tc, a_working_directory_may_lie_behind_a_link);
  tcase_add_test(tc, a_program_gets_its_own_name_server);
  tcase_add_test(tc, a_program_that_cannot_be_executed_is_told);
  tcase_add_loop_test(tc, nothing_survives_a_parent_that_is_killed, SANDBOX_ELF, SANDBOX_POSIX + 1);
  tcase_add_test(tc, an_ordinary_user_gets_the_same_walls);
  tcase_add_test(tc, missing_walls_are_told);
  return jx_test_run(suite);
}
