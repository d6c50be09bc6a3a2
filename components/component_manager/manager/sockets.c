// Sockets of the host that programs inherit, bound before anything starts, so that everybody can be told
// their ports.
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "manager_internal.h"

static bool parse_address(const char* text, struct sockaddr_in* out) {
  char address[INET_ADDRSTRLEN] = "", *end;
  const char* colon = strrchr(text, ':');
  if (!colon || (size_t)(colon - text) >= sizeof address) return false;
  memcpy(address, text, (size_t)(colon - text));
  unsigned long port = strtoul(colon + 1, &end, 10);
  if (end == colon + 1 || *end || port > 65535) return false;
  *out = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  return inet_pton(AF_INET, address, &out->sin_addr) == 1;
}

static bool bind_socket(component_t* component, size_t index, cml_error_t* error) {
  const program_socket_t* socket_ = &component->program.sockets[index];
  struct sockaddr_in address;
  if (!parse_address(socket_->address.text, &address)) {
    return cml_fail(error, socket_->address.location, "InvalidField", "\"%.100s\" is no \"ADDRESS:PORT\"",
                    socket_->address.text);
  }
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 && bind(fd, (struct sockaddr*)&address, sizeof address) == 0) {
    component->sockets[index] = fd;
    return true;
  }
  cml_fail(error, socket_->address.location, "SocketError", "cannot bind a socket to %.100s: %s",
           socket_->address.text, strerror(errno));
  if (fd >= 0) close(fd);
  return false;
}

bool component_bind_sockets(component_t* component, cml_error_t* error) {
  size_t count = component->program.socket_count;
  component->sockets = cml_arena_alloc(component->manager->realm->arena, count * sizeof(int));
  for (size_t i = 0; i < count; i++)
    component->sockets[i] = -1;
  if (count > 0 && !component->host_network) {
    cml_fail(error, component->program.sockets[0].name.location, "InvalidField",
             "%s has sockets, but does not use %s", component->label, REALM_BUILTIN_NETWORK);
    return cml_advise(error, "add { protocol: \"%s\" } to its \"use\", and offer it to it",
                      REALM_BUILTIN_NETWORK);
  }
  for (size_t i = 0; i < count; i++) {
    if (!bind_socket(component, i, error)) return false;
  }
  return true;
}
