// Kernels of matrix products in bfloat16: both operands are rounded to the nearest bfloat16, ties to even, and sums are
// float32. A bfloat16 is the upper half of a float. `Bfloat16Product.swift` computes a matrix with these.
//
// All processors with such instructions sum products of pairs: c += a_2p·b_2p + a_2p+1·b_2p+1. Two bfloat16 that are
// neighbours in a sum lie in one 32-bit word, a pair. The instructions treat subnormal numbers as zero.
#pragma once
#include "Tile.h"

/// Returns x rounded to bfloat16, as floats, with subnormal numbers replaced by zero.
ISOFLOP_INLINE floats16 rounded16(floats16 x) {
  typedef unsigned words16 __attribute__((ext_vector_type(16)));
  words16 bits = (words16)x;
  words16 magnitude = bits & 0x7fffffff;
  words16 rounded = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
  // A NaN must not become an infinity.
  rounded = (words16)(magnitude > 0x7f800000) ? (bits | 0x00400000) & 0xffff0000 : rounded;
  return (floats16)((words16)(magnitude < 0x00800000) ? bits & 0x80000000 : rounded);
}

/// Returns x rounded to bfloat16, as a float.
ISOFLOP_INLINE float rounded_to_bfloat16(float x) { return rounded16((floats16)x)[0]; }

#if defined(__x86_64__)

/// The operands of a tile of pairs: those of row i and pair p of a are `a[i * a_row + p * a_step]`, and those of pair p
/// and column j of b are `b[p * 32 + j]`.
typedef struct {
  const unsigned *a;
  long a_row, a_step;
  const unsigned *b;
  /// The number of pairs in each sum.
  long depth;
  /// At most 32 columns.
  TileTarget to;
} PairJob;

// Functions with these attributes may only be called on a CPU that has the instructions. The rest of the program can be
// compiled for an older CPU.
#define ISOFLOP_AVX512_BF16 __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))
#define ISOFLOP_AMX_BF16 __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16,amx-tile,amx-bf16")))

typedef __bf16 Pairs __attribute__((vector_size(64)));
typedef unsigned words16 __attribute__((ext_vector_type(16)));
typedef float Sums __attribute__((vector_size(64)));

/// Loads the first `count` floats of x, without accessing others. The remaining ones are 0. Nothing if count ≤ 0.
static inline ISOFLOP_AVX512_BF16 __attribute__((always_inline)) floats16 load_first(const float *x, long count) {
  unsigned short mask = count >= 16 ? 0xffff : count <= 0 ? 0 : (unsigned short)((1 << count) - 1);
  return (floats16)__builtin_ia32_loadups512_mask((const void *)x, (Sums){0}, mask);
}

/// Packs pairs of neighbours of a row: y (rows, pairs) from x (rows, columns). `y_row` is a multiple of 16; what is
/// beyond the last column of x, up to the next multiple of 16 pairs, becomes 0.
static inline ISOFLOP_AVX512_BF16 void pack_pairs_of_columns(
    const float *x, long x_row, long rows, long columns, unsigned *y, long y_row) {
  for (long i = 0; i < rows; i++) {
    for (long j = 0; j < columns; j += 32) {
      const float *place = x + i * x_row + j;
      floats16 low = load_first(place, columns - j);
      floats16 high = columns - j > 16 ? load_first(place + 16, columns - j - 16) : (floats16)0;
      Pairs pairs = __builtin_ia32_cvtne2ps2bf16_512((Sums)high, (Sums)low);
      __builtin_memcpy(y + i * y_row + j / 2, &pairs, sizeof pairs);
    }
  }
}

/// Packs pairs of neighbours of a column: y (⌈rows / 2⌉, columns) from x (rows, columns), with zeros for a row that is
/// missing and up to the next multiple of 16 columns.
static inline ISOFLOP_AVX512_BF16 void pack_pairs_of_rows(
    const float *x, long x_row, long rows, long columns, unsigned *y, long y_row) {
  typedef unsigned short halves32 __attribute__((ext_vector_type(32)));
  for (long i = 0; i < rows; i += 2) {
    for (long j = 0; j < columns; j += 16) {
      const float *place = x + i * x_row + j;
      floats16 upper = load_first(place, columns - j);
      floats16 lower = i + 1 < rows ? load_first(place + x_row, columns - j) : (floats16)0;
      halves32 both = (halves32)__builtin_ia32_cvtne2ps2bf16_512((Sums)lower, (Sums)upper);
      halves32 pairs = __builtin_shufflevector(
          both, both, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28,
          13, 29, 14, 30, 15, 31);
      __builtin_memcpy(y + i / 2 * y_row + j, &pairs, sizeof pairs);
    }
  }
}

/// c ← alpha·sums + addend, for the columns of one of a tile's vectors.
static inline ISOFLOP_AVX512_BF16 __attribute__((always_inline)) void store_sums(
    floats16 sums, long row, int vector, const TileTarget *t) {
  int count = t->columns - 16 * vector;
  unsigned short mask = count >= 16 ? 0xffff : (unsigned short)((1 << count) - 1);
  floats16 y = t->alpha * sums;
  if (t->addend)
    y = __builtin_elementwise_fma(
        (floats16)t->alpha, sums, load_first(t->addend + row * t->addend_row + 16 * vector, count));
  __builtin_ia32_storeups512_mask((void *)(t->c + row * t->c_row + 16 * vector), (Sums)y, mask);
}

/// If `rows` and `vectors` are constants, the loops over them are unrolled.
static inline ISOFLOP_AVX512_BF16 __attribute__((always_inline)) void fixed_pair_tile(
    int rows, int vectors, long a_row, long a_step, const PairJob *t) {
  floats16 sums[14][2];
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++) sums[i][0] = sums[i][1] = 0;
  const unsigned *a = t->a, *b = t->b;
  for (long p = 0; p < t->depth; p++, a += a_step, b += 32) {
    Pairs b0, b1;
    __builtin_memcpy(&b0, b, sizeof b0);
    if (vectors > 1) __builtin_memcpy(&b1, b + 16, sizeof b1);
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
      Pairs x = (Pairs)(words16)a[i * a_row];
      sums[i][0] = (floats16)__builtin_ia32_dpbf16ps_512((Sums)sums[i][0], x, b0);
      if (vectors > 1) sums[i][1] = (floats16)__builtin_ia32_dpbf16ps_512((Sums)sums[i][1], x, b1);
    }
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++) {
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) store_sums(sums[i][v], i, v, &t->to);
  }
}

/// Computes a tile of at most 14 rows with AVX512-BF16. Either `a_step` or `a_row` is 1.
static ISOFLOP_AVX512_BF16 __attribute__((noinline)) void compute_pair_tile(int rows, const PairJob *t) {
#define TILE(n)                                                                                           \
  case n:                                                                                                 \
    if (t->a_step == 1)                                                                                   \
      t->to.columns > 16 ? fixed_pair_tile(n, 2, t->a_row, 1, t) : fixed_pair_tile(n, 1, t->a_row, 1, t);    \
    else                                                                                                  \
      t->to.columns > 16 ? fixed_pair_tile(n, 2, 1, t->a_step, t) : fixed_pair_tile(n, 1, 1, t->a_step, t);  \
    break;
  switch (rows) {
    TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6) TILE(7)
    TILE(8) TILE(9) TILE(10) TILE(11) TILE(12) TILE(13) TILE(14)
  }
#undef TILE
}

// The products of attention, for which `AttentionProducts.swift` has the same functions in float32. Sixteen positions are
// the lanes of a vector, and y_j are rows of others.

/// s_j ← scale·Σ_d y_jd·x_d − a_j, from pairs along d: x (depth / 2, 16), y (count, y_row) and s (count, 16). Null for
/// no a.
static ISOFLOP_AVX512_BF16 __attribute__((noinline)) void score_pairs(
    const unsigned *x, const unsigned *y, long y_row, long depth, long count, float scale, const float *a, float *s) {
  long j = 0;
  for (; j + 8 <= count; j += 8) {
    floats16 sums[8];
#pragma clang loop unroll(full)
    for (int r = 0; r < 8; r++) sums[r] = 0;
    for (long p = 0; p < depth / 2; p++) {
      Pairs pairs;
      __builtin_memcpy(&pairs, x + 16 * p, sizeof pairs);
#pragma clang loop unroll(full)
      for (int r = 0; r < 8; r++)
        sums[r] = (floats16)__builtin_ia32_dpbf16ps_512((Sums)sums[r], (Pairs)(words16)y[(j + r) * y_row + p], pairs);
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < 8; r++) {
      sums[r] = __builtin_elementwise_fma((floats16)scale, sums[r], (floats16)(a ? -a[j + r] : 0));
      __builtin_memcpy(s + (j + r) * 16, &sums[r], sizeof sums[r]);
    }
  }
  for (; j < count; j++) {
    floats16 sum = 0;
    for (long p = 0; p < depth / 2; p++) {
      Pairs pairs;
      __builtin_memcpy(&pairs, x + 16 * p, sizeof pairs);
      sum = (floats16)__builtin_ia32_dpbf16ps_512((Sums)sum, (Pairs)(words16)y[j * y_row + p], pairs);
    }
    sum = __builtin_elementwise_fma((floats16)scale, sum, (floats16)(a ? -a[j] : 0));
    __builtin_memcpy(s + j * 16, &sum, sizeof sum);
  }
}

/// x_d ← x_d + Σ_j y_jd·s_j, from pairs along j: s (pairs, 16), y (pairs, y_row) and x (depth, 16). `depth` is a
/// multiple of 4.
static ISOFLOP_AVX512_BF16 __attribute__((noinline)) void mix_pairs(
    const unsigned *s, const unsigned *y, long y_row, long depth, long pairs, float *x) {
  for (long d = 0; d < depth; d += 4) {
    // Of even and of odd pairs, so that a sum need not wait for the one before.
    floats16 sums[2][4];
#pragma clang loop unroll(full)
    for (int e = 0; e < 4; e++) sums[0][e] = sums[1][e] = 0;
    long p = 0;
    for (; p + 2 <= pairs; p += 2) {
#pragma clang loop unroll(full)
      for (int h = 0; h < 2; h++) {
        Pairs weights;
        __builtin_memcpy(&weights, s + (p + h) * 16, sizeof weights);
        const unsigned *row = y + (p + h) * y_row + d;
#pragma clang loop unroll(full)
        for (int e = 0; e < 4; e++)
          sums[h][e] = (floats16)__builtin_ia32_dpbf16ps_512((Sums)sums[h][e], (Pairs)(words16)row[e], weights);
      }
    }
    if (p < pairs) {
      Pairs weights;
      __builtin_memcpy(&weights, s + p * 16, sizeof weights);
#pragma clang loop unroll(full)
      for (int e = 0; e < 4; e++)
        sums[0][e] =
            (floats16)__builtin_ia32_dpbf16ps_512((Sums)sums[0][e], (Pairs)(words16)y[p * y_row + d + e], weights);
    }
#pragma clang loop unroll(full)
    for (int e = 0; e < 4; e++) {
      floats16 old = load_first(x + (d + e) * 16, 16), sum = old + (sums[0][e] + sums[1][e]);
      __builtin_memcpy(x + (d + e) * 16, &sum, sizeof sum);
    }
  }
}

/// y_j ← y_j + Σ_l s_jl·k_l over the lanes l, from pairs along l: s (count, 8), k (8, depth) and y (count, depth).
/// `depth` is a multiple of 16.
static ISOFLOP_AVX512_BF16 __attribute__((noinline)) void blend_pairs(
    const unsigned *s, const unsigned *k, long depth, long count, float *y) {
  for (long d = 0; d < depth; d += 16) {
    long j = 0;
    for (; j + 8 <= count; j += 8) {
      floats16 sums[8];
#pragma clang loop unroll(full)
      for (int r = 0; r < 8; r++) sums[r] = load_first(y + (j + r) * depth + d, 16);
      for (int p = 0; p < 8; p++) {
        Pairs pairs;
        __builtin_memcpy(&pairs, k + p * depth + d, sizeof pairs);
#pragma clang loop unroll(full)
        for (int r = 0; r < 8; r++)
          sums[r] = (floats16)__builtin_ia32_dpbf16ps_512((Sums)sums[r], (Pairs)(words16)s[(j + r) * 8 + p], pairs);
      }
#pragma clang loop unroll(full)
      for (int r = 0; r < 8; r++) __builtin_memcpy(y + (j + r) * depth + d, &sums[r], sizeof sums[r]);
    }
    for (; j < count; j++) {
      floats16 sum = load_first(y + j * depth + d, 16);
      for (int p = 0; p < 8; p++) {
        Pairs pairs;
        __builtin_memcpy(&pairs, k + p * depth + d, sizeof pairs);
        sum = (floats16)__builtin_ia32_dpbf16ps_512((Sums)sum, (Pairs)(words16)s[j * 8 + p], pairs);
      }
      __builtin_memcpy(y + j * depth + d, &sum, sizeof sum);
    }
  }
}

/// Packs s (count, 16) into pairs along its lanes: y (count, 8). If `count` is odd, y has room for one more row.
static inline ISOFLOP_AVX512_BF16 void pack_pairs_of_lanes(const float *s, long count, unsigned *y) {
  for (long j = 0; j < count; j += 2) {
    floats16 first = load_first(s + j * 16, 16), second = j + 1 < count ? load_first(s + (j + 1) * 16, 16) : (floats16)0;
    Pairs pairs = __builtin_ia32_cvtne2ps2bf16_512((Sums)second, (Sums)first);
    __builtin_memcpy(y + j * 8, &pairs, sizeof pairs);
  }
}

/// The shapes of the eight tile registers of AMX, which `__builtin_ia32_tile_loadconfig` reads.
typedef struct __attribute__((packed)) {
  unsigned char palette, start_row, reserved[14];
  unsigned short bytes_per_row[16];
  unsigned char rows[16];
} TileShapes;

/// Begins the use of AMX on this thread: every tile has 16 rows of 64 bytes.
static inline ISOFLOP_AMX_BF16 void begin_amx(void) {
  TileShapes shapes = {.palette = 1};
  for (int i = 0; i < 8; i++) shapes.bytes_per_row[i] = 64, shapes.rows[i] = 16;
  __builtin_ia32_tile_loadconfig(&shapes);
}

/// Ends the use of AMX, so that the thread's state needs no saving.
static inline ISOFLOP_AMX_BF16 void end_amx(void) { __builtin_ia32_tilerelease(); }

/// Computes a tile of at most 32 rows with AMX, after `begin_amx`: two by two tiles of 16 by 16 sums. Memory for 32 rows
/// of a must be readable. `depth` is a multiple of 16 pairs, and `a_step` is 1.
static ISOFLOP_AMX_BF16 __attribute__((noinline)) void compute_amx_tile(int rows, const PairJob *t) {
  float sums[32][32];
  const long a_bytes = 4 * t->a_row, b_bytes = 4 * 32;
  __builtin_ia32_tilezero(0);
  __builtin_ia32_tilezero(1);
  __builtin_ia32_tilezero(2);
  __builtin_ia32_tilezero(3);
  for (long p = 0; p < t->depth; p += 16) {
    __builtin_ia32_tileloadd64(4, t->a + p, a_bytes);
    __builtin_ia32_tileloadd64(6, t->b + p * 32, b_bytes);
    __builtin_ia32_tdpbf16ps(0, 4, 6);
    if (t->to.columns > 16) {
      __builtin_ia32_tileloadd64(7, t->b + p * 32 + 16, b_bytes);
      __builtin_ia32_tdpbf16ps(1, 4, 7);
    }
    if (rows > 16) {
      __builtin_ia32_tileloadd64(5, t->a + 16 * t->a_row + p, a_bytes);
      __builtin_ia32_tdpbf16ps(2, 5, 6);
      if (t->to.columns > 16) __builtin_ia32_tdpbf16ps(3, 5, 7);
    }
  }
  __builtin_ia32_tilestored64(0, sums[0], sizeof sums[0]);
  __builtin_ia32_tilestored64(1, &sums[0][16], sizeof sums[0]);
  __builtin_ia32_tilestored64(2, sums[16], sizeof sums[0]);
  __builtin_ia32_tilestored64(3, &sums[16][16], sizeof sums[0]);
  for (int i = 0; i < rows; i++) {
    for (int v = 0; v < (t->to.columns > 16 ? 2 : 1); v++) store_sums(load_first(&sums[i][16 * v], 16), i, v, &t->to);
  }
}

/// Asks the kernel of Linux for the use of AMX's tile registers by this process. Returns true if it is granted.
static inline int request_amx(void) {
#if defined(__linux__)
  // arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA), which the C library does not declare.
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(158L), "D"(0x1023L), "S"(18L) : "rcx", "r11", "memory");
  return result == 0;
#else
  return 0;
#endif
}

#endif
