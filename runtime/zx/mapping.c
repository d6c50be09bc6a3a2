// The list of mappings. A process has few of them and changes them seldom, with a system call each time.
//
// Memory that was unmapped behind our back (munmap) stays listed until its addresses are used again.
#include "runtime/zx/mapping.h"

#include <stdlib.h>

struct mapping {
  struct list_node node;
  uintptr_t address;
  size_t size;
  struct vmo* vmo;
  zx_vm_option_t allowed;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct list_node mappings = {&mappings, &mappings};

struct mapping* mapping_alloc(void) {
  return malloc(sizeof(struct mapping));
}

static void insert(struct mapping* mapping, uintptr_t address, size_t size, struct vmo* vmo,
                   zx_vm_option_t allowed) {
  *mapping = (struct mapping){.address = address, .size = size, .vmo = vmo, .allowed = allowed};
  list_add_tail(&mappings, &mapping->node);
  vmo->num_mappings++;
}

static bool overlaps(const struct mapping* mapping, uintptr_t address, size_t size) {
  return mapping->address < address + size && address < mapping->address + mapping->size;
}

// Cuts a range out of one mapping. Lock held. Whether nothing is left of it.
static bool cut_one(struct mapping* mapping, uintptr_t address, size_t size) {
  uintptr_t end = address + size;
  uintptr_t mapping_end = mapping->address + mapping->size;
  if (address > mapping->address && end < mapping_end) {
    struct mapping* rest = mapping_alloc();
    if (!rest) return false;  // listed as if it were whole
    insert(rest, end, mapping_end - end, mapping->vmo, mapping->allowed);
  }
  if (address > mapping->address) {
    mapping->size = address - mapping->address;
    return false;
  }
  mapping->size = end < mapping_end ? mapping_end - end : 0;
  mapping->address = end;
  return mapping->size == 0;
}

// Cuts a range out of all mappings; returns, one after the other, VMOs that have lost their last one.
static struct vmo* cut(uintptr_t address, size_t size) {
  struct vmo* finished = NULL;
  pthread_mutex_lock(&lock);
  LIST_FOR_EACH_SAFE(node, &mappings) {
    struct mapping* mapping = LIST_ENTRY(node, struct mapping, node);
    if (!overlaps(mapping, address, size) || !cut_one(mapping, address, size)) continue;
    struct vmo* vmo = mapping->vmo;
    list_remove(node);
    free(mapping);
    if (--vmo->num_mappings == 0 && vmo->forgotten) {
      finished = vmo;
      break;
    }
  }
  pthread_mutex_unlock(&lock);
  return finished;
}

void mapping_remove(uintptr_t address, size_t size) {
  for (struct vmo* vmo; (vmo = cut(address, size)) != NULL;)
    vmo_finish(vmo);
}

void mapping_add(struct mapping* mapping, uintptr_t address, size_t size, struct vmo* vmo,
                 zx_vm_option_t allowed) {
  mapping_remove(address, size);
  pthread_mutex_lock(&lock);
  insert(mapping, address, size, vmo, allowed);
  pthread_mutex_unlock(&lock);
}

bool mapping_allows(uintptr_t address, size_t size, zx_vm_option_t permissions) {
  bool allowed = true;
  pthread_mutex_lock(&lock);
  LIST_FOR_EACH(node, &mappings) {
    const struct mapping* mapping = LIST_ENTRY(node, struct mapping, node);
    if (overlaps(mapping, address, size) && (permissions & ~mapping->allowed)) allowed = false;
  }
  pthread_mutex_unlock(&lock);
  return allowed;
}

size_t mapping_count(const struct vmo* vmo) {
  pthread_mutex_lock(&lock);
  size_t count = vmo->num_mappings;
  pthread_mutex_unlock(&lock);
  return count;
}

bool mapping_forget(struct vmo* vmo) {
  pthread_mutex_lock(&lock);
  vmo->forgotten = vmo->num_mappings > 0;
  bool unmapped = !vmo->forgotten;
  pthread_mutex_unlock(&lock);
  return unmapped;
}

void mapping_forget_locks(void) {
  pthread_mutex_init(&lock, NULL);
}
