// What the server has promised about sending datagrams without a request. Above is fdio, which looks here
// before each datagram; below the proxy of DatagramSocket, which is asked once for each destination.
//
// Looking takes no lock that anybody waits for, makes no call and touches nothing that is ever given back, so
// that any thread and any signal handler may do it whatever happens to the socket meanwhile. A promise holds
// as long as the number that the server shows in memory is in the generation it was made in.
#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zircon/linux.h>

#include "internal.h"

// Places for promises: so many groups, chosen by the destination, of so many.
#define GROUPS 16u
#define GROUP_PLACES 4u
// What a promise is about: an address, and control data as the program gave it.
#define KEY_BYTES 112u
// A request takes no more than this for certain.
#define REQUEST_MAX 65000u
// A thread that finds the places in use by another looks so often, and then does without.
#define PATIENCE 64

typedef struct place {
  uint32_t generation;
  uint32_t maximum_size;
  uint8_t name_length, control_length;
  bool used;
  bool promised;    // else it has been sent to once
  bool by_request;  // the server has said that it wants to be asked each time
  uint8_t next;     // of the first place of a group: the one to be used next
  uint8_t key[KEY_BYTES];
} place_t;

struct zxio_promises {
  atomic_flag busy;
  _Atomic(const _Atomic(uint64_t)*) state;
  place_t places[GROUPS][GROUP_PLACES];
};

zxio_promises_t* zxio_promises_create(void) {
  void* memory =
      mmap(NULL, sizeof(zxio_promises_t), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? NULL : memory;
}

void zxio_promises_reset(zxio_promises_t* promises) {
  atomic_store_explicit(&promises->state, NULL, memory_order_relaxed);
  for (unsigned i = 0; i < GROUPS * GROUP_PLACES; i++)
    promises->places[i / GROUP_PLACES][i % GROUP_PLACES].used = false;
  atomic_flag_clear_explicit(&promises->busy, memory_order_release);
}

static bool enter(zxio_promises_t* promises) {
  for (int i = 0; i < PATIENCE; i++) {
    if (!atomic_flag_test_and_set_explicit(&promises->busy, memory_order_acquire)) return true;
  }
  return false;
}

static void leave(zxio_promises_t* promises) {
  atomic_flag_clear_explicit(&promises->busy, memory_order_release);
}

// Keys

static bool has_key(const struct msghdr* message) {
  return !message->msg_name == (message->msg_namelen == 0) && message->msg_namelen <= KEY_BYTES &&
         !message->msg_control == (message->msg_controllen == 0) &&
         message->msg_controllen <= KEY_BYTES - message->msg_namelen;
}

static place_t* group_of(zxio_promises_t* promises, const struct msghdr* message) {
  const uint8_t* name = message->msg_name;
  uint32_t hash = 2166136261u;  // FNV-1a
  for (socklen_t i = 0; i < message->msg_namelen; i++)
    hash = (hash ^ name[i]) * 16777619u;
  return promises->places[(hash ^ hash >> 16) % GROUPS];
}

static bool is_for(const place_t* place, const struct msghdr* message) {
  return place->used && place->name_length == message->msg_namelen &&
         place->control_length == message->msg_controllen &&
         (!message->msg_name || memcmp(place->key, message->msg_name, message->msg_namelen) == 0) &&
         (!message->msg_control ||
          memcmp(place->key + place->name_length, message->msg_control, message->msg_controllen) == 0);
}

static place_t* find(zxio_promises_t* promises, const struct msghdr* message) {
  place_t* group = group_of(promises, message);
  for (unsigned i = 0; i < GROUP_PLACES; i++)
    if (is_for(&group[i], message)) return &group[i];
  return NULL;
}

static place_t* make(zxio_promises_t* promises, const struct msghdr* message) {
  place_t* group = group_of(promises, message);
  place_t* place = &group[group->next % GROUP_PLACES];
  group->next = (uint8_t)((group->next + 1u) % GROUP_PLACES);
  place->used = true;
  place->promised = place->by_request = false;
  place->name_length = (uint8_t)message->msg_namelen;
  place->control_length = (uint8_t)message->msg_controllen;
  if (message->msg_name) memcpy(place->key, message->msg_name, message->msg_namelen);
  if (message->msg_control)
    memcpy(place->key + place->name_length, message->msg_control, message->msg_controllen);
  return place;
}

// Looking

static uint64_t shown(zxio_promises_t* promises) {
  const _Atomic(uint64_t)* state = atomic_load_explicit(&promises->state, memory_order_acquire);
  return state ? atomic_load_explicit(state, memory_order_acquire) : 0;
}

uint32_t zxio_promises_state(zxio_promises_t* promises) {
  return (uint32_t)shown(promises);
}

zxio_promise_t zxio_promises_look(zxio_promises_t* promises, const struct msghdr* message) {
  size_t length = 0;
  if (!has_key(message) || zxio_iov_length(message, &length) != 0 || !enter(promises))
    return ZXIO_PROMISE_REQUEST;
  uint32_t generation = (uint32_t)(shown(promises) >> 32);
  zxio_promise_t result = ZXIO_PROMISE_REQUEST;
  place_t* place = find(promises, message);
  if (!place) {
    make(promises, message);
  } else if (!place->promised || place->generation != generation) {
    result = ZXIO_PROMISE_ASK;
  } else if (length <= place->maximum_size && (!place->by_request || length > REQUEST_MAX)) {
    result = ZXIO_PROMISE_GO;
  }
  leave(promises);
  return result;
}

// Asking

// The pages of states that this process has mapped. They stay, as somebody may always be looking; there is
// one for a connection to a provider, or a few.
#define PAGES_MAX 64

typedef struct state_page {
  dev_t device;
  ino_t inode;
  off_t offset;
  void* memory;
} state_page_t;

static state_page_t pages[PAGES_MAX];
static atomic_flag pages_busy;

static void* map_page(int fd, off_t offset, size_t size) {
  struct stat stat;
  if (fstat(fd, &stat) != 0 || offset < 0 || stat.st_size < offset + (off_t)size) return NULL;
  // A thread that is there may be one of the parent's that this process is a copy of: then without the list.
  bool entered = false;
  for (int i = 0; i < PATIENCE && !entered; i++)
    entered = !atomic_flag_test_and_set_explicit(&pages_busy, memory_order_acquire);
  state_page_t* place = NULL;
  void* memory = NULL;
  for (int i = 0; entered && i < PAGES_MAX && !memory && !place; i++) {
    state_page_t* page = &pages[i];
    bool same = page->device == stat.st_dev && page->inode == stat.st_ino && page->offset == offset;
    if (!page->memory) place = page;
    if (page->memory && same) memory = page->memory;
  }
  if (!memory) {
    memory = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, offset);
    if (memory == MAP_FAILED) memory = NULL;
    if (memory && place) *place = (state_page_t){stat.st_dev, stat.st_ino, offset, memory};
  }
  if (entered) atomic_flag_clear_explicit(&pages_busy, memory_order_release);
  return memory;
}

static zx_status_t map_state(zx_handle_t vmo, uint64_t offset, const _Atomic(uint64_t)** out) {
  const uint64_t page = zx_system_get_page_size();
  zx_info_handle_basic_t info;
  int fd = -1;
  zx_status_t status = zx_object_get_info(vmo, ZX_INFO_HANDLE_BASIC, &info, sizeof(info), NULL, NULL);
  // One whose size may change would be a fault when it shrinks.
  if (status == ZX_OK && (!(info.rights & ZX_RIGHT_MAP) || (info.rights & ZX_RIGHT_RESIZE)))
    status = ZX_ERR_WRONG_TYPE;
  if (status != ZX_OK) {
    zx_handle_close(vmo);
    return status;
  }
  status = zx_linux_vmo_to_fd(vmo, &fd);
  if (status != ZX_OK) return status;
  const char* memory = NULL;
  if (offset % sizeof(uint64_t) == 0 && offset < INT64_MAX - page)
    memory = map_page(fd, (off_t)(offset / page * page), page);
  close(fd);
  if (!memory) return ZX_ERR_NO_MEMORY;
  *out = (const _Atomic(uint64_t)*)(const void*)(memory + offset % page);
  return ZX_OK;
}

zx_status_t zxio_promises_watch(zxio_promises_t* promises, zxio_socket_t* socket) {
  if (atomic_load_explicit(&promises->state, memory_order_acquire)) return ZX_OK;
  FIDL_BUFFER(buffer, fuchsia_posix_socket_DatagramSocket_DescribeState_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, ZXIO_CALL_DEADLINE);
  fuchsia_posix_socket_DatagramSocket_DescribeState_Result* result;
  int16_t code = 0;
  zx_status_t status = fuchsia_posix_socket_DatagramSocket_DescribeState(socket->channel, &call, &result);
  if (status != ZX_OK) return status;
  if (zxio_result_failed(result, &code)) return ZX_ERR_NO_RESOURCES;
  const _Atomic(uint64_t)* state = NULL;
  status = map_state(result->response->memory, result->response->offset, &state);
  if (status == ZX_OK) atomic_store_explicit(&promises->state, state, memory_order_release);
  return status;
}

static void remember(zxio_promises_t* promises, const struct msghdr* message,
                     const fuchsia_posix_socket_DatagramSocket_SendMsgPreflight_Response* answer) {
  if (!enter(promises)) return;
  place_t* place = find(promises, message);
  if (!place) place = make(promises, message);
  place->promised = true;
  place->generation = fuchsia_posix_socket_DatagramSocket_SendMsgPreflight_Response_generation(answer);
  place->maximum_size = fuchsia_posix_socket_DatagramSocket_SendMsgPreflight_Response_maximum_size(answer);
  place->by_request = fuchsia_posix_socket_DatagramSocket_SendMsgPreflight_Response_by_request(answer);
  leave(promises);
}

void zxio_promises_ask(zxio_promises_t* promises, zxio_socket_t* socket, const struct msghdr* message) {
  zxio_address_t address;
  zxio_send_control_t control;
  fuchsia_posix_socket_DatagramSocketSendMsgPreflightRequest request;
  fuchsia_posix_socket_DatagramSocketSendMsgPreflightRequest_frame_t frame;
  fuchsia_posix_socket_DatagramSocketSendMsgPreflightRequest_init(&request, &frame);
  if (!has_key(message) || zxio_promises_watch(promises, socket) != ZX_OK) return;
  if (message->msg_name) {
    if (zxio_address_from_sockaddr(message->msg_name, message->msg_namelen, &address) != 0) return;
    fuchsia_posix_socket_DatagramSocketSendMsgPreflightRequest_set_to(&request, &address.wire);
  }
  if (zxio_control_to_wire(message, &control) != 0) return;
  if (fuchsia_posix_socket_DatagramSocketSendControlData_has_network(&control.datagram))
    fuchsia_posix_socket_DatagramSocketSendMsgPreflightRequest_set_control(&request, &control.datagram);
  FIDL_BUFFER(buffer, fuchsia_posix_socket_DatagramSocket_SendMsgPreflight_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, ZXIO_CALL_DEADLINE);
  fuchsia_posix_socket_DatagramSocket_SendMsgPreflight_Result* result;
  int16_t code = 0;
  zx_status_t status =
      fuchsia_posix_socket_DatagramSocket_SendMsgPreflight(socket->channel, &request, &call, &result);
  // Why it cannot be sent, sending it by request tells.
  if (status == ZX_OK && !zxio_result_failed(result, &code)) {
    remember(promises, message, result->response);
    fuchsia_posix_socket_DatagramSocket_SendMsgPreflight_Response_close_handles(result->response);
  }
}
