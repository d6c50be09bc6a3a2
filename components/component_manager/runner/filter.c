// Which system calls a process may make, through libseccomp.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "child.h"

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41  // Linux 5.17; headers may be older
#endif
#define SOCK_TYPE_MASK 0xfu
#define ALL_NAMESPACES \
  (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWCGROUP)

// What our runtime, the C library and libev call. Everything else does not exist for a component.
static const int elf_calls[] = {
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(readv),
    SCMP_SYS(writev),
    SCMP_SYS(pread64),
    SCMP_SYS(pwrite64),
    SCMP_SYS(preadv),
    SCMP_SYS(pwritev),
    SCMP_SYS(open),
    SCMP_SYS(openat),
    SCMP_SYS(close),
    SCMP_SYS(close_range),
    SCMP_SYS(stat),
    SCMP_SYS(fstat),
    SCMP_SYS(lstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(statx),
    SCMP_SYS(statfs),
    SCMP_SYS(fstatfs),
    SCMP_SYS(lseek),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(getcwd),
    SCMP_SYS(getdents64),
    SCMP_SYS(fcntl),
    SCMP_SYS(ioctl),
    SCMP_SYS(dup),
    SCMP_SYS(dup2),
    SCMP_SYS(dup3),
    SCMP_SYS(pipe),
    SCMP_SYS(pipe2),
    SCMP_SYS(memfd_create),
    SCMP_SYS(ftruncate),
    SCMP_SYS(fallocate),
    SCMP_SYS(fadvise64),
    SCMP_SYS(fsync),
    SCMP_SYS(splice),
    SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),
    // memory
    SCMP_SYS(mmap),
    SCMP_SYS(munmap),
    SCMP_SYS(mprotect),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(msync),
    SCMP_SYS(mincore),
    SCMP_SYS(mlock),
    SCMP_SYS(munlock),
    SCMP_SYS(membarrier),
    // waiting
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(select),
    SCMP_SYS(pselect6),
    SCMP_SYS(epoll_create),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_pwait2),
    SCMP_SYS(eventfd),
    SCMP_SYS(eventfd2),
    SCMP_SYS(timerfd_create),
    SCMP_SYS(timerfd_settime),
    SCMP_SYS(timerfd_gettime),
    SCMP_SYS(signalfd),
    SCMP_SYS(signalfd4),
    SCMP_SYS(inotify_init1),
    SCMP_SYS(inotify_add_watch),
    SCMP_SYS(inotify_rm_watch),
    SCMP_SYS(futex),
    SCMP_SYS(restart_syscall),
    // time
    SCMP_SYS(nanosleep),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(times),
    // itself
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getppid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(getgroups),
    SCMP_SYS(getresuid),
    SCMP_SYS(getresgid),
    SCMP_SYS(getrlimit),
    SCMP_SYS(prlimit64),
    SCMP_SYS(getrusage),
    SCMP_SYS(uname),
    SCMP_SYS(sysinfo),
    SCMP_SYS(getrandom),
    SCMP_SYS(arch_prctl),
    SCMP_SYS(set_tid_address),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_setaffinity),
    SCMP_SYS(sched_getparam),
    SCMP_SYS(sched_getscheduler),
    SCMP_SYS(sched_get_priority_max),
    SCMP_SYS(sched_get_priority_min),
    SCMP_SYS(getcpu),
    SCMP_SYS(getpriority),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(wait4),
    SCMP_SYS(waitid),
    // signals
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigpending),
    SCMP_SYS(rt_sigtimedwait),
    SCMP_SYS(rt_sigsuspend),
    SCMP_SYS(rt_sigqueueinfo),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(tgkill),
    SCMP_SYS(tkill),
    SCMP_SYS(kill),
    // sockets it has; which it can make is decided below
    SCMP_SYS(bind),
    SCMP_SYS(connect),
    SCMP_SYS(listen),
    SCMP_SYS(accept),
    SCMP_SYS(accept4),
    SCMP_SYS(shutdown),
    SCMP_SYS(sendto),
    SCMP_SYS(recvfrom),
    SCMP_SYS(sendmsg),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(recvmmsg),
    SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),
    SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt),
};

// What manages the machine, leads out of a namespace, or looks into other processes.
static const int posix_refused[] = {
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(setns),
    SCMP_SYS(unshare),
    SCMP_SYS(open_tree),
    SCMP_SYS(move_mount),
    SCMP_SYS(fsopen),
    SCMP_SYS(fsconfig),
    SCMP_SYS(fsmount),
    SCMP_SYS(fspick),
    SCMP_SYS(mount_setattr),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(name_to_handle_at),
    SCMP_SYS(kcmp),
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(io_uring_enter),
    SCMP_SYS(io_uring_register),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(keyctl),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(reboot),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
    SCMP_SYS(acct),
    SCMP_SYS(quotactl),
    SCMP_SYS(syslog),
    SCMP_SYS(iopl),
    SCMP_SYS(ioperm),
    SCMP_SYS(modify_ldt),
    SCMP_SYS(settimeofday),
    SCMP_SYS(clock_settime),
    SCMP_SYS(clock_adjtime),
    SCMP_SYS(adjtimex),
    SCMP_SYS(sethostname),
    SCMP_SYS(setdomainname),
    SCMP_SYS(vhangup),
    SCMP_SYS(fanotify_init),
    SCMP_SYS(lookup_dcookie),
    SCMP_SYS(move_pages),
    SCMP_SYS(migrate_pages),
};

// The same, but for an init that makes calls on sockets for the program: it refuses them to the program by
// itself.
static const int posix_refused_without_svc[] = {
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(pidfd_getfd),
};

static void rule(const child_t* child, int result) {
  // -EDOM and the like: the call does not exist on this machine, so there is nothing to say about it.
  if (result != 0 && result != -EDOM && result != -EINVAL && result != -EOPNOTSUPP) {
    errno = -result;
    child_fail(child, "cannot write its system call filter");
  }
}

static void add_all(const child_t* child, scmp_filter_ctx filter, uint32_t action, const int* calls,
                    size_t count) {
  for (size_t i = 0; i < count; i++)
    rule(child, seccomp_rule_add(filter, action, calls[i], 0));
}

// What a component may ask of prctl: not, for one, to outlive the component manager (PR_SET_PDEATHSIG).
static const int elf_prctls[] = {
    PR_SET_NAME,     PR_GET_NAME,       PR_SET_VMA,        PR_SET_DUMPABLE,
    PR_GET_DUMPABLE, PR_SET_TIMERSLACK, PR_GET_TIMERSLACK, PR_SET_THP_DISABLE,
    PR_SET_PTRACER,  PR_CAPBSET_READ,   PR_GET_SECCOMP,    PR_GET_NO_NEW_PRIVS,
};

// UNIX sockets come in pairs, and of types whose ends stay together: with others it could reach the abstract
// names that everybody in the host's network has.
static void allow_elf_sockets(const child_t* child, scmp_filter_ctx filter) {
  static const int types[] = {SOCK_STREAM, SOCK_SEQPACKET}, families[] = {AF_INET, AF_INET6};
  for (size_t i = 0; i < 2; i++) {
    rule(child,
         seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), 2, SCMP_A0(SCMP_CMP_EQ, AF_UNIX),
                          SCMP_A1(SCMP_CMP_MASKED_EQ, SOCK_TYPE_MASK, (scmp_datum_t)types[i])));
  }
  for (size_t i = 0; child->spec->host_network && i < 2; i++) {
    rule(child, seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                                 SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i])));
  }
}

// Components make threads, not processes: clone must say CLONE_THREAD. What clone3 is asked cannot be seen,
// so it is missing (the C library then calls clone). They execute only what they are, from the descriptor
// that exec closes.
static void allow_elf(const child_t* child, scmp_filter_ctx filter, int exec_fd) {
  add_all(child, filter, SCMP_ACT_ALLOW, elf_calls, sizeof elf_calls / sizeof *elf_calls);
  rule(child, seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                               SCMP_A0(SCMP_CMP_MASKED_EQ, ALL_NAMESPACES | CLONE_THREAD, CLONE_THREAD)));
  rule(child,
       seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(execveat), 2,
                        SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)exec_fd), SCMP_A4(SCMP_CMP_EQ, AT_EMPTY_PATH)));
  for (size_t i = 0; i < sizeof elf_prctls / sizeof *elf_prctls; i++) {
    rule(child, seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
                                 SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)elf_prctls[i])));
  }
  allow_elf_sockets(child, filter);
}

// Programs may make sockets of the families that a network namespace contains, and no others: vsock, for one,
// has none.
static void refuse_posix(const child_t* child, scmp_filter_ctx filter) {
  uint32_t eperm = SCMP_ACT_ERRNO(EPERM), no_family = SCMP_ACT_ERRNO(EAFNOSUPPORT);
  add_all(child, filter, eperm, posix_refused, sizeof posix_refused / sizeof *posix_refused);
  if (child->spec->svc == 0) {
    add_all(child, filter, eperm, posix_refused_without_svc,
            sizeof posix_refused_without_svc / sizeof *posix_refused_without_svc);
  }
  static const int namespaces[] = {CLONE_NEWUSER, CLONE_NEWNS,  CLONE_NEWPID,   CLONE_NEWIPC,
                                   CLONE_NEWUTS,  CLONE_NEWNET, CLONE_NEWCGROUP};
  for (size_t i = 0; i < sizeof namespaces / sizeof *namespaces; i++) {
    scmp_datum_t bit = (scmp_datum_t)namespaces[i];
    rule(child, seccomp_rule_add(filter, eperm, SCMP_SYS(clone), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, bit, bit)));
  }
  rule(child, seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0));
  // Typing into the terminal that it shares with the shell it was started from.
  rule(child,
       seccomp_rule_add(filter, eperm, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, TIOCSTI)));
  rule(child, seccomp_rule_add(filter, eperm, SCMP_SYS(ioctl), 1,
                               SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, TIOCLINUX)));
  // AF_UNIX 1, AF_INET 2, AF_INET6 10 and AF_NETLINK 16 stay.
  static const struct { scmp_datum_t from, to; } gaps[] = {{3, 9}, {11, 15}, {17, 63}};
  for (size_t i = 0; i < sizeof gaps / sizeof *gaps; i++) {
    for (scmp_datum_t family = gaps[i].from; family <= gaps[i].to; family++) {
      rule(child, seccomp_rule_add(filter, no_family, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, family)));
    }
  }
}

void child_filter_calls(const child_t* child, int exec_fd) {
  bool is_elf = child->spec->kind == SANDBOX_ELF;
  scmp_filter_ctx filter = seccomp_init(is_elf ? SCMP_ACT_ERRNO(ENOSYS) : SCMP_ACT_ALLOW);
  if (!filter) child_fail(child, "cannot write its system call filter");
  if (is_elf) {
    allow_elf(child, filter, exec_fd);
  } else {
    // For who is looked at twice (<lib/intercept/intercept.h>) the kernel cannot tell beforehand that reading
    // and writing are allowed: the way to that is to be short.
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    refuse_posix(child, filter);
  }
  int result = seccomp_load(filter);
  seccomp_release(filter);
  if (result == -EINVAL || result == -ENOSYS) {
    child_note(child, "no system call filter (the kernel has none)");
  } else if (result != 0) {
    errno = -result;
    child_fail(child, "cannot set its system call filter");
  }
}
