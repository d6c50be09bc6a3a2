// Words that headers written for Zircon begin and end with.
#ifndef ZIRCON_COMPILER_H_
#define ZIRCON_COMPILER_H_

#include <stddef.h>

#ifdef __cplusplus
#define __BEGIN_CDECLS extern "C" {
#define __END_CDECLS }
#else
#define __BEGIN_CDECLS
#define __END_CDECLS
#endif

#define __EXPORT __attribute__((__visibility__("default")))

#endif  // ZIRCON_COMPILER_H_
