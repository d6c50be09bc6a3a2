// What is watched together, without the sockets it is part of.
#include "watched_set.h"

#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "jx_test.h"
#include "two_netstacks.h"

enum { MEMBERS = 130, TOO_OFTEN = 10 };

typedef struct member {
  watched_t watched;
  int fds[2];  // the set's, the application's
  unsigned reports;
} member_t;

static member_t members[MEMBERS];

static void write_one(const member_t* member) {
  ck_assert_int_eq(send(member->fds[1], "x", 1, MSG_NOSIGNAL), 1);
}

// An application that writes as fast as it is looked at.
static void report(watched_t* watched, uint32_t events) {
  member_t* member = WATCHED_OWNER(watched, member_t, watched);
  if (++member->reports < TOO_OFTEN) write_one(member);
}

static void release(watched_t* watched) {}

static void look_once(void* context) {
  static const watched_ops_t ops = {.report = report, .release = release};
  watched_set_t set;
  ck_assert_int_eq(watched_set_init(&set, context, &ops), ZX_OK);
  for (int i = 0; i < MEMBERS; i++) {
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, members[i].fds), 0);
    watched_set_add(&set, &members[i].watched);
    ck_assert(watched_set_watch(&set, &members[i].watched, members[i].fds[0], EPOLLIN, false));
    write_one(&members[i]);
  }
  watched_set_report(&set);
  for (int i = 0; i < MEMBERS; i++) {
    close(members[i].fds[0]);
    close(members[i].fds[1]);
    watched_set_remove(&set, &members[i].watched);
  }
  watched_set_deinit(&set);
}

START_TEST(a_look_at_all_of_a_set_ends_though_they_go_on_writing) {
  two_netstacks_t two;
  two_netstacks_start(&two, NULL);
  two_netstacks_do(&two, look_once, two.netstack[LEFT]);
  two_netstacks_stop(&two);
  for (int i = 0; i < MEMBERS; i++) {
    ck_assert_uint_ge(members[i].reports, 1);
    ck_assert_uint_lt(members[i].reports, TOO_OFTEN);
  }
}
END_TEST

int main(void) {
  Suite* suite = suite_create("watched_set");
  TCase* tc = jx_test_case(suite, "watched_set");
  tcase_add_test(tc, a_look_at_all_of_a_set_ends_though_they_go_on_writing);
  return jx_test_run(suite);
}
