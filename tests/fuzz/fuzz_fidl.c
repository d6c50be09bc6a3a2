// Decoding of foreign messages: the first byte chooses the type, the second the number of handles, the rest
// is the message. What decodes must encode again (unless something unknown is inside), to bytes that decode
// to the same; no handle may be left over or closed twice.
#include <fidl/test.everything.h>
#include <fidl/test.vectors.h>
#include <lib/fidl/type.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/runtime/fidl/fake_handles.h"

#define CAPACITY 65536
#define METADATA 0x20100

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

static const fidl_type_t* const types[] = {
    &test_everything_Members_type_,
    &test_everything_Choice_type_,
    &test_everything_Options_type_,
    &test_everything_HasOver_type_,
    &test_everything_List_type_,
    &test_everything_Tree_type_,
    &test_everything_Resources_type_,
    &test_everything_HeldTable_type_,
    &test_everything_HeldChoice_type_,
    &test_everything_Keywords_type_,
    &test_vectors_Values_type_,
    &test_vectors_InlineTable_type_,
    &test_vectors_Bools_type_,
    &test_vectors_HandleUnion_type_,
    &test_vectors_UnionInTable_type_,
    &test_vectors_VectorOfVectors_type_,
    &test_vectors_Nested_type_,
    &test_vectors_RecursiveStruct_type_,
    &test_vectors_OptionalHandles_type_,
    &test_vectors_Chain_type_,
    &test_vectors_EventHandle_type_,
    &test_vectors_NoMembersStruct_type_,
    &test_vectors_Ruled_type_,
    &test_vectors_RuledVector_type_,
    &test_vectors_Text_type_,
    &test_vectors_TextTable_type_,
    &test_vectors_Deep_type_,
};

static void* aligned_copy(const uint8_t* data, size_t size) {
  void* copy = malloc(size ? size : 1);  // ends where the sanitizer sees it end
  if (!copy) abort();
  memcpy(copy, data, size);
  return copy;
}

static void close_value(const fidl_type_t* type, void* value) {
  if (type->close_handles) type->close_handles(value);
}

// Decodes what was encoded from a decoded value, and encodes once more.
static void check_again(const fidl_type_t* type, uint8_t* bytes, uint64_t size, zx_handle_disposition_t* sent,
                        uint32_t num_handles) {
  static _Alignas(8) uint8_t again[CAPACITY];
  zx_handle_info_t handles[FIDL_MAX_MESSAGE_HANDLES];
  for (uint32_t i = 0; i < num_handles; i++)
    handles[i] = (zx_handle_info_t){.handle = sent[i].handle,
                                    .type = fake_handle_type(sent[i].handle),
                                    .rights = fake_handle_rights(sent[i].handle)};
  uint8_t* first = aligned_copy(bytes, size);
  void* value;
  uint64_t metadata, again_size;
  uint32_t again_handles;
  if (fidl_standalone_decode(type, METADATA, bytes, size, handles, num_handles, &value) != FIDL_ERROR_NONE)
    abort();
  if (fidl_standalone_encode(type, value, again, CAPACITY, sent, &metadata, &again_size, &again_handles) !=
      FIDL_ERROR_NONE)
    abort();
  if (again_size != size || again_handles != num_handles || memcmp(first, again, size) != 0) abort();
  for (uint32_t i = 0; i < again_handles; i++)
    zx_handle_close(sent[i].handle);
  free(first);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static _Alignas(8) uint8_t encoded[CAPACITY];
  static const zx_obj_type_t object_types[] = {0, ZX_OBJ_TYPE_EVENT, ZX_OBJ_TYPE_CHANNEL, ZX_OBJ_TYPE_VMO};
  if (size < 2) return 0;
  const fidl_type_t* type = types[data[0] % (sizeof(types) / sizeof(types[0]))];
  uint32_t num_handles = data[1] % (FIDL_MAX_MESSAGE_HANDLES + 1);
  zx_handle_info_t handles[FIDL_MAX_MESSAGE_HANDLES];
  fake_handles_reset();
  for (uint32_t i = 0; i < num_handles; i++) {
    zx_obj_type_t object_type = object_types[(data[1] + i) % 4];
    handles[i] =
        (zx_handle_info_t){.handle = fake_handle(object_type, 0xffff), .type = object_type, .rights = 0xffff};
  }
  uint8_t* bytes = aligned_copy(data + 2, size - 2);
  void* value;
  if (fidl_standalone_decode(type, METADATA, bytes, size - 2, handles, num_handles, &value) ==
      FIDL_ERROR_NONE) {
    zx_handle_disposition_t sent[FIDL_MAX_MESSAGE_HANDLES];
    uint64_t metadata, encoded_size;
    uint32_t sent_handles;
    fidl_error_t error =
        fidl_standalone_encode(type, value, encoded, CAPACITY, sent, &metadata, &encoded_size, &sent_handles);
    if (error == FIDL_ERROR_NONE)
      check_again(type, encoded, encoded_size, sent, sent_handles);
    else if (error != FIDL_ERROR_UNKNOWN_UNION_MEMBER && error != FIDL_ERROR_MESSAGE_TOO_LARGE)
      abort();
    close_value(type, value);
  }
  if (fake_handles_live() != 0) abort();
  free(bytes);
  return 0;
}
