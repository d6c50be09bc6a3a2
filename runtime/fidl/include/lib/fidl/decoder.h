// Decoding in place, for generated code. The decoder hands out the message's bytes object by object, in the
// order the encoder appended them, and its handles one by one; generated code checks each field and patches
// markers into pointers and handles. Nothing is allocated, and no byte is looked at before its bounds are
// known.
//
// What claims bytes takes `next`, the first byte not yet claimed, and returns the one behind what it claimed;
// generated code keeps it in a variable, where the compiler can keep it in a register. An object is claimed
// at `next`, so its address is known before. NULL, and false from what only checks, say that something is
// wrong: the error is kept, and the generated code returns at once. Whoever began the decoding
// (fidl_decode_message) then closes all handles of the message.
//
// What is checked as a whole (the header of an envelope, a word of a struct) is looked at again when the
// check fails, to tell what exactly is wrong.
//
// Depth is not counted here: it is a property of the type, unless the type refers to itself. The functions of
// such types count it (fidl_too_deep).
#ifndef LIB_FIDL_DECODER_H_
#define LIB_FIDL_DECODER_H_

#include <lib/fidl/type.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fidl_decoder {
  uint8_t* end;
  zx_handle_info_t* handles;  // those closed or replaced meanwhile are updated here
  uint32_t next_handle;
  uint32_t num_handles;
  fidl_error_t error;
};

// Decodes the `size` bytes at `bytes` (8-aligned) as one value of `type`, in place. The handles become the
// value's; on failure all of them are closed. Returns the error or FIDL_ERROR_NONE.
fidl_error_t fidl_decode_message(const fidl_type_t* type, void* bytes, uint64_t size,
                                 zx_handle_info_t* handles, uint32_t num_handles);

void fidl_decode_set_error(fidl_decoder_t* decoder, fidl_error_t error);

static inline bool fidl_decode_fail(fidl_decoder_t* decoder, fidl_error_t error) {
  fidl_decode_set_error(decoder, error);
  return false;
}

static inline uint8_t* fidl_decode_stop(fidl_decoder_t* decoder, fidl_error_t error) {
  fidl_decode_set_error(decoder, error);
  return NULL;
}

// A struct, or one of the elements of a vector, breaks one of its type's rules.
static inline uint8_t* fidl_decode_broken(fidl_decoder_t* decoder, const void* object,
                                          const fidl_rule_t* rules, size_t num_rules) {
  return fidl_decode_stop(decoder, fidl_broken_rule(object, rules, num_rules, false));
}

static inline uint8_t* fidl_decode_elements_broken(fidl_decoder_t* decoder, const void* elements,
                                                   uint64_t count, uint64_t stride, const fidl_rule_t* rules,
                                                   size_t num_rules) {
  return fidl_decode_stop(decoder,
                          fidl_broken_rule_of_elements(elements, count, stride, rules, num_rules, false));
}

// Objects

// Whether the last word of an object of `size` bytes is zero behind them.
static inline bool fidl_decode_tail(fidl_decoder_t* decoder, const uint8_t* end, uint64_t size) {
  if ((size & 7u) == 0) return true;
  if (__builtin_expect(fidl_word(end - 8, 0, 8) >> (8u * (size & 7u)) != 0, 0))
    return fidl_decode_fail(decoder, FIDL_ERROR_INVALID_PADDING_BYTE);
  return true;
}

// Claims an object of `size` bytes, its padding checked.
static inline uint8_t* fidl_decode_claim(fidl_decoder_t* decoder, uint8_t* next, uint64_t size) {
  uint64_t padded = fidl_align(size);
  if (__builtin_expect(padded > (uint64_t)(decoder->end - next), 0))
    return fidl_decode_stop(decoder, FIDL_ERROR_TOO_FEW_BYTES);
  return fidl_decode_tail(decoder, next + padded, size) ? next + padded : NULL;
}

// Whether the `size` bytes of a string, which have been claimed, are UTF-8. Mostly they are all ASCII, which
// takes a look at each word; the padding behind them is zero.
static inline bool fidl_decode_utf8(fidl_decoder_t* decoder, const uint8_t* text, uint64_t size) {
  uint64_t any = 0;
  for (uint64_t i = 0; i < size; i += 8)
    any |= fidl_word(text, i, 8);
  if (__builtin_expect((any & FIDL_NOT_ASCII) == 0, 1) || fidl_utf8_valid((const char*)text, size))
    return true;
  return fidl_decode_fail(decoder, FIDL_ERROR_STRING_NOT_UTF8);
}

#ifdef __cplusplus
}
#endif

#endif  // LIB_FIDL_DECODER_H_
