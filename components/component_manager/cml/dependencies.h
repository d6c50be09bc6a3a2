// Who depends on whom within one manifest: the graph that decides whether it can be started, and the order in
// which its parts are stopped.
//
// Nodes are self, the children, the collections and the environments. An edge from A to B says that B needs
// A. Weak offers and uses make none.
#ifndef COMPONENT_MANAGER_CML_DEPENDENCIES_H_
#define COMPONENT_MANAGER_CML_DEPENDENCIES_H_

#include "cml.h"

typedef struct cml_dependencies {
  size_t node_count;
  bool* edges;  // edges[a * node_count + b]: b needs a
} cml_dependencies_t;

// Nodes by number: 0 is self, then the children in order, then the collections, then the environments.
void cml_dependencies_init(cml_dependencies_t* out, cml_arena_t* arena, const cml_document_t* document);

// "#name", or "self".
const char* cml_dependency_node_name(const cml_document_t* document, size_t node,
                                     char buffer[CML_REF_TEXT_MAX]);

// Writes the children's indexes (document order numbers, without self) so that whoever needs another comes
// before it: the order of stopping. `order` has room for all children. The graph must have no cycle.
void cml_stop_order(const cml_dependencies_t* graph, cml_arena_t* arena, const cml_document_t* document,
                    size_t* order);

#endif  // COMPONENT_MANAGER_CML_DEPENDENCIES_H_
