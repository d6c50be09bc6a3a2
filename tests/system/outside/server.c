// Adds what clients send it, as long as the sum is an int32.
#include <stdlib.h>

#include <fidl/sample.sums.h>
#include <lib/async-loop/loop.h>
#include <lib/component/component.h>

static void add(void* context, sample_sums_AdderAddRequest* request, fidl_completer_t completer) {
  (void)context;
  int64_t sum = 0;
  for (uint64_t i = 0; i < request->terms.count; i++)
    sum += request->terms.data[i];
  if (sum < INT32_MIN || sum > INT32_MAX) {
    sample_sums_Adder_Add_reply_error(completer, ZX_ERR_OUT_OF_RANGE);
    return;
  }
  sample_sums_Adder_Add_Response response = {.sum = (int32_t)sum};
  sample_sums_Adder_Add_reply(completer, &response);
}

// Leaves the folder in the request, so it is closed, which the client sees.
static void offer(void* context, sample_sums_AdderOfferRequest* request) {
  (void)context;
  (void)request;
}

static const sample_sums_Adder_ops_t adder = {.Add = add, .Offer = offer};

static void connect(void* context, zx_handle_t server_end) {
  sample_sums_Adder_bind(context, server_end, &adder, NULL, NULL, NULL);
}

static void stop(void* context) {
  async_loop_quit(context);
}

int main(void) {
  async_loop_t* loop;
  component_t* component;
  if (async_loop_create(NULL, &loop) != ZX_OK) return EXIT_FAILURE;
  async_dispatcher_t* dispatcher = async_loop_get_dispatcher(loop);
  if (component_create(dispatcher, &component) != ZX_OK) return EXIT_FAILURE;
  component_on_stop(component, stop, loop);
  component_serve(component, sample_sums_Adder_NAME, connect, dispatcher);
  async_loop_run(loop, ZX_TIME_INFINITE, false);
  async_loop_shutdown(loop);
  component_destroy(component);
  async_loop_destroy(loop);
  return EXIT_SUCCESS;
}
