// Drawing with lines and Graphviz.
#include "show.h"

#include <string.h>

#include "route.h"

static const char* display_name(const realm_instance_t* instance) {
  return instance->parent ? instance->moniker : instance->name;
}

static void show_instance(const realm_instance_t* instance, const char* prefix, bool is_last,
                          cml_arena_t* arena, FILE* out, realm_note_t note, void* context) {
  const char* text = note ? note(context, instance) : NULL;
  const char* branch = !instance->parent ? "" : is_last ? "└─ " : "├─ ";
  fprintf(out, "%s%s%s", prefix, branch, instance->name);
  if (text) fprintf(out, "  %s", text);
  fputc('\n', out);
  const char* below =
      !instance->parent ? "" : cml_arena_printf(arena, "%s%s", prefix, is_last ? "   " : "│  ");
  for (size_t i = 0; i < instance->document.child_count; i++) {
    show_instance(instance->children[i], below, i + 1 == instance->document.child_count, arena, out, note,
                  context);
  }
}

void realm_show_tree(const realm_t* realm, FILE* out, realm_note_t note, void* context) {
  show_instance(realm->root, "", true, realm->arena, out, note, context);
}

static void show_source(const realm_route_t* route, FILE* out) {
  if (route->source == REALM_SOURCE_VOID) {
    fputs("nowhere (void)", out);
  } else if (route->source == REALM_SOURCE_BUILTIN) {
    fputs("the component manager", out);
  } else {
    fprintf(out, "%s", display_name(route->provider));
  }
}

static void show_route(const realm_t* realm, realm_instance_t* instance, const cml_clause_t* use, size_t name,
                       FILE* out) {
  realm_route_t route;
  cml_error_t error;
  fprintf(out, "%s uses %s %s from ", display_name(instance), cml_type_name(use->type),
          use->names.items[name].text);
  if (!realm_route_use(realm, instance, use, name, &route, &error)) {
    fprintf(out, "nowhere: %s: %s\n", error.error_class, error.message);
    return;
  }
  show_source(&route, out);
  const char* between = " (through ";
  for (size_t i = 1; i < route.step_count; i++) {
    if (route.steps[i].clause->section != CML_OFFER && route.steps[i].clause->section != CML_EXPOSE) continue;
    fprintf(out, "%s%s's %s", between, display_name(route.steps[i].instance),
            route.steps[i].clause->section == CML_OFFER ? "offer" : "expose");
    between = ", ";
  }
  fputs(*between == ',' ? ")\n" : "\n", out);
}

void realm_show_routes(const realm_t* realm, FILE* out) {
  for (size_t i = 0; i < realm->instance_count; i++) {
    const cml_clauses_t* uses = &realm->instances[i]->document.use;
    for (size_t j = 0; j < uses->count; j++) {
      for (size_t k = 0; uses->items[j].type != CML_RUNNER && k < uses->items[j].names.count; k++) {
        show_route(realm, realm->instances[i], &uses->items[j], k, out);
      }
    }
  }
}

static void graph_route(const realm_t* realm, realm_instance_t* instance, const cml_clause_t* use,
                        size_t name, FILE* out) {
  realm_route_t route;
  cml_error_t error;
  bool ok = realm_route_use(realm, instance, use, name, &route, &error);
  if (ok && route.source == REALM_SOURCE_VOID) return;
  const char* provider = !ok                                    ? "nowhere"
                         : route.source == REALM_SOURCE_BUILTIN ? "component manager"
                                                                : display_name(route.provider);
  fprintf(out, "  \"%s\" -> \"%s\" [label=\"%s\"%s];\n", display_name(instance), provider,
          use->names.items[name].text, ok ? "" : ", color=red");
}

void realm_show_graph(const realm_t* realm, FILE* out) {
  fprintf(out, "digraph \"%s\" {\n  node [shape=box];\n", realm->root->name);
  for (size_t i = 0; i < realm->instance_count; i++) {
    realm_instance_t* instance = realm->instances[i];
    fprintf(out, "  \"%s\";\n", display_name(instance));
    if (instance->parent)
      fprintf(out, "  \"%s\" -> \"%s\" [style=dotted, arrowhead=none];\n", display_name(instance->parent),
              display_name(instance));
    for (size_t j = 0; j < instance->document.use.count; j++) {
      const cml_clause_t* use = &instance->document.use.items[j];
      for (size_t k = 0; use->type != CML_RUNNER && k < use->names.count; k++)
        graph_route(realm, instance, use, k, out);
    }
  }
  fputs("}\n", out);
}
