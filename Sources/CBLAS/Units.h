// The vector units of a core. Swift cannot tell what the compiler was allowed to use.
#pragma once
#include "Bfloat16.h"

/// The unit that the kernels were compiled for, by the name of its `ArithmeticUnit`.
#if defined(__AVX512F__)
#define ISOFLOP_UNIT "AVX-512"
#elif defined(__AVX__) && defined(__FMA__)
#define ISOFLOP_UNIT "AVX2"
#elif defined(__AVX__)
#define ISOFLOP_UNIT "AVX"
#elif defined(__x86_64__)
#define ISOFLOP_UNIT "SSE2"
#else
#define ISOFLOP_UNIT "NEON"
#endif

/// Defines a function that measures a unit: it multiplies and adds vectors of `width` floats in `count` registers, each
/// by itself, for a number of rounds. That many keep the unit busy: none waits for the one before. Its result depends on
/// all of them, so that none can be left out. A round is `name##_flops` operations.
#define ISOFLOP_PEAK(name, width, count, attributes, multiply_add)                                     \
  enum { name##_flops = 2 * (width) * (count) };                                                       \
  static attributes float name(long rounds, float factor, float term) {                                \
    _Pragma("clang fp contract(off)")                                                                  \
    typedef float Vector __attribute__((ext_vector_type(width)));                                      \
    Vector sums[count], all = 0, a = factor, b = term;                                                 \
    _Pragma("clang loop unroll(full)") for (int i = 0; i < count; i++) sums[i] = (float)i;             \
    for (long round = 0; round < rounds; round++) {                                                    \
      _Pragma("clang loop unroll(full)") for (int i = 0; i < count; i++) sums[i] = multiply_add;       \
    }                                                                                                  \
    _Pragma("clang loop unroll(full)") for (int i = 0; i < count; i++) all += sums[i];                 \
    float result = 0;                                                                                  \
    for (int lane = 0; lane < width; lane++) result += all[lane];                                      \
    return result;                                                                                     \
  }

// Each has the instructions of its unit, whatever the rest is compiled for: OpenBLAS may use longer vectors. Of sixteen
// registers some hold the factor and the term.
#if defined(__x86_64__)
ISOFLOP_PEAK(sse2_peak, 4, 12, __attribute__((noinline)), sums[i] * a + b)
ISOFLOP_PEAK(avx_peak, 8, 12, __attribute__((noinline, target("avx"))), sums[i] * a + b)
ISOFLOP_PEAK(
    avx2_peak, 8, 12, __attribute__((noinline, target("avx2,fma"))), __builtin_elementwise_fma(sums[i], a, b))
ISOFLOP_PEAK(
    avx512_peak, 16, 24, __attribute__((noinline, target("avx512f"))), __builtin_elementwise_fma(sums[i], a, b))

enum { avx512bf16_peak_flops = 2 * 32 * 24, amx_peak_flops = 4 * 2 * 16 * 16 * 32 };

/// The same for the sums of products of pairs, all of which are 1.
static ISOFLOP_AVX512_BF16 __attribute__((noinline)) float avx512bf16_peak(long rounds) {
  Sums sums[24];
  Pairs ones = (Pairs)(words16)0x3f803f80;
  _Pragma("clang loop unroll(full)") for (int i = 0; i < 24; i++) sums[i] = (Sums)(floats16)(float)i;
  for (long round = 0; round < rounds; round++) {
    _Pragma("clang loop unroll(full)") for (int i = 0; i < 24; i++) {
      sums[i] = __builtin_ia32_dpbf16ps_512(sums[i], ones, ones);
      // Otherwise the compiler could move the loops into one another.
      __asm__ volatile("" : "+v"(sums[i]));
    }
  }
  float result = 0;
  for (int i = 0; i < 24; i++) result += sums[i][0];
  return result;
}

/// The same for products of tiles of zeros, into four tiles of sums.
static ISOFLOP_AMX_BF16 __attribute__((noinline)) float amx_peak(long rounds) {
  float sums[16][16];
  begin_amx();
  __builtin_ia32_tilezero(0);
  __builtin_ia32_tilezero(1);
  __builtin_ia32_tilezero(2);
  __builtin_ia32_tilezero(3);
  __builtin_ia32_tilezero(4);
  __builtin_ia32_tilezero(5);
  for (long round = 0; round < rounds; round++) {
    __builtin_ia32_tdpbf16ps(0, 4, 5);
    __builtin_ia32_tdpbf16ps(1, 4, 5);
    __builtin_ia32_tdpbf16ps(2, 4, 5);
    __builtin_ia32_tdpbf16ps(3, 4, 5);
  }
  __builtin_ia32_tilestored64(0, sums[0], sizeof sums[0]);
  end_amx();
  return sums[0][0];
}
#else
ISOFLOP_PEAK(neon_peak, 4, 24, __attribute__((noinline)), __builtin_elementwise_fma(sums[i], a, b))
#endif
