// What the cases of a program that is linked statically share. It has no fdio: all of its calls on sockets
// are made for it.
#ifndef TESTS_SYSTEM_PROGRAMS_STATIC_SOCKETS_H_
#define TESTS_SYSTEM_PROGRAMS_STATIC_SOCKETS_H_

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/types.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define PORT 7654
#define NOBODY 7655  // whom nobody listens for

// By file.
#define STATIC_CASES(X)                     \
  X(streams_carry_bytes_both_ways)          \
  X(each_direction_ends_by_itself)          \
  X(others_memory_is_not_to_be_seen)        \
  X(streams_have_the_lowest_numbers)        \
  X(options_are_the_network_stacks)         \
  X(a_connection_to_nobody_is_refused)      \
  X(a_connect_whose_time_is_over_goes_on)   \
  X(edges_tell_of_connecting_and_accepting) \
  X(a_new_connection_takes_much_at_once)    \
  X(children_serve_connections)             \
  X(descriptors_travel_between_processes)   \
  X(kernel_sockets_stay_the_kernels)        \
  X(datagrams_have_ends_and_senders)        \
  X(large_datagrams_arrive_whole)           \
  X(messages_have_names_and_control_data)   \
  X(many_messages_go_in_one_call)           \
  X(lengths_beyond_all_memory_are_cut)      \
  X(each_datagram_is_an_edge)               \
  X(waits_have_their_time)                  \
  X(errors_of_datagrams_come_back)          \
  X(copies_of_datagram_sockets_are_them)    \
  X(shutting_down_ends_a_wait)              \
  X(bad_pointers_are_errors)                \
  X(signals_interrupt_waits)                \
  X(calls_begin_anew_after_signals)         \
  X(signals_make_nothing_happen_twice)      \
  X(signals_lose_no_messages)               \
  X(waiting_threads_hold_up_nobody)         \
  X(a_killed_listener_leaves_its_port)      \
  X(a_closed_port_is_free_at_once)          \
  X(limits_are_the_programs)                \
  X(thousands_of_sockets_leave_nothing)     \
  X(hundreds_of_connections_at_once)        \
  X(wait_to_be_killed)

#define DECLARE_CASE(name) void name(void);
STATIC_CASES(DECLARE_CASE)

_Noreturn void die(const char* file, const char* what, int line);

#define CHECK(condition) ((condition) ? (void)0 : die(__FILE__, #condition, __LINE__))
#define CHECK_FAILS(call, code) CHECK((errno = 0, (call) < 0 && errno == (code)))

struct sockaddr_in loopback(int port);
int do_bind(int fd, int port);
int do_connect(int fd, int port);
int port_of(int fd);
int peer_port_of(int fd);
int listener_with(int flags, int backlog);
int listener_at_any_port(void);
int connected_to(int port);
int datagram_socket(int flags);
int pending_error(int fd);
short shown(int fd, short events, int timeout_ms);
void wait_for_child(pid_t child);
void write_all(int fd, const char* bytes, size_t size);
void read_all(int fd, char* bytes, size_t size);
void await_edge(int epoll, uint32_t wanted, uint32_t* out);
int watched(int epoll, int fd);

// Executes a program with two numbers behind its arguments: of a listener and of a datagram socket.
void execute(char** argv);
// The other side of that.
void executed(char** argv);

#endif  // TESTS_SYSTEM_PROGRAMS_STATIC_SOCKETS_H_
