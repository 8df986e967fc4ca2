import Corpora
import Files
import Foundation
import Generation
import RandomNumbers
import Testing

@Suite struct SamplerTests {
  private let logits = [0.5, 2, -1, 2, 0, 1]

  private func filtered(_ filter: any LogitFilter, _ logits: [Double]) -> [Double] {
    var logits = logits
    filter.apply(to: &logits)
    return logits
  }

  @Test("Greedy chooses the most likely token, the first of equally likely ones")
  func greedy() {
    var (logits, random) = (logits, SplitMix64(seed: 0))
    let drawn = Greedy()(&logits, random: &random)
    #expect(drawn.token == 1 && drawn.nats == 0)
  }

  @Test("Top-k keeps the k most likely tokens, the first of equally likely ones")
  func topK() {
    let kept = [
      1: [1], 2: [1, 3], 3: [1, 3, 5], 5: [0, 1, 3, 4, 5], 6: [0, 1, 2, 3, 4, 5], 99: Array(0..<6),
    ]
    for (k, tokens) in kept {
      let result = filtered(TopK(k), logits)
      #expect(result.indices.filter { result[$0] > -.infinity } == tokens, "\(k)")
      for token in tokens { #expect(result[token] == logits[token]) }
    }
    #expect(filtered(TopK(2), [3, 3, 3]) == [3, 3, -.infinity])
    // Compared with sorting many logits.
    var random = SplitMix64(seed: 4)
    let many = (0..<500).map { _ in (random.normal() * 20).rounded() / 10 }
    for k in [1, 7, 250, 499] {
      let best = Set(many.indices.sorted { (-many[$0], $0) < (-many[$1], $1) }.prefix(k))
      let result = filtered(TopK(k), many)
      #expect(Set(result.indices.filter { result[$0] > -.infinity }) == best)
    }
  }

  @Test("Top-p keeps the smallest set of tokens that reaches a probability")
  func topP() {
    // Probabilities 0.5, 0.25, 0.125, 0.125.
    let logits = [-2.0, -1, -3, -3].map { $0 * 0.693_147_180_559_945_3 }
    for (p, tokens) in [(0.2, [1]), (0.499, [1]), (0.6, [0, 1]), (0.8, [0, 1, 2]), (0.9, [0, 1, 2, 3])] {
      let result = filtered(TopP(p), logits)
      #expect(result.indices.filter { result[$0] > -.infinity } == tokens, "\(p)")
    }
    #expect(filtered(TopP(1), logits) == logits)
    #expect(filtered(TopP(1e-300), logits).filter { $0 > -.infinity }.count == 1)
  }

  @Test("A temperature divides differences of logits, and the smallest temperature is greedy")
  func temperature() {
    for (a, b) in zip(filtered(Temperature(0.5), logits), logits) { #expect(a == 2 * (b - 2)) }
    var random = SplitMix64(seed: 0)
    var logits = [0.0, 3, 2]
    #expect(RandomDraw([Temperature(1e-300)])(&logits, random: &random).token == 1)
  }

  @Test("Tokens are drawn with their probabilities, and filtered ones never")
  func draw() {
    let probabilities = [0.1, 0.4, 0.05, 0.45]
    func frequencies(_ filters: [any LogitFilter]) -> [Double] {
      var random = SplitMix64(seed: 12)
      var counts = [0.0, 0, 0, 0]
      for _ in 0..<20_000 {
        var logits = [-2.302_585, -0.916_291, -2.995_732, -0.798_508]
        let drawn = RandomDraw(filters)(&logits, random: &random)
        counts[drawn.token] += 1
        let kept = filters.isEmpty ? 1 : 0.85
        #expect(abs(drawn.nats + log(probabilities[drawn.token] / kept)) < 1e-5)
      }
      return counts.map { $0 / 20_000 }
    }
    // Five standard errors at most.
    for (frequency, p) in zip(frequencies([]), probabilities) { #expect(abs(frequency - p) < 0.018) }
    let two = frequencies([TopK(3), TopP(0.8)])
    #expect(two[0] == 0 && two[2] == 0 && abs(two[1] - 0.4 / 0.85) < 0.018)
  }

  @Test("The logits of a diverged model also give a token")
  func notNumbers() {
    for bad in [Double.nan, .infinity, -.infinity] {
      for sampler in [Greedy(), RandomDraw([Temperature(2), TopK(2), TopP(0.5)])] as [any Sampler] {
        var (logits, random) = ([bad, bad, bad, 1, bad], SplitMix64(seed: 0))
        #expect((0..<5).contains(sampler(&logits, random: &random).token))
        logits = Array(repeating: bad, count: 5)
        #expect((0..<5).contains(sampler(&logits, random: &random).token))
      }
    }
  }

  @Test("Every token whose text is the stop text ends a sequence")
  func stop() throws {
    let characters = CharacterTokenizer(alphabet: ["a", ".", "é"])
    #expect(throws: InputError.self) { try StopTokens(writing: "x", characters) }
    #expect(throws: InputError.self) { try StopTokens(writing: "", characters) }
    _ = try StopTokens(writing: "é", characters)
    #expect(throws: InputError.self) { try StopTokens(writing: "é", ByteTokenizer()) }
  }
}
