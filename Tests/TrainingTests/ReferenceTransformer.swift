import Foundation
import Models

/// An independent scalar implementation of a transformer, as a reference for `Models.Transformer`. It
/// accesses weights by name and has no code in common with it.
struct ReferenceTransformer {
  let configuration: ModelConfiguration
  /// The weights by name, in row-major order.
  let weights: [String: [Scalar]]

  /// The loss of predicting each of `tokens` except the first from those before it, with label smoothing.
  func losses(_ tokens: [Int], smoothing: Double = 0) -> [Scalar] {
    let c = configuration
    var stream = tokens.dropLast().enumerated().map { position, token in
      let embedded = row(token, of: weight("embedding.weight"))
      guard c.positions == .learned else { return embedded }
      return zip(embedded, row(position, of: weight("positions.weight"))).map(+)
    }
    for block in 0..<c.depth {
      let name = "blocks.\(block)"
      let mixed = attention(stream.map { norm($0, "\(name).attention.norm") }, "\(name).attention")
      stream = zip(stream, mixed).map { zip($0, $1).map(+) }
      stream = stream.map { x in
        zip(x, feedForward(norm(x, "\(name).feedForward.norm"), "\(name).feedForward")).map(+)
      }
    }
    let head = weight(c.tiedHead ? "embedding.weight" : "head.weight")
    let logitScale = c.parametrisation == .mup ? 32 / Double(c.width) : 1
    return zip(stream, tokens.dropFirst()).map { x, target in
      let final = norm(x, "norm")
      let logits = (0..<c.vocabulary).map { dot(final, row($0, of: head)) * logitScale }
      let right = logits[target] * (1 - smoothing) + sum(logits) * (smoothing / Double(c.vocabulary))
      return sum(logits.map { $0.exponential() }).logarithm() - right
    }
  }

  private func weight(_ name: String) -> [Scalar] { weights[name] ?? [] }

  private func row(_ index: Int, of matrix: [Scalar]) -> [Scalar] {
    Array(matrix[index * configuration.width..<(index + 1) * configuration.width])
  }

  private func dot(_ a: [Scalar], _ b: [Scalar]) -> Scalar { sum(zip(a, b).map(*)) }

  private func linear(_ x: [Scalar], _ name: String) -> [Scalar] {
    product(x, weight("\(name).weight")[...], plus: weight("\(name).bias")[...])
  }

  /// The linear map of one of several experts.
  private func linear(_ x: [Scalar], _ name: String, expert: Int, of experts: Int) -> [Scalar] {
    func part(_ name: String) -> ArraySlice<Scalar> {
      let count = weight(name).count / experts
      return weight(name)[expert * count..<(expert + 1) * count]
    }
    return product(x, part("\(name).weight"), plus: part("\(name).bias"))
  }

  private func product(_ x: [Scalar], _ matrix: ArraySlice<Scalar>, plus bias: ArraySlice<Scalar>) -> [Scalar]
  {
    let (matrix, bias) = (Array(matrix), Array(bias))
    let columns = matrix.count / x.count
    return (0..<columns).map { column in
      let y = sum(x.indices.map { x[$0] * matrix[$0 * columns + column] })
      return bias.isEmpty ? y : y + bias[column]
    }
  }

  private func norm(_ x: [Scalar], _ name: String) -> [Scalar] {
    let gain = weight("\(name).gain")
    let inverseCount = 1 / Double(x.count)
    switch configuration.architecture {
    case .gpt2:
      let mean = sum(x) * inverseCount
      let centred = x.map { $0 - mean }
      let inverse = (sum(centred.map { $0 * $0 }) * inverseCount + 1e-5).inverseRoot()
      let bias = weight("\(name).bias")
      return centred.indices.map { centred[$0] * inverse * gain[$0] + bias[$0] }
    case .llama:
      let inverse = (sum(x.map { $0 * $0 }) * inverseCount + 1e-5).inverseRoot()
      return x.indices.map { x[$0] * inverse * gain[$0] }
    }
  }

  private func attention(_ x: [[Scalar]], _ name: String) -> [[Scalar]] {
    let c = configuration
    let depth = c.headWidth
    let scale = c.parametrisation == .mup ? 8.0.squareRoot() / Double(depth) : 1 / Double(depth).squareRoot()
    let projected = x.map { linear($0, "\(name).qkv") }
    func part(_ part: Int, _ head: Int, _ position: Int) -> [Scalar] {
      // Queries, then keys and values, of which neighbouring heads share one.
      let keyHeads = c.kvHeads ?? c.heads
      let first = part == 0 ? 0 : c.heads + (part - 1) * keyHeads
      let start = (first + (part == 0 ? head : head * keyHeads / c.heads)) * depth
      let vector = Array(projected[position][start..<start + depth])
      return part < 2 && c.positions == .rotary ? turned(vector, by: position) : vector
    }
    return x.indices.map { i in
      let heads = (0..<c.heads).flatMap { head in
        let scores = (0...i).map { j in (dot(part(0, head, i), part(1, head, j)) * scale).exponential() }
        let inverse = sum(scores).inverse()
        return (0..<depth).map { d in
          sum((0...i).map { j in scores[j] * inverse * part(2, head, j)[d] })
        }
      }
      return linear(heads, "\(name).out")
    }
  }

  private func turned(_ x: [Scalar], by position: Int) -> [Scalar] {
    let half = x.count / 2
    var y = x
    for i in 0..<half {
      let angle = Double(position) * pow(100, -Double(i) / Double(half))
      y[i] = x[i] * cos(angle) - x[i + half] * sin(angle)
      y[i + half] = x[i] * sin(angle) + x[i + half] * cos(angle)
    }
    return y
  }

  private func feedForward(_ x: [Scalar], _ name: String) -> [Scalar] {
    if let moe = configuration.moe, !weight("\(name).router.weight").isEmpty {
      return self.moe(moe, x, name)
    }
    return linear(activated(linear(x, "\(name).up")), "\(name).down")
  }

  private func moe(_ moe: MoE, _ x: [Scalar], _ name: String) -> [Scalar] {
    let experts = moe.experts * moe.granularity - moe.shared
    let powers = product(x, weight("\(name).router.weight")[...], plus: []).map { $0.exponential() }
    let chosen = powers.indices.sorted { powers[$0].value > powers[$1].value }
      .prefix(moe.topK * moe.granularity - moe.shared)
    let whole = sum(moe.gate == .softmaxFirst ? powers : chosen.map { powers[$0] }).inverse()
    let parts = chosen.map { expert in
      let hidden = linear(x, "\(name).experts.up", expert: expert, of: experts)
      return linear(activated(hidden), "\(name).experts.down", expert: expert, of: experts)
        .map { $0 * powers[expert] * whole }
    }
    let shared =
      moe.shared == 0
      ? [] : [linear(activated(linear(x, "\(name).shared.up")), "\(name).shared.down")]
    return x.indices.map { c in sum((parts + shared).map { $0[c] }) }
  }

  private func activated(_ hidden: [Scalar]) -> [Scalar] {
    switch configuration.architecture {
    case .gpt2:
      let root = (2 / Double.pi).squareRoot()
      return hidden.map { h in
        h * 0.5 * (((h + h * h * h * 0.044715) * root).tangent() + 1)
      }
    case .llama:
      let half = hidden.count / 2
      return (0..<half).map { i in
        hidden[i] * ((hidden[i] * -1).exponential() + 1).inverse() * hidden[half + i]
      }
    }
  }
}
