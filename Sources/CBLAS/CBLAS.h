// OpenBLAS, and float operations that Swift cannot express. Swift keeps strict IEEE order, so a sum written with `+` is
// neither vectorised nor fused, and its square root is a call into the maths library. The compiler chooses the order of
// operations when it compiles, so results are the same in every run.
#pragma once
#if !__has_include(<cblas.h>)
#error "OpenBLAS is missing. Install it: apt-get install libopenblas-dev libxxhash-dev zlib1g-dev libzstd-dev libssl-dev pkg-config"
#endif
#include <cblas.h>
#include <sched.h>

#define ISOFLOP_INLINE static inline __attribute__((always_inline))

/// Returns a + b, which the compiler may reorder in a reduction.
ISOFLOP_INLINE float relaxed_add(float a, float b) {
#pragma clang fp reassociate(on)
  return a + b;
}

/// Returns a·b + c, which the compiler may fuse, and reorder in a reduction.
ISOFLOP_INLINE float relaxed_multiply_add(float a, float b, float c) {
#pragma clang fp reassociate(on) contract(fast)
  return a * b + c;
}

/// Returns a·b + c with a single rounding.
ISOFLOP_INLINE float fused_multiply_add(float a, float b, float c) { return __builtin_elementwise_fma(a, b, c); }

/// Returns the square root, computed by one instruction.
ISOFLOP_INLINE float relaxed_sqrt(float x) { return __builtin_elementwise_sqrt(x); }

/// Makes this thread treat subnormal floats as zero. Returns the previous mode for `restore_subnormals`.
ISOFLOP_INLINE unsigned long flush_subnormals(void) {
#if defined(__x86_64__)
  unsigned mode = __builtin_ia32_stmxcsr();
  __builtin_ia32_ldmxcsr(mode | 0x8040);
  return mode;
#elif defined(__aarch64__)
  unsigned long mode = __builtin_arm_rsr64("fpcr");
  __builtin_arm_wsr64("fpcr", mode | 1ul << 24);
  return mode;
#else
  return 0;
#endif
}

/// Restores the mode that `flush_subnormals` returned.
ISOFLOP_INLINE void restore_subnormals(unsigned long mode) {
#if defined(__x86_64__)
  __builtin_ia32_ldmxcsr((unsigned)mode);
#elif defined(__aarch64__)
  __builtin_arm_wsr64("fpcr", mode);
#endif
}

/// Tells the processor that this thread waits for another.
ISOFLOP_INLINE void pause_briefly(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/// Lets other threads use the processor.
ISOFLOP_INLINE void yield_processor(void) { sched_yield(); }

/// A vector of sixteen floats.
typedef float floats16 __attribute__((ext_vector_type(16)));

ISOFLOP_INLINE floats16 load16(const float *x) {
  floats16 y;
  __builtin_memcpy(&y, x, sizeof y);
  return y;
}

/// Loads four elements from each of four addresses.
ISOFLOP_INLINE floats16 load4x4(const float *x0, const float *x1, const float *x2, const float *x3) {
  floats16 y;
  __builtin_memcpy((float *)&y, x0, 16);
  __builtin_memcpy((float *)&y + 4, x1, 16);
  __builtin_memcpy((float *)&y + 8, x2, 16);
  __builtin_memcpy((float *)&y + 12, x3, 16);
  return y;
}

/// Stores four elements at each of four addresses.
ISOFLOP_INLINE void store4x4(floats16 x, float *y0, float *y1, float *y2, float *y3) {
  __builtin_memcpy(y0, (float *)&x, 16);
  __builtin_memcpy(y1, (float *)&x + 4, 16);
  __builtin_memcpy(y2, (float *)&x + 8, 16);
  __builtin_memcpy(y3, (float *)&x + 12, 16);
}

ISOFLOP_INLINE void store16(floats16 x, float *y) { __builtin_memcpy(y, &x, sizeof x); }

/// Returns a + b. Unlike a Swift closure, it keeps its arguments in registers.
ISOFLOP_INLINE floats16 add16(floats16 a, floats16 b) { return a + b; }

/// Returns the greater element of each pair; that of b if one is NaN.
ISOFLOP_INLINE floats16 greater16(floats16 a, floats16 b) { return a > b ? a : b; }

/// Returns a·b + c with a single rounding, where a is a scalar.
ISOFLOP_INLINE floats16 scale_add16(float a, floats16 b, floats16 c) {
  return __builtin_elementwise_fma((floats16)a, b, c);
}

/// a·b + c, lane by lane
ISOFLOP_INLINE floats16 multiply_add16(floats16 a, floats16 b, floats16 c) {
  return __builtin_elementwise_fma(a, b, c);
}

/// Returns the first `count` elements of x, followed by copies of `rest`.
ISOFLOP_INLINE floats16 first16(floats16 x, int count, float rest) {
  typedef int ints16 __attribute__((ext_vector_type(16)));
  const ints16 index = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return index < (ints16)count ? x : (floats16)rest;
}

/// Returns x with its first `count` elements replaced by `rest`.
ISOFLOP_INLINE floats16 after16(floats16 x, int count, float rest) {
  typedef int ints16 __attribute__((ext_vector_type(16)));
  const ints16 index = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return index < (ints16)count ? (floats16)rest : x;
}

/// y ← xᵀ for 16 by 16 floats, whose rows are `x_row` and `y_row` floats apart. Each of four rounds interleaves the
/// upper and lower halves of the rows, which moves one bit of an element's row index to its column index.
ISOFLOP_INLINE void transpose16(const float *x, long x_row, float *y, long y_row) {
  floats16 a[16], b[16];
#pragma clang loop unroll(full)
  for (int i = 0; i < 16; i++) a[i] = load16(x + i * x_row);
#pragma clang loop unroll(full)
  for (int round = 0; round < 4; round++) {
    floats16 *from = round % 2 ? b : a, *to = round % 2 ? a : b;
#pragma clang loop unroll(full)
    for (int i = 0; i < 8; i++) {
      to[2 * i] = __builtin_shufflevector(
          from[i], from[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      to[2 * i + 1] = __builtin_shufflevector(
          from[i], from[i + 8], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    }
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < 16; i++) store16(a[i], y + i * y_row);
}

/// Returns the elements at even indices of x, followed by those of y.
ISOFLOP_INLINE floats16 even16(floats16 x, floats16 y) {
  return __builtin_shufflevector(x, y, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
}

/// Returns the elements at odd indices of x, followed by those of y.
ISOFLOP_INLINE floats16 odd16(floats16 x, floats16 y) {
  return __builtin_shufflevector(x, y, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
}
