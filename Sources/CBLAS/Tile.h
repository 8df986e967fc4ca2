// The kernel of a matrix product: a tile of the result whose sums all stay in registers, which Swift cannot guarantee.
// `TiledProduct.swift` computes a matrix tile by tile.
#pragma once
#include "CBLAS.h"

// A tile is two vectors wide. Two registers hold a row of b, one or more hold elements of a, and the others hold sums.
#if defined(__AVX512F__)
enum { lanes = 16, tileRows = 14 };
#define ISOFLOP_INSTRUCTIONS "AVX-512"
#elif defined(__AVX__)
enum { lanes = 8, tileRows = 6 };
#if defined(__FMA__)
#define ISOFLOP_INSTRUCTIONS "AVX with FMA"
#else
#define ISOFLOP_INSTRUCTIONS "AVX"
#endif
#elif defined(__aarch64__)
enum { lanes = 4, tileRows = 12 };
#define ISOFLOP_INSTRUCTIONS "NEON"
#else
enum { lanes = 4, tileRows = 6 };
#define ISOFLOP_INSTRUCTIONS "SSE2"
#endif
enum { tileColumns = 2 * lanes };

/// A vector register of the CPU.
typedef float Lanes __attribute__((ext_vector_type(lanes)));

#if defined(__AVX__) && !defined(__AVX512F__)
/// Returns a mask with all bits set in the first `count` lanes.
ISOFLOP_INLINE int __attribute__((ext_vector_type(lanes))) first_lanes(int count) {
  const int __attribute__((ext_vector_type(lanes))) index = {0, 1, 2, 3, 4, 5, 6, 7};
  return index < count;
}
#endif

/// Loads the first `count` floats of x, at most `lanes`, without accessing others. The remaining lanes are 0.
ISOFLOP_INLINE Lanes load_lanes(const float *x, int count) {
  Lanes y = 0;
  if (count >= lanes) {
    __builtin_memcpy(&y, x, sizeof y);
    return y;
  }
#if defined(__AVX512F__)
  return __builtin_ia32_loadups512_mask((const void *)x, y, (unsigned short)((1 << count) - 1));
#elif defined(__AVX__)
  return __builtin_ia32_maskloadps256((const void *)x, first_lanes(count));
#else
  for (int i = 0; i < count; i++) y[i] = x[i];
  return y;
#endif
}

/// Stores the first `count` floats of x, at most `lanes`, without accessing others.
ISOFLOP_INLINE void store_lanes(Lanes x, float *y, int count) {
  if (count >= lanes) {
    __builtin_memcpy(y, &x, sizeof x);
    return;
  }
#if defined(__AVX512F__)
  __builtin_ia32_storeups512_mask((void *)y, x, (unsigned short)((1 << count) - 1));
#elif defined(__AVX__)
  __builtin_ia32_maskstoreps256((void *)y, first_lanes(count), x);
#else
  for (int i = 0; i < count; i++) y[i] = x[i];
#endif
}

/// Where a tile goes: c ← alpha·sums + addend.
typedef struct {
  float alpha;
  /// Null if there is none.
  const float *addend;
  long addend_row;
  float *c;
  long c_row;
  int columns;
} TileTarget;

/// The operands of a tile: a_ik is `a[i * a_row + k * a_step]`, b_kj is `b[k * b_step + j]`, and so on.
typedef struct {
  const float *a;
  long a_row, a_step;
  const float *b;
  long b_step;
  /// The number of terms in each sum.
  long depth;
  TileTarget to;
} TileJob;

/// c ← alpha·Σ_k a_ik·b_kj + addend_ij, with the terms of each sum in order. If `rows` and `vectors` are constants, the
/// loops over them are unrolled.
ISOFLOP_INLINE void fixed_tile(int rows, int vectors, long a_row, long a_step, TileJob t) {
  Lanes sums[tileRows][2];
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++) sums[i][0] = sums[i][1] = 0;
  const float *a = t.a, *b = t.b;
  for (long k = 0; k < t.depth; k++, a += a_step, b += t.b_step) {
    Lanes b0 = load_lanes(b, lanes), b1 = vectors > 1 ? load_lanes(b + lanes, lanes) : b0;
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
      Lanes x = a[i * a_row];
      sums[i][0] = __builtin_elementwise_fma(x, b0, sums[i][0]);
      if (vectors > 1) sums[i][1] = __builtin_elementwise_fma(x, b1, sums[i][1]);
    }
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++) {
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) {
      int count = t.to.columns - v * lanes;
      Lanes y = t.to.alpha * sums[i][v];
      if (t.to.addend) {
        Lanes z = load_lanes(t.to.addend + i * t.to.addend_row + v * lanes, count);
        y = __builtin_elementwise_fma((Lanes)t.to.alpha, sums[i][v], z);
      }
      store_lanes(y, t.to.c + i * t.to.c_row + v * lanes, count);
    }
  }
}

/// Computes a tile of any number of rows up to `tileRows` and of columns up to `tileColumns`. The matrix a is
/// contiguous in its rows (`a_step` 1) or in its columns (`a_row` 1).
ISOFLOP_INLINE void compute_tile(int rows, TileJob t) {
#define TILE(n)                                                               \
  case n:                                                                     \
    if (n > tileRows) break;                                                  \
    if (t.a_step == 1)                                                        \
      t.to.columns > lanes ? fixed_tile(n % (tileRows + 1), 2, t.a_row, 1, t) \
                           : fixed_tile(n % (tileRows + 1), 1, t.a_row, 1, t); \
    else                                                                      \
      t.to.columns > lanes ? fixed_tile(n % (tileRows + 1), 2, 1, t.a_step, t) \
                           : fixed_tile(n % (tileRows + 1), 1, 1, t.a_step, t); \
    break;
  switch (rows) {
    TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6) TILE(7)
    TILE(8) TILE(9) TILE(10) TILE(11) TILE(12) TILE(13) TILE(14)
  }
#undef TILE
}
