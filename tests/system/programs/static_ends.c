// How sockets of such a program end, and how many there may be.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "static_sockets.h"

void a_killed_listener_leaves_its_port(void) {
  CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
  for (int round = 0; round < 10; round++) {
    int ready[2];
    char byte;
    CHECK(pipe(ready) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      CHECK(setpgid(0, 0) == 0);
      int datagrams = socket(AF_INET, SOCK_DGRAM, 0), listener = socket(AF_INET, SOCK_STREAM, 0);
      CHECK(do_bind(datagrams, PORT) == 0 && do_bind(listener, PORT) == 0 && listen(listener, 1) == 0);
      pid_t grandchild = fork();
      CHECK(grandchild >= 0);
      CHECK(write(ready[1], "", 1) == 1);
      if (grandchild == 0) {
        accept(listener, NULL, NULL);
      } else {
        recv(datagrams, &byte, 1, 0);
      }
      _exit(1);
    }
    CHECK(read(ready[0], &byte, 1) == 1 && read(ready[0], &byte, 1) == 1);
    close(ready[0]);
    close(ready[1]);
    CHECK(kill(-child, SIGKILL) == 0);  // both, wherever they are in their calls
    for (int ended = 0; ended < 2; ended++)
      CHECK(waitpid(-1, NULL, 0) > 0);
    int datagrams = socket(AF_INET, SOCK_DGRAM, 0), listener = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(do_bind(listener, PORT) == 0);
    CHECK(do_bind(datagrams, PORT) == 0);
    close(datagrams);
    close(listener);
  }
}

void a_closed_port_is_free_at_once(void) {
  for (int i = 0; i < 200; i++) {
    int datagrams = socket(AF_INET, SOCK_DGRAM, 0), listener = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(do_bind(datagrams, PORT) == 0);
    CHECK(do_bind(listener, PORT) == 0 && listen(listener, 1) == 0);
    close(datagrams);
    close(listener);
  }
}

void limits_are_the_programs(void) {
  struct rlimit limit = {.rlim_cur = 20, .rlim_max = 20};
  CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  int listener = listener_at_any_port(), client = connected_to(port_of(listener)), fd = 0;
  while (fd >= 0)
    fd = dup(listener);
  CHECK_FAILS(socket(AF_INET, SOCK_STREAM, 0), EMFILE);
  CHECK_FAILS(socket(AF_INET, SOCK_DGRAM, 0), EMFILE);
  CHECK_FAILS(accept(listener, NULL, NULL), EMFILE);
  CHECK(close(client) == 0);
  CHECK(shown(listener, POLLIN, -1) == POLLIN);  // it was not lost
  CHECK(accept(listener, NULL, NULL) == client);
}

// What the driver looks at from outside: how many descriptors others hold, before and after.

static void pause_for_the_driver(const char* word) {
  char line[16];
  printf("%s\n", word);
  fflush(stdout);
  CHECK(fgets(line, sizeof line, stdin));
}

void thousands_of_sockets_leave_nothing(void) {
  CHECK(close(socket(AF_INET, SOCK_DGRAM, 0)) == 0);  // the first one starts the network stack
  pause_for_the_driver("before");
  for (int i = 0; i < 10000; i++) {
    int fd = socket(i & 1 ? AF_INET6 : AF_INET, i & 2 ? SOCK_STREAM : SOCK_DGRAM, 0);
    CHECK(fd >= 0);
    if (i % 3 == 0) CHECK(shown(fd, POLLOUT, 0) & POLLOUT);
    CHECK(close(fd) == 0);
  }
  pause_for_the_driver("after");
}

void hundreds_of_connections_at_once(void) {
  enum { CROWD = 400 };  // with both ends
  static int near[CROWD], far[CROWD];
  struct rlimit limit;
  CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  if (limit.rlim_cur < 4096) {
    limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  }
  int listener = listener_with(0, 128);
  pause_for_the_driver("before");
  for (int i = 0; i < CROWD; i++) {
    near[i] = connected_to(port_of(listener));
    far[i] = accept(listener, NULL, NULL);
    CHECK(far[i] >= 0);
  }
  pause_for_the_driver("during");
  for (int i = 0; i < CROWD; i++) {
    int got = -1;
    write_all(near[i], (const char*)&i, sizeof i);
    read_all(far[i], (char*)&got, sizeof got);
    CHECK(got == i);
  }
  for (int i = 0; i < CROWD; i++)
    CHECK(close(near[i]) == 0 && close(far[i]) == 0);
  pause_for_the_driver("after");
}

void wait_to_be_killed(void) {
  listener_at_any_port();
  for (int i = 0; i < 3; i++) {
    if (fork() == 0) accept(listener_at_any_port(), NULL, NULL);
  }
  int fd = datagram_socket(0);
  char byte;
  printf("waiting\n");
  fflush(stdout);
  recv(fd, &byte, 1, 0);
}
