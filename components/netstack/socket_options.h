// How an option that is a flag or a number is carried from its generated request to the engine, and back.
//
// Each option has its own generated request, response and reply, all of a few shapes; the macros below write
// the two methods of an option of one shape. OWNER is the protocol that defines it.
#ifndef COMPONENTS_NETSTACK_SOCKET_OPTIONS_H_
#define COMPONENTS_NETSTACK_SOCKET_OPTIONS_H_

#include "socket_base.h"

// tcpip_socket_set, and _get, for the socket of a method's context.
int socket_option_set(void* context, tcpip_option_t option, int64_t value);
int socket_option_get(void* context, tcpip_option_t option, int64_t* out);

// The engine brings sizes within its bounds; it only has to get a number that it can hold.
int64_t socket_option_bytes(uint64_t bytes);

// What SetNAME is asked with, what GetNAME answers, and the replies of a method.
#define OPTION_REQUEST(OWNER, NAME) fuchsia_posix_socket_##OWNER##Set##NAME##Request
#define OPTION_RESPONSE(OWNER, NAME) fuchsia_posix_socket_##OWNER##_Get##NAME##_Response
#define OPTION_REPLY(OWNER, METHOD) fuchsia_posix_socket_##OWNER##_##METHOD

// An option whose response has one member MEMBER, of the engine's option OPTION. TO_ENGINE is the request's
// value for the engine, FROM_ENGINE the response's for the engine's `value`.
#define ENGINE_OPTION_AS(NAME, OWNER, OPTION, MEMBER, FROM_ENGINE, TO_ENGINE)                                \
  void socket_set_##NAME(void* context, OPTION_REQUEST(OWNER, NAME) * request, fidl_completer_t completer) { \
    SOCKET_ANSWER(OWNER, Set##NAME, completer, socket_option_set(context, OPTION, (TO_ENGINE)));             \
  }                                                                                                          \
  void socket_get_##NAME(void* context, fidl_completer_t completer) {                                        \
    int64_t value = 0;                                                                                       \
    int result = socket_option_get(context, OPTION, &value);                                                 \
    if (result < 0) {                                                                                        \
      (void)OPTION_REPLY(OWNER, Get##NAME##_reply_error)(completer, errno_to_fidl(result));                  \
      return;                                                                                                \
    }                                                                                                        \
    OPTION_RESPONSE(OWNER, NAME) response = {.MEMBER = FROM_ENGINE};                                         \
    (void)OPTION_REPLY(OWNER, Get##NAME##_reply)(completer, &response);                                      \
  }

#define ENGINE_OPTION(NAME, OWNER, OPTION, MEMBER, TYPE, EXPRESSION) \
  ENGINE_OPTION_AS(NAME, OWNER, OPTION, MEMBER, (TYPE)value, EXPRESSION)
#define ENGINE_FLAG(NAME, OWNER, OPTION) ENGINE_OPTION(NAME, OWNER, OPTION, value, bool, request->value)
#define ENGINE_NUMBER(NAME, OWNER, OPTION, MEMBER, TYPE) \
  ENGINE_OPTION(NAME, OWNER, OPTION, MEMBER, TYPE, request->MEMBER)
#define ENGINE_BYTES(NAME, OWNER, OPTION) \
  ENGINE_OPTION(NAME, OWNER, OPTION, value_bytes, uint64_t, socket_option_bytes(request->value_bytes))

#endif  // COMPONENTS_NETSTACK_SOCKET_OPTIONS_H_
