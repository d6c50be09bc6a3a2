// A package of manifests in a folder of its own, for the time of one test.
#ifndef TESTS_PACKAGE_FIXTURE_H_
#define TESTS_PACKAGE_FIXTURE_H_

#include "realm.h"

extern cml_arena_t* package_arena;

// Checked fixture: makes the folder with meta/ and bin/, and removes it with all it holds.
void package_set_up(void);
void package_tear_down(void);

// Writes a file of the package ("meta/a.cml").
void package_write(const char* name, const char* text);

// A path in the package.
const char* package_path(const char* name);

// Loads meta/root.cml.
bool package_load(realm_t* realm, cml_error_t* error);

#endif  // TESTS_PACKAGE_FIXTURE_H_
