import Corpora
import Files
import Foundation
import Plans
import Training

/// A trunk with the runs to be trained on it: the unit of work, which one process does at a time. Written as JSON it is
/// all that a process needs, on whatever machine.
public struct TrunkJob: Codable, Sendable {
  /// A run and its name for people.
  public struct Run: Codable, Sendable {
    public let configuration: RunConfiguration
    public let label: String
    /// Floating-point operations of its training.
    public let flops: Double
  }

  public let runs: [Run]
  /// Predicted seconds on one core, in all and by piece.
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
    /// Work is done that was predicted to take so many seconds, with its floating-point operations of training.
    case progress(seconds: Double, flops: Double)
    /// Work that was predicted to take so many seconds was done before.
    case spared(seconds: Double)
    /// A run has come to its end, with its loss in nats a token if it has not diverged.
    case finished(run: String, loss: Double?)
    /// What a user should know, such as that a file was damaged and what it held is computed again.
    case remark(String)
  }

  /// How a job may end.
  public enum End: Codable, Sendable {
    case done
    /// Another process works on it.
    case busy
    /// It was stopped, and is saved.
    case stopped
    /// It could not be done. What `concernsAll` jobs need not be tried with the next.
    case failed(String, concernsAll: Bool)
  }

  /// Trains what is unfinished, unless another process works on it.
  ///
  /// - Parameters:
  ///   - abandoned: A claim on the trunk that was found to be abandoned.
  ///   - isCancelled: Asked now and then, while there is something to save.
  ///   - whileSaving: Calls its argument, which does all that must be saved before the process ends.
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
