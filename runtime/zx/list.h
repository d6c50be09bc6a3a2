// A doubly linked list whose links are members of the things listed.
#ifndef RUNTIME_ZX_LIST_H_
#define RUNTIME_ZX_LIST_H_

#include <stdbool.h>
#include <stddef.h>

struct list_node {
  struct list_node* prev;
  struct list_node* next;
};

#define LIST_ENTRY(node, type, member) ((type*)(void*)((char*)(node)-offsetof(type, member)))
#define LIST_FOR_EACH(node, list) \
  for (struct list_node* node = (list)->next; node != (list); node = node->next)
#define LIST_FOR_EACH_SAFE(node, list)                                                   \
  for (struct list_node* node = (list)->next, *node##_next = node->next; node != (list); \
       node = node##_next, node##_next = node->next)

static inline void list_init(struct list_node* list) {
  list->prev = list->next = list;
}

static inline bool list_is_empty(const struct list_node* list) {
  return list->next == list;
}

static inline bool list_in_list(const struct list_node* node) {
  return node->next != NULL;
}

static inline void list_add_tail(struct list_node* list, struct list_node* node) {
  node->prev = list->prev;
  node->next = list;
  list->prev->next = node;
  list->prev = node;
}

static inline void list_add_head(struct list_node* list, struct list_node* node) {
  list_add_tail(list->next, node);
}

static inline void list_remove(struct list_node* node) {
  node->prev->next = node->next;
  node->next->prev = node->prev;
  node->prev = node->next = NULL;
}

static inline struct list_node* list_take_head(struct list_node* list) {
  if (list_is_empty(list)) return NULL;
  struct list_node* node = list->next;
  list_remove(node);
  return node;
}

#endif  // RUNTIME_ZX_LIST_H_
