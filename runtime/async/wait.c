// Waits of a loop: each is one asynchronous wait on the loop's port, found again through a table by its key.
#include <stdlib.h>

#include <zircon/linux.h>
#include <zircon/syscalls.h>

#include "loop_impl.h"

#define FIRST_SLOTS 16u

void waits_init(wait_table_t* waits) {
  *waits = (wait_table_t){0};
}

static uint64_t key_of(uint32_t index, uint32_t generation) {
  return (uint64_t)generation << 32 | index;
}

static wait_slot_t* slot_of(wait_table_t* waits, uint64_t key) {
  uint32_t index = (uint32_t)key;
  if (index >= waits->num_slots) return NULL;
  wait_slot_t* slot = &waits->slots[index];
  return slot->wait && slot->generation == (uint32_t)(key >> 32) ? slot : NULL;
}

static zx_status_t grow(wait_table_t* waits) {
  uint32_t num = waits->num_slots ? waits->num_slots * 2 : FIRST_SLOTS;
  wait_slot_t* slots = realloc(waits->slots, num * sizeof(*slots));
  if (!slots) return ZX_ERR_NO_MEMORY;
  for (uint32_t i = waits->num_slots; i < num; i++)
    slots[i] = (wait_slot_t){.generation = 1, .next_free = i + 1};
  waits->slots = slots;
  waits->free = waits->num_slots;
  waits->num_slots = num;
  return ZX_OK;
}

static void release_slot(wait_table_t* waits, wait_slot_t* slot) {
  slot->wait->state.key = 0;
  slot->wait = NULL;
  slot->generation++;
  if (slot->generation == 0) slot->generation = 1;  // a key is never 0
  slot->next_free = waits->free;
  waits->free = (uint32_t)(slot - waits->slots);
}

zx_status_t async_begin_wait(async_dispatcher_t* dispatcher, async_wait_t* wait) {
  async_loop_t* loop = dispatcher->loop;
  wait_table_t* waits = &loop->waits;
  if (loop->shut_down) return ZX_ERR_BAD_STATE;
  if (wait->state.key != 0) return ZX_ERR_ALREADY_EXISTS;
  if (waits->free == waits->num_slots && grow(waits) != ZX_OK) return ZX_ERR_NO_MEMORY;
  uint32_t index = waits->free;
  wait_slot_t* slot = &waits->slots[index];
  uint64_t key = key_of(index, slot->generation);
  zx_status_t status = zx_object_wait_async(wait->object, loop->port, key, wait->trigger, wait->options);
  if (status != ZX_OK) return status;
  waits->free = slot->next_free;
  slot->wait = wait;
  wait->state.key = key;
  return ZX_OK;
}

zx_status_t async_cancel_wait(async_dispatcher_t* dispatcher, async_wait_t* wait) {
  async_loop_t* loop = dispatcher->loop;
  wait_slot_t* slot = slot_of(&loop->waits, wait->state.key);
  if (!slot || slot->wait != wait) return ZX_ERR_NOT_FOUND;
  // Not found there means that its packet has been read in this round; it will find the slot empty.
  zx_port_cancel(loop->port, wait->object, wait->state.key);
  release_slot(&loop->waits, slot);
  return ZX_OK;
}

uint32_t waits_deliver(async_loop_t* loop, const zx_port_packet_t* packet) {
  if (packet->key == WAKE_KEY) {
    loop_woken(loop);
    return 0;
  }
  wait_slot_t* slot = slot_of(&loop->waits, packet->key);
  if (!slot) return 0;
  async_wait_t* wait = slot->wait;
  release_slot(&loop->waits, slot);
  wait->handler(&loop->dispatcher, wait, packet->status, &packet->signal);
  return 1;
}

uint32_t waits_dispatch(async_loop_t* loop, uint32_t limit, bool ask_kernel) {
  uint32_t handled = 0;
  for (uint32_t i = 0; i < limit && !atomic_load_explicit(&loop->quit, memory_order_relaxed); i++) {
    zx_port_packet_t packet;
    zx_status_t status = ask_kernel ? zx_port_wait(loop->port, ZX_TIME_INFINITE_PAST, &packet)
                                    : zx_linux_port_take(loop->port, &packet);
    loop->is_parents = status == ZX_ERR_BAD_HANDLE;
    if (status != ZX_OK) break;
    handled += waits_deliver(loop, &packet);
  }
  return handled;
}

void waits_shutdown(async_loop_t* loop) {
  wait_table_t* waits = &loop->waits;
  // Handlers may cancel others, but nothing begins any more, so the table stays where it is.
  for (uint32_t i = 0; i < waits->num_slots; i++) {
    async_wait_t* wait = waits->slots[i].wait;
    if (!wait) continue;
    zx_port_cancel(loop->port, wait->object, wait->state.key);
    release_slot(waits, &waits->slots[i]);
    wait->handler(&loop->dispatcher, wait, ZX_ERR_CANCELED, NULL);
  }
  free(waits->slots);
  waits_init(waits);
}
