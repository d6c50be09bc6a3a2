// The life of a datagram, as the processes of a tree recorded it.
#ifndef COMPONENT_MANAGER_CLI_LIFE_H_
#define COMPONENT_MANAGER_CLI_LIFE_H_

#include "manager.h"

// Prints the steps of one datagram sent and of one received: number, microseconds since the first, process,
// function. False, having said so, if the recordings hold no complete one.
bool life_print(const realm_t* realm, const manager_t* manager, FILE* out);

#endif  // COMPONENT_MANAGER_CLI_LIFE_H_
