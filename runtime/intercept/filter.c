// Which calls are intercepted, told to the kernel in its own language. The filter decides by the number of
// the call and the words of its arguments, as it cannot know what a descriptor is. It runs for every read and
// write of the program, so it is short on that way.
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <zircon/errors.h>

#include <lib/intercept/intercept.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)  // Linux 5.19; headers may be older
#endif

// The ranges of numbers

enum {
  FIRST = 640,
  END = 896,
  ROOM_BEHIND = 104,  // for fdio's own, which begin at 900
  MANY_FIRST = 32768,
  MANY_END = 65536,
};

intercept_numbers_t intercept_numbers(void) {
  intercept_numbers_t numbers = {{{FIRST, END}, {MANY_FIRST, MANY_END}}};
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < END + ROOM_BEHIND) {
    uint32_t most = (uint32_t)limit.rlim_cur;
    numbers.ranges[0] = (intercept_range_t){most / 2, most - most / 4};
  }
  return numbers;
}

// Writing the filter

// Where a jump leads; resolved once the filter is written.
typedef enum label {
  NEXT,
  ALLOW,
  NOTIFY,
  REFUSE,
  SOCKET,   // makes a socket
  NUMBER,   // uses a descriptor as a datagram socket's
  CONTROL,  // uses a descriptor as a socket's
  MARK,     // the same, and it is no datagram socket of ours
  COPY,     // fcntl
  QUERY,    // ioctl
  LABELS,
} label_t;

enum { MOST = 128 };

typedef struct program {
  struct sock_filter code[MOST];
  unsigned char if_true[MOST], if_false[MOST];  // label_t
  unsigned short length;
  unsigned short places[LABELS];
} program_t;

static void emit(program_t* program, unsigned code, uint32_t k, label_t if_true, label_t if_false) {
  unsigned short at = program->length++;
  program->code[at] = (struct sock_filter){.code = (uint16_t)code, .k = k};
  program->if_true[at] = (unsigned char)if_true;
  program->if_false[at] = (unsigned char)if_false;
}

static void place(program_t* program, label_t label) {
  program->places[label] = program->length;
}

static void load(program_t* program, size_t offset) {
  emit(program, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, NEXT, NEXT);
}

// The lower word, which is all that the kernel takes of a descriptor.
static void load_argument(program_t* program, unsigned index) {
  load(program, offsetof(struct seccomp_data, args) + index * sizeof(uint64_t));
}

static void if_equal(program_t* program, uint32_t value, label_t if_true, label_t if_false) {
  emit(program, BPF_JMP | BPF_JEQ | BPF_K, value, if_true, if_false);
}

static void if_from(program_t* program, uint32_t value, label_t if_true, label_t if_false) {
  emit(program, BPF_JMP | BPF_JGE | BPF_K, value, if_true, if_false);
}

static void if_one_of(program_t* program, const int* values, size_t count, label_t if_true) {
  for (size_t i = 0; i < count; i++)
    if_equal(program, (uint32_t)values[i], if_true, NEXT);
}

static void answer(program_t* program, label_t label, uint32_t action) {
  place(program, label);
  emit(program, BPF_RET | BPF_K, action, NEXT, NEXT);
}

// All jumps lead forward, and none over more than 255 instructions.
static void resolve(program_t* program) {
  for (unsigned short i = 0; i < program->length; i++) {
    struct sock_filter* code = &program->code[i];
    unsigned short next = (unsigned short)(i + 1);
    if (program->if_true[i] != NEXT) code->jt = (uint8_t)(program->places[program->if_true[i]] - next);
    if (program->if_false[i] != NEXT) code->jf = (uint8_t)(program->places[program->if_false[i]] - next);
  }
}

static const int data_calls[] = {SYS_read,  SYS_write,  SYS_recvfrom, SYS_sendto,   SYS_recvmsg, SYS_sendmsg,
                                 SYS_readv, SYS_writev, SYS_recvmmsg, SYS_sendmmsg, SYS_dup};
static const int control_calls[] = {SYS_getsockopt,  SYS_setsockopt, SYS_accept4, SYS_connect,
                                    SYS_accept,      SYS_bind,       SYS_listen,  SYS_getsockname,
                                    SYS_getpeername, SYS_shutdown};
// What looks into other processes: whoever serves the listener has to, and is under the same filters
// otherwise.
static const int refused_calls[] = {SYS_process_vm_readv, SYS_process_vm_writev, SYS_pidfd_getfd};

#define COUNT(array) (sizeof(array) / sizeof *(array))

// The rest of what is done with the descriptor, which is loaded.
static void notify_numbers(program_t* program, const intercept_numbers_t* numbers, label_t otherwise) {
  const intercept_range_t* ranges = numbers->ranges;
  // first[0] <= end[0] <= first[1] <= end[1]
  if_from(program, ranges[1].end, otherwise, NEXT);
  if_from(program, ranges[1].first, NOTIFY, NEXT);
  if_from(program, ranges[0].end, otherwise, NEXT);
  if_from(program, ranges[0].first, NOTIFY, otherwise);
}

// Nothing is said of other machines' calls, which have other numbers: the filters of the sandbox, which come
// first, kill who makes one.
static void write_filter(program_t* program, const intercept_numbers_t* numbers, uint32_t action) {
  load(program, offsetof(struct seccomp_data, nr));
  if_one_of(program, data_calls, COUNT(data_calls), NUMBER);
  if_equal(program, SYS_fcntl, COPY, NEXT);
  if_equal(program, SYS_ioctl, QUERY, NEXT);
  if_one_of(program, control_calls, COUNT(control_calls), CONTROL);
  if_equal(program, SYS_socket, SOCKET, NEXT);
  if_one_of(program, refused_calls, COUNT(refused_calls), REFUSE);
  emit(program, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, NEXT, NEXT);

  place(program, SOCKET);
  load_argument(program, 0);
  if_equal(program, AF_INET, NOTIFY, NEXT);
  if_equal(program, AF_INET6, NOTIFY, ALLOW);

  // Our datagram sockets also for those who pass: only they have these numbers.
  place(program, CONTROL);
  load_argument(program, 0);
  notify_numbers(program, numbers, MARK);
  place(program, MARK);
  load_argument(program, 5);
  if_equal(program, (uint32_t)INTERCEPT_PASS, NEXT, NOTIFY);
  load(program, offsetof(struct seccomp_data, args[5]) + sizeof(uint32_t));
  if_equal(program, (uint32_t)(INTERCEPT_PASS >> 32), ALLOW, NOTIFY);

  place(program, COPY);
  load_argument(program, 1);
  if_equal(program, F_DUPFD, NUMBER, NEXT);
  if_equal(program, F_DUPFD_CLOEXEC, NUMBER, ALLOW);

  place(program, QUERY);
  load_argument(program, 1);
  if_equal(program, FIONREAD, NUMBER, NEXT);
  if_equal(program, TIOCOUTQ, NUMBER, ALLOW);

  place(program, NUMBER);
  load_argument(program, 0);
  notify_numbers(program, numbers, ALLOW);

  answer(program, ALLOW, SECCOMP_RET_ALLOW);
  answer(program, NOTIFY, action);
  answer(program, REFUSE, SECCOMP_RET_ERRNO | EPERM);
  resolve(program);
}

static long install(const intercept_numbers_t* numbers, uint32_t action, unsigned long flags) {
  program_t program = {.length = 0};
  write_filter(&program, numbers, action);
  struct sock_fprog compiled = {.len = program.length, .filter = program.code};
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &compiled);
}

zx_status_t intercept_begin(const intercept_numbers_t* numbers, int* out_listener) {
  // Once taken, a call is only given up if its process is killed: what has been done for it is not done
  // twice.
  unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
  long listener = install(numbers, SECCOMP_RET_USER_NOTIF, flags);
  if (listener >= 0) {
    *out_listener = (int)listener;
    return ZX_OK;
  }
  return install(numbers, SECCOMP_RET_ALLOW, 0) == 0 ? ZX_ERR_NOT_SUPPORTED : ZX_ERR_ACCESS_DENIED;
}
