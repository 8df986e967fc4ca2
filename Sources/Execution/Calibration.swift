import Dispatch
import Foundation
import Generation
import Models
import Plans
import Synchronization
import Training

/// Predicts the time and memory of runs on this machine from a few measured steps of each shape.
public struct Calibration: Sendable {
  /// The shape of a training step, which determines its time.
  private struct Shape: Hashable {
    let model: ModelConfiguration
    let batch: Int
  }

  private var costs: [Shape: Trainer.Cost] = [:]
  /// The seconds of sampling a token, of the models whose samples others are trained on.
  private var sampling: [ModelConfiguration: Double] = [:]

  /// Measures each shape of `runs` for a few hundredths of a second, `workers` of them at the same time.
  init(_ runs: [PlannedRun], corpora: CorpusCache, workers: Int) throws {
    var shapes: [Shape: PlannedRun] = [:]
    for run in runs {
      for stage in run.configuration.training.batch.stages {
        shapes[Shape(model: run.configuration.model, batch: stage.tokens)] = run
      }
    }
    let measured = Mutex<[Shape: Result<Trainer.Cost, any Error>]>([:])
    let jobs = shapes.map { (shape: $0.key, configuration: $0.value.configuration) }
    let left = Mutex(jobs[...])
    DispatchQueue.concurrentPerform(iterations: min(workers, jobs.count)) { _ in
      while let (shape, configuration) = left.withLock({ $0.popFirst() }) {
        let cost = Result {
          let corpus = try corpora.corpus(of: configuration)
          return try Trainer.measureCost(configuration, batch: shape.batch, corpus: corpus)
        }
        measured.withLock { $0[shape] = cost }
      }
    }
    costs = try measured.withLock { try $0.mapValues { try $0.get() } }
    for model in Set(runs.filter { $0.configuration.samples != nil }.map(\.configuration.model)) {
      sampling[model] = Generator.secondsPerToken(model)
    }
  }

  private func cost(of run: PlannedRun, batch: Int) -> Trainer.Cost? {
    costs[Shape(model: run.configuration.model, batch: batch)]
  }

  /// Returns the seconds of training from `first` to `last` tokens.
  func seconds(of run: PlannedRun, from first: Int, to last: Int) -> Double {
    // By stages, not by steps: a plan may have too many steps to loop over.
    let stages = run.configuration.training.batch.stages
    var (seen, sum) = (first, 0.0)
    for (index, stage) in stages.enumerated() {
      let end = index + 1 < stages.count ? min(stages[index + 1].from, last) : last
      guard seen < end else { continue }
      let steps = (end - seen + stage.tokens - 1) / stage.tokens
      sum += Double(steps) * (cost(of: run, batch: stage.tokens)?.stepSeconds ?? 0)
      seen += steps * stage.tokens
    }
    return sum
  }

  /// Returns the seconds of training per token, averaged over a run.
  func secondsPerToken(of run: PlannedRun) -> Double {
    seconds(of: run, from: 0, to: run.tokens) / Double(run.tokens)
  }

  /// Returns the seconds of evaluating `windows` validation windows.
  func seconds(of run: PlannedRun, windows: Int) -> Double {
    let batch = run.configuration.training.batch.tokens(after: 0)
    return Double(windows) * (cost(of: run, batch: batch)?.windowSeconds ?? 0)
  }

  /// Returns the seconds of a run from the point where it branches off its trunk, including evaluations.
  public func branchSeconds(of run: PlannedRun) -> Double {
    let start = branchPoint(of: run)
    let points =
      start > 0
      ? LearningCurve.points(ofCooldownFrom: start, to: run.tokens)
      : LearningCurve.points(through: run.tokens)
    return seconds(of: run, from: start, to: run.tokens)
      + seconds(of: run, windows: validationWindows(of: run) + points.count * LearningCurve.windows)
  }

  /// Returns the seconds of sampling a token; nil where no model is trained on samples.
  func secondsPerSample(of run: PlannedRun) -> Double? { sampling[run.configuration.model] }

  /// Returns the seconds of training all models of a lineage up to the last of some, and of their samples.
  private func seconds(ofLineage last: PlannedRun, _ samples: SampledText) -> Double {
    let first = samples.source == nil ? 0 : 1
    let training = (first...samples.generation).reduce(0.0) { sum, generation in
      sum + seconds(ofBranches: [last.generation(generation)])
    }
    let sampled = Double(samples.generation * last.configuration.tokensOfText) * samples.fraction
    return training + sampled * (secondsPerSample(of: last) ?? 0)
  }

  /// Returns the seconds of a trunk with all its branches, or of a lineage.
  public func seconds(ofTrunk runs: [PlannedRun]) -> Double {
    let sampled = runs.compactMap { run in run.configuration.samples.map { (run: run, samples: $0) } }
    if let last = sampled.max(by: { $0.samples.generation < $1.samples.generation }) {
      return seconds(ofLineage: last.run, last.samples)
    }
    return seconds(ofBranches: runs)
  }

  /// Returns the seconds of a trunk with all its branches.
  private func seconds(ofBranches runs: [PlannedRun]) -> Double {
    // Runs that have one training are evaluated one after the other.
    let trainings = Dictionary(grouping: runs, by: \.configuration.trained).values
    let branches = trainings.reduce(0) { sum, runs in
      sum + branchSeconds(of: runs[0])
        + Double(runs.count - 1) * seconds(of: runs[0], windows: validationWindows(of: runs[0]))
    }
    guard let longest = runs.max(by: { branchPoint(of: $0) < branchPoint(of: $1) }) else { return 0 }
    let trunk = branchPoint(of: longest)
    let windows = LearningCurve.points(through: trunk).count * LearningCurve.windows
    return branches + seconds(of: longest, from: 0, to: trunk) + seconds(of: longest, windows: windows)
  }

  private func branchPoint(of run: PlannedRun) -> Int {
    let training = run.configuration.training
    return training.schedule.branchPoint(tokens: training.tokens)
  }

  private func validationWindows(of run: PlannedRun) -> Int {
    run.configuration.corpus.validationTokens / run.configuration.model.context
  }

  /// Returns the memory of a run in bytes, without the corpus. It includes the arenas of all its batch sizes.
  public func bytes(of run: PlannedRun) -> Int {
    let batches = Set(run.configuration.training.batch.stages.map(\.tokens))
    let costs = batches.compactMap { cost(of: run, batch: $0) }
    return (costs.first?.stateBytes ?? 0) + costs.reduce(0) { $0 + $1.batchBytes }
  }
}
