// The calculator: a component that serves one protocol to whoever is routed to it.
#include <stdlib.h>

#include <fidl/example.calc.h>
#include <lib/async-loop/loop.h>
#include <lib/component/component.h>

static void add(void* context, example_calc_CalculatorAddRequest* request, fidl_completer_t completer) {
  example_calc_CalculatorAddResponse response = {.sum = (int32_t)((uint32_t)request->a + (uint32_t)request->b)};
  example_calc_Calculator_Add_reply(completer, &response);
}

static void divide(void* context, example_calc_CalculatorDivideRequest* request, fidl_completer_t completer) {
  if (request->divisor == 0) {
    example_calc_Calculator_Divide_reply_error(completer, example_calc_DivideError_BY_ZERO);
    return;
  }
  if (request->dividend == INT32_MIN && request->divisor == -1) {
    example_calc_Calculator_Divide_reply_error(completer, example_calc_DivideError_OVERFLOW);
    return;
  }
  example_calc_Calculator_Divide_Response response = {
      .quotient = request->dividend / request->divisor,
      .remainder = request->dividend % request->divisor,
  };
  example_calc_Calculator_Divide_reply(completer, &response);
}

static const example_calc_Calculator_ops_t calculator = {.Add = add, .Divide = divide};

// Called with the server end of each client's channel.
static void connect(void* context, zx_handle_t server_end) {
  example_calc_Calculator_bind(context, server_end, &calculator, NULL, NULL, NULL);
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
  component_serve(component, example_calc_Calculator_NAME, connect, dispatcher);
  async_loop_run(loop, ZX_TIME_INFINITE, false);
  async_loop_shutdown(loop);
  component_destroy(component);
  async_loop_destroy(loop);
  return EXIT_SUCCESS;
}
