// An ordinary UDP client that knows nothing of Jacinth: sends datagrams to an echo server, checks what comes
// back, and says how long each took.
//
// udp_echo_client ADDRESS PORT [COUNT [SIZE [TIMEOUT_MS]]]
// Exit status: 0 if every datagram came back as it was, 1 if not, 2 for wrong arguments.
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SIZE_MAX_BYTES 65507

typedef struct client {
  int fd;
  const char *address, *port;
  long count, size, timeout_ms;
  struct sockaddr_storage to;
  socklen_t to_size;
  long answered;
  double shortest_us, longest_us, sum_us;
  unsigned char sent[SIZE_MAX_BYTES], received[SIZE_MAX_BYTES + 1];
} client_t;

static double now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

// Bytes that differ from datagram to datagram and from place to place.
static void fill(client_t* client, long number) {
  uint32_t state = (uint32_t)number * 2654435761u + 12345u;
  for (long i = 0; i < client->size; i++) {
    state = state * 1664525u + 1013904223u;
    client->sent[i] = (unsigned char)(state >> 24);
  }
}

static bool parse(client_t* client, int argc, char** argv) {
  static const long defaults[] = {10, 64, 3000};
  long* numbers[] = {&client->count, &client->size, &client->timeout_ms};
  if (argc < 3 || argc > 6) return false;
  client->address = argv[1];
  client->port = argv[2];
  for (int i = 0; i < 3; i++) {
    char* end = NULL;
    *numbers[i] = argc > 3 + i ? strtol(argv[3 + i], &end, 10) : defaults[i];
    if ((end && *end) || *numbers[i] < 1) return false;
  }
  return client->size <= SIZE_MAX_BYTES;
}

static bool open_socket(client_t* client) {
  struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV}, *found;
  int error = getaddrinfo(client->address, client->port, &hints, &found);
  if (error) {
    fprintf(stderr, "udp_echo_client: %s port %s: %s\n", client->address, client->port, gai_strerror(error));
    return false;
  }
  memcpy(&client->to, found->ai_addr, found->ai_addrlen);
  client->to_size = found->ai_addrlen;
  client->fd = socket(found->ai_family, SOCK_DGRAM, 0);
  freeaddrinfo(found);
  struct timeval timeout = {.tv_sec = client->timeout_ms / 1000, .tv_usec = client->timeout_ms % 1000 * 1000};
  // Connected, so that the news of nobody listening there reaches us.
  if (client->fd >= 0 && setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) == 0 &&
      connect(client->fd, (struct sockaddr*)&client->to, client->to_size) == 0) {
    return true;
  }
  fprintf(stderr, "udp_echo_client: cannot make a socket to %s port %s: %s\n", client->address, client->port,
          strerror(errno));
  return false;
}

static bool no_answer(const client_t* client, long number) {
  if (errno == EAGAIN || errno == EWOULDBLOCK) {
    fprintf(stderr, "udp_echo_client: no answer to datagram %ld from %s port %s within %ld ms\n", number,
            client->address, client->port, client->timeout_ms);
  } else if (errno == ECONNREFUSED) {
    fprintf(stderr, "udp_echo_client: nobody listens at %s port %s (connection refused)\n", client->address,
            client->port);
  } else {
    fprintf(stderr, "udp_echo_client: datagram %ld: %s\n", number, strerror(errno));
  }
  return false;
}

static void count_time(client_t* client, double us) {
  if (client->answered == 0 || us < client->shortest_us) client->shortest_us = us;
  if (us > client->longest_us) client->longest_us = us;
  client->sum_us += us;
  client->answered++;
}

static bool exchange(client_t* client, long number) {
  struct sockaddr_storage from;
  socklen_t from_size = sizeof from;
  fill(client, number);
  double start = now_us();
  ssize_t sent = sendto(client->fd, client->sent, (size_t)client->size, 0, (struct sockaddr*)&client->to,
                        client->to_size);
  if (sent != client->size) return no_answer(client, number);
  ssize_t got =
      recvfrom(client->fd, client->received, sizeof client->received, 0, (struct sockaddr*)&from, &from_size);
  if (got < 0) return no_answer(client, number);
  double us = now_us() - start;
  if (got != client->size || memcmp(client->sent, client->received, (size_t)got) != 0) {
    fprintf(stderr, "udp_echo_client: datagram %ld came back changed\n", number);
    return false;
  }
  count_time(client, us);
  printf("datagram %ld: %zd bytes to %s port %s and back in %.1f us\n", number, got, client->address,
         client->port, us);
  return true;
}

int main(int argc, char** argv) {
  static client_t client;
  if (!parse(&client, argc, argv)) {
    fprintf(stderr, "usage: udp_echo_client ADDRESS PORT [COUNT [SIZE [TIMEOUT_MS]]]\n");
    return 2;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (!open_socket(&client)) return 1;
  bool ok = true;
  for (long i = 1; ok && i <= client.count; i++)
    ok = exchange(&client, i);
  close(client.fd);
  if (client.answered > 0) {
    printf("%ld of %ld datagrams answered; round trip %.1f / %.1f / %.1f us (least / mean / most)\n",
           client.answered, client.count, client.shortest_us, client.sum_us / (double)client.answered,
           client.longest_us);
  }
  return ok ? 0 : 1;
}
