// Runs a program over a network stack of its own, which has nothing but its loopback interface:
// stack_provider LIBFDIO PROGRAM [ARGUMENT...]. The stack is the netstack component's, in this process; the
// program finds it as it would in a component. Ends as the program ends.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fidl/fuchsia.io.h>
#include <fidl/fuchsia.posix.socket.h>
#include <lib/async-loop/loop.h>
#include <lib/async/task.h>
#include <zircon/linux.h>
#include <zircon/syscalls.h>

#include "netstack.h"

typedef struct provider {
  async_loop_t* loop;
  netstack_t* netstack;
  async_task_t look;
  pid_t child;
  int status;
} provider_t;

static void run(int fd, char** arguments) {
  char number[16];
  const int svc = 3;  // where the runner of components has it, too
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (fd == svc ? fcntl(fd, F_SETFD, 0) < 0 : dup2(fd, svc) < 0) _exit(126);
  snprintf(number, sizeof(number), "%d", svc);
  setenv("JACINTH_SVC", number, 1);
  const char* fdio = realpath(arguments[0], NULL);  // the program may go elsewhere before it starts others
  setenv("LD_PRELOAD", fdio ? fdio : arguments[0], 1);
  execvp(arguments[1], arguments + 1);
  perror(arguments[1]);
  _exit(127);
}

static void open_service(void* context, fuchsia_io_DirectoryOpenRequest* request) {
  provider_t* provider = context;
  if (!fidl_string_equals(request->path, fuchsia_posix_socket_Provider_NAME)) return;
  netstack_serve_provider(provider->netstack, request->object);
  request->object = ZX_HANDLE_INVALID;
}

static const fuchsia_io_Directory_ops_t directory_ops = {.Open = open_service};

static void look_for_end(async_dispatcher_t* dispatcher, async_task_t* task, zx_status_t status) {
  provider_t* provider = (void*)((char*)task - offsetof(provider_t, look));
  if (status != ZX_OK) return;
  if (waitpid(provider->child, &provider->status, WNOHANG) == provider->child) {
    async_loop_quit(provider->loop);
    return;
  }
  provider->look.deadline = zx_deadline_after(ZX_MSEC(5));
  (void)async_post_task(dispatcher, &provider->look);
}

int main(int argc, char** argv) {
  provider_t provider = {.look = {.handler = look_for_end}};
  netstack_config_t config = {.interface_name = "eth0"};
  netstack_host_t host = {0};
  int ends[2];
  zx_handle_t svc;
  if (argc < 3) {
    fprintf(stderr, "usage: stack_provider LIBFDIO PROGRAM [ARGUMENT...]\n");
    return 2;
  }
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return 2;
  provider.child = fork();
  if (provider.child < 0) return 2;
  if (provider.child == 0) run(ends[0], argv + 1);
  close(ends[0]);
  signal(SIGPIPE, SIG_IGN);
  if (zx_linux_channel_from_fd(ends[1], &svc) != ZX_OK || async_loop_create(NULL, &provider.loop) != ZX_OK)
    return 2;
  async_dispatcher_t* dispatcher = async_loop_get_dispatcher(provider.loop);
  if (netstack_create(dispatcher, &config, &host, &provider.netstack) != ZX_OK ||
      fuchsia_io_Directory_bind(dispatcher, svc, &directory_ops, &provider, NULL, NULL) != ZX_OK ||
      async_post_task(dispatcher, &provider.look) != ZX_OK)
    return 2;
  (void)async_loop_run(provider.loop, ZX_TIME_INFINITE, false);
  async_loop_shutdown(provider.loop);
  netstack_destroy(provider.netstack);
  async_loop_destroy(provider.loop);
  return WIFEXITED(provider.status) ? WEXITSTATUS(provider.status) : 128 + WTERMSIG(provider.status);
}
