// Asks for two sums, one of them too large, and gives the server a handle.
#include <stdio.h>
#include <stdlib.h>

#include <fidl/sample.sums.h>
#include <lib/async-loop/loop.h>
#include <lib/component/component.h>
#include <zircon/syscalls.h>

static zx_status_t add(zx_handle_t adder, int32_t* terms, size_t count) {
  sample_sums_AdderAddRequest request = {.terms = {.count = count, .data = terms}};
  sample_sums_Adder_Add_Result* result;
  FIDL_BUFFER(buffer, sample_sums_Adder_Add_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, zx_deadline_after(ZX_SEC(10)));
  zx_status_t status = sample_sums_Adder_Add(adder, &request, &call, &result);
  if (status != ZX_OK) return status;
  if (result->ordinal == sample_sums_Adder_Add_Result_Tag_err) {
    printf("no sum: %s\n", zx_status_get_string(result->err));
  } else {
    printf("the sum is %d\n", result->response.sum);
  }
  return ZX_OK;
}

static zx_status_t offer(zx_handle_t adder) {
  zx_handle_t folder, ours;
  zx_status_t status = zx_channel_create(0, &folder, &ours);
  if (status != ZX_OK) return status;
  sample_sums_AdderOfferRequest request = {.folder = folder};
  status = sample_sums_Adder_Offer(adder, &request);
  if (status == ZX_OK)
    status = zx_object_wait_one(ours, ZX_CHANNEL_PEER_CLOSED, zx_deadline_after(ZX_SEC(10)), NULL);
  if (status == ZX_OK) puts("the folder arrived");
  zx_handle_close(ours);
  return status;
}

static zx_status_t work(component_t* component) {
  int32_t few[] = {123, 456, -79}, large[] = {INT32_MAX, 1};
  zx_handle_t adder = ZX_HANDLE_INVALID, server_end;
  zx_status_t status = zx_channel_create(0, &adder, &server_end);
  if (status == ZX_OK) status = component_connect(component, sample_sums_Adder_NAME, server_end);
  if (status == ZX_OK) status = add(adder, few, 3);
  if (status == ZX_OK) status = add(adder, large, 2);
  if (status == ZX_OK) status = offer(adder);
  zx_handle_close(adder);
  return status;
}

int main(void) {
  async_loop_t* loop;
  component_t* component;
  if (async_loop_create(NULL, &loop) != ZX_OK) return EXIT_FAILURE;
  if (component_create(async_loop_get_dispatcher(loop), &component) != ZX_OK) return EXIT_FAILURE;
  zx_status_t status = work(component);
  if (status != ZX_OK) fprintf(stderr, "the adder does not answer: %s\n", zx_status_get_string(status));
  async_loop_shutdown(loop);
  component_destroy(component);
  async_loop_destroy(loop);
  return status == ZX_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
