// Epitaphs: the last message of a server.
#include "transport.h"

zx_status_t fidl_epitaph_write(zx_handle_t server_end, zx_status_t epitaph) {
  struct {
    fidl_message_header_t header;
    zx_status_t status;
    uint32_t padding;
  } message = {.status = epitaph};
  fidl_header_init(&message.header, 0, false, FIDL_ORDINAL_EPITAPH);
  return zx_channel_write(server_end, 0, &message, sizeof(message), NULL, 0);
}
