// A doubly linked ring through its members, with the list itself as one of them. A zeroed node is in no list.
#ifndef TCPIP_LIST_H_
#define TCPIP_LIST_H_

#include <stdbool.h>
#include <stddef.h>

typedef struct list_node list_node_t;
struct list_node {
  list_node_t* next;
  list_node_t* prev;
};

// The object that `node` is the `member` of.
#define list_owner(node, type, member) ((type*)(void*)((char*)(node)-offsetof(type, member)))

static inline void list_init(list_node_t* list) {
  list->next = list->prev = list;
}
static inline bool list_empty(const list_node_t* list) {
  return list->next == list;
}
static inline bool list_linked(const list_node_t* node) {
  return node->next != NULL;
}
static inline void list_append(list_node_t* list, list_node_t* node) {
  node->prev = list->prev;
  node->next = list;
  list->prev->next = node;
  list->prev = node;
}
static inline void list_unlink(list_node_t* node) {
  if (!node->next) return;
  node->next->prev = node->prev;
  node->prev->next = node->next;
  node->next = node->prev = NULL;
}
// Takes the first out; NULL if there is none.
static inline list_node_t* list_pop(list_node_t* list) {
  list_node_t* node = list->next;
  if (node == list) return NULL;
  list_unlink(node);
  return node;
}
// All of `from` moves to the end of `to`.
static inline void list_splice(list_node_t* to, list_node_t* from) {
  while (!list_empty(from))
    list_append(to, list_pop(from));
}

#endif  // TCPIP_LIST_H_
