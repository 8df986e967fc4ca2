// OpenBLAS, and the few float operations that Swift cannot say: Swift keeps strict IEEE order, so a
// sum written with `+` is never vectorised, and its square root is a call into the maths library.
#pragma once
#include <cblas.h>

#define ISOFLOP_INLINE static inline __attribute__((always_inline))

/// a + b, which the compiler may reorder inside a reduction.
ISOFLOP_INLINE float relaxed_add(float a, float b) {
#pragma clang fp reassociate(on)
  return a + b;
}

/// The greater of a and b, which the compiler may reorder inside a reduction. Neither may be NaN.
ISOFLOP_INLINE float relaxed_max(float a, float b) { return a > b ? a : b; }

/// The square root as one instruction.
ISOFLOP_INLINE float fast_sqrt(float x) { return __builtin_elementwise_sqrt(x); }
