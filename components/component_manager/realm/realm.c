// Building the tree: from the root's manifest down, each child resolved, read and validated.
#include "realm.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dependencies.h"

// Trees deeper or larger than this are taken for a mistake.
#define DEPTH_MAX 32u
#define INSTANCES_MAX 1000u

static bool load_instance(realm_t* realm, realm_instance_t* instance, unsigned depth, cml_error_t* error);

static const char* package_of(cml_arena_t* arena, const char* path) {
  const char* slash = strrchr(path, '/');
  if (!slash) return ".";
  size_t size = (size_t)(slash - path);
  bool in_meta =
      (size == 4 || (size > 4 && path[size - 5] == '/')) && strncmp(path + size - 4, "meta", 4) == 0;
  if (!in_meta) return size ? cml_arena_strndup(arena, path, size) : "/";
  return size > 5 ? cml_arena_strndup(arena, path, size - 5) : size == 5 ? "/" : ".";
}

static const char* absolute(cml_arena_t* arena, const char* path) {
  char* real = realpath(path, NULL);
  const char* out = real ? cml_arena_printf(arena, "%s", real) : path;
  free(real);
  return out;
}

// The file a fragment names in a package, NULL if it is not there. Where a URL says .cm, the source .cml
// does.
static const char* find_in_package(cml_arena_t* arena, const char* package, const char* fragment) {
  const char* path = cml_arena_printf(arena, "%s/%s", package, fragment);
  size_t size = strlen(path);
  if (access(path, F_OK) == 0) return path;
  if (size < 3 || strcmp(path + size - 3, ".cm") != 0) return NULL;
  path = cml_arena_printf(arena, "%sl", path);
  return access(path, F_OK) == 0 ? path : NULL;
}

// What a part of a URL stands for once its %XX are replaced (RFC 3986, 2.1), NULL if that is no file's name.
static const char* decode(cml_arena_t* arena, const char* text, size_t size) {
  char* out = cml_arena_strndup(arena, text, size);
  char *to = out, hex[3] = "";
  for (const char* from = out; *from; from++, to++) {
    *to = *from;
    if (*from != '%') continue;
    hex[0] = from[1];
    hex[1] = hex[0] ? from[2] : '\0';
    if (strspn(hex, "0123456789abcdefABCDEF") != 2 || strcmp(hex, "00") == 0) return NULL;
    *to = (char)strtoul(hex, NULL, 16);
    from += 2;
  }
  *to = '\0';
  return out;
}

bool realm_leaves_package(const char* path) {
  for (const char* segment = path; segment; segment = strchr(segment, '/')) {
    segment += *segment == '/';
    if (strncmp(segment, "..", 2) == 0 && (segment[2] == '/' || !segment[2])) return true;
  }
  return false;
}

static bool cannot_resolve(const realm_instance_t* instance, cml_error_t* error, const char* why) {
  const cml_string_t* url = &instance->child->url;
  return cml_fail(error, url->location, "InstanceCannotResolve", "child #%s: %s \"%.300s\"", instance->name,
                  why, url->text);
}

static bool resolve_in_package(realm_t* realm, realm_instance_t* instance, const char* fragment,
                               cml_error_t* error) {
  const char* const packages[] = {instance->parent->package, realm->builtin_package};
  if (realm_leaves_package(fragment))
    return cannot_resolve(instance, error, "a manifest of this package does not lie at");
  for (size_t i = 0; i < 2 && !instance->path; i++) {
    instance->package = packages[i];
    instance->path = find_in_package(realm->arena, packages[i], fragment);
  }
  if (instance->path && access(instance->path, R_OK) == 0) return true;
  cannot_resolve(instance, error, "there is no manifest");
  return cml_advise(error, "looked for %.160s/%.80s and in %.160s", packages[0], fragment, packages[1]);
}

static bool resolve(realm_t* realm, realm_instance_t* instance, cml_error_t* error) {
  const char* url = instance->child->url.text;
  bool is_file = strncmp(url, "file:///", 8) == 0;
  if (!is_file && url[0] != '#') {
    cannot_resolve(instance, error, "nothing here can resolve");
    return cml_advise(error, "write \"#meta/x.cml\" for a manifest of this package, or file:///path/x.cml");
  }
  const char* start = is_file ? url + 7 : url + 1;
  const char* path = decode(realm->arena, start, strcspn(start, "#"));
  if (!path)
    return cannot_resolve(instance, error, "a \"%\" stands before two hexadecimal digits, not as in");
  if (!is_file) return resolve_in_package(realm, instance, path, error);
  instance->path = path;
  return access(path, R_OK) == 0 || cannot_resolve(instance, error, "there is no manifest");
}

static bool check_not_ancestor(const realm_instance_t* instance, cml_error_t* error) {
  for (const realm_instance_t* up = instance->parent; up; up = up->parent) {
    if (strcmp(up->path, instance->path) == 0) {
      return cml_fail(error, instance->child->url.location, "InstanceCannotResolve",
                      "child #%s has the manifest of an instance above it: the tree would have no end",
                      instance->name);
    }
  }
  return true;
}

static bool load_child(realm_t* realm, realm_instance_t* parent, size_t index, unsigned depth,
                       cml_error_t* error) {
  realm_instance_t* child = cml_arena_alloc(realm->arena, sizeof *child);
  child->child = &parent->document.children[index];
  child->name = child->child->name.text;
  child->moniker =
      parent->parent ? cml_arena_printf(realm->arena, "%s/%s", parent->moniker, child->name) : child->name;
  child->parent = parent;
  parent->children[index] = child;
  if (!resolve(realm, child, error)) return false;
  child->path = absolute(realm->arena, child->path);
  return check_not_ancestor(child, error) && load_instance(realm, child, depth + 1, error);
}

static bool load_instance(realm_t* realm, realm_instance_t* instance, unsigned depth, cml_error_t* error) {
  cml_document_t* document = &instance->document;
  cml_dependencies_t graph;
  if (!instance->package) instance->package = package_of(realm->arena, instance->path);
  instance->package = absolute(realm->arena, instance->package);
  instance->index = realm->instance_count;
  *cml_arena_push(realm->arena, &realm->instances, &realm->instance_count) = instance;
  if (depth > DEPTH_MAX || realm->instance_count > INSTANCES_MAX) {
    return cml_fail(error, instance->child->url.location, "InstanceCannotResolve",
                    "the tree is deeper than %u or has more than %u instances", DEPTH_MAX, INSTANCES_MAX);
  }
  if (!cml_load(realm->arena, instance->path, instance->package, document, error)) return false;
  if (!cml_validate(realm->arena, document, error)) return false;
  instance->children = cml_arena_alloc(realm->arena, document->child_count * sizeof *instance->children);
  instance->stop_order = cml_arena_alloc(realm->arena, document->child_count * sizeof *instance->stop_order);
  cml_dependencies_init(&graph, realm->arena, document);
  cml_stop_order(&graph, realm->arena, document, instance->stop_order);
  for (size_t i = 0; i < document->child_count; i++) {
    if (!load_child(realm, instance, i, depth, error)) return false;
  }
  return true;
}

static const char* root_name(cml_arena_t* arena, const char* path) {
  const char* slash = strrchr(path, '/');
  const char* name = slash ? slash + 1 : path;
  size_t size = strlen(name);
  if (size > 4 && strcmp(name + size - 4, ".cml") == 0) size -= 4;
  return cml_arena_strndup(arena, name, size);
}

bool realm_load(realm_t* realm, cml_arena_t* arena, const char* path, const char* builtin_package,
                cml_error_t* error) {
  memset(realm, 0, sizeof *realm);
  memset(error, 0, sizeof *error);
  realm->arena = arena;
  realm->builtin_package = builtin_package;
  realm->root = cml_arena_alloc(arena, sizeof *realm->root);
  realm->root->name = root_name(arena, path);
  realm->root->moniker = ".";
  realm->root->path = path;
  return load_instance(realm, realm->root, 0, error);
}

realm_instance_t* realm_child(const realm_instance_t* instance, const char* name) {
  for (size_t i = 0; i < instance->document.child_count; i++) {
    if (strcmp(instance->children[i]->name, name) == 0) return instance->children[i];
  }
  return NULL;
}

// The child that a facet of the root names; *out stays as it is where there is no such facet.
static bool facet_child(const realm_t* realm, const char* facet, const char* advice, realm_instance_t** out,
                        cml_error_t* error) {
  const json5_value_t* value = json5_get(&realm->root->document.facets, facet);
  if (!value) return true;
  bool is_ref = value->type == JSON5_STRING && value->as.string.text[0] == '#';
  *out = is_ref ? realm_child(realm->root, value->as.string.text + 1) : NULL;
  if (*out) return true;
  cml_fail(error, value->location, "InvalidChild", "facets: \"%s\" must be the \"#name\" of a child", facet);
  return cml_advise(error, "%s", advice);
}

bool realm_main_instance(const realm_t* realm, realm_instance_t** out, cml_error_t* error) {
  *out = realm->root->document.has_program ? realm->root : NULL;
  return facet_child(realm, "main", "it is the child whose end ends the run, with its exit status", out,
                     error);
}

bool realm_publisher_instance(const realm_t* realm, realm_instance_t** out, cml_error_t* error) {
  *out = NULL;
  return facet_child(realm, "publisher",
                     "it is the driver that `jacinth exec --publish` gives ports of the host", out, error);
}

bool realm_observer_instance(const realm_t* realm, realm_instance_t** out, cml_error_t* error) {
  *out = NULL;
  return facet_child(realm, "observer", "it is the netstack whose frames --capture records", out, error);
}

const cml_environment_t* realm_environment(const realm_instance_t* instance) {
  if (!instance->child || !instance->child->environment.text) return NULL;
  return cml_find_environment(&instance->parent->document, instance->child->environment.text);
}

uint32_t realm_stop_timeout_ms(const realm_instance_t* instance) {
  for (; instance; instance = instance->parent) {
    const cml_environment_t* environment = realm_environment(instance);
    if (!environment) continue;
    if (environment->stop_timeout_location.source) return environment->stop_timeout_ms;
  }
  return REALM_DEFAULT_STOP_TIMEOUT_MS;
}
