// One end of a pair whose ends share memory: the base of eventpairs, fifos and sockets.
//
// The memory holds each side's signals and what that side sleeps for; a socket pair beside it is the bell.
// Who changes something the other side may sleep for rings only if that side's `waiting` word says so
// (wake.h). The memory is mapped when the first end in this process is first used: until then the object is
// dormant (object.h), and an end that is only made and sent is never mapped. A ring never blocks
// (MSG_DONTWAIT): a full bell has rung already. The socket also tells of the peer's death, since the kernel
// closes it. Anything read from the memory may be a lie; it is masked or checked where it is used.
#ifndef RUNTIME_ZX_PAIR_H_
#define RUNTIME_ZX_PAIR_H_

#include "runtime/zx/object.h"
#include "runtime/zx/packet.h"
#include "runtime/zx/spin.h"

// What a side sleeps for.
#define PAIR_WAIT_SIGNALS 1u
#define PAIR_WAIT_READABLE 2u
#define PAIR_WAIT_WRITABLE 4u

#define PAIR_NUM_SIGNALS 11u  // user signals, SIGNALED, and two of clocks

struct pair_side {
  // In the low half the signals on, in the high half how often signals have come on so far. Each signal also
  // has the number of the last time it was among them, so that what is set and cleared between two looks is
  // missed by nobody, however many processes hold the end.
  _Alignas(64) _Atomic uint64_t signals;
  _Atomic uint32_t closed;  // its last handle was closed in good order
  _Atomic uint32_t cpu;     // where it last waited, plus one: a hint
  _Atomic uint32_t rose[PAIR_NUM_SIGNALS];
  _Alignas(64) _Atomic uint32_t waiting;  // PAIR_WAIT_*
  _Atomic uint32_t trim_lock;             // of bell_trim
};

struct pair_shared {
  struct pair_side sides[2];
};

struct pair_memory;

struct pair {
  struct zx_object base;
  int bell;
  int listener;   // what to wait on instead once other processes hold this end too; -1: the bell itself
  int self_bell;  // a timer that rings for who holds this end; -1: only this process does
  struct pair_memory* memory;  // one for both ends, where both are in this process
  struct pair_shared* shared;  // null as long as this end is dormant; written under the lock
  unsigned side;
  bool peer_closed;  // the socket said so, or the peer broke the rules; lock
  struct spinner spinner;
};

// The signals on now; changing them, which returns those that came on; object_ops.rises and risen. Others can
// write into the memory: bits that are no signals of the object are the caller's to leave out.
zx_signals_t pair_side_signals(const struct pair_side* side);
zx_signals_t pair_side_change(struct pair_side* side, zx_signals_t clear, zx_signals_t set);
uint32_t pair_side_rises(const struct pair_side* side);
zx_signals_t pair_side_risen(const struct pair_side* side, uint32_t since);

// Makes both ends, each `object_size` bytes of which struct pair is the first member, with `size` bytes of
// shared memory.
zx_status_t pair_create(const struct object_ops* ops, size_t object_size, size_t size, struct pair* out[2]);

// Makes an end of what a message brought: fds[0] the bell, fds[1] the memory; consumed, also on failure.
zx_status_t pair_unpack(const struct object_ops* ops, size_t object_size, size_t size, unsigned side,
                        const int* fds, struct pair** out);

// For object_ops.rouse: maps the memory. `attach`, if not null, then makes the end's own pointers into it,
// with the lock held. ZX_ERR_NO_MEMORY: the end stays as it was.
zx_status_t pair_rouse(struct pair* pair, void (*attach)(struct pair* pair));

zx_status_t pair_pack(struct zx_object* object, bool moves, struct wire_handle* wire, int fds[OBJECT_MAX_FDS],
                      unsigned* num_fds);
zx_status_t pair_share(struct zx_object* object);
void pair_close(struct zx_object* object);
void pair_destroy(struct zx_object* object);

// Rings if the other side sleeps for one of `reasons`. Follows the store of the change.
void pair_ring(struct pair* pair, uint32_t reasons);

// Says what this side sleeps for; the caller then looks again.
void pair_wait_for(struct pair* pair, uint32_t reasons);

// Takes note of what a poll of the bell said. Lock held.
void pair_note(struct pair* pair, short revents);

// What any wait for this end watches: its signals, and whether the peer has closed.
void pair_spin_target(const struct pair* pair, struct spin_target* out);

// object_ops.block: sleeps on the bell.
bool pair_block(struct zx_object* object, zx_signals_t want);

// Whether the other end is gone, as far as memory knows. Whatever it wrote before is visible after this said
// yes.
bool pair_peer_closed(const struct pair* pair);

// The peer broke the rules: it counts as gone, and sees this end gone. Lock held.
void pair_break(struct pair* pair);

zx_signals_t pair_signals(const struct pair* pair);
uint32_t pair_rises(const struct zx_object* object);
zx_signals_t pair_risen(const struct zx_object* object, uint32_t since);
void pair_signal(struct zx_object* object, zx_signals_t clear, zx_signals_t set);
zx_status_t pair_signal_peer(struct zx_object* object, zx_signals_t clear, zx_signals_t set);

#endif  // RUNTIME_ZX_PAIR_H_
