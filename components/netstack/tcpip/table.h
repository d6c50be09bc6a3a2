// A chained hash table of nodes that live inside their owners. It doubles when it fills, to no more than it
// may have, and halves when an eighth of it is used; if there is no memory for that it goes on as it is.
#ifndef TCPIP_TABLE_H_
#define TCPIP_TABLE_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct table_node table_node_t;
struct table_node {
  table_node_t* next;
  table_node_t** link;  // what points to this one; NULL when in no table
  uint64_t hash;
};

typedef struct table {
  table_node_t** heads;  // NULL until the first insertion
  size_t mask;
  size_t count;
  size_t heads_max;  // a power of two; 0: as many as nodes
} table_t;

// The object that `node` is the `member` of.
#define table_owner(node, type, member) ((type*)(void*)((char*)(node)-offsetof(type, member)))

// Puts `node` at the head of its chain. 0 or -ENOMEM (the first time only).
int table_insert(table_t* table, table_node_t* node, uint64_t hash);

// Nothing happens if it is in no table.
void table_remove(table_t* table, table_node_t* node);

// The first node with this hash, and the next one; NULL at the end. Different keys can have one hash.
table_node_t* table_find(const table_t* table, uint64_t hash);
table_node_t* table_find_next(const table_node_t* node);

// Walks all nodes: the first if `node` is NULL; NULL at the end. The table must not change meanwhile.
table_node_t* table_walk(const table_t* table, const table_node_t* node);

static inline bool table_has(const table_node_t* node) {
  return node->link != NULL;
}

// Frees the table's own memory; nodes left in it are forgotten.
void table_deinit(table_t* table);

#endif  // TCPIP_TABLE_H_
