// Asking name servers, through c-ares, whose sockets are ours because it calls the C library by its names.
// The library is loaded when it is first needed: a program that never resolves a name pays nothing.
#ifndef RUNTIME_FDIO_RESOLVER_H_
#define RUNTIME_FDIO_RESOLVER_H_

#include <netdb.h>
#include <stdbool.h>
#include <sys/socket.h>

#define RESOLVER_ADDRESSES_MAX 64

// What is known about a name.
typedef struct resolver_answer {
  struct sockaddr_storage addresses[RESOLVER_ADDRESSES_MAX];  // without ports, best first (RFC 6724)
  size_t count;
  char name[NI_MAXHOST];  // the canonical one
} resolver_answer_t;

// Looks a name up in /etc/hosts and with the name servers of /etc/resolv.conf. `family` may be AF_UNSPEC. 0,
// or EAI_NONAME, EAI_AGAIN, EAI_MEMORY, EAI_FAIL. Blocks for as long as the servers take to answer.
int resolver_addresses(const char* name, int family, resolver_answer_t* out);

// The name of an address. The same errors.
int resolver_name(const struct sockaddr* address, char name[NI_MAXHOST]);

#endif  // RUNTIME_FDIO_RESOLVER_H_
