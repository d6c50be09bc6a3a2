// The state of the process: whether it has a network stack, how the stack is reached, and whose memory this
// is.
//
// The environment variable JACINTH_SVC names the descriptor of the channel to the directory of services. It
// is not close-on-exec and shared with every descendant, which is why only one-way requests are ever written
// to it. It and the descriptors of the runtime's own objects stay at high numbers and hidden: a program that
// closes everything it does not know, or counts on the number its next descriptor gets, goes on as if they
// were not there.
#include <fcntl.h>
#include <lib/trace/trace.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <zircon/errors.h>
#include <zircon/linux.h>
#include <zircon/syscalls.h>

#include "fdio.h"

static struct {
  pthread_once_t once;
  pthread_mutex_t lock;
  atomic_int svc_fd;  // -1: no network stack
  atomic_int pid;
  _Atomic(zx_handle_t) provider;
  bool debug;
} process = {.once = PTHREAD_ONCE_INIT, .lock = PTHREAD_MUTEX_INITIALIZER, .svc_fd = -1};

// Locks

void fdio_lock(sigset_t* saved) {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, saved);
  pthread_mutex_lock(&process.lock);
}

void fdio_unlock(const sigset_t* saved) {
  pthread_mutex_unlock(&process.lock);
  pthread_sigmask(SIG_SETMASK, saved, NULL);
}

// Whose memory

static int current_pid(void) {
  return (int)libc_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

// A page that the kernel empties in a copy of the process. The fork hooks mark it again; a child that was
// made without them, by clone(2) itself, finds it empty.
static _Atomic(char)* own_page;

static void mark_page(void) {
  if (!own_page) {
    void* page = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return;
    madvise(page, 1, MADV_WIPEONFORK);
    own_page = page;
  }
  atomic_store_explicit(own_page, 1, memory_order_relaxed);
}

void fdio_check_process(void) {
  if (__builtin_expect(own_page && !atomic_load_explicit(own_page, memory_order_relaxed), 0))
    fdio_fork_late();
}

bool fdio_foreign_process(void) {
  fdio_check_process();
  return atomic_load_explicit(&process.pid, memory_order_relaxed) != current_pid();
}

void fdio_adopt_process(void) {
  pthread_mutex_init(&process.lock, NULL);
  atomic_store_explicit(&process.provider, ZX_HANDLE_INVALID, memory_order_relaxed);
  atomic_store_explicit(&process.pid, current_pid(), memory_order_relaxed);
  mark_page();
  fdio_interrupt_reset();
}

// Start

static int environment_fd(const char* name) {
  const char* text = getenv(name);
  if (!text || !*text) return -1;
  char* end;
  long fd = strtol(text, &end, 10);
  return *end || fd < 0 || fd >= FDIO_TABLE_LIMIT ? -1 : (int)fd;
}

// The number in JACINTH_SVC may be another file's by now, if somebody closed ours behind our back.
static bool is_channel(int fd) {
  int type = 0;
  int domain = 0;
  socklen_t length = sizeof(int);
  return own_getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_SEQPACKET &&
         own_getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 && domain == AF_UNIX;
}

// Whoever started the program may have put such a descriptor at a number that the program counts on. The
// environment follows, for the programs that this one executes; a variable that exists already is changed in
// its place.
static int move_up(const char* name, int fd) {
  int high = fdio_hide_inherited(fd);
  char number[16];
  snprintf(number, sizeof(number), "%d", high);
  if (high != fd) setenv(name, number, 1);
  return high;
}

static void attach_trace(void) {
  int fd = environment_fd("JACINTH_TRACE");
  struct stat stat;
  if (fd < 0 || fstat(fd, &stat) != 0 || !S_ISREG(stat.st_mode) || stat.st_size <= 0) return;
  void* memory = mmap(NULL, (size_t)stat.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return;
  move_up("JACINTH_TRACE", fd);
  trace_attach(memory, (size_t)stat.st_size);
}

static void start(void) {
  int saved_errno = errno;
  process.debug = getenv("JACINTH_FDIO_DEBUG") != NULL;
  int fd = environment_fd("JACINTH_SVC");
  if (fd >= 0 && is_channel(fd)) {
    fdio_hidden_init();
    fdio_adopt_process();
    fd = move_up("JACINTH_SVC", fd);
    attach_trace();
    fdio_fork_init();
    atomic_store_explicit(&process.svc_fd, fd, memory_order_release);
    fdio_recognise_inherited();
    fdio_debug("active, services at descriptor %d", fd);
  } else {
    fdio_debug("inactive: %s", fd < 0 ? "no JACINTH_SVC" : "the descriptor in JACINTH_SVC is no channel");
  }
  errno = saved_errno;
}

bool fdio_active(void) {
  pthread_once(&process.once, start);
  return atomic_load_explicit(&process.svc_fd, memory_order_acquire) >= 0;
}

__attribute__((constructor(102))) static void start_early(void) {
  fdio_active();
}

// The provider

static zx_status_t connect_provider(zx_handle_t* out) {
  int fd = fcntl(atomic_load_explicit(&process.svc_fd, memory_order_relaxed), F_DUPFD_CLOEXEC, NULL);
  if (fd < 0) return ZX_ERR_NO_RESOURCES;
  zx_handle_t svc;
  zx_status_t status = zx_linux_channel_from_fd(fd, &svc);
  if (status != ZX_OK) return status;
  status = zxio_provider_connect(svc, out);
  zx_handle_close(svc);
  return status;
}

zx_status_t fdio_provider(bool renew, zx_handle_t* out) {
  zx_handle_t provider = atomic_load_explicit(&process.provider, memory_order_acquire);
  if (provider != ZX_HANDLE_INVALID && !renew) {
    *out = provider;
    return ZX_OK;
  }
  sigset_t saved;
  fdio_lock(&saved);
  zx_status_t status = ZX_OK;
  zx_handle_t current = atomic_load_explicit(&process.provider, memory_order_relaxed);
  if (current == provider) {  // nobody else renewed it meanwhile
    zx_handle_close(current);
    current = ZX_HANDLE_INVALID;
    status = connect_provider(&current);
    atomic_store_explicit(&process.provider, current, memory_order_release);
  }
  *out = current;
  fdio_unlock(&saved);
  return status;
}

void fdio_debug(const char* format, ...) {
  if (!process.debug) return;
  int saved_errno = errno;
  char text[256];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  if (length > 0) dprintf(STDERR_FILENO, "fdio[%d]: %s\n", current_pid(), text);
  errno = saved_errno;
}
