// A provider of sockets that fails at its start, with status 3, as long as there is a file /pkg/bin/failing.
// Otherwise its clients get EACCES for every stream socket.
#include <fidl/fuchsia.posix.socket.h>
#include <lib/async-loop/loop.h>
#include <lib/component/component.h>
#include <stdio.h>
#include <unistd.h>

static void refuse(void* context, fuchsia_posix_socket_ProviderStreamSocketDescribedRequest* request,
                   fidl_completer_t completer) {
  fuchsia_posix_socket_Provider_StreamSocketDescribed_reply_error(completer, fuchsia_posix_Errno_EACCES);
}

static void connected(void* context, zx_handle_t server_end) {
  static const fuchsia_posix_socket_Provider_ops_t ops = {.StreamSocketDescribed = refuse};
  async_loop_t* loop = context;
  fuchsia_posix_socket_Provider_bind(async_loop_get_dispatcher(loop), server_end, &ops, NULL, NULL, NULL);
}

int main(void) {
  async_loop_t* loop;
  component_t* component;
  if (access("/pkg/bin/failing", F_OK) == 0) return 3;
  zx_status_t status = async_loop_create(NULL, &loop);
  if (status == ZX_OK) status = component_create(async_loop_get_dispatcher(loop), &component);
  if (status == ZX_OK)
    status = component_serve(component, fuchsia_posix_socket_Provider_NAME, connected, loop);
  if (status == ZX_OK) status = async_loop_run(loop, ZX_TIME_INFINITE, false);
  fprintf(stderr, "failing_server: status %d\n", status);
  return 1;
}
