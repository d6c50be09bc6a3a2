// The edges of the graph, clause by clause, and walks over it.
#include "dependencies.h"

#include <string.h>

#include "validate.h"

#define SELF 0u
// The graph has a byte for each pair of nodes.
#define NODES_MAX 2000u
#define NOWHERE SIZE_MAX

static size_t node_named(const cml_document_t* d, const char* name) {
  for (size_t i = 0; i < d->child_count; i++) {
    if (strcmp(d->children[i].name.text, name) == 0) return 1 + i;
  }
  for (size_t i = 0; i < d->collection_count; i++) {
    if (strcmp(d->collections[i].name.text, name) == 0) return 1 + d->child_count + i;
  }
  for (size_t i = 0; i < d->environment_count; i++) {
    if (strcmp(d->environments[i].name.text, name) == 0) return 1 + d->child_count + d->collection_count + i;
  }
  return NOWHERE;
}

static size_t storage_source(const cml_document_t* d, const cml_clause_t* storage) {
  const cml_ref_t* from = &storage->from.items[0];
  if (from->kind == CML_REF_NAMED) return node_named(d, from->name);
  return from->kind == CML_REF_SELF ? SELF : NOWHERE;
}

// The node a reference means as a source; parent, framework, void and debug are none.
static size_t source_node(const cml_document_t* d, const cml_ref_t* ref) {
  if (ref->kind == CML_REF_SELF) return SELF;
  if (ref->kind != CML_REF_NAMED) return NOWHERE;
  const cml_clause_t* storage = cml_find_capability(d, CML_STORAGE, ref->name);
  return storage ? storage_source(d, storage) : node_named(d, ref->name);
}

static void add_edge(cml_dependencies_t* graph, size_t from, size_t to) {
  if (from != NOWHERE && to != NOWHERE && from != to) graph->edges[from * graph->node_count + to] = true;
}

static void add_offer(cml_dependencies_t* graph, const cml_document_t* d, const cml_clause_t* clause,
                      const cml_ref_t* from) {
  size_t source = source_node(d, from);
  if (clause->type == CML_STORAGE && from->kind == CML_REF_SELF) {
    source = storage_source(d, cml_find_capability(d, CML_STORAGE, clause->names.items[0].text));
  }
  for (size_t i = 0; i < clause->to.count; i++) {
    if (clause->to.items[i].kind == CML_REF_NAMED) {
      add_edge(graph, source, node_named(d, clause->to.items[i].name));
      continue;
    }
    for (size_t node = 1; node <= d->child_count + d->collection_count; node++)
      add_edge(graph, source, node);
  }
}

static void add_environments(cml_dependencies_t* graph, const cml_document_t* d) {
  for (size_t i = 0; i < d->environment_count; i++) {
    const cml_environment_t* environment = &d->environments[i];
    size_t node = 1 + d->child_count + d->collection_count + i;
    for (size_t j = 0; j < environment->registration_count; j++) {
      add_edge(graph, source_node(d, &environment->registrations[j].from), node);
    }
  }
  for (size_t i = 0; i < d->child_count; i++) {
    if (d->children[i].environment.text)
      add_edge(graph, node_named(d, d->children[i].environment.text), 1 + i);
  }
  for (size_t i = 0; i < d->collection_count; i++) {
    const char* environment = d->collections[i].environment.text;
    if (environment) add_edge(graph, node_named(d, environment), 1 + d->child_count + i);
  }
}

void cml_dependencies_init(cml_dependencies_t* out, cml_arena_t* arena, const cml_document_t* d) {
  out->node_count = 1 + d->child_count + d->collection_count + d->environment_count;
  out->edges = cml_arena_alloc(arena, out->node_count * out->node_count * sizeof(bool));
  for (size_t i = 0; i < d->offer.count; i++) {
    const cml_clause_t* clause = &d->offer.items[i];
    for (size_t j = 0; !clause->weak && j < clause->from.count; j++)
      add_offer(out, d, clause, &clause->from.items[j]);
  }
  for (size_t i = 0; i < d->use.count; i++) {
    const cml_clause_t* clause = &d->use.items[i];
    if (!clause->weak && clause->from.items[0].kind == CML_REF_NAMED)
      add_edge(out, source_node(d, &clause->from.items[0]), SELF);
  }
  add_environments(out, d);
}

const char* cml_dependency_node_name(const cml_document_t* d, size_t node, char buffer[CML_REF_TEXT_MAX]) {
  cml_ref_t ref = {.kind = CML_REF_NAMED};
  if (node == SELF) return "self";
  node -= 1;
  if (node < d->child_count) {
    ref.name = d->children[node].name.text;
  } else if (node < d->child_count + d->collection_count) {
    ref.name = d->collections[node - d->child_count].name.text;
  } else {
    ref.name = d->environments[node - d->child_count - d->collection_count].name.text;
  }
  return cml_ref_text(&ref, buffer);
}

typedef struct walk {
  const cml_dependencies_t* graph;
  const cml_document_t* document;
  bool* seen;
  size_t* order;
  size_t count;
} walk_t;

// Whoever needs `node` first, then `node`.
static void visit(walk_t* walk, size_t node) {
  if (walk->seen[node]) return;
  walk->seen[node] = true;
  for (size_t i = 0; i < walk->graph->node_count; i++) {
    if (walk->graph->edges[node * walk->graph->node_count + i]) visit(walk, i);
  }
  if (node >= 1 && node <= walk->document->child_count) walk->order[walk->count++] = node - 1;
}

void cml_stop_order(const cml_dependencies_t* graph, cml_arena_t* arena, const cml_document_t* document,
                    size_t* order) {
  walk_t walk = {graph, document, cml_arena_alloc(arena, graph->node_count), order, 0};
  for (size_t i = 0; i < graph->node_count; i++)
    visit(&walk, i);
}

// Rule 26. Cycles are found by depth-first search; every one that closes on the path of the search is told.

typedef struct search {
  validator_t* v;
  const cml_dependencies_t* graph;
  enum { UNSEEN, ON_PATH, DONE } * state;
  size_t* path;
  size_t depth;
  char* cycles;  // "self -> #a -> self; ..."
  size_t cycle_count;
} search_t;

// So many are spelled out; a graph may have very many.
#define CYCLES_TOLD 8u

static void note_cycle(search_t* search, size_t from) {
  char buffer[CML_REF_TEXT_MAX];
  const cml_document_t* d = search->v->document;
  size_t start = 0;
  if (search->cycle_count++ >= CYCLES_TOLD) return;
  while (search->path[start] != from)
    start++;
  char* text = search->cycles ? cml_arena_printf(search->v->arena, "%s; ", search->cycles) : (char*)"";
  for (size_t i = start; i < search->depth; i++) {
    text = cml_arena_printf(search->v->arena, "%s%s -> ", text,
                            cml_dependency_node_name(d, search->path[i], buffer));
  }
  search->cycles =
      cml_arena_printf(search->v->arena, "%s%s", text, cml_dependency_node_name(d, from, buffer));
}

static void find_cycles(search_t* search, size_t node) {
  size_t count = search->graph->node_count;
  search->state[node] = ON_PATH;
  search->path[search->depth++] = node;
  for (size_t i = 0; i < count; i++) {
    if (!search->graph->edges[node * count + i]) continue;
    if (search->state[i] == ON_PATH) note_cycle(search, i);
    if (search->state[i] == UNSEEN) find_cycles(search, i);
  }
  search->depth--;
  search->state[node] = DONE;
}

bool cml_validate_cycles(validator_t* v) {
  const cml_document_t* d = v->document;
  cml_dependencies_t graph;
  if (d->child_count + d->collection_count + d->environment_count > NODES_MAX) {
    return cml_fail(v->error, (cml_location_t){d->source, 0, 1}, "InvalidField",
                    "more than %u children, collections and environments in one manifest", NODES_MAX);
  }
  cml_dependencies_init(&graph, v->arena, d);
  search_t search = {.v = v, .graph = &graph};
  search.state = cml_arena_alloc(v->arena, graph.node_count * sizeof *search.state);
  search.path = cml_arena_alloc(v->arena, graph.node_count * sizeof *search.path);
  for (size_t i = 0; i < graph.node_count; i++) {
    if (search.state[i] == UNSEEN) find_cycles(&search, i);
  }
  if (!search.cycles) return true;
  cml_fail(v->error, v->document->location, "DependencyCycle",
           "these need each other (an arrow goes from who provides to who needs): %s", search.cycles);
  v->error->location.length = 1;
  return cml_advise(v->error, "add dependency: \"weak\" to one offer of each cycle");
}
