import Autograd
import Corpora
import Foundation
import Models

/// The loss on the validation windows.
public struct Evaluation: Sendable, Hashable {
  /// The mean in nats a token.
  public let loss: Double
  /// The standard error of the mean over windows.
  public let standardError: Double
  /// The mean over the targets of each family, in nats a token; NaN where there are none.
  public let families: [Double]
  /// The part of the targets that belongs to each family.
  public let shares: [Double]
  /// The windows read.
  public let windows: Int
}

/// Evaluates a model, forward only.
final class Evaluator {
  /// Windows in one replay.
  private static let chunk = 16
  /// Windows between two looks at the standard error.
  private static let round = 8 * chunk

  private let corpus: TokenizedCorpus
  private let program: LossProgram
  private let arenas: [Arena]

  init(_ transformer: Transformer, corpus: TokenizedCorpus, threads: Int) {
    self.corpus = corpus
    let program = transformer.lossProgram(windows: Self.chunk, gradients: false)
    self.program = program
    arenas = (0..<max(threads, 1)).map { _ in Arena(for: program.program) }
  }

  /// The bytes of all arenas.
  var byteCount: Int { arenas.reduce(0) { $0 + $1.byteCount } }

  /// Evaluates the model on the fixed validation windows, always in the same order.
  ///
  /// - Parameter precision: Stops as soon as the standard error is below this fraction of the loss. `nil` reads all.
  func callAsFunction(_ parameters: FloatBuffer, precision: Double?) -> Evaluation {
    let windows = corpus.validation
    var sums = Sums(families: corpus.families.count)
    var start = 0
    while start < windows.count {
      let end = min(start + Self.round, windows.count)
      let losses = self.losses(of: start..<end, parameters)
      for window in start..<end { sums.add(losses[window - start], window: window, of: windows) }
      start = end
      if let precision, sums.standardError < precision * sums.mean { break }
    }
    return sums.evaluation
  }

  /// The loss of every target of some windows.
  private func losses(of range: Range<Int>, _ parameters: FloatBuffer) -> [[Float]] {
    let windows = corpus.validation
    let chunks = stride(from: range.lowerBound, to: range.upperBound, by: Self.chunk).map {
      $0..<min($0 + Self.chunk, range.upperBound)
    }
    var losses: [[Float]] = Array(repeating: [], count: range.count)
    losses.withUnsafeMutableBufferPointer { losses in
      inParallel(chunks.count, threads: arenas.count) { index, thread in
        let (chunk, arena) = (chunks[index], arenas[thread])
        for slot in 0..<Self.chunk {
          // The last chunk may have fewer windows; it reads one of them again.
          let window = min(chunk.lowerBound + slot, chunk.upperBound - 1)
          windows.copy(
            window: window, inputs: arena.integers(program.inputs) + slot * windows.context,
            targets: arena.integers(program.targets) + slot * windows.context)
        }
        program.program.forward(arena, parameters: parameters)
        for window in chunk {
          let row = (window - chunk.lowerBound) * windows.context
          losses[window - range.lowerBound] = Array(arena.output[row..<row + windows.context])
        }
      }
    }
    return losses
  }
}

/// The running sums of an evaluation.
private struct Sums {
  private var windows = 0
  private var sum = 0.0
  private var squares = 0.0
  private var families: [Double]
  private var counts: [Int]

  init(families: Int) {
    self.families = Array(repeating: 0, count: families)
    counts = Array(repeating: 0, count: families)
  }

  mutating func add(_ losses: [Float], window: Int, of all: TokenWindows) {
    var total = 0.0
    for (position, loss) in losses.enumerated() {
      let family = all.family(window: window, position: position)
      families[family] += Double(loss)
      counts[family] += 1
      total += Double(loss)
    }
    let mean = total / Double(losses.count)
    sum += mean
    squares += mean * mean
    windows += 1
  }

  var mean: Double { sum / Double(windows) }

  var standardError: Double {
    guard windows > 1 else { return .infinity }
    let variance = (squares - sum * mean) / Double(windows - 1)
    return (max(variance, 0) / Double(windows)).squareRoot()
  }

  var evaluation: Evaluation {
    let targets = Double(counts.reduce(0, +))
    return Evaluation(
      loss: mean, standardError: standardError, families: zip(families, counts).map { $0 / Double($1) },
      shares: counts.map { Double($0) / targets }, windows: windows)
  }
}
