// What client.c and server.c share.
#ifndef CODEGEN_FIDLGEN_C_PROTOCOL_H_
#define CODEGEN_FIDLGEN_C_PROTOCOL_H_

#include "emit.h"
#include "names.h"

// Whether the protocol is spoken on channels, so that there is C for it.
bool protocol_on_channels(const decl_t* protocol);

// The function of a method in a table of functions, which has a name of ours, too.
const char* protocol_op_name(const method_t* method);

// "a_b_P_M"
const char* protocol_method_name(const decl_t* protocol, const method_t* method);

// Whether the method's C is that of another protocol, which declares it; the protocol's own names for it are
// macros.
bool protocol_method_is_composed(const model_t* model, const method_t* method);

// The name by which the method's C is to be found, "a_b_Declaring_M".
const char* protocol_method_origin(const model_t* model, const decl_t* protocol, const method_t* method);

// A body as a parameter to be sent, "const T* name" or, with handles inside, "T* name".
const char* protocol_body_parameter(model_t* model, const type_t* type, const char* name);

// The parameters of a server's function for a method, or of a client's for an event.
const char* protocol_op_parameters(model_t* model, const method_t* method);

// The head of the function that decodes a request or event and gives it to the function from a table, be it
// this protocol's or that of one that composes it.
void protocol_serve_head(model_t* model, text_t* out, const decl_t* protocol, const method_t* method,
                         const char* tail);

// What a server gives to answer: the success payload or the plain response; NULL if that is empty.
const type_t* protocol_reply_type(model_t* model, const method_t* method);

// "&a_b_X_type_" or "NULL".
const char* protocol_type_reference(const type_t* type);

// Lines that declare `scratch` for a message with this body.
const char* protocol_scratch(model_t* model, const type_t* type);

// An expression that passes a sendable body on, "NULL" where there is none.
const char* protocol_body_argument(const type_t* type, const char* name);

// The size of the largest message with this body.
uint32_t protocol_message_size(model_t* model, const type_t* type);

#endif  // CODEGEN_FIDLGEN_C_PROTOCOL_H_
