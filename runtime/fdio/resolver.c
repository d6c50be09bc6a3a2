// c-ares, loaded at first need, driven to the end of one question at a time. Each question has a channel of
// its own, so that threads and forks need no care.
#include "resolver.h"

#include <ares.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>

#include "fdio.h"

// The functions of c-ares that are called, by name.
#define ARES_FUNCTIONS(X)                                                                                   \
  X(int, ares_library_init, (int flags))                                                                    \
  X(int, ares_init, (ares_channel * channel))                                                               \
  X(void, ares_destroy, (ares_channel channel))                                                             \
  X(void, ares_getaddrinfo,                                                                                 \
    (ares_channel channel, const char* node, const char* service, const struct ares_addrinfo_hints* hints,  \
     ares_addrinfo_callback callback, void* arg))                                                           \
  X(void, ares_freeaddrinfo, (struct ares_addrinfo * info))                                                 \
  X(void, ares_gethostbyaddr,                                                                               \
    (ares_channel channel, const void* addr, int length, int family, ares_host_callback callback,           \
     void* arg))                                                                                            \
  X(int, ares_getsock, (ares_channel channel, ares_socket_t * sockets, int count))                          \
  X(struct timeval*, ares_timeout, (ares_channel channel, struct timeval * most, struct timeval * timeout)) \
  X(void, ares_process_fd, (ares_channel channel, ares_socket_t read_fd, ares_socket_t write_fd))

#define ARES_POINTER(result, name, parameters) result(*name) parameters;
static struct {
  pthread_once_t once;
  bool loaded;
  ARES_FUNCTIONS(ARES_POINTER)
} ares = {.once = PTHREAD_ONCE_INIT};

static void load(void) {
  void* library = dlopen("libcares.so.2", RTLD_NOW | RTLD_LOCAL);
  bool complete = library != NULL;
#define ARES_FIND(result, name, parameters)                         \
  if (complete) *(void**)(void*)&ares.name = dlsym(library, #name); \
  complete = complete && ares.name;
  ARES_FUNCTIONS(ARES_FIND)
  ares.loaded = complete && ares.ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS;
  if (!ares.loaded) fdio_debug("names cannot be resolved: libcares.so.2 (Debian: libc-ares2): %s", dlerror());
}

static int error_of(int status) {
  switch (status) {
    case ARES_SUCCESS:
      return 0;
    case ARES_ENOTFOUND:
    case ARES_ENODATA:
    case ARES_EBADNAME:
    case ARES_ENONAME:
      return EAI_NONAME;
    case ARES_ENOMEM:
      return EAI_MEMORY;
    case ARES_ETIMEOUT:
    case ARES_ECONNREFUSED:
    case ARES_ESERVFAIL:
    case ARES_EREFUSED:
      return EAI_AGAIN;
    default:
      return EAI_FAIL;
  }
}

static int open_channel(ares_channel* out) {
  pthread_once(&ares.once, load);
  if (!ares.loaded) return EAI_FAIL;
  return error_of(ares.ares_init(out));
}

// Waits for what the channel waits for, once. False: there is nothing left to wait for.
static bool wait_once(ares_channel channel) {
  ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
  struct pollfd fds[ARES_GETSOCK_MAXNUM];
  nfds_t count = 0;
  unsigned wanted = (unsigned)ares.ares_getsock(channel, sockets, ARES_GETSOCK_MAXNUM);
  for (unsigned i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
    // As ARES_GETSOCK_READABLE and _WRITABLE say, which shift a one into the sign of an int.
    short events = (short)((wanted >> i & 1 ? POLLIN : 0) | (wanted >> (i + ARES_GETSOCK_MAXNUM) & 1 ? POLLOUT : 0));
    if (events) fds[count++] = (struct pollfd){.fd = sockets[i], .events = events};
  }
  if (count == 0) return false;
  struct timeval most = {.tv_sec = 5};
  struct timeval timeout;
  const struct timeval* left = ares.ares_timeout(channel, &most, &timeout);
  int milliseconds = (int)(left->tv_sec * 1000 + left->tv_usec / 1000 + 1);
  if (poll(fds, count, milliseconds) <= 0) {
    ares.ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    return true;
  }
  for (nfds_t i = 0; i < count; i++) {
    if (!fds[i].revents) continue;
    bool readable = fds[i].revents & ~POLLOUT;
    bool writable = fds[i].revents & ~POLLIN;
    ares.ares_process_fd(channel, readable ? fds[i].fd : ARES_SOCKET_BAD,
                         writable && (fds[i].events & POLLOUT) ? fds[i].fd : ARES_SOCKET_BAD);
  }
  return true;
}

// Names to addresses

typedef struct question {
  bool done;
  int error;
  resolver_answer_t* answer;
  char* name;
} question_t;

static void take_addresses(void* context, int status, int timeouts, struct ares_addrinfo* info) {
  question_t* question = context;
  question->done = true;
  question->error = error_of(status);
  if (!info) return;
  resolver_answer_t* answer = question->answer;
  for (const struct ares_addrinfo_node* node = info->nodes; node; node = node->ai_next) {
    if (answer->count == RESOLVER_ADDRESSES_MAX || node->ai_addrlen > sizeof(answer->addresses[0])) continue;
    memcpy(&answer->addresses[answer->count++], node->ai_addr, node->ai_addrlen);
  }
  const char* name = info->name;
  for (const struct ares_addrinfo_cname* alias = info->cnames; alias; alias = alias->next) {
    if (alias->name) name = alias->name;
  }
  if (name) snprintf(answer->name, sizeof(answer->name), "%s", name);
  ares.ares_freeaddrinfo(info);
  if (!question->error && answer->count == 0) question->error = EAI_NONAME;
}

int resolver_addresses(const char* name, int family, resolver_answer_t* out) {
  ares_channel channel;
  question_t question = {.answer = out};
  out->count = 0;
  snprintf(out->name, sizeof(out->name), "%s", name);
  int error = open_channel(&channel);
  if (error) return error;
  // One kind of socket, or each address would come once for each.
  struct ares_addrinfo_hints hints = {
      .ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = ARES_AI_CANONNAME};
  ares.ares_getaddrinfo(channel, name, NULL, &hints, take_addresses, &question);
  while (!question.done && wait_once(channel))
    continue;
  ares.ares_destroy(channel);
  return question.error;
}

// Addresses to names

static void take_name(void* context, int status, int timeouts, struct hostent* host) {
  question_t* question = context;
  question->done = true;
  question->error = error_of(status);
  if (!question->error && host && host->h_name) snprintf(question->name, NI_MAXHOST, "%s", host->h_name);
}

int resolver_name(const struct sockaddr* address, char name[NI_MAXHOST]) {
  ares_channel channel;
  question_t question = {.name = name};
  struct sockaddr_in in;
  struct sockaddr_in6 in6;
  int error = open_channel(&channel);
  if (error) return error;
  if (address->sa_family == AF_INET) {
    memcpy(&in, address, sizeof(in));
    ares.ares_gethostbyaddr(channel, &in.sin_addr, sizeof(in.sin_addr), AF_INET, take_name, &question);
  } else {
    memcpy(&in6, address, sizeof(in6));
    ares.ares_gethostbyaddr(channel, &in6.sin6_addr, sizeof(in6.sin6_addr), AF_INET6, take_name, &question);
  }
  while (!question.done && wait_once(channel))
    continue;
  ares.ares_destroy(channel);
  return question.error;
}
