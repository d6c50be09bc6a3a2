// A back end that the tests of the command line run: the test program itself, under another name.
#ifndef TESTS_UNIT_CODEGEN_FIDLC_PLUGIN_STUB_H_
#define TESTS_UNIT_CODEGEN_FIDLC_PLUGIN_STUB_H_

// What the plug-in does is the last part of its program name: "writes", "refuses", "escapes", "crashes",
// "babbles". Returns its exit status.
int plugin_stub(const char* behaviour);

#endif  // TESTS_UNIT_CODEGEN_FIDLC_PLUGIN_STUB_H_
