// The inner loops of the selective scan, whose states stay in registers, which Swift cannot guarantee.
// `SelectiveScan.swift` calls them for sixteen channels, which are the lanes of a vector, and a chunk of positions.
#pragma once
#include "CBLAS.h"

/// Returns 2ˣ for x ≤ 0, in one multiply-add less than eˣ; exactly 1 for 0. x = k + f with |f| ≤ ½, and 2ᶠ is a
/// polynomial with the first two terms of its Taylor series: the decay of a slow state is as exact as a float can be.
/// Elsewhere the relative error is at most 10⁻⁷. Adding 1.5·2²³ rounds to a whole number, which is then in the low bits.
ISOFLOP_INLINE floats16 power_of_two16(floats16 x) {
  typedef unsigned words16 __attribute__((ext_vector_type(16)));
  const floats16 least = -126, magic = 12582912;
  // In this order a NaN stays one.
  x = least > x ? least : x;
  floats16 shifted = x + magic;
  floats16 f = x - (shifted - magic);
  floats16 p = 1.33002654e-3f;
  p = __builtin_elementwise_fma(p, f, (floats16)9.66970902e-3f);
  p = __builtin_elementwise_fma(p, f, (floats16)5.55055998e-2f);
  p = __builtin_elementwise_fma(p, f, (floats16)2.40222812e-1f);
  p = __builtin_elementwise_fma(p, f, (floats16)6.93147182e-1f);
  p = __builtin_elementwise_fma(p, f, (floats16)1);
  return (floats16)((words16)p + ((words16)shifted << 23));
}

/// A chunk of positions of sixteen channels with N states each. Rows of lanes follow one another, (…, 16), except those
/// of positions, which are `step` floats apart.
typedef struct {
  /// The number of positions.
  long count;
  long step;
  /// The rates A·log₂e (N, 16).
  const float *rates;
  /// B and C of the first position, (N) each, and the distance to those of the next.
  const float *b, *c;
  long row;
  /// Δ and Δ·u (positions, 16).
  const float *steps, *inputs;
} ScanChunk;

/// The states that are worked on together.
enum { scanGroup = 8 };

/// h ← a·h + (Δ·u)·B with a = 2^(Δ·rate), and s ← s + C·h, position by position, for the states from `first` on.
/// Where `decays` is not null, a and a·h are stored for each position: (positions, `group`, 16).
ISOFLOP_INLINE void scan_group(
    const int group, const int keeps, long first, ScanChunk x, float *h, float *s, float *decays, float *decayed) {
  floats16 states[scanGroup];
#pragma clang loop unroll(full)
  for (int n = 0; n < group; n++) states[n] = load16(h + (first + n) * 16);
  for (long t = 0; t < x.count; t++) {
    const float *b = x.b + t * x.row + first, *c = x.c + t * x.row + first;
    floats16 step = load16(x.steps + t * x.step), input = load16(x.inputs + t * x.step), sum = load16(s + t * x.step);
#pragma clang loop unroll(full)
    for (int n = 0; n < group; n++) {
      floats16 decay = power_of_two16(step * load16(x.rates + (first + n) * 16));
      floats16 kept = decay * states[n];
      if (keeps) {
        store16(decay, decays + (t * group + n) * 16);
        store16(kept, decayed + (t * group + n) * 16);
      }
      states[n] = scale_add16(b[n], input, kept);
      sum = scale_add16(c[n], states[n], sum);
    }
    store16(sum, s + t * x.step);
  }
#pragma clang loop unroll(full)
  for (int n = 0; n < group; n++) store16(states[n], h + (first + n) * 16);
}

/// `scan_group` for all N states.
///
/// - h: The states before the chunk, then those after it (N, 16).
/// - s: Sums to which C·h is added (positions, 16).
ISOFLOP_INLINE void scan_forward(long states, ScanChunk x, float *h, float *s) {
  long first = 0;
  for (; first + scanGroup <= states; first += scanGroup) scan_group(scanGroup, 0, first, x, h, s, 0, 0);
  for (; first < states; first++) scan_group(1, 0, first, x, h, s, 0, 0);
}

/// What the gradient of a chunk reads and adds to. Rows of lanes, as above.
typedef struct {
  /// The gradient of s (positions, 16).
  const float *ds;
  /// The gradient of the states after the chunk, then of those before it (N, 16).
  float *dh;
  /// Sums over positions of Δ·dh·a·h (N, 16).
  float *drates;
  /// Sums of dh·B, and of rate·dh·a·h, over the states (positions, 16).
  float *db_sums, *rate_sums;
  /// Terms of the gradients of B and C, to be summed over the lanes (positions, N, 16).
  float *db, *dc;
} ScanGradients;

/// The gradients of `scan_group`, from the last position to the first, given what it stored.
ISOFLOP_INLINE void scan_group_gradients(
    const int group, long first, long all, ScanChunk x, ScanGradients g, const float *decays, const float *decayed) {
  floats16 dh[scanGroup], drates[scanGroup];
#pragma clang loop unroll(full)
  for (int n = 0; n < group; n++) {
    dh[n] = load16(g.dh + (first + n) * 16);
    drates[n] = load16(g.drates + (first + n) * 16);
  }
  for (long t = x.count - 1; t >= 0; t--) {
    const float *b = x.b + t * x.row + first, *c = x.c + t * x.row + first;
    floats16 step = load16(x.steps + t * x.step), input = load16(x.inputs + t * x.step), ds = load16(g.ds + t * x.step);
    floats16 sum = load16(g.db_sums + t * x.step), rate_sum = load16(g.rate_sums + t * x.step);
#pragma clang loop unroll(full)
    for (int n = 0; n < group; n++) {
      floats16 kept = load16(decayed + (t * group + n) * 16);
      float *db = g.db + (t * all + first + n) * 16, *dc = g.dc + (t * all + first + n) * 16;
      floats16 slope = scale_add16(c[n], ds, dh[n]);
      floats16 state = scale_add16(b[n], input, kept);
      store16(__builtin_elementwise_fma(ds, state, load16(dc)), dc);
      store16(__builtin_elementwise_fma(slope, input, load16(db)), db);
      sum = scale_add16(b[n], slope, sum);
      floats16 q = slope * kept;
      rate_sum = __builtin_elementwise_fma(q, load16(x.rates + (first + n) * 16), rate_sum);
      drates[n] = __builtin_elementwise_fma(q, step, drates[n]);
      dh[n] = slope * load16(decays + (t * group + n) * 16);
    }
    store16(sum, g.db_sums + t * x.step);
    store16(rate_sum, g.rate_sums + t * x.step);
  }
#pragma clang loop unroll(full)
  for (int n = 0; n < group; n++) {
    store16(dh[n], g.dh + (first + n) * 16);
    store16(drates[n], g.drates + (first + n) * 16);
  }
}

/// Computes a chunk again from the states before it, and its gradients.
///
/// - h: The states before the chunk, which become those after it.
/// - s: Sums to which C·h is added.
/// - decays, decayed: Room for (positions, `scanGroup`, 16) each.
ISOFLOP_INLINE void scan_backward(
    long states, ScanChunk x, ScanGradients g, float *h, float *s, float *decays, float *decayed) {
  long first = 0;
  for (; first + scanGroup <= states; first += scanGroup) {
    scan_group(scanGroup, 1, first, x, h, s, decays, decayed);
    scan_group_gradients(scanGroup, first, states, x, g, decays, decayed);
  }
  for (; first < states; first++) {
    scan_group(1, 1, first, x, h, s, decays, decayed);
    scan_group_gradients(1, first, states, x, g, decays, decayed);
  }
}

/// Returns the sums of sixteen rows of sixteen lanes.
ISOFLOP_INLINE floats16 sums_of_lanes16(const float *x) {
  floats16 a[16];
#pragma clang loop unroll(full)
  for (int i = 0; i < 16; i++) a[i] = load16(x + i * 16);
#pragma clang loop unroll(full)
  for (int count = 8; count > 0; count /= 2) {
#pragma clang loop unroll(full)
    for (int i = 0; i < count; i++) a[i] = even16(a[2 * i], a[2 * i + 1]) + odd16(a[2 * i], a[2 * i + 1]);
  }
  return a[0];
}
