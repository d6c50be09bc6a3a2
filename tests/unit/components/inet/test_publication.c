#include <arpa/inet.h>
#include <errno.h>
#include <inet/publication.h>
#include <jx_test.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

typedef struct good {
  const char* text;
  const char* address;
  uint16_t host_port, port;
  bool datagrams;
} good_t;

static const good_t good[] = {
    {"8080:80", "127.0.0.1", 8080, 80, false},
    {"8080:80/tcp", "127.0.0.1", 8080, 80, false},
    {"1:65535", "127.0.0.1", 1, 65535, false},
    {"0.0.0.0:8080:80", "0.0.0.0", 8080, 80, false},
    {"192.0.2.7:53:5353/udp", "192.0.2.7", 53, 5353, true},
    {"[::1]:8080:80", "::1", 8080, 80, false},
    {"[::]:8080:80", "::", 8080, 80, false},
};

START_TEST(each_form_is_understood) {
  publication_t publication;
  char address[INET6_ADDRSTRLEN];
  ck_assert(publication_parse(good[_i].text, &publication));
  const struct sockaddr_in* in = (const void*)&publication.address;
  const struct sockaddr_in6* in6 = (const void*)&publication.address;
  bool v4 = in->sin_family == AF_INET;
  ck_assert_uint_eq(publication.length, v4 ? sizeof(*in) : sizeof(*in6));
  inet_ntop(in->sin_family, v4 ? (const void*)&in->sin_addr : &in6->sin6_addr, address, sizeof(address));
  ck_assert_str_eq(address, good[_i].address);
  ck_assert_uint_eq(ntohs(v4 ? in->sin_port : in6->sin6_port), good[_i].host_port);
  ck_assert_uint_eq(publication.port, good[_i].port);
  ck_assert_int_eq(publication.datagrams, good[_i].datagrams);
}
END_TEST

static const char* const bad[] = {
    "",
    ":",
    "80",
    "80:",
    ":80",
    "8080:80/sctp",
    "8080:80/",
    "0:80",
    "80:0",
    "65536:80",
    "80:65536",
    "80:123456",
    "-1:80",
    "80: 80",
    "80:80x",
    "localhost:80:80",
    "256.0.0.1:80:80",
    "::1:80:80",
    "[::1:80:80",
    "[::g]:80:80",
    "[]:80:80",
    "[::1]:53:53/udp",
    "1.2.3.4:5:80:80",
    "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000:1:1",
};

START_TEST(what_is_none_is_refused) {
  publication_t publication;
  ck_assert_msg(!publication_parse(bad[_i], &publication), "%s was accepted", bad[_i]);
}
END_TEST

START_TEST(a_port_is_opened_once) {
  for (int datagrams = 0; datagrams < 2; datagrams++) {
    publication_t publication;
    ck_assert(publication_parse(datagrams ? "9:9/udp" : "9:9", &publication));
    ((struct sockaddr_in*)&publication.address)->sin_port = 0;
    int fd = publication_open(&publication);
    ck_assert_int_ge(fd, 0);
    socklen_t length = sizeof(publication.address);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr*)&publication.address, &length), 0);
    ck_assert_int_eq(publication_open(&publication), -EADDRINUSE);
    close(fd);
    fd = publication_open(&publication);
    ck_assert_int_ge(fd, 0);
    close(fd);
  }
}
END_TEST

int main(void) {
  Suite* suite = suite_create("publication");
  TCase* tc = jx_test_case(suite, "publication");
  tcase_add_loop_test(tc, each_form_is_understood, 0, (int)(sizeof(good) / sizeof(good[0])));
  tcase_add_loop_test(tc, what_is_none_is_refused, 0, (int)(sizeof(bad) / sizeof(bad[0])));
  tcase_add_test(tc, a_port_is_opened_once);
  return jx_test_run(suite);
}
