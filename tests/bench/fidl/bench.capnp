# Messages of the benchmark of encoding and decoding; bench.fidl has the same.
@0xe8bd9689651e14c1;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("bench_capnp");

struct Small {
  id @0 :UInt64;
  offset @1 :UInt64;
  length @2 :UInt32;
  flags @3 :UInt32;
  time @4 :Int64;
  kind @5 :UInt16;
  urgent @6 :Bool;
  deadline @7 :Int64;
  cookie @8 :UInt64;
  checksum @9 :UInt64;
}

struct Ipv4 {
  address @0 :Data;
  port @1 :UInt16;
}

struct Ipv6 {
  address @0 :Data;
  port @1 :UInt16;
  zoneIndex @2 :UInt64;
}

struct Control {
  ttl @0 :UInt8;
  hoplimit @1 :UInt8;
}

struct SendMsg {
  addr :union {
    none @0 :Void;
    ipv4 @1 :Ipv4;
    ipv6 @2 :Ipv6;
  }
  data @3 :Data;
  control @4 :Control;
  flags @5 :UInt16;
}

struct Ten {
  a @0 :UInt32;
  b @1 :UInt64;
  c @2 :Text;
  d @3 :Bool;
  e @4 :Int32;
  f @5 :Float64;
  g @6 :Data;
  h @7 :UInt16;
  i @8 :Int64;
  j @9 :UInt32;
}

struct Entry {
  id @0 :UInt64;
  length @1 :UInt32;
  kind @2 :UInt16;
  valid @3 :Bool;
  time @4 :Int64;
}

struct Entries {
  entries @0 :List(Entry);
}

struct Node {
  union {
    leaf @0 :UInt64;
    pair @1 :Pair;
  }
}

struct Pair {
  left @0 :Node;
  right @1 :Node;
}

struct Tree {
  root @0 :Node;
}
