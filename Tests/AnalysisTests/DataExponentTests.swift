import Analysis
import Corpora
import Foundation
import RandomNumbers
import ScalingLaws
import Testing

struct DataExponentTests {
  @Test("The exponent of planted statistics lies within its interval")
  func plantedLaws() throws {
    var random = SplitMix64(seed: 2)
    let entropies = (0...9).map { n in
      (n: n, value: n == 0 ? 3 : 0.8 + 1.5 * pow(Double(n), -0.4) * (1 + 0.002 * random.normal()))
    }
    let distances = [1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64]
    let correlations = distances.map { n in
      (n: n, value: 0.2 * pow(Double(n), -0.9) * (1 + 0.05 * random.normal()))
    }
    for entropy in [0.8, nil] as [Double?] {
      let found = DataExponent(entropies: entropies, entropy: entropy, correlations: correlations)
      #expect(found.entropy.interval?.contains(0.4) == true)
      #expect(found.correlation.interval?.contains(0.9) == true)
      #expect(found.interval?.contains(0.4 / 1.8) == true)
      #expect(found.entropy.isFloorKnown == (entropy != nil))
    }
  }

  @Test("Correlations that do not vanish at large distances get a floor, and others none")
  func correlationFloor() throws {
    let distances = [1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64, 91, 128]
    for floor in [0, 0.01] {
      var random = SplitMix64(seed: 3)
      let points = distances.map { n in
        (n: n, value: (floor + 0.1 * pow(Double(n), -0.8)) * (1 + 0.02 * random.normal()))
      }
      let decay = DataExponent(entropies: [], entropy: nil, correlations: points).correlation
      #expect(decay.interval?.contains(0.8) == true)
      #expect(abs((decay.floor ?? 0) - floor) < 0.001 && decay.isFloorKnown == (floor == 0))
    }
  }

  @Test("Too few points are not identified")
  func notIdentified() {
    let few = DataExponent(
      entropies: [(0, 3), (1, 2), (2, 1.5)], entropy: nil, correlations: [(1, 0.1), (2, 0.05)])
    #expect(few.entropy.exponent == nil && few.correlation.exponent == nil && few.exponent == nil)
    #expect(few.entropy.lack == "there are only 2 points")
    let below = DataExponent(entropies: [(1, 2), (2, 0.9)], entropy: 1, correlations: [])
    #expect(below.entropy.exponent == nil && below.entropy.points == 1)
  }

  @Test("The decay of measured correlations lies within its interval")
  func measuredCorrelations() throws {
    // Chains of two states, each with its own rate of change: on average the correlation is ½(1 + n)^−½.
    var random = SplitMix64(seed: 4)
    let documents = (0..<1000).map { _ -> [UInt16] in
      let normal = random.normal()
      let change = (1 - exp(-normal * normal / 2)) / 2
      var state: UInt16 = random.uniform() < 0.5 ? 0 : 1
      return (0..<2000).map { _ in
        if random.uniform() < change { state = 1 - state }
        return state
      }
    }
    let found = TokenCorrelations(documents, vocabulary: 2)
    let decay = DataExponent.decay(of: found.significant.map { ($0.n + 1, $0.value) }, to: .zero)
    let interval = try #require(decay.interval)
    #expect(interval.contains(0.5) && interval.high - interval.low < 0.1)
  }
}
