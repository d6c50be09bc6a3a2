// See publication.h.
#include <inet/publication.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BACKLOG = 1024 };

// The port that ends `text`, which is cut off there. False if there is none, or if it is not from 1 to 65535.
static bool take_port(char* text, uint16_t* out) {
  char* colon = strrchr(text, ':');
  char* digits = colon ? colon + 1 : text;
  size_t length = strspn(digits, "0123456789");
  if (length == 0 || length > 5 || digits[length]) return false;
  unsigned long port = strtoul(digits, NULL, 10);
  *(colon ? colon : text) = 0;
  *out = (uint16_t)port;
  return port >= 1 && port <= UINT16_MAX;
}

static bool take_protocol(char* text, bool* out_datagrams) {
  char* slash = strchr(text, '/');
  *out_datagrams = slash && strcmp(slash, "/udp") == 0;
  if (!slash) return true;
  bool known = *out_datagrams || strcmp(slash, "/tcp") == 0;
  *slash = 0;
  return known;
}

static bool set_address(publication_t* out, char* text, uint16_t port) {
  struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
  struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  size_t length = strlen(text);
  if (length > 2 && text[0] == '[' && text[length - 1] == ']') {
    text[length - 1] = 0;
    memcpy(&out->address, &in6, out->length = sizeof(in6));
    return !out->datagrams &&
           inet_pton(AF_INET6, text + 1, &((struct sockaddr_in6*)&out->address)->sin6_addr) == 1;
  }
  memcpy(&out->address, &in, out->length = sizeof(in));
  return inet_pton(AF_INET, length ? text : "127.0.0.1", &((struct sockaddr_in*)&out->address)->sin_addr) ==
         1;
}

bool publication_parse(const char* text, publication_t* out) {
  char copy[80];
  uint16_t port;
  *out = (publication_t){0};
  if (strlen(text) >= sizeof(copy)) return false;
  strcpy(copy, text);
  return take_protocol(copy, &out->datagrams) && take_port(copy, &out->port) && take_port(copy, &port) &&
         set_address(out, copy, port);
}

int publication_open(const publication_t* publication) {
  static const int on = 1;
  int type = publication->datagrams ? SOCK_DGRAM : SOCK_STREAM;
  int fd = socket(publication->address.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  // Streams: connections of an earlier run that are not quite over do not count.
  if (!publication->datagrams) (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (bind(fd, (const struct sockaddr*)&publication->address, publication->length) == 0 &&
      (publication->datagrams || listen(fd, BACKLOG) == 0))
    return fd;
  int error = errno;
  close(fd);
  return -error;
}
