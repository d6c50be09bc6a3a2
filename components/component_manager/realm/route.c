// The walk: up through offers while they say "parent", down through exposes while they say "#child", until a
// declaration, the framework, or what the component manager has itself.
#include "route.h"

#include <string.h>

typedef struct walk {
  const realm_t* realm;
  const realm_instance_t* user;
  const cml_clause_t* use;
  const char* used_name;
  realm_route_t* route;
  cml_error_t* error;
  const char* name;  // what it is called where the walk stands
} walk_t;

static bool up(walk_t* walk, realm_instance_t* instance);
static bool down(walk_t* walk, realm_instance_t* parent, const cml_ref_t* child,
                 const cml_clause_t* asked_by);

static const char* what(walk_t* walk) {
  return cml_arena_printf(walk->realm->arena, "%s %s%s%s%s, used by %s", cml_type_name(walk->use->type),
                          walk->used_name, strcmp(walk->name, walk->used_name) ? " (here " : "",
                          strcmp(walk->name, walk->used_name) ? walk->name : "",
                          strcmp(walk->name, walk->used_name) ? ")" : "",
                          walk->user->parent ? walk->user->moniker : walk->user->name);
}

static const char* verb(const cml_clause_t* clause) {
  return clause->section == CML_USE ? "Use" : clause->section == CML_OFFER ? "Offer" : "Expose";
}

static const char* error_class(walk_t* walk, const cml_clause_t* clause, const char* rest) {
  return cml_arena_printf(walk->realm->arena, "%s%s", verb(clause), rest);
}

static void add_step(walk_t* walk, const realm_instance_t* instance, const cml_clause_t* clause) {
  *cml_arena_push(walk->realm->arena, &walk->route->steps, &walk->route->step_count) =
      (realm_route_step_t){instance, clause};
}

// A step may ask for no more rights than it was given, and not promise more than it demands.
static bool apply(walk_t* walk, const realm_instance_t* instance, const cml_clause_t* clause) {
  realm_route_t* route = walk->route;
  add_step(walk, instance, clause);
  if (clause->rights_location.source && (route->rights & ~clause->rights)) {
    return cml_fail(walk->error, clause->rights_location, "RightsError",
                    "%s: more rights are asked for than this clause gives", what(walk));
  }
  if (clause->subdir.text) {
    route->subdir = *route->subdir
                        ? cml_arena_printf(walk->realm->arena, "%s/%s", clause->subdir.text, route->subdir)
                        : clause->subdir.text;
  }
  bool weaker = clause->availability != CML_SAME_AS_TARGET && clause->availability > walk->use->availability;
  if (weaker && clause->section != CML_USE) {
    cml_fail(
        walk->error, clause->availability_location.source ? clause->availability_location : clause->location,
        "AvailabilityError", "%s: it is required there, but this clause does not promise it", what(walk));
    return cml_advise(walk->error,
                      "make the use optional as well, or this clause availability: \"required\"");
  }
  return true;
}

static bool found(walk_t* walk, realm_instance_t* instance, const cml_clause_t* asked_by) {
  const cml_clause_t* declaration = cml_find_capability(&instance->document, walk->use->type, walk->name);
  if (!declaration) {
    return cml_fail(walk->error, asked_by->location, "InvalidCapability", "%s: %s declares no such %s",
                    what(walk), instance->moniker, cml_type_name(walk->use->type));
  }
  if (!apply(walk, instance, declaration)) return false;
  for (size_t i = 0; i < declaration->names.count; i++) {
    if (strcmp(declaration->names.items[i].text, walk->name) != 0) continue;
    walk->route->path = cml_target_path(walk->realm->arena, declaration, i);
  }
  walk->route->source = REALM_SOURCE_COMPONENT;
  walk->route->provider = instance;
  walk->route->declaration = declaration;
  walk->route->name = walk->name;
  return true;
}

static bool from_void(walk_t* walk, const cml_clause_t* clause) {
  walk->route->source = REALM_SOURCE_VOID;
  walk->route->name = walk->name;
  return walk->use->availability != CML_REQUIRED ||
         cml_fail(walk->error, clause->location, "AvailabilityError",
                  "%s: it is required there, but comes from nowhere (\"void\")", what(walk));
}

static bool from_framework(walk_t* walk, const cml_clause_t* clause) {
  cml_fail(walk->error, clause->location, "CapabilityFromFrameworkNotFound",
           "%s: the framework has no such %s", what(walk), cml_type_name(walk->use->type));
  return false;
}

// Continues at the source of a clause in `instance`'s manifest.
static bool from_source(walk_t* walk, realm_instance_t* instance, const cml_clause_t* clause) {
  const cml_ref_t* from = &clause->from.items[0];
  switch (from->kind) {
    case CML_REF_PARENT:
      return up(walk, instance);
    case CML_REF_SELF:
      return found(walk, instance, clause);
    case CML_REF_FRAMEWORK:
      return from_framework(walk, clause);
    case CML_REF_VOID:
      return from_void(walk, clause);
    case CML_REF_NAMED:
      if (clause->source_unknown && !realm_child(instance, from->name)) return from_void(walk, clause);
      return down(walk, instance, from, clause);
    case CML_REF_DEBUG:
    case CML_REF_ALL:
      break;
  }
  return cml_fail(walk->error, clause->location, "UnsupportedRouteSource", "%s: no route from there",
                  what(walk));
}

static bool reaches_parent(const cml_clause_t* expose) {
  for (size_t i = 0; i < expose->to.count; i++) {
    if (expose->to.items[i].kind == CML_REF_PARENT) return true;
  }
  return false;
}

static bool reaches(const cml_clause_t* offer, const realm_instance_t* child) {
  for (size_t i = 0; i < offer->to.count; i++) {
    const cml_ref_t* to = &offer->to.items[i];
    if (to->kind == CML_REF_NAMED && strcmp(to->name, child->name) == 0) return true;
    bool is_source =
        offer->from.items[0].kind == CML_REF_NAMED && strcmp(offer->from.items[0].name, child->name) == 0;
    if (to->kind == CML_REF_ALL && !is_source) return true;
  }
  return false;
}

// The clause that gives its target something of the walk's type and name; `*out_name` is what its source
// calls it. An offer to `child` if there is one, else an expose to the parent.
static const cml_clause_t* find_clause(walk_t* walk, const cml_clauses_t* clauses,
                                       const realm_instance_t* child, const char** out_name) {
  for (size_t i = 0; i < clauses->count; i++) {
    const cml_clause_t* clause = &clauses->items[i];
    if (clause->type != walk->use->type) continue;
    if (child ? !reaches(clause, child) : !reaches_parent(clause)) continue;
    for (size_t j = 0; j < clause->names.count; j++) {
      if (strcmp(cml_target_name(clause, j), walk->name) != 0) continue;
      *out_name = clause->names.items[j].text;
      return clause;
    }
  }
  return NULL;
}

static bool builtin(walk_t* walk) {
  static const char* const names[] = {REALM_BUILTIN_NETWORK, REALM_BUILTIN_TAP};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (walk->use->type != CML_PROTOCOL || strcmp(names[i], walk->name) != 0) continue;
    walk->route->source = REALM_SOURCE_BUILTIN;
    walk->route->name = names[i];
    return true;
  }
  const realm_route_step_t* last = &walk->route->steps[walk->route->step_count - 1];
  cml_fail(walk->error, last->clause->location,
           error_class(walk, last->clause, "FromComponentManagerNotFound"),
           "%s: the root asks its parent for it, but the component manager has no such %s", what(walk),
           cml_type_name(walk->use->type));
  return cml_advise(walk->error, "it has the protocols %s and %s", names[0], names[1]);
}

static bool up(walk_t* walk, realm_instance_t* instance) {
  realm_instance_t* parent = instance->parent;
  const char* name = NULL;
  if (!parent) return builtin(walk);
  const cml_clause_t* offer = find_clause(walk, &parent->document.offer, instance, &name);
  if (!offer) {
    const cml_clause_t* asked_by = walk->route->steps[walk->route->step_count - 1].clause;
    cml_fail(walk->error, asked_by->location, error_class(walk, asked_by, "FromParentNotFound"),
             "%s: it is not offered to #%s by its parent", what(walk), instance->name);
    return cml_advise(walk->error, "add to \"offer\" of %.200s: { %s: \"%s\", from: ..., to: \"#%s\" }",
                      parent->path, cml_type_name(walk->use->type), walk->name, instance->name);
  }
  if (!apply(walk, parent, offer)) return false;
  walk->name = name;
  return from_source(walk, parent, offer);
}

static bool down(walk_t* walk, realm_instance_t* parent, const cml_ref_t* ref, const cml_clause_t* asked_by) {
  realm_instance_t* child = realm_child(parent, ref->name);
  const char* name = NULL;
  if (!child) {
    cml_fail(walk->error, ref->location, error_class(walk, asked_by, "FromChildInstanceNotFound"),
             "%s: %s has no child #%s", what(walk), parent->moniker, ref->name);
    return cml_find_collection(&parent->document, ref->name) &&
           cml_advise(walk->error, "nothing has been created in this collection");
  }
  const cml_clause_t* expose = find_clause(walk, &child->document.expose, NULL, &name);
  if (!expose) {
    cml_fail(walk->error, asked_by->location, error_class(walk, asked_by, "FromChildExposeNotFound"),
             "%s: #%s does not expose it", what(walk), child->name);
    return cml_advise(walk->error, "add to \"expose\" of %.200s: { %s: \"%s\", from: \"self\" }", child->path,
                      cml_type_name(walk->use->type), walk->name);
  }
  if (!apply(walk, child, expose)) return false;
  walk->name = name;
  return from_source(walk, child, expose);
}

// use from "debug": the nearest environment that has the protocol.
static bool debug(walk_t* walk, const realm_instance_t* instance) {
  for (; instance; instance = instance->parent) {
    const cml_environment_t* environment = realm_environment(instance);
    for (size_t i = 0; environment && i < environment->registration_count; i++) {
      const cml_registration_t* r = &environment->registrations[i];
      if (r->type != CML_PROTOCOL || strcmp(r->as.text ? r->as.text : r->name.text, walk->name) != 0)
        continue;
      walk->name = r->name.text;
      if (r->from.kind == CML_REF_PARENT) return up(walk, instance->parent);
      if (r->from.kind == CML_REF_SELF) return found(walk, instance->parent, walk->use);
      return down(walk, instance->parent, &r->from, walk->use);
    }
    if (environment && !environment->extends_realm) break;
  }
  return cml_fail(walk->error, walk->use->location, "UseFromEnvironmentNotFound",
                  "%s: it is not in the \"debug\" of its environment", what(walk));
}

bool realm_route_use(const realm_t* realm, realm_instance_t* instance, const cml_clause_t* use,
                     size_t name_index, realm_route_t* out, cml_error_t* error) {
  const char* name = use->names.items[name_index].text;
  walk_t walk = {realm, instance, use, name, out, error, name};
  memset(out, 0, sizeof *out);
  out->rights = use->rights;
  out->subdir = "";
  if (!apply(&walk, instance, use)) return false;
  if (use->type == CML_EVENT_STREAM || use->type == CML_RUNNER) {
    return use->type == CML_RUNNER || cml_fail(error, use->location, "UnsupportedRouteSource",
                                               "%s: event streams are not supported", what(&walk));
  }
  return use->from.items[0].kind == CML_REF_DEBUG ? debug(&walk, instance)
                                                  : from_source(&walk, instance, use);
}

bool realm_uses_builtin(const realm_t* realm, realm_instance_t* instance, const char* name) {
  for (size_t i = 0; i < instance->document.use.count; i++) {
    const cml_clause_t* use = &instance->document.use.items[i];
    for (size_t j = 0; use->type == CML_PROTOCOL && j < use->names.count; j++) {
      realm_route_t route;
      cml_error_t error;
      if (!realm_route_use(realm, instance, use, j, &route, &error)) continue;
      if (route.source == REALM_SOURCE_BUILTIN && strcmp(route.name, name) == 0) return true;
    }
  }
  return false;
}

static const cml_string_t* runner_name(const cml_document_t* document) {
  for (size_t i = 0; i < document->use.count; i++) {
    if (document->use.items[i].type == CML_RUNNER) return &document->use.items[i].names.items[0];
  }
  return &document->runner;
}

const char* realm_route_runner(const realm_t* realm, const realm_instance_t* instance, cml_error_t* error) {
  const cml_string_t* used = runner_name(&instance->document);
  const char* name = used->text;
  (void)realm;
  for (const realm_instance_t* at = instance; at; at = at->parent) {
    const cml_environment_t* environment = realm_environment(at);
    const cml_registration_t* found_registration = NULL;
    for (size_t i = 0; environment && i < environment->registration_count; i++) {
      const cml_registration_t* r = &environment->registrations[i];
      if (r->type == CML_RUNNER && strcmp(r->as.text ? r->as.text : r->name.text, name) == 0)
        found_registration = r;
    }
    if (found_registration && found_registration->from.kind != CML_REF_PARENT) {
      cml_fail(error, found_registration->location, "UnsupportedRouteSource",
               "runners that are components are not supported");
      return NULL;
    }
    if (found_registration) name = found_registration->name.text;
    if (environment && !environment->extends_realm && !found_registration) {
      cml_fail(error, used->location, "UseFromEnvironmentNotFound",
               "runner \"%s\" is not in the environment of %s", used->text, instance->moniker);
      return NULL;
    }
  }
  if (strcmp(name, "elf") == 0) return "elf";
  if (strcmp(name, "posix") == 0) return "posix";
  cml_fail(error, used->location, "UseFromEnvironmentNotFound", "there is no runner \"%s\"", name);
  cml_advise(error, "there are \"elf\" (components built against Jacinth) and \"posix\" (any Linux program)");
  return NULL;
}
