// A published port: one of the host's that leads to a port in a network of somebody's own. Whoever takes one
// from its user says it in the same words.
#ifndef INET_PUBLICATION_H_
#define INET_PUBLICATION_H_

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

typedef struct publication {
  bool datagrams;                   // UDP, not TCP
  struct sockaddr_storage address;  // of the host
  socklen_t length;
  uint16_t port;  // in the network behind it
} publication_t;

#define PUBLICATION_FORM "[ADDRESS:]PORT:PORT[/tcp|/udp]"

// Reads such as "8080:80", "0.0.0.0:8080:80", "[::1]:8080:80" and "5353:53/udp": the host's port comes first,
// its address is 127.0.0.1 where none is given. Datagrams are published on IPv4 addresses only. False if
// `text` is nothing of the kind.
bool publication_parse(const char* text, publication_t* out);

// Makes the host's socket, non-blocking and closed by exec: bound, and listening if it is a stream's. A
// negative errno, as bind(2) has them.
int publication_open(const publication_t* publication);

#endif  // INET_PUBLICATION_H_
