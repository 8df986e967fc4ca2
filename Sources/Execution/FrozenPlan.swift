import Plans
import Corpora
import Files
import Foundation
import Training

/// An experiment's runs as they were planned: the file `plan.json`. With it any process on any machine can train them, and
/// tell how far they have come, though the experiment's file may have changed since.
public struct FrozenPlan: Codable, Sendable {
  /// The experiment's name, which is that of its folder of results.
  public let experiment: String
  /// The experiment's file as the user gave it, and its tier.
  public let file: String
  public let tier: Tier
  /// Whether it was shrunken.
  public let isShrunken: Bool
  /// All runs, those among them that were finished already.
  public let runs: [TrunkJob.Run]
  /// What was to be trained, stage by stage: a stage must not begin before the one before is done.
  public let stages: [[TrunkJob]]

  public init(_ plan: Plan, _ scheduler: Scheduler, index: Int, isShrunken: Bool) {
    experiment = plan.experiment.name
    file = plan.experiment.path
    tier = plan.experiment.tier
    self.isShrunken = isShrunken
    runs = plan.runs.map(TrunkJob.Run.init)
    stages = scheduler.stages[index].map(\.jobs)
  }

  /// Reads a plan. A damaged file is an `InputError`.
  public init(contentsOf path: String) throws {
    guard let envelope = try? decodeJSON(Envelope.self, from: FileAccess.read(path)),
      case let plan = envelope.plan, try envelope.checksum == checksum(plan.json)
    else {
      throw InputError(
        FileManager.default.fileExists(atPath: path) ? "is no plan, or is damaged" : "no such file",
        file: path,
        remedy: "Name the folder of an experiment's results, for example runs/quickstart")
    }
    self = plan
  }

  /// The sources of texts that are no longer what they were for the runs of another plan.
  public func corporaChanged(since other: FrozenPlan) -> [String] {
    func contents(_ plan: FrozenPlan) -> [CorpusConfiguration: String] {
      Dictionary(
        plan.runs.map { ($0.configuration.corpus, $0.configuration.corpusFingerprint) },
        uniquingKeysWith: { first, _ in first })
    }
    let before = contents(other)
    let changed = contents(self).filter { before[$0.key] != nil && before[$0.key] != $0.value }
    return Set(changed.keys.map(\.source)).sorted()
  }

  private var json: Data {
    get throws { try canonicalJSON(self) }
  }

  /// Writes the plan atomically.
  public func write(to path: String) throws {
    try FileAccess.write(canonicalJSON(Envelope(plan: self, checksum: checksum(json))), to: path)
  }

  private struct Envelope: Codable {
    let plan: FrozenPlan
    let checksum: String
  }

  /// A name that no other plan has.
  public var identifier: String {
    get throws { String(checksum(try json).prefix(16)) }
  }

  /// The jobs of a stage as tasks of a queue, the longest first.
  ///
  /// - Parameters:
  ///   - chunk: The least number of runs in a task; nil for as many as fill a minute.
  ///   - most: The greatest number of tasks, for which more is put into each.
  public func tasks(ofStage stage: Int, chunk: Int?, most: Int) -> [[TrunkJob]] {
    let size = { (job: TrunkJob) in chunk == nil ? job.seconds : Double(job.runs.count) }
    let full = max(chunk.map(Double.init) ?? 60, stages[stage].reduce(0) { $0 + size($1) } / Double(most))
    var tasks: [[TrunkJob]] = []
    var filled = Double.infinity
    for job in stages[stage] {
      if filled >= full && tasks.count < most {
        tasks.append([])
        filled = 0
      }
      tasks[tasks.count - 1].append(job)
      filled += size(job)
    }
    return tasks
  }

  /// - Throws: `InputError` if a plan has other runs than this one.
  public func requireSame(as plan: Plan) throws {
    guard Set(runs.map(\.configuration.identifier)) == Set(plan.runs.map(\.configuration.identifier)) else {
      throw InputError(
        "has changed since its runs were submitted", file: file,
        remedy: "Give the command that submitted them again")
    }
  }
}

extension TrunkJob.Run {
  public init(_ run: PlannedRun) {
    self.init(configuration: run.configuration, label: run.label, flops: run.flops)
  }
}
