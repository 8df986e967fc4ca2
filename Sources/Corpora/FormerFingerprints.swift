/// The fingerprints of bundled recipes before their keys were renamed, by their present fingerprints. The generated
/// text did not change, so the identifiers of runs must not change either.
let formerFingerprints = [
  "c7bfc9539c67b8fc5db2b2c9b3b5ca20": "cc21c11d026cd327403b8b8164e23fda",  // facts-1.2
  "8605e1a82b865fc8222b10c1f302ad89": "ff503a4883caf24f600cd5680010632c",  // facts-1.5
  "d8c10436d434f1814768c848da6e3e34": "4e2686d012f3a01c5be49dc6f849f39f",  // facts-2.0
  "7e4e89754bb0cb95c8f20bf02a0bb64b": "0c13d750c287331bd0ea5393d182ee84",  // facts-few
  "e8ad093b7e0715d2a0757d68f410f58a": "23bca2abb369e82d66c754d1a49c6f6c",  // hamlet
  "5328c4f0fea0549399acbcb05c7547c0": "1ab2b8f6b95f40f16913037618806688",  // village
]
