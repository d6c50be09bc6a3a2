// The numbers of diagnostics. They are those of the reference compiler, name the kind of mistake, and never
// change their meaning: what is no longer reported keeps its number.
#ifndef CODEGEN_FIDLC_NUMBERS_H_
#define CODEGEN_FIDLC_NUMBERS_H_

#define DIAGNOSTIC_NUMBERS 223

typedef enum diagnostic_state {
  NUMBER_ERROR,
  NUMBER_WARNING,
  NUMBER_RETIRED,      // of older compilers
  NUMBER_UNREACHABLE,  // no source makes this compiler report it; the text says why
} diagnostic_state_t;

typedef struct diagnostic_number {
  diagnostic_state_t state;
  const char* text;  // what the mistake is; NULL if retired
} diagnostic_number_t;

// `number` is between 1 and DIAGNOSTIC_NUMBERS.
const diagnostic_number_t* diagnostic_number(int number);

#endif  // CODEGEN_FIDLC_NUMBERS_H_
