// zx_channel_call: a message out, its answer back.
//
// A process with one thread that waits for ever needs nothing but a blocking recvmsg: two system calls in
// all. Otherwise each calling thread polls the socket and a waker of its own; whichever thread takes an
// answer out of the socket gives it to the thread it belongs to.
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include <zircon/syscalls/channel.h>
#include <zircon/syscalls/handle.h>

#include "runtime/zx/channel.h"
#include "runtime/zx/clock.h"
#include "runtime/zx/handle.h"
#include "runtime/zx/scratch.h"
#include "runtime/zx/threads.h"
#include "runtime/zx/transfer.h"

struct call {
  struct channel* channel;
  zx_time_t deadline;
  struct pending_call pending;
  struct observer observer;  // learns when the handle is closed
  struct channel_buffers buffers;
  struct message* message;  // the answer, or
  struct packet packet;     // the answer, its bytes in the buffers
  uint32_t num_bytes;
  uint32_t num_handles;
};

static bool txid_in_use(const struct channel* channel, uint32_t txid) {
  LIST_FOR_EACH(node, &channel->calls) {
    if (LIST_ENTRY(node, struct pending_call, node)->txid == txid) return true;
  }
  return false;
}

static void add_call(struct call* call, zx_handle_t handle) {
  struct channel* channel = call->channel;
  do {
    call->pending.txid = channel->next_txid++;
    if (!channel->next_txid) channel->next_txid = CHANNEL_FIRST_TXID;
  } while (txid_in_use(channel, call->pending.txid));
  list_add_tail(&channel->calls, &call->pending.node);
  call->observer.handle = handle;
  call->observer.waker = call->pending.waker;
  if (call->pending.waker) list_add_tail(&channel->base.observers, &call->observer.node);
}

static zx_status_t begin_call(struct call* call, zx_handle_t handle) {
  struct zx_object* channel = &call->channel->base;
  struct zx_object* again = NULL;
  threads_lock(&channel->lock);
  // Another thread may have taken the handle since it was looked up, and has found no call to cancel. Whoever
  // takes it from here on does, and does not send the channel.
  zx_status_t status = ZX_OK;
  if (threads_are_many()) status = handle_lookup(handle, ZX_OBJ_TYPE_CHANNEL, 0, &again, NULL);
  if (again && again != channel) status = ZX_ERR_BAD_HANDLE;
  if (status == ZX_OK) add_call(call, handle);
  threads_unlock(&channel->lock);
  object_unref(again);
  return status;
}

void channel_pass_on(struct channel* channel) {
  struct pending_call* sleeper = NULL;
  if (list_is_empty(&channel->calls) || !channel_ring_reads(channel)) return;
  LIST_FOR_EACH(node, &channel->calls) {
    struct pending_call* call = LIST_ENTRY(node, struct pending_call, node);
    if (call->phase == CALL_LOOKING) return;
    if (call->phase == CALL_ASLEEP && !sleeper) sleeper = call;
  }
  if (!sleeper) return;
  channel_ring_wait_for(channel, CHANNEL_WAIT_READABLE);
  if (!channel_ring_is_empty(channel)) waker_wake(sleeper->waker);
}

static void take_answer(struct call* call) {
  call->message = call->pending.answer;
  call->num_bytes = call->message->num_bytes;
  call->num_handles = call->message->handles ? call->message->handles->count : 0;
}

// Returns the status of the call: an answer that another thread brought at the last moment still counts.
static zx_status_t end_call(struct call* call, zx_status_t status) {
  struct channel* channel = call->channel;
  threads_lock(&channel->base.lock);
  list_remove(&call->pending.node);
  if (call->pending.waker) list_remove(&call->observer.node);
  channel_pass_on(channel);  // the bell that woke this thread may have been meant for another one as well
  if (status != ZX_OK && call->pending.answer) {
    take_answer(call);
    status = ZX_OK;
  }
  if (call->pending.answer != call->message) message_free(call->pending.answer);  // one answer too many
  threads_unlock(&channel->base.lock);
  return status;
}

// Sleeps until the socket has one of `events`, another thread wants this one, or the deadline.
static zx_status_t sleep_for(struct call* call, short events) {
  struct pollfd pollfds[2] = {{.fd = call->channel->fd, .events = events}};
  nfds_t count = 1;
  if (call->pending.waker)
    pollfds[count++] = (struct pollfd){.fd = call->pending.waker->fd, .events = POLLIN};
  struct timespec storage;
  const struct timespec* timeout = clock_until(call->deadline, &storage);
  int ready = ppoll(pollfds, count, timeout, NULL);
  if (count > 1 && ready > 0 && pollfds[1].revents) waker_drain(call->pending.waker);
  return clock_is_past(call->deadline) ? ZX_ERR_TIMED_OUT : ZX_OK;
}

static bool was_canceled(struct call* call) {
  pthread_mutex_lock(&call->channel->base.lock);
  bool canceled = call->observer.canceled;
  pthread_mutex_unlock(&call->channel->base.lock);
  return canceled;
}

// Sleeps until the queue, wherever it is, may have room.
static zx_status_t wait_for_room(struct call* call) {
  struct channel* channel = call->channel;
  pthread_mutex_lock(&channel->base.lock);
  bool ring = channel_ring_writes(channel) && !channel->ring.socket_full;
  if (ring) channel_ring_wait_for(channel, CHANNEL_WAIT_WRITABLE);
  bool room = ring && channel_ring_has_room(channel);
  pthread_mutex_unlock(&channel->base.lock);
  if (room) return ZX_OK;
  zx_status_t status = sleep_for(call, ring ? POLLIN : POLLOUT);
  pthread_mutex_lock(&channel->base.lock);
  // Unless messages come that way: they may be what keeps the peer from reading.
  if (ring && channel_ring_reads(channel)) channel_take_in_control(channel);
  if (ring && !channel_ring_reads(channel)) channel_take_in(channel);
  channel->ring.socket_full = false;
  pthread_mutex_unlock(&channel->base.lock);
  return status;
}

static zx_status_t send_request(struct call* call, struct channel_outgoing* message, uint32_t total,
                                const struct packet_handles* handles) {
  for (;;) {
    zx_status_t status = channel_send(call->channel, message, total, handles);
    if (status != ZX_ERR_SHOULD_WAIT) return status;
    if (was_canceled(call)) return ZX_ERR_CANCELED;
    status = wait_for_room(call);
    if (status != ZX_OK) return status;
  }
}

// One look for the answer, with the lock held.
static zx_status_t look_for_answer(struct call* call, void* scratch, int flags) {
  struct channel* channel = call->channel;
  bool open = !channel->peer_closed || channel_ring_reads(channel);
  if (!call->pending.answered && !call->observer.canceled && open) {
    zx_status_t status =
        channel_receive(channel, &call->buffers, scratch, flags, call->pending.txid, &call->packet);
    if (status == ZX_OK) {
      call->num_bytes = call->packet.header.num_bytes;
      call->num_handles = call->packet.handles.count;
    }
    // This look may have led to another one, which met the answer.
    if (status != ZX_ERR_PEER_CLOSED && !(status == ZX_ERR_SHOULD_WAIT && call->pending.answered))
      return status;
  }
  if (call->pending.answered) {
    if (!call->pending.answer) return ZX_ERR_NO_MEMORY;
    take_answer(call);
    return ZX_OK;
  }
  return call->observer.canceled ? ZX_ERR_CANCELED : ZX_ERR_PEER_CLOSED;
}

// Nothing but the peer can end the wait.
static bool is_alone(const struct call* call) {
  return !call->pending.waker && call->deadline == ZX_TIME_INFINITE;
}

// Waits for something to look at.
static zx_status_t rest(struct call* call) {
  struct channel* channel = call->channel;
  if (channel_ring_spin(channel, CHANNEL_WAIT_READABLE)) return ZX_OK;
  pthread_mutex_lock(&channel->base.lock);
  bool ring = channel_ring_reads(channel);
  bool idle = true;
  if (ring) {
    channel_ring_wait_for(channel, CHANNEL_WAIT_READABLE);
    idle = channel_ring_is_empty(channel) && !call->pending.answered && !call->observer.canceled;
  }
  if (idle) call->pending.phase = CALL_ASLEEP;
  pthread_mutex_unlock(&channel->base.lock);
  if (!idle) return ZX_OK;
  zx_status_t status = ring && is_alone(call) ? ZX_OK : sleep_for(call, POLLIN);
  if (!ring) return status;
  pthread_mutex_lock(&channel->base.lock);
  call->pending.phase = CALL_LOOKING;
  if (is_alone(call)) {
    channel_await_control(channel);
  } else {
    channel_take_in_control(channel);
  }
  pthread_mutex_unlock(&channel->base.lock);
  return status;
}

static zx_status_t await_answer(struct call* call, void* scratch) {
  bool alone = is_alone(call);
  bool late = false;
  // A look into the socket is the sleep itself where there is but this thread; elsewhere it is too early.
  for (bool look = alone && !channel_ring_reads(call->channel);; look = true) {
    zx_status_t status = ZX_ERR_SHOULD_WAIT;
    if (look) {
      threads_lock(&call->channel->base.lock);
      call->pending.phase = CALL_LOOKING;
      status = look_for_answer(call, scratch, alone ? 0 : MSG_DONTWAIT);
      threads_unlock(&call->channel->base.lock);
    }
    if (status != ZX_ERR_SHOULD_WAIT) return status;
    if (late) return ZX_ERR_TIMED_OUT;
    status = rest(call);
    late = status == ZX_ERR_TIMED_OUT;
    if (status != ZX_OK && !late) return status;
  }
}

// Puts the answer where the caller wants it, or drops one that is too large.
static zx_status_t deliver(struct call* call, zx_handle_info_t* infos) {
  struct packet_handles* handles = call->message ? call->message->handles : &call->packet.handles;
  zx_status_t status = ZX_OK;
  if (call->message && call->message->lost) {
    status = ZX_ERR_NO_RESOURCES;
  } else if (call->num_bytes > call->buffers.num_bytes || call->num_handles > call->buffers.num_handles) {
    if (!call->message) packet_close_fds(handles);
    status = ZX_ERR_BUFFER_TOO_SMALL;
  } else {
    if (call->message && call->num_bytes) memcpy(call->buffers.bytes, call->message->bytes, call->num_bytes);
    if (call->num_handles) status = channel_deliver_handles(call->channel, handles, infos);
  }
  return status;
}

static zx_status_t exchange(struct call* call, zx_handle_t handle, struct channel_outgoing* message,
                            uint32_t total, struct outgoing* outgoing, zx_handle_info_t* infos) {
  zx_status_t status = ZX_ERR_NO_MEMORY;
  void* scratch = scratch_get();
  if (waker_needed()) call->pending.waker = waker_get();
  if (scratch && (call->pending.waker || !waker_needed())) status = begin_call(call, handle);
  if (status == ZX_OK) {
    message->txid = &call->pending.txid;
    status = send_request(call, message, total, outgoing ? &outgoing->handles : NULL);
    bool sent = status == ZX_OK;
    if (outgoing) outgoing_finish(outgoing, sent);
    outgoing = NULL;
    if (sent) status = await_answer(call, scratch);
    status = end_call(call, status);
    if (status == ZX_OK) status = deliver(call, infos);
    message_free(call->message);
  }
  if (outgoing) outgoing_finish(outgoing, false);
  waker_put(call->pending.waker);
  scratch_put(scratch);
  return status;
}

static zx_status_t check_call(zx_handle_t handle, const struct channel_outgoing* message,
                              const void* wr_handles, uint32_t wr_num_handles, struct zx_object** out,
                              uint32_t* out_total) {
  if (message->options & ~ZX_CHANNEL_WRITE_USE_IOVEC) return ZX_ERR_INVALID_ARGS;
  zx_status_t status = handle_lookup(handle, ZX_OBJ_TYPE_CHANNEL, ZX_RIGHT_READ | ZX_RIGHT_WRITE, out, NULL);
  if (status != ZX_OK) return status;
  if (wr_num_handles && !wr_handles) return ZX_ERR_INVALID_ARGS;
  if (wr_num_handles > ZX_CHANNEL_MAX_MSG_HANDLES) return ZX_ERR_OUT_OF_RANGE;
  status = channel_check_bytes(message, out_total);
  if (status != ZX_OK) return status;
  return *out_total < sizeof(uint32_t) ? ZX_ERR_INVALID_ARGS : ZX_OK;
}

// After the exchange: only now a caller that gave no place for the counts learns that it should have.
static zx_status_t finish(const struct call* call, zx_status_t status, const zx_handle_info_t* infos,
                          uint32_t* actual_bytes, uint32_t* actual_handles) {
  if (status != ZX_OK && status != ZX_ERR_BUFFER_TOO_SMALL) return status;
  if (actual_bytes && actual_handles) {
    *actual_bytes = call->num_bytes;
    *actual_handles = call->num_handles;
    return status;
  }
  for (uint32_t i = 0; status == ZX_OK && i < call->num_handles; i++)
    zx_handle_close(infos[i].handle);
  return ZX_ERR_INVALID_ARGS;
}

zx_status_t zx_channel_call_etc(zx_handle_t handle, uint32_t options, zx_time_t deadline,
                                zx_channel_call_etc_args_t* args, uint32_t* actual_bytes,
                                uint32_t* actual_handles) {
  if (!args) return ZX_ERR_INVALID_ARGS;
  struct channel_outgoing message = {
      .bytes = args->wr_bytes, .num_bytes = args->wr_num_bytes, .options = options};
  struct zx_object* object = NULL;
  uint32_t total;
  zx_status_t status = check_call(handle, &message, args->wr_handles, args->wr_num_handles, &object, &total);
  bool room = (args->rd_bytes || !args->rd_num_bytes) && (args->rd_handles || !args->rd_num_handles);
  if (status == ZX_OK && !room) status = ZX_ERR_INVALID_ARGS;
  if (status != ZX_OK) {
    outgoing_discard_etc(args->wr_handles, args->wr_num_handles);
    object_unref(object);
    return status;
  }
  struct call call;
  call.channel = (struct channel*)object;
  call.deadline = deadline;
  call.pending = (struct pending_call){0};
  call.observer = (struct observer){0};
  call.buffers = (struct channel_buffers){args->rd_bytes, args->rd_num_bytes, args->rd_num_handles};
  call.message = NULL;
  struct outgoing outgoing;
  if (args->wr_num_handles)
    status = outgoing_take_etc(&outgoing, args->wr_handles, args->wr_num_handles, object);
  if (status == ZX_OK) {
    status =
        exchange(&call, handle, &message, total, args->wr_num_handles ? &outgoing : NULL, args->rd_handles);
    status = finish(&call, status, args->rd_handles, actual_bytes, actual_handles);
  }
  object_unref(object);
  return status;
}

zx_status_t zx_channel_call(zx_handle_t handle, uint32_t options, zx_time_t deadline,
                            const zx_channel_call_args_t* args, uint32_t* actual_bytes,
                            uint32_t* actual_handles) {
  if (!args) return ZX_ERR_INVALID_ARGS;
  zx_handle_disposition_t dispositions[ZX_CHANNEL_MAX_MSG_HANDLES];
  zx_handle_info_t infos[ZX_CHANNEL_MAX_MSG_HANDLES];
  zx_channel_call_etc_args_t etc = {.wr_bytes = args->wr_bytes,
                                    .rd_bytes = args->rd_bytes,
                                    .wr_handles = args->wr_handles ? dispositions : NULL,
                                    .rd_handles = args->rd_handles ? infos : NULL,
                                    .wr_num_bytes = args->wr_num_bytes,
                                    .wr_num_handles = args->wr_num_handles,
                                    .rd_num_bytes = args->rd_num_bytes,
                                    .rd_num_handles = args->rd_num_handles};
  if (args->wr_handles && args->wr_num_handles > ZX_CHANNEL_MAX_MSG_HANDLES) {
    // Too many to describe: only the status is left to be found.
    struct channel_outgoing message = {.options = options};
    struct zx_object* object = NULL;
    uint32_t total;
    zx_status_t status =
        check_call(handle, &message, args->wr_handles, args->wr_num_handles, &object, &total);
    outgoing_discard(args->wr_handles, args->wr_num_handles);
    object_unref(object);
    return status;
  }
  for (uint32_t i = 0; args->wr_handles && i < args->wr_num_handles; i++) {
    dispositions[i] = (zx_handle_disposition_t){
        .operation = ZX_HANDLE_OP_MOVE, .handle = args->wr_handles[i], .rights = ZX_RIGHT_SAME_RIGHTS};
  }
  zx_status_t status = zx_channel_call_etc(handle, options, deadline, &etc, actual_bytes, actual_handles);
  if (status == ZX_OK) {
    for (uint32_t i = 0; i < *actual_handles; i++)
      args->rd_handles[i] = infos[i].handle;
  }
  return status;
}
