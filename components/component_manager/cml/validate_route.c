// Rules 13 to 22: what a component exposes, and what it offers to its children.
#include <string.h>

#include "validate.h"

static bool invalid(validator_t* v, cml_location_t location, const cml_clause_t* clause, const char* why) {
  return cml_fail(v->error, location, "InvalidField", "%s: %s", cml_clause_text(v, clause), why);
}

static bool extraneous(validator_t* v, cml_location_t location, const cml_clause_t* clause, const char* why) {
  return cml_fail(v->error, location, "ExtraneousField", "%s: %s", cml_clause_text(v, clause), why);
}

static bool check_fields(validator_t* v, const cml_clause_t* clause) {
  if (clause->from.count == 0) {
    return cml_fail(v->error, clause->location, "MissingField", "%s needs \"from\": where it comes from",
                    cml_clause_text(v, clause));
  }
  if (clause->to.count == 0) {
    return cml_fail(v->error, clause->location, "MissingField", "%s needs \"to\": who gets it",
                    cml_clause_text(v, clause));
  }
  if (clause->rights_location.source && clause->type != CML_DIRECTORY) {
    return extraneous(v, clause->rights_location, clause, "only a directory has rights");
  }
  if (clause->subdir.text && clause->type != CML_DIRECTORY && clause->type != CML_STORAGE) {
    return extraneous(v, clause->subdir.location, clause, "only a directory has a subdir");
  }
  if (clause->filter && clause->type != CML_EVENT_STREAM) {
    return extraneous(v, clause->filter->location, clause, "only an event_stream has a filter");
  }
  if (clause->scope.count > 0 && clause->type != CML_EVENT_STREAM) {
    return extraneous(v, clause->scope.items[0].location, clause, "only an event_stream has a scope");
  }
  // Rule 19.
  if (clause->dependency_location.source && clause->type != CML_PROTOCOL && clause->type != CML_DIRECTORY) {
    return extraneous(v, clause->dependency_location, clause,
                      "only a protocol or directory has a dependency");
  }
  return true;
}

// Rule 13 for one source.
static bool check_source(validator_t* v, const cml_clause_t* clause, const cml_ref_t* from) {
  if (from->kind == CML_REF_SELF) return cml_validate_declared(v, clause);
  if (from->kind != CML_REF_NAMED || clause->source_unknown) return true;
  if (cml_find_child(v->document, from->name)) return true;
  bool service = clause->type == CML_SERVICE;
  if (service && cml_find_collection(v->document, from->name)) return true;
  bool may_be_storage = clause->type == CML_PROTOCOL && clause->section == CML_OFFER;
  if (may_be_storage && cml_find_capability(v->document, CML_STORAGE, from->name)) return true;
  return cml_fail_no_child(v, from->location, "InvalidChild", cml_clause_text(v, clause), from->name,
                           service);
}

// Rule 21.
static bool check_void(validator_t* v, const cml_clause_t* clause) {
  bool from_void = false;
  for (size_t i = 0; i < clause->from.count; i++)
    from_void = from_void || clause->from.items[i].kind == CML_REF_VOID;
  if (from_void && clause->availability != CML_OPTIONAL && clause->availability != CML_TRANSITIONAL) {
    cml_fail(v->error, clause->location, "AvailabilityMustBeOptional",
             "%s comes from \"void\", so nobody may require it", cml_clause_text(v, clause));
    return cml_advise(v->error, "add availability: \"optional\"");
  }
  if (clause->source_unknown && clause->availability_location.source &&
      clause->availability != CML_OPTIONAL) {
    return cml_fail(v->error, clause->availability_location, "AvailabilityMustBeOptional",
                    "%s: what has an unknown source can only be optional", cml_clause_text(v, clause));
  }
  return true;
}

// Rules 13, 14, 18, 20.
static bool check_sources(validator_t* v, const cml_clause_t* clause) {
  if (clause->from.count > 1 && clause->type != CML_SERVICE) {
    return cml_fail(v->error, clause->from.items[1].location, "InvalidAggregateOffer",
                    "%s: only a service can be gathered from several sources", cml_clause_text(v, clause));
  }
  for (size_t i = 0; i < clause->from.count; i++) {
    const cml_ref_t* from = &clause->from.items[i];
    if (clause->type == CML_STORAGE && from->kind == CML_REF_NAMED) {
      return invalid(v, from->location, clause,
                     "storage is not offered from a child; it goes down the tree only");
    }
    if (!check_source(v, clause, from)) return false;
  }
  for (size_t i = 0; i < clause->scope.count; i++) {
    const cml_ref_t* scope = &clause->scope.items[i];
    if (cml_find_child(v->document, scope->name) || cml_find_collection(v->document, scope->name)) continue;
    return cml_fail_no_child(v, scope->location, "InvalidChild", cml_clause_text(v, clause), scope->name,
                             true);
  }
  return check_void(v, clause);
}

// Rules 15 and 17.
static bool check_target(validator_t* v, const cml_clause_t* clause, const cml_ref_t* to) {
  if (to->kind != CML_REF_NAMED) return true;
  if (!cml_find_child(v->document, to->name) && !cml_find_collection(v->document, to->name)) {
    return cml_fail_no_child(v, to->location, "InvalidChild", cml_clause_text(v, clause), to->name, true);
  }
  for (size_t i = 0; i < clause->from.count; i++) {
    const cml_ref_t* from = &clause->from.items[i];
    if (from->kind == CML_REF_NAMED && strcmp(from->name, to->name) == 0 && !clause->weak) {
      return cml_fail(v->error, to->location, "OfferTargetEqualsSource", "%s goes from #%s to #%s itself",
                      cml_clause_text(v, clause), from->name, to->name);
    }
  }
  return true;
}

static bool same_refs(const cml_refs_t* a, const cml_refs_t* b) {
  if (a->count != b->count) return false;
  for (size_t i = 0; i < a->count; i++) {
    if (a->items[i].kind != b->items[i].kind) return false;
    if (a->items[i].kind == CML_REF_NAMED && strcmp(a->items[i].name, b->items[i].name) != 0) return false;
  }
  return true;
}

// Whether the two offers would give one target two capabilities of one name: they reach a target in common,
// or one reaches all.
static bool targets_meet(const cml_ref_t* a, const cml_ref_t* b) {
  if (a->kind == CML_REF_ALL || b->kind == CML_REF_ALL)
    return a->kind != CML_REF_PARENT && b->kind != CML_REF_PARENT;
  return a->kind == b->kind && (a->kind != CML_REF_NAMED || strcmp(a->name, b->name) == 0);
}

// Rule 16 (and the end of 20) for two names of two clauses.
static bool check_meeting(validator_t* v, const cml_clause_t* a, size_t a_name, const cml_clause_t* b,
                          size_t b_name) {
  const char* name = cml_target_name(b, b_name);
  char buffer[CML_REF_TEXT_MAX];
  if (strcmp(cml_target_name(a, a_name), name) != 0) return true;
  for (size_t i = 0; i < a->to.count; i++) {
    for (size_t j = 0; j < b->to.count; j++) {
      if (!targets_meet(&a->to.items[i], &b->to.items[j])) continue;
      bool one_all = (a->to.items[i].kind == CML_REF_ALL) != (b->to.items[j].kind == CML_REF_ALL);
      if (one_all && a->type == b->type && same_refs(&a->from, &b->from)) continue;
      if (a->type == CML_SERVICE && b->type == CML_SERVICE) {
        if (a->availability == b->availability) continue;
        return cml_fail(v->error, b->location, "DifferentAvailabilityInAggregation",
                        "%s is gathered from sources of different availability", cml_clause_text(v, b));
      }
      const cml_ref_t* to = b->to.items[j].kind == CML_REF_ALL ? &a->to.items[i] : &b->to.items[j];
      return cml_fail(v->error, b->location, "DuplicateField",
                      "%s: %s is given a \"%s\" already by another clause", cml_clause_text(v, b),
                      cml_ref_text(to, buffer), name);
    }
  }
  return true;
}

static bool check_duplicates(validator_t* v, const cml_clauses_t* clauses, size_t index) {
  const cml_clause_t* clause = &clauses->items[index];
  for (size_t i = 0; i < index; i++) {
    const cml_clause_t* other = &clauses->items[i];
    for (size_t a = 0; a < other->names.count; a++) {
      for (size_t b = 0; b < clause->names.count; b++) {
        if (!check_meeting(v, other, a, clause, b)) return false;
      }
    }
  }
  return true;
}

// Rule 22.
static bool check_expose_target(validator_t* v, const cml_clause_t* clause) {
  for (size_t i = 0; i < clause->to.count; i++) {
    if (clause->to.items[i].kind == CML_REF_NAMED) {
      return invalid(v, clause->to.items[i].location, clause,
                     "it is exposed to \"parent\" or \"framework\"; use \"offer\" for a child");
    }
    if (clause->to.items[i].kind != CML_REF_FRAMEWORK) continue;
    if (clause->subdir.text)
      return invalid(v, clause->subdir.location, clause, "what is exposed to the framework has no subdir");
    if (clause->type == CML_EVENT_STREAM)
      return invalid(v, clause->location, clause, "an event_stream is not exposed to the framework");
    for (size_t j = 0; j < clause->from.count; j++) {
      if (clause->from.items[j].kind != CML_REF_SELF) {
        return invalid(v, clause->from.items[j].location, clause,
                       "only what comes from \"self\" is exposed to the framework");
      }
    }
  }
  return true;
}

bool cml_validate_expose(validator_t* v) {
  const cml_clauses_t* clauses = &v->document->expose;
  for (size_t i = 0; i < clauses->count; i++) {
    const cml_clause_t* clause = &clauses->items[i];
    if (!cml_validate_clause(v, clause) || !check_fields(v, clause)) return false;
    if (clause->type == CML_STORAGE)
      return invalid(v, clause->location, clause, "storage is not exposed; it goes down the tree only");
    if (!check_sources(v, clause) || !check_expose_target(v, clause) || !check_duplicates(v, clauses, i))
      return false;
  }
  return true;
}

bool cml_validate_offer(validator_t* v) {
  const cml_clauses_t* clauses = &v->document->offer;
  for (size_t i = 0; i < clauses->count; i++) {
    const cml_clause_t* clause = &clauses->items[i];
    if (!cml_validate_clause(v, clause) || !check_fields(v, clause) || !check_sources(v, clause))
      return false;
    for (size_t j = 0; j < clause->to.count; j++) {
      if (!check_target(v, clause, &clause->to.items[j])) return false;
    }
    if (!check_duplicates(v, clauses, i)) return false;
  }
  return true;
}
