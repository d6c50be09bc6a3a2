// Ordinals of the test protocols as bytes, and headers of messages: H(txid, flags, ordinal).
#ifndef TESTS_UNIT_RUNTIME_FIDL_ORDINALS_H_
#define TESTS_UNIT_RUNTIME_FIDL_ORDINALS_H_

#define ADD " 1e 52 30 7e 27 7b 20 1d "
#define DIVIDE " 96 7a af 4f 55 d2 55 48 "
#define PING " 41 3e 83 5f ce 23 f5 79 "
#define CLEAR " e3 a3 20 7a f4 95 8f 21 "
#define ON_ERROR " 51 d2 35 3a 1e 93 e6 3f "
#define SYNC " 09 56 45 69 aa 88 fb 67 "
#define ECHO " d1 5d 68 e0 81 f0 47 47 "
#define SWAP " 2e 91 3f 24 0d 79 9a 30 "
#define TAKE " b7 1f 2e 94 a3 e5 a7 67 "
#define NOTE " 71 b9 ac 2d 61 de 4d 25 "
#define ON_HANDLE " fd f8 f1 83 17 08 d4 35 "
#define ON_STRICT " ed a0 40 f5 3a 0e d1 2b "
#define UNKNOWN " 01 02 03 04 05 06 07 08 "
#define EPITAPH " ff*8 "

#define STRICT "00"
#define FLEXIBLE "80"
#define H(txid, flags, ordinal) txid " 00 00 00 02 00 " flags " 01" ordinal
#define UNKNOWN_METHOD " 03 00*7 fe ff ff ff 00 00 01 00"

#endif  // TESTS_UNIT_RUNTIME_FIDL_ORDINALS_H_
