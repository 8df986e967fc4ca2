// The inner loops of the gated delta rule, for a head with sixteen values, which are the lanes of a vector, and N keys.
// `DeltaRule.swift` calls them for a chunk of positions.
#pragma once
#include "CBLAS.h"

/// Returns the sum of sixteen numbers.
ISOFLOP_INLINE float sum_of16(floats16 x) {
  typedef float floats8 __attribute__((ext_vector_type(8)));
  typedef float floats4 __attribute__((ext_vector_type(4)));
  floats8 eight = x.lo + x.hi;
  floats4 four = eight.lo + eight.hi;
  return (four[0] + four[2]) + (four[1] + four[3]);
}

/// Returns the sum of the products of two rows. Rows are short, so that their order of sums is written out: a loop that
/// the compiler reorders begins with four vectors.
ISOFLOP_INLINE float short_dot(const float *x, const float *y, long count) {
  floats16 sums = 0;
  long i = 0;
  for (; i + 16 <= count; i += 16) sums = __builtin_elementwise_fma(load16(x + i), load16(y + i), sums);
  float sum = sum_of16(sums);
  for (; i < count; i++) sum = fused_multiply_add(x[i], y[i], sum);
  return sum;
}

/// y ← a·x
ISOFLOP_INLINE void short_scale(float a, const float *x, float *y, long count) {
  long i = 0;
  for (; i + 16 <= count; i += 16) store16(a * load16(x + i), y + i);
  for (; i < count; i++) y[i] = a * x[i];
}

/// z ← z + a·x + b·y
ISOFLOP_INLINE void short_add(float a, const float *x, float b, const float *y, float *z, long count) {
  long i = 0;
  for (; i + 16 <= count; i += 16)
    store16(scale_add16(a, load16(x + i), scale_add16(b, load16(y + i), load16(z + i))), z + i);
  for (; i < count; i++) z[i] = fused_multiply_add(a, x[i], fused_multiply_add(b, y[i], z[i]));
}

/// A chunk of positions of one head. N is a multiple of 4.
typedef struct {
  /// The number of positions.
  long count;
  /// Keys k and queries q (positions, N).
  const float *keys, *queries;
  /// Values v (…, 16) of the first position, and the distance to those of the next.
  const float *values;
  long step;
  /// The decay α and the rate β of each position.
  const float *decays, *rates;
} DeltaChunk;

/// p = Σ_n k_n·S_n    e = β·(v − α·p)    S ← α·S + k·e    o = Σ_n q_n·S_n, position by position.
///
/// - s: S before the chunk, then after it (N, 16).
/// - o: Where o of the first position goes, `o_step` from that of the next.
/// - kept, recalled: Room for S before each position (positions, N, 16), and for p (positions, 16), or null.
ISOFLOP_INLINE void delta_forward(
    const long states, DeltaChunk x, float *s, float *o, long o_step, float *kept, float *recalled) {
  for (long t = 0; t < x.count; t++) {
    const float *k = x.keys + t * states, *q = x.queries + t * states;
    // Four sums, so that none waits for the one before.
    floats16 p[4] = {0, 0, 0, 0}, sums[4] = {0, 0, 0, 0};
    for (long n = 0; n < states; n += 4) {
#pragma clang loop unroll(full)
      for (int i = 0; i < 4; i++) p[i] = scale_add16(k[n + i], load16(s + (n + i) * 16), p[i]);
    }
    floats16 old = (p[0] + p[1]) + (p[2] + p[3]);
    floats16 change = x.rates[t] * scale_add16(-x.decays[t], old, load16(x.values + t * x.step));
    if (recalled) store16(old, recalled + t * 16);
    for (long n = 0; n < states; n += 4) {
#pragma clang loop unroll(full)
      for (int i = 0; i < 4; i++) {
        floats16 state = load16(s + (n + i) * 16);
        if (kept) store16(state, kept + (t * states + n + i) * 16);
        state = scale_add16(k[n + i], change, x.decays[t] * state);
        store16(state, s + (n + i) * 16);
        sums[i] = scale_add16(q[n + i], state, sums[i]);
      }
    }
    store16((sums[0] + sums[1]) + (sums[2] + sums[3]), o + t * o_step);
  }
}

/// What the gradient of a chunk reads and writes.
typedef struct {
  /// The gradient of o (…, 16) of the first position, and the distance to that of the next.
  const float *outputs;
  long step;
  /// The gradient of S after the chunk, then of that before it (N, 16).
  float *states;
  /// Terms of the gradients of k and q, to be summed over the lanes (positions, N, 16).
  float *keys, *queries;
  /// The gradient of v (positions, 16).
  float *values;
  /// Terms of the gradients of α and β, to be summed over the lanes (positions, 16).
  float *decays, *rates;
} DeltaGradients;

/// The gradients of `delta_forward`, from the last position to the first, given what it kept.
ISOFLOP_INLINE void delta_backward(
    const long states, DeltaChunk x, DeltaGradients g, const float *kept, const float *recalled) {
  for (long t = x.count - 1; t >= 0; t--) {
    const float *k = x.keys + t * states, *q = x.queries + t * states, *s = kept + t * states * 16;
    floats16 p = load16(recalled + t * 16), output = load16(g.outputs + t * g.step);
    float decay = x.decays[t], rate = x.rates[t];
    floats16 error = scale_add16(-decay, p, load16(x.values + t * x.step)), change = rate * error;
    floats16 changes[4] = {0, 0, 0, 0}, decays[4] = {0, 0, 0, 0};
    for (long n = 0; n < states; n += 4) {
#pragma clang loop unroll(full)
      for (int i = 0; i < 4; i++) {
        floats16 state = load16(s + (n + i) * 16);
        floats16 slope = scale_add16(q[n + i], output, load16(g.states + (n + i) * 16));
        store16(slope, g.states + (n + i) * 16);
        changes[i] = scale_add16(k[n + i], slope, changes[i]);
        decays[i] = __builtin_elementwise_fma(state, slope, decays[i]);
        store16(output * scale_add16(k[n + i], change, decay * state), g.queries + (t * states + n + i) * 16);
      }
    }
    floats16 d_change = (changes[0] + changes[1]) + (changes[2] + changes[3]);
    floats16 d_error = rate * d_change, d_recalled = -decay * d_error;
    store16(d_error, g.values + t * 16);
    store16(d_change * error, g.rates + t * 16);
    store16((decays[0] + decays[1]) + (decays[2] + decays[3]) - d_error * p, g.decays + t * 16);
    for (long n = 0; n < states; n += 4) {
#pragma clang loop unroll(full)
      for (int i = 0; i < 4; i++) {
        floats16 slope = load16(g.states + (n + i) * 16);
        floats16 term = __builtin_elementwise_fma(d_recalled, load16(s + (n + i) * 16), change * slope);
        store16(term, g.keys + (t * states + n + i) * 16);
        store16(scale_add16(k[n + i], d_recalled, decay * slope), g.states + (n + i) * 16);
      }
    }
  }
}
