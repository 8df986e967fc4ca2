import Corpora
import Files
import Foundation
import Plans
import Training

/// A trunk with the runs to be trained on it: the unit of work, which one process does at a time. As JSON, it is all that a
/// process on any machine needs.
public struct TrunkJob: Codable, Sendable {
  /// A run and its name for people.
  public struct Run: Codable, Sendable {
    public let configuration: RunConfiguration
    public let label: String
    /// Floating-point operations of its training.
    public let flops: Double
  }

  public let runs: [Run]
  /// Predicted seconds on one core.
  public let seconds: Double
  let secondsPerToken: Double
  let flopsPerToken: Double
  let secondsPerWindow: Double

  init(_ runs: [PlannedRun], _ calibration: Calibration) {
    self.runs = runs.map(Run.init)
    seconds = calibration.seconds(ofTrunk: runs)
    let longest = runs.max { $0.tokens < $1.tokens }
    flopsPerToken = runs[0].counts.trainingFlopsPerToken
    secondsPerToken = longest.map(calibration.secondsPerToken) ?? 0
    secondsPerWindow = longest.map { calibration.seconds(of: $0, windows: 1) } ?? 0
  }

  /// The name of the trunk.
  public var trunk: String { runs[0].configuration.trunkIdentifier }

  /// The names of its runs.
  public var identifiers: Set<String> { Set(runs.map(\.configuration.identifier)) }

  /// The job as a person would name it.
  public var label: String {
    runs.count == 1 ? runs[0].label : "\(runs[0].label) … \(runs[runs.count - 1].label)"
  }

  /// Progress of a job.
  public enum Event: Codable, Sendable {
    /// Work was done: its predicted seconds, and its floating-point operations of training.
    case progress(seconds: Double, flops: Double)
    /// Work was found to be done already: its predicted seconds.
    case spared(seconds: Double)
    /// A run has ended, with its loss in nats a token unless it has diverged.
    case finished(run: String, loss: Double?)
    /// A message for the user, such as that a file was damaged and its content is computed again.
    case remark(String)
  }

  /// How a job may end.
  public enum End: Codable, Sendable {
    case done
    /// Another process works on it.
    case busy
    /// It was stopped, and is saved.
    case stopped
    /// It could not be done. If `concernsAll` is true, the other jobs would fail too.
    case failed(String, concernsAll: Bool)
  }

  /// Trains the runs that are not finished, unless another process works on the trunk.
  ///
  /// - Parameters:
  ///   - abandoned: A claim on the trunk that was found to be abandoned.
  ///   - isCancelled: Called repeatedly while there is something to save; true stops the training.
  ///   - whileSaving: Calls its argument, and keeps the process from ending before the argument has saved its work.
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
    let corpus = try corpora.corpus(configuration.corpus, context: configuration.model.context)
    guard corpus.fingerprint == configuration.corpusFingerprint else {
      throw InputError(
        "has changed since the runs were planned", file: configuration.corpus.source,
        remedy: "Restore it, or give the command that planned them again")
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
    let training = try TrunkTraining(
      runs.map(\.configuration), corpus: corpus, folder: store.folder(of:),
      trunkFolder: store.trunkFolder(of: configuration), control: control)
    try whileSaving(training.callAsFunction)
  }
}
