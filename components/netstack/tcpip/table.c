#include "table.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_SIZE 16
#define SHRINKS_BELOW 8  // it has so many times more heads than nodes

static void push(table_node_t** head, table_node_t* node) {
  node->next = *head;
  node->link = head;
  if (node->next) node->next->link = &node->next;
  *head = node;
}

static void rehash(table_t* table, table_node_t** heads, size_t mask) {
  for (size_t i = 0; table->heads && i <= table->mask; i++) {
    for (table_node_t *node = table->heads[i], *next; node; node = next) {
      next = node->next;
      push(&heads[node->hash & mask], node);
    }
  }
  free(table->heads);
  table->heads = heads;
  table->mask = mask;
}

static bool is_full(const table_t* table) {
  bool may_grow = !table->heads_max || table->mask + 1 < table->heads_max;
  return !table->heads || (table->count > table->mask && may_grow);
}

int table_insert(table_t* table, table_node_t* node, uint64_t hash) {
  if (is_full(table)) {
    size_t size = table->heads ? 2 * (table->mask + 1) : FIRST_SIZE;
    table_node_t** heads = calloc(size, sizeof *heads);
    if (heads)
      rehash(table, heads, size - 1);
    else if (!table->heads)
      return -ENOMEM;
  }
  node->hash = hash;
  push(&table->heads[hash & table->mask], node);
  table->count++;
  return 0;
}

void table_remove(table_t* table, table_node_t* node) {
  if (!node->link) return;
  *node->link = node->next;
  if (node->next) node->next->link = node->link;
  node->link = NULL;
  table->count--;
  size_t size = table->mask + 1;
  if (size <= FIRST_SIZE || table->count >= size / SHRINKS_BELOW) return;
  table_node_t** heads = calloc(size / 2, sizeof *heads);
  if (heads) rehash(table, heads, size / 2 - 1);
}

static table_node_t* match(table_node_t* node, uint64_t hash) {
  while (node && node->hash != hash)
    node = node->next;
  return node;
}

table_node_t* table_find(const table_t* table, uint64_t hash) {
  return table->heads ? match(table->heads[hash & table->mask], hash) : NULL;
}

table_node_t* table_find_next(const table_node_t* node) {
  return match(node->next, node->hash);
}

table_node_t* table_walk(const table_t* table, const table_node_t* node) {
  if (node && node->next) return node->next;
  size_t i = node ? (node->hash & table->mask) + 1 : 0;
  for (; table->heads && i <= table->mask; i++) {
    if (table->heads[i]) return table->heads[i];
  }
  return NULL;
}

void table_deinit(table_t* table) {
  free(table->heads);
  *table = (table_t){0};
}
