@0xc4a8e9f3d1b25a77;
# What the benchmark sends through Cap'n Proto.

interface Echo {
  swap @0 (data :Data) -> (data :Data);
}
