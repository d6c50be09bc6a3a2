// A tree of components as text.
#ifndef COMPONENT_MANAGER_REALM_SHOW_H_
#define COMPONENT_MANAGER_REALM_SHOW_H_

#include "realm.h"

// Called with an instance to be told something more about it (a process number, its state), for the end of
// its line; may return NULL.
typedef const char* (*realm_note_t)(void* context, const realm_instance_t* instance);

// One line an instance, children below their parent. `note` may be NULL.
void realm_show_tree(const realm_t* realm, FILE* out, realm_note_t note, void* context);

// One line a use: who uses what, and the way to who provides it.
void realm_show_routes(const realm_t* realm, FILE* out);

// The tree and its routes in Graphviz' language.
void realm_show_graph(const realm_t* realm, FILE* out);

#endif  // COMPONENT_MANAGER_REALM_SHOW_H_
