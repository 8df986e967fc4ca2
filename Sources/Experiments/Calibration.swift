import Corpora
import Foundation
import Models
import Training

/// How long runs will take and how much memory they need on this machine, from a few steps of each shape.
public struct Calibration: Sendable {
  /// A shape of training step: everything that decides its time.
  private struct Shape: Hashable {
    let model: ModelConfiguration
    let batch: Int
  }

  private var stepSeconds: [Shape: Double] = [:]
  private var windowSeconds: [ModelConfiguration: Double] = [:]
  private var bytes: [ModelConfiguration: Int] = [:]

  /// Measures the shapes of `runs`: a few hundredths of a second each.
  public init(_ runs: [PlannedRun], corpora: CorpusCache) throws {
    for run in runs {
      let configuration = run.configuration
      for batch in Set(configuration.training.batch.stages.map(\.tokens)).sorted() {
        let shape = Shape(model: configuration.model, batch: batch)
        guard stepSeconds[shape] == nil else { continue }
        let corpus = try corpora.corpus(configuration.corpus, context: configuration.model.context)
        let cost = try Trainer.measureCost(configuration, batch: batch, corpus: corpus)
        stepSeconds[shape] = cost.stepSeconds
        windowSeconds[configuration.model] = cost.windowSeconds
        bytes[configuration.model] = max(bytes[configuration.model] ?? 0, cost.bytes)
      }
    }
  }

  /// Seconds of training from `first` to `last` tokens.
  func seconds(of run: PlannedRun, from first: Int, to last: Int) -> Double {
    let batch = run.configuration.training.batch
    var (seen, sum) = (first, 0.0)
    while seen < last {
      let tokens = batch.tokens(after: seen)
      sum += stepSeconds[Shape(model: run.configuration.model, batch: tokens)] ?? 0
      seen += tokens
    }
    return sum
  }

  /// Seconds of training on one token, on average over a run.
  func secondsPerToken(of run: PlannedRun) -> Double {
    seconds(of: run, from: 0, to: run.tokens) / Double(run.tokens)
  }

  /// Seconds of evaluating `windows` validation windows.
  func seconds(of run: PlannedRun, windows: Int) -> Double {
    Double(windows) * (windowSeconds[run.configuration.model] ?? 0)
  }

  /// Seconds of the run's own part, from where it leaves its trunk, with its last evaluation.
  public func branchSeconds(of run: PlannedRun) -> Double {
    let training = run.configuration.training
    let windows = run.configuration.corpus.validationTokens / run.configuration.model.context
    return seconds(of: run, from: training.schedule.branchPoint(tokens: training.tokens), to: run.tokens)
      + seconds(of: run, windows: windows)
  }

  /// Seconds of a trunk with all its branches.
  public func seconds(ofTrunk runs: [PlannedRun]) -> Double {
    let trunk = runs.map { run in
      let training = run.configuration.training
      return seconds(of: run, from: 0, to: training.schedule.branchPoint(tokens: training.tokens))
    }
    return (trunk.max() ?? 0) + runs.reduce(0) { $0 + branchSeconds(of: $1) }
  }

  /// The memory of a run in bytes, the corpus aside.
  public func bytes(of run: PlannedRun) -> Int { bytes[run.configuration.model] ?? 0 }
}
