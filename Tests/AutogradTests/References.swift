import Foundation

// Naive references in double precision, implemented from the definitions without optimisation. Matrices are
// arrays in row-major order.
enum Reference {
  static func linear(
    _ x: [Double], _ w: [Double], _ b: [Double]?, k: Int, n: Int, transposed: Bool, scale: Double
  )
    -> [Double]
  {
    (0..<x.count / k).flatMap { r in
      (0..<n).map { c in
        (0..<k).reduce(b?[c] ?? 0) {
          $0 + scale * x[r * k + $1] * (transposed ? w[c * k + $1] : w[$1 * n + c])
        }
      }
    }
  }

  static func layerNorm(_ x: [Double], _ g: [Double], _ b: [Double]) -> [Double] {
    let n = g.count
    return (0..<x.count / n).flatMap { r in
      let row = x[r * n..<(r + 1) * n]
      let mean = row.reduce(0, +) / Double(n)
      let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(n)
      return zip(row, zip(g, b)).map { ($0 - mean) / (variance + 1e-5).squareRoot() * $1.0 + $1.1 }
    }
  }

  static func rmsNorm(_ x: [Double], _ g: [Double]) -> [Double] {
    let n = g.count
    return (0..<x.count / n).flatMap { r in
      let row = x[r * n..<(r + 1) * n]
      let square = row.reduce(0) { $0 + $1 * $1 } / Double(n)
      return zip(row, g).map { $0 / (square + 1e-5).squareRoot() * $1 }
    }
  }

  static func gelu(_ x: [Double]) -> [Double] {
    x.map { 0.5 * $0 * (1 + tanh((2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0))) }
  }

  static func swiGLU(_ x: [Double], width: Int) -> [Double] {
    (0..<x.count / (2 * width)).flatMap { r in
      (0..<width).map { c in
        let (a, b) = (x[r * 2 * width + c], x[r * 2 * width + width + c])
        return a / (1 + exp(-a)) * b
      }
    }
  }

  /// Returns a range of columns of a matrix with `count` columns.
  static func columns(_ x: [Double], of count: Int, _ range: Range<Int>) -> [Double] {
    stride(from: 0, to: x.count, by: count).flatMap { x[$0 + range.lowerBound..<$0 + range.upperBound] }
  }

  static func rotary(
    _ x: [Double], columns: Range<Int>, of count: Int, context: Int, depth: Int, base: Double = 100
  ) -> [Double] {
    var y = x
    let half = depth / 2
    for row in 0..<x.count / count {
      for first in stride(from: columns.lowerBound, to: columns.upperBound, by: depth) {
        for i in 0..<half {
          let angle = Double(row % context) * pow(base, -Double(i) / Double(half))
          let u = row * count + first + i
          y[u] = x[u] * cos(angle) - x[u + half] * sin(angle)
          y[u + half] = x[u] * sin(angle) + x[u + half] * cos(angle)
        }
      }
    }
    return y
  }

  /// Attention of `heads` heads of queries, `shared` of which use the same keys and values, each to `window` positions.
  static func attention(
    _ q: [Double], _ k: [Double], _ v: [Double], heads: Int, shared: Int, context: Int, window: Int? = nil,
    depth: Int, scale: Double
  ) -> [Double] {
    let (width, narrow) = (heads * depth, heads / shared * depth)
    var y = Array(repeating: 0.0, count: q.count)
    for start in stride(from: 0, to: q.count / width, by: context) {
      for head in 0..<heads {
        let (own, common) = (head * depth, head / shared * depth)
        for i in start..<start + context {
          let seen = max(start, i + 1 - (window ?? context))...i
          let scores = seen.map { j in
            scale * (0..<depth).reduce(0) { $0 + q[i * width + own + $1] * k[j * narrow + common + $1] }
          }
          let weights = softmax(scores)
          for d in 0..<depth {
            y[i * width + own + d] =
              zip(seen, weights).reduce(0) { $0 + $1.1 * v[$1.0 * narrow + common + d] }
          }
        }
      }
    }
    return y
  }

  /// Linear attention, one position after another. The features of queries and keys have width `features`.
  static func linearAttention(
    _ q: [Double], _ k: [Double], _ v: [Double], heads: Int, shared: Int, context: Int, features: Int,
    depth: Int
  ) -> [Double] {
    let keyHeads = heads / shared
    var y: [Double] = []
    for row in 0..<q.count / (heads * features) {
      var outputs: [Double] = []
      for head in 0..<heads {
        var (sums, norm) = (Array(repeating: 0.0, count: depth), 0.0)
        for past in row - row % context...row {
          let place = past * keyHeads + head / shared
          let weight = (0..<features).reduce(0) {
            $0 + q[(row * heads + head) * features + $1] * k[place * features + $1]
          }
          norm += weight
          for d in 0..<depth { sums[d] += weight * v[place * depth + d] }
        }
        outputs += sums.map { $0 / norm }
      }
      y += outputs
    }
    return y
  }

  static func eluFeatures(_ x: [Double]) -> [Double] { x.map { $0 > 0 ? $0 + 1 : exp($0) } }

  /// Random features of heads of width `depth`, with weights w (features, depth).
  static func randomFeatures(_ x: [Double], _ w: [Double], depth: Int, ofQueries: Bool, scale: Double)
    -> [Double]
  {
    stride(from: 0, to: x.count, by: depth).flatMap { start in
      let row = x[start..<start + depth].map { $0 * scale.squareRoot() }
      let scores = stride(from: 0, to: w.count, by: depth).map { f in
        zip(row, w[f..<f + depth]).reduce(0) { $0 + $1.0 * $1.1 }
      }
      let half = row.reduce(0) { $0 + $1 * $1 } / 2
      return ofQueries ? softmax(scores) : scores.map { exp($0 - half) + 1e-6 }
    }
  }

  static func softmax(_ z: [Double]) -> [Double] {
    let top = z.max() ?? 0
    let exponentials = z.map { exp($0 - top) }
    let sum = exponentials.reduce(0, +)
    return exponentials.map { $0 / sum }
  }

  static func crossEntropy(_ z: [Double], _ targets: [Int], vocabulary: Int) -> [Double] {
    targets.enumerated().map { row, target in
      -log(softmax(Array(z[row * vocabulary..<(row + 1) * vocabulary]))[target])
    }
  }
}
