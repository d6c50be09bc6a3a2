// The parts of the last phase; each visits one declaration of a library whose declarations are all compiled.
#ifndef CODEGEN_FIDLC_VERIFY_H_
#define CODEGEN_FIDLC_VERIFY_H_

#include "compiler.h"

void verify_attributes(compiler_t* c, decl_t* decl);
// Protocols: what their transport can carry, their discoverable name, @no_resource. Services: one transport.
void verify_protocol(compiler_t* c, decl_t* decl);
void verify_service(compiler_t* c, decl_t* decl);

#endif  // CODEGEN_FIDLC_VERIFY_H_
