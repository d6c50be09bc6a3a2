// A provider of sockets that takes one client, closes its directory of services, and stays: as one that is
// about to end looks to the component manager. Its client gets EACCES for every stream socket.
#include <fidl/fuchsia.posix.socket.h>
#include <lib/async-loop/loop.h>
#include <lib/component/component.h>
#include <stdio.h>
#include <zircon/syscalls.h>

typedef struct provider {
  async_loop_t* loop;
  zx_handle_t client;
} provider_t;

static void connected(void* context, zx_handle_t server_end) {
  provider_t* provider = context;
  if (provider->client != ZX_HANDLE_INVALID) {
    zx_handle_close(server_end);
    return;
  }
  provider->client = server_end;
  async_loop_quit(provider->loop);
}

static void refuse(void* context, fuchsia_posix_socket_ProviderStreamSocketDescribedRequest* request,
                   fidl_completer_t completer) {
  fuchsia_posix_socket_Provider_StreamSocketDescribed_reply_error(completer, fuchsia_posix_Errno_EACCES);
}

// Takes the one client; the directory is closed when this returns.
static zx_status_t take_client(provider_t* provider) {
  component_t* component = NULL;
  zx_status_t status = async_loop_create(NULL, &provider->loop);
  if (status == ZX_OK) status = component_create(async_loop_get_dispatcher(provider->loop), &component);
  if (status == ZX_OK)
    status = component_serve(component, fuchsia_posix_socket_Provider_NAME, connected, provider);
  if (status == ZX_OK) status = async_loop_run(provider->loop, ZX_TIME_INFINITE, false);
  if (provider->loop) async_loop_shutdown(provider->loop);
  component_destroy(component);
  async_loop_destroy(provider->loop);
  return provider->client == ZX_HANDLE_INVALID ? status : ZX_OK;
}

int main(void) {
  static const fuchsia_posix_socket_Provider_ops_t ops = {.StreamSocketDescribed = refuse};
  provider_t provider = {.client = ZX_HANDLE_INVALID};
  zx_status_t status = take_client(&provider);
  if (status == ZX_OK) status = async_loop_create(NULL, &provider.loop);
  if (status == ZX_OK)
    status = fuchsia_posix_socket_Provider_bind(async_loop_get_dispatcher(provider.loop), provider.client,
                                                &ops, NULL, NULL, NULL);
  if (status == ZX_OK) status = async_loop_run(provider.loop, ZX_TIME_INFINITE, false);
  fprintf(stderr, "leaving_server: status %d\n", status);
  return 1;
}
