import Foundation

// Naive references in double precision, written from the definitions with no regard for speed. Matrices are
// arrays, row after row.
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

  static func rotary(_ x: [Double], heads: Int, context: Int, width: Int, base: Double = 100) -> [Double] {
    var y = x
    let half = width / heads / 2
    for row in 0..<x.count / (3 * width) {
      for head in 0..<2 * heads {
        for i in 0..<half {
          let angle = Double(row % context) * pow(base, -Double(i) / Double(half))
          let u = row * 3 * width + head * 2 * half + i
          y[u] = x[u] * cos(angle) - x[u + half] * sin(angle)
          y[u + half] = x[u] * sin(angle) + x[u + half] * cos(angle)
        }
      }
    }
    return y
  }

  static func attention(_ x: [Double], heads: Int, context: Int, width: Int, scale: Double) -> [Double] {
    let depth = width / heads
    var y = Array(repeating: 0.0, count: x.count / 3)
    for window in 0..<x.count / (3 * width * context) {
      func element(_ part: Int, _ t: Int, _ head: Int, _ d: Int) -> Double {
        x[(window * context + t) * 3 * width + part * width + head * depth + d]
      }
      for head in 0..<heads {
        for i in 0..<context {
          let scores = (0...i).map { j in
            scale * (0..<depth).reduce(0) { $0 + element(0, i, head, $1) * element(1, j, head, $1) }
          }
          let weights = softmax(scores)
          for d in 0..<depth {
            y[(window * context + i) * width + head * depth + d] =
              (0...i).reduce(0) { $0 + weights[$1] * element(2, $1, head, d) }
          }
        }
      }
    }
    return y
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
