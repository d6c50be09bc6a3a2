#include "tap_peer.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/ipv6.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEVICE "jx0"
#define FRAME_MAX 65600

static int enter_namespace(void) {
  if (unshare(CLONE_NEWNET) == 0) return 0;
  return unshare(CLONE_NEWUSER | CLONE_NEWNET);
}

bool tap_peer_possible(const char** out_reason) {
  // In a child, so that this process stays where it is.
  pid_t child = fork();
  if (child == 0) {
    if (enter_namespace()) _exit(1);
    _exit(open("/dev/net/tun", O_RDWR | O_CLOEXEC) < 0 ? 2 : 0);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) status = 1 << 8;
  *out_reason =
      WEXITSTATUS(status) == 1 ? "network namespaces are not allowed" : "/dev/net/tun cannot be opened";
  return WEXITSTATUS(status) == 0;
}

void tap_peer_sysctl(const char* name, const char* value) {
  char path[200];
  snprintf(path, sizeof path, "/proc/sys/net/%s", name);
  FILE* file = fopen(path, "we");
  ck_assert_msg(file && fputs(value, file) >= 0 && fclose(file) == 0, "cannot write %s", path);
}

static void configure(void) {
  struct ifreq request = {.ifr_name = DEVICE};
  int v4 = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), v6 = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET};
  tap_peer_sysctl("ipv6/conf/" DEVICE "/accept_dad", "0");
  inet_pton(AF_INET, "10.0.0.99", &address.sin_addr);
  memcpy(&request.ifr_addr, &address, sizeof address);
  ck_assert_int_eq(ioctl(v4, SIOCSIFADDR, &request), 0);
  inet_pton(AF_INET, "255.255.255.0", &address.sin_addr);
  memcpy(&request.ifr_netmask, &address, sizeof address);
  ck_assert_int_eq(ioctl(v4, SIOCSIFNETMASK, &request), 0);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  ck_assert_int_eq(ioctl(v4, SIOCSIFFLAGS, &request), 0);
  struct in6_ifreq in6 = {.ifr6_prefixlen = 64, .ifr6_ifindex = (int)if_nametoindex(DEVICE)};
  inet_pton(AF_INET6, "fd00::63", &in6.ifr6_addr);
  ck_assert_int_eq(ioctl(v6, SIOCSIFADDR, &in6), 0);
  close(v4);
  close(v6);
}

// An IPv6 address can be used a moment after it was given, and nothing tells when.
static void wait_for_address(void) {
  struct sockaddr_in6 address = {.sin6_family = AF_INET6};
  int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0), result = -1;
  inet_pton(AF_INET6, "fd00::63", &address.sin6_addr);
  for (int tries = 0; tries < 30000 && result; tries++) {
    result = bind(fd, (struct sockaddr*)&address, sizeof address);
    if (result) (void)poll(NULL, 0, 1);
  }
  ck_assert_int_eq(result, 0);
  close(fd);
}

static int64_t monotonic(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * S + now.tv_nsec;
}

void tap_peer_open(tap_peer_t* peer, host_t* host, bool offloads) {
  struct ifreq request = {.ifr_name = DEVICE, .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
  ck_assert_int_eq(enter_namespace(), 0);
  *peer = (tap_peer_t){.host = host, .random = 1, .clock_offset = host->now - monotonic()};
  peer->fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
  ck_assert_int_ge(peer->fd, 0);
  ck_assert_int_eq(ioctl(peer->fd, TUNSETIFF, &request), 0);
  unsigned features = offloads ? TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN : 0;
  ck_assert_int_eq(ioctl(peer->fd, TUNSETOFFLOAD, features), 0);
  configure();
  wait_for_address();
}

void tap_peer_close(tap_peer_t* peer) {
  close(peer->fd);
}

static bool is_lost(tap_peer_t* peer) {
  peer->random = peer->random * 1103515245 + 12345;
  bool lost = (peer->random >> 16) % 1000 < peer->loss_per_mille;
  peer->lost += lost;
  return lost;
}

static void note(tap_peer_t* peer, uint8_t gso_type) {
  peer->carried++;
  peer->merged += gso_type != VIRTIO_NET_HDR_GSO_NONE;
}

static void from_kernel(tap_peer_t* peer) {
  static uint8_t bytes[sizeof(struct virtio_net_hdr) + FRAME_MAX];
  struct virtio_net_hdr header;
  host_t* host = peer->host;
  for (ssize_t n; (n = read(peer->fd, bytes, sizeof bytes)) > (ssize_t)sizeof header;) {
    memcpy(&header, bytes, sizeof header);
    note(peer, header.gso_type);
    if (is_lost(peer)) continue;
    tcpip_offload_t offload = {
        .flags = header.flags & (TCPIP_OFFLOAD_NEEDS_CHECKSUM | TCPIP_OFFLOAD_DATA_VALID),
        .gso_type = header.gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN,
        .gso_size = header.gso_size,
        .header_length = header.hdr_len,
        .checksum_start = header.csum_start,
        .checksum_offset = header.csum_offset};
    tcpip_set_time(host->stack, host->now);
    tcpip_input(host->stack, host->interface, bytes + sizeof header, (size_t)n - sizeof header, &offload);
  }
}

static void to_kernel(tap_peer_t* peer) {
  host_frame_t frame;
  while (host_take(peer->host, &frame)) {
    const tcpip_offload_t* o = &frame.offload;
    struct virtio_net_hdr header = {.flags = o->flags & TCPIP_OFFLOAD_NEEDS_CHECKSUM,
                                    .gso_type = o->gso_type,
                                    .gso_size = o->gso_size,
                                    .hdr_len = o->header_length,
                                    .csum_start = o->checksum_start,
                                    .csum_offset = o->checksum_offset};
    struct iovec iov[2] = {{&header, sizeof header}, {frame.bytes, frame.length}};
    note(peer, o->gso_type);
    if (!is_lost(peer)) {
      ssize_t written = writev(peer->fd, iov, 2);
      ck_assert_msg(written == (ssize_t)(sizeof header + frame.length), "the device refused a frame: %s",
                    strerror(errno));
    }
    free(frame.bytes);
  }
}

void tap_peer_step(tap_peer_t* peer, int ms) {
  host_t* host = peer->host;
  to_kernel(peer);
  int64_t deadline = tcpip_deadline(host->stack), now = monotonic() + peer->clock_offset, left = 0;
  if (deadline > now) left = deadline - now < ms * MS ? (deadline - now) / MS + 1 : ms;
  struct pollfd wait = {.fd = peer->fd, .events = POLLIN};
  (void)poll(&wait, 1, (int)left);
  host->now = monotonic() + peer->clock_offset;
  tcpip_advance(host->stack, host->now);
  from_kernel(peer);
  to_kernel(peer);
}

static socklen_t address_of(uint8_t family, const char* v4, const char* v6, uint16_t port,
                            struct sockaddr_storage* out) {
  memset(out, 0, sizeof *out);
  if (family == TCPIP_IPV4) {
    struct sockaddr_in* a = (struct sockaddr_in*)(void*)out;
    a->sin_family = AF_INET;
    a->sin_port = htons(port);
    inet_pton(AF_INET, v4, &a->sin_addr);
    return sizeof *a;
  }
  struct sockaddr_in6* a = (struct sockaddr_in6*)(void*)out;
  a->sin6_family = AF_INET6;
  a->sin6_port = htons(port);
  inet_pton(AF_INET6, v6, &a->sin6_addr);
  return sizeof *a;
}

static int new_socket(uint8_t family) {
  int fd = socket(family == TCPIP_IPV4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  ck_assert_int_ge(fd, 0);
  return fd;
}

int kernel_listen(uint8_t family, uint16_t port) {
  struct sockaddr_storage address;
  socklen_t length = address_of(family, "0.0.0.0", "::", port, &address);
  int fd = new_socket(family), one = 1;
  ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), 0);
  ck_assert_int_eq(bind(fd, (struct sockaddr*)&address, length), 0);
  ck_assert_int_eq(listen(fd, 1024), 0);
  return fd;
}

int kernel_connect(uint8_t family, uint16_t port) {
  struct sockaddr_storage address;
  socklen_t length = address_of(family, "10.0.0.1", "fd00::1", port, &address);
  int fd = new_socket(family);
  ck_assert_int_eq(connect(fd, (struct sockaddr*)&address, length), -1);
  ck_assert_int_eq(errno, EINPROGRESS);
  return fd;
}

int kernel_accept(int listener) {
  return accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}
