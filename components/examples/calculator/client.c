// A client of the calculator: asks a few sums and prints what comes back.
#include <stdio.h>
#include <stdlib.h>

#include <fidl/example.calc.h>
#include <lib/async-loop/loop.h>
#include <lib/component/component.h>
#include <zircon/syscalls.h>

static zx_status_t add(zx_handle_t calculator, int32_t a, int32_t b) {
  example_calc_CalculatorAddRequest request = {.a = a, .b = b};
  example_calc_CalculatorAddResponse* response;
  FIDL_BUFFER(buffer, example_calc_Calculator_Add_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, zx_deadline_after(ZX_SEC(5)));
  zx_status_t status = example_calc_Calculator_Add(calculator, &request, &call, &response);
  if (status == ZX_OK) printf("%d + %d = %d\n", a, b, response->sum);
  return status;
}

static zx_status_t divide(zx_handle_t calculator, int32_t dividend, int32_t divisor) {
  example_calc_CalculatorDivideRequest request = {.dividend = dividend, .divisor = divisor};
  example_calc_Calculator_Divide_Result* result;
  FIDL_BUFFER(buffer, example_calc_Calculator_Divide_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, zx_deadline_after(ZX_SEC(5)));
  zx_status_t status = example_calc_Calculator_Divide(calculator, &request, &call, &result);
  if (status != ZX_OK) return status;
  if (result->ordinal == example_calc_Calculator_Divide_Result_Tag_err) {
    bool by_zero = result->err == example_calc_DivideError_BY_ZERO;
    printf("%d / %d has no result: %s\n", dividend, divisor, by_zero ? "division by zero" : "overflow");
  } else {
    printf("%d / %d = %d, remainder %d\n", dividend, divisor, result->response->quotient,
           result->response->remainder);
  }
  return ZX_OK;
}

static zx_status_t do_sums(component_t* component) {
  zx_handle_t calculator = ZX_HANDLE_INVALID, server_end;
  zx_status_t status = zx_channel_create(0, &calculator, &server_end);
  if (status == ZX_OK) status = component_connect(component, example_calc_Calculator_NAME, server_end);
  if (status == ZX_OK) status = add(calculator, 123, 456);
  if (status == ZX_OK) status = divide(calculator, 579, 21);
  if (status == ZX_OK) status = divide(calculator, 1, 0);
  zx_handle_close(calculator);
  return status;
}

int main(void) {
  async_loop_t* loop;
  component_t* component;
  if (async_loop_create(NULL, &loop) != ZX_OK) return EXIT_FAILURE;
  if (component_create(async_loop_get_dispatcher(loop), &component) != ZX_OK) return EXIT_FAILURE;
  zx_status_t status = do_sums(component);
  if (status != ZX_OK) fprintf(stderr, "the calculator does not answer: %s\n", zx_status_get_string(status));
  async_loop_shutdown(loop);
  component_destroy(component);
  async_loop_destroy(loop);
  return status == ZX_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
