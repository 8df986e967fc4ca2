// OpenBLAS, and the few float operations that Swift cannot say. Swift keeps strict IEEE order, so a sum
// written with `+` is never vectorised nor fused, and its square root is a call into the maths library.
// The order that the compiler chooses is fixed when it compiles: results stay the same from run to run.
#pragma once
#include <cblas.h>

#define ISOFLOP_INLINE static inline __attribute__((always_inline))

/// a + b, which the compiler may reorder inside a reduction.
ISOFLOP_INLINE float relaxed_add(float a, float b) {
#pragma clang fp reassociate(on)
  return a + b;
}

/// a·b + c, which the compiler may fuse, and reorder inside a reduction.
ISOFLOP_INLINE float relaxed_multiply_add(float a, float b, float c) {
#pragma clang fp reassociate(on) contract(fast)
  return a * b + c;
}

/// a·b + c in one rounding.
ISOFLOP_INLINE float fused_multiply_add(float a, float b, float c) { return __builtin_elementwise_fma(a, b, c); }

/// The square root, as one instruction.
ISOFLOP_INLINE float relaxed_sqrt(float x) { return __builtin_elementwise_sqrt(x); }
