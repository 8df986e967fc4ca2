import Analysis
import Files
import Foundation
import RandomNumbers
import Reports
import ScalingLaws

/// A random table of runs with random options of `isoflop fit`, for fuzzing with values instead of bytes.
///
/// Equal numbers give equal cases on every machine.
package struct TableCase: Sendable {
  package let number: Int
  package let csv: String
  package let requests: [FitRequest]
  /// The true entropy; nil if it is unknown.
  package let entropy: Double?
  package let bootstraps: Int
  package let dropped: Int

  /// The published laws, of which most need columns that no table has.
  private static let formulas = NamedFormula.all.compactMap(\.law)

  /// The limit on the CPU time of a case, in seconds.
  package static let mostSeconds = 10.0

  /// - Parameter mostRows: of the table; three at least.
  package init(number: Int, mostRows: Int = 60) {
    var random = Random(state: UInt64(number) &* 0x9E37_79B9 &+ 1)
    // Small tables are fast, and show most faults.
    let rows = 3 + random.below(random.below(4) == 0 ? mostRows - 2 : min(mostRows - 2, 14))
    self.number = number
    csv = Self.table(rows, &random)
    let floor = random.pick([FloorChoice.free, .free, .free, .zero, .entropy, .value(1.69)])
    entropy = floor == .entropy ? random.pick([1e-300, 0.5, 1.69, 2, 1e9]) : nil
    bootstraps = random.pick([0, 0, 5, 20, 100])
    dropped = random.pick([0, 0, 0, 1, 3])
    let delta = random.pick([1e-3, 1e-3, 1e-300, 1, 1e300])
    let objective = Objective(
      random.pick(PenaltyChoice.allCases).penalty(delta: delta), on: random.pick(Objective.Scale.allCases),
      weighted: random.below(5) == 0)
    let isLong = random.below(40) == 0
    requests = (0..<(1 + random.below(2))).map { _ in
      let law = random.pick(LawChoice.allCases)
      let quick: [AnalysisChoice] = [.slopes, .counting]
      let analyses = isLong ? AnalysisChoice.allCases : random.below(3) == 0 ? quick : []
      let held: [String: Double] =
        random.below(6) == 0
        ? [random.pick(["alpha", "beta", "E", "A"]): random.pick([0.3, 1e-300, 1e300, 5])] : [:]
      if law == .formula {
        return FitRequest(
          random.pick(Self.formulas), objective: objective, held: held, analyses: analyses)
      }
      return FitRequest(
        law, floor: law.hasFloor ? floor : .free, breaks: law.isBroken ? 1 + random.below(3) : 1,
        objective: objective, held: held, analyses: analyses)
    }
  }

  /// Reads the table, fits, writes the page and its figures' scripts, and plans by each surface.
  ///
  /// - Throws: `InputError` if the table is rejected.
  package func run() throws {
    let table = try ObservationFile(path: "table.csv", text: csv, droppingHighest: dropped)
    let fits = Fits(
      of: table, requests: requests, entropy: entropy, bootstraps: bootstraps, seed: UInt64(number))
    _ = try Report(of: fits, title: "table.csv").pageWithScripts()
    let read = try Fits(fits.json(), path: "fits.json")
    for law in read.fits.compactMap(\.fit) {
      for size in [1e-300, 1, 1e9, 1e300] {
        _ = law.predict(at: Observation(parameters: size, tokens: size, compute: size, loss: 1))
        let budgets: [Allocation.Budget] = [.compute(size), .parameters(size), .tokens(size), .loss(size)]
        for budget in budgets { _ = try? Allocation(budget, under: law, inferenceTokens: 1e12) }
      }
    }
  }

  private static func table(_ rows: Int, _ random: inout Random) -> String {
    let losses = random.pick(Losses.allCases)
    let places = random.pick(Places.allCases)
    let noise = random.pick([0, 1e-15, 1e-3, 0.01, 0.3])
    let extra = random.below(3)
    var lines = ["N,D,loss" + ["", ",loss_se,cluster", ",U,S,experts,r1,r2,loss_se"][extra]]
    let first = (random.logUniform(3, 10), random.logUniform(5, 12))
    for row in 0..<rows {
      let (n, d) = places.place(row, first, &random)
      let loss = losses.loss(n, d, row, noise, &random)
      let error = random.pick([0.01, 0.01, 1e-300, 1e300])
      let cells: [Double] =
        switch extra {
        case 0: [n, d, loss]
        case 1: [n, d, loss, error, Double(row / 3)]
        default:
          [
            n, d, loss, d / random.pick([1, 2, 1e6]), random.logUniform(1, 6),
            random.pick([1, 4, 16]), random.uniform(), random.uniform(), error,
          ]
        }
      lines.append(cells.map { "\($0)" }.joined(separator: ","))
    }
    if random.below(4) == 0 { lines.append(contentsOf: lines.dropFirst().prefix(random.below(5))) }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The kind of losses.
  private enum Losses: CaseIterable {
    case law, law2, flat, noise, outlier, equal, rising, bent, huge, tiny, wild, negative, steep

    func loss(_ n: Double, _ d: Double, _ row: Int, _ noise: Double, _ random: inout Random) -> Double {
      let planted = 1.69 + 400 * pow(n, -0.34) + 1200 * pow(d, -0.3)
      let error = 1 + noise * random.normal()
      return switch self {
      case .law, .law2: planted * error
      case .flat: 2.5 + 0.002 * noise * random.normal()
      case .noise: 2 + abs(random.normal())
      case .outlier: row == 0 ? random.pick([1e30, 1e300, 1e-300]) : 2 * error
      case .equal: 1.69
      case .rising: 0.1 + 0.05 * log(n * d) * error
      case .bent: (1.69 + 400 * pow(n, -0.34) * pow(1 + pow(d / 1e9, 4), 0.1)) * error
      case .huge: 1e290 * planted * error
      case .tiny: 1e-290 * planted * error
      case .wild: pow(10, 600 * (random.uniform() - 0.5))
      case .negative: random.below(4) == 0 ? -planted : planted
      case .steep: 1.69 + pow(n / 1e3, -40) * error
      }
    }
  }

  /// The sizes and lengths of the runs.
  private enum Places: CaseIterable {
    case spread, grid, oneSize, oneLength, onePlace, oneRatio, oneBudget, near, wild

    func place(_ row: Int, _ first: (Double, Double), _ random: inout Random) -> (Double, Double) {
      let (n, d) = first
      switch self {
      case .spread: return (random.logUniform(3, 10), random.logUniform(5, 12))
      case .grid: return (n * pow(3, Double(row % 4)), d * pow(4, Double(row / 4)))
      case .oneSize: return (n, random.logUniform(5, 12))
      case .oneLength: return (random.logUniform(3, 10), d)
      case .onePlace: return (n, d)
      case .oneRatio:
        let size = random.logUniform(3, 10)
        return (size, 20 * size)
      case .oneBudget:
        let (size, budget) = (random.logUniform(4, 8), pow(10, Double(14 + row / 5)))
        return (size, budget / (6 * size))
      case .near: return (n * (1 + 1e-15 * Double(row)), d * (1 + 1e-14 * Double(row)))
      case .wild: return (random.logUniform(-300, 300), random.logUniform(-300, 300))
      }
    }
  }

  /// SplitMix64   (Steele et al. 2014), without the mixed seed of the type of that name: a number's table stays the
  /// same.
  private struct Random {
    var state: UInt64

    mutating func next() -> UInt64 {
      defer { state &+= 0x9E37_79B9_7F4A_7C15 }
      return mix(state)
    }

    mutating func below(_ count: Int) -> Int { Int(next() % UInt64(max(count, 1))) }
    mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }
    mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }
    mutating func normal() -> Double {
      (-2 * log(max(uniform(), 1e-300))).squareRoot() * cos(2 * .pi * uniform())
    }
    /// 10 to a power between two others.
    mutating func logUniform(_ low: Double, _ high: Double) -> Double {
      pow(10, low + (high - low) * uniform())
    }
  }
}
