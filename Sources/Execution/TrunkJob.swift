import Corpora
import Files
import Foundation
import Plans
import Training

/// A trunk with the runs to train on it: the unit of work of a process. Its JSON contains everything that a process on
/// any machine needs.
public struct TrunkJob: Codable, Sendable {
  /// A run of the job.
  public struct Run: Codable, Sendable {
    /// The configuration of the run.
    public let configuration: RunConfiguration
    /// The label of the run in messages.
    public let label: String
    /// The FLOPs of its training.
    public let flops: Double
  }

  /// The runs, all with the same trunk.
  public let runs: [Run]
  /// The predicted seconds on one core.
  public let seconds: Double
  let secondsPerToken: Double
  let flopsPerToken: Double
  let secondsPerWindow: Double
  /// The seconds of sampling a token; nil where no model is trained on samples.
  let secondsPerSample: Double?

  init(_ runs: [PlannedRun], _ calibration: Calibration) {
    self.runs = runs.map(Run.init)
    seconds = calibration.seconds(ofTrunk: runs)
    let longest = runs.max { $0.tokens < $1.tokens }
    flopsPerToken = runs[0].counts.trainingFlopsPerToken
    secondsPerToken = longest.map(calibration.secondsPerToken) ?? 0
    secondsPerWindow = longest.map { calibration.seconds(of: $0, windows: 1) } ?? 0
    secondsPerSample = longest.flatMap(calibration.secondsPerSample)
  }

  /// The identifier of the trunk.
  public var trunk: String { runs[0].configuration.trunkIdentifier }

  /// The identifiers of the runs.
  public var identifiers: Set<String> { Set(runs.map(\.configuration.identifier)) }

  /// The label of the job in messages.
  public var label: String {
    runs.count == 1 ? runs[0].label : "\(runs[0].label) … \(runs[runs.count - 1].label)"
  }

  /// Progress of a job.
  public enum Event: Codable, Sendable {
    /// Work was done: its predicted seconds, and its training FLOPs.
    case progress(seconds: Double, flops: Double)
    /// Work was already done before: its predicted seconds.
    case spared(seconds: Double)
    /// A run has ended, with its loss in nats per token, or nil if it has diverged.
    case finished(run: String, loss: Double?)
    /// A message for the user, such as that a file was damaged and its content is computed again.
    case remark(String)
  }

  /// The end of a job.
  public enum End: Codable, Sendable {
    /// All runs are finished.
    case done
    /// Another process works on it.
    case busy
    /// It was stopped, and its state is saved.
    case stopped
    /// It failed. If `concernsAll` is true, other jobs would fail too.
    case failed(String, concernsAll: Bool)
  }

  /// Trains the runs that are not finished, unless another process works on the trunk.
  ///
  /// - Parameters:
  ///   - abandoned: A claim on the trunk that was found to be abandoned.
  ///   - isCancelled: Called repeatedly during training; true stops it.
  ///   - whileSaving: Calls its argument, and prevents the process from ending before the argument has saved its work.
  public func train(
    in store: RunStore, corpora: CorpusCache, abandoned: Claims.Sighting? = nil, keepsCheckpoints: Bool,
    isCancelled: @escaping () -> Bool, whileSaving: (() throws -> Void) throws -> Void,
    report: @escaping (Event) -> Void
  ) -> End {
    do {
      guard let claim = try store.claims.claim(trunk, abandoned: abandoned) else { return .busy }
      do {
        try train(in: store, corpora, claim, keepsCheckpoints, isCancelled, whileSaving, report)
        claim.finish()
        return .done
      } catch {
        claim.release()
        throw error
      }
    } catch is TrunkTraining.Cancelled {
      return .stopped
    } catch let error where error is ClaimLost || error is TrunkTraining.Overtaken {
      return .busy
    } catch {
      return .failed("\(error)", concernsAll: (error as? InputError)?.concernsAll ?? false)
    }
  }

  private func train(
    in store: RunStore, _ corpora: CorpusCache, _ claim: Claim, _ keepsCheckpoints: Bool,
    _ isCancelled: @escaping () -> Bool, _ whileSaving: (() throws -> Void) throws -> Void,
    _ report: @escaping (Event) -> Void
  ) throws {
    let configuration = runs[0].configuration
    let corpus = try corpora.corpus(of: configuration)
    guard corpus.fingerprint == configuration.corpusFingerprint else {
      throw InputError(
        "has changed since the runs were planned", file: configuration.corpus.source,
        remedy: "Restore it, or repeat the command that planned them")
    }
    var done = 0.0
    let control = TrunkTraining.Control(
      keepsCheckpoints: keepsCheckpoints,
      isCancelled: {
        guard claim.isHeld else { throw ClaimLost() }
        return isCancelled()
      },
      mayWrite: claim.check,
      progress: { tokens, windows in
        let seconds = Double(tokens) * secondsPerToken + Double(windows) * secondsPerWindow
        done += seconds
        claim.report(done: done / max(self.seconds, 1e-9))
        report(.progress(seconds: seconds, flops: Double(tokens) * flopsPerToken))
      },
      spared: { tokens in
        let seconds = Double(tokens) * secondsPerToken
        done += seconds
        report(.spared(seconds: seconds))
      },
      finished: { report(.finished(run: $0.configuration.identifier, loss: $0.result.loss)) },
      damaged: { report(.remark("\($0)")) },
      remark: { report(.remark($0)) })
    let configurations = runs.map(\.configuration)
    if configuration.samples != nil {
      let lineage = Lineage(configurations, corpus: corpus, store: store, control: control) { tokens in
        let seconds = Double(tokens) * (secondsPerSample ?? 0)
        done += seconds
        claim.report(done: done / max(self.seconds, 1e-9))
        report(.progress(seconds: seconds, flops: 0))
      }
      try whileSaving(lineage.train)
    } else {
      let training = try TrunkTraining(
        configurations, corpus: corpus, folder: store.folder(of:),
        trunkFolder: store.trunkFolder(of: configuration), control: control)
      try whileSaving(training.callAsFunction)
    }
  }
}
