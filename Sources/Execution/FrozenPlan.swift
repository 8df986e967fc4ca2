import Corpora
import Files
import Foundation
import Plans
import Training

/// The planned runs of an experiment: the file `plan.json`. With it, any process on any machine can train them and
/// report their progress, even if the experiment's file has changed since.
public struct FrozenPlan: Codable, Sendable {
  /// The name of the experiment and of its folder of results.
  public let experiment: String
  /// The path of the experiment's file, as the user wrote it.
  public let file: String
  /// The tier of the experiment.
  public let tier: Tier
  /// The relative path from the folder of results to the experiment's file; nil in plans of earlier versions.
  public let origin: String?
  /// True if the experiment was shrunken for a test.
  public let isShrunken: Bool
  /// All runs, including those that were finished already.
  public let runs: [TrunkJob.Run]
  /// The jobs that were unfinished, by stage. A stage must not begin before the previous one is done.
  public let stages: [[TrunkJob]]

  /// Creates the record of a plan.
  ///
  /// - Parameters:
  ///   - folder: The folder of results.
  ///   - index: The index of the plan among those of the scheduler.
  public init(_ plan: Plan, _ scheduler: Scheduler, index: Int, folder: String, isShrunken: Bool) {
    origin = relativePath(of: plan.experiment.path, from: folder)
    experiment = plan.experiment.name
    file = plan.experiment.path
    tier = plan.experiment.tier
    self.isShrunken = isShrunken
    runs = plan.runs.map(TrunkJob.Run.init)
    stages = scheduler.stages[index].map(\.jobs)
  }

  /// Reads the file at `path`.
  ///
  /// - Throws: `InputError` if it does not exist, cannot be read or is damaged.
  public init(contentsOf path: String) throws {
    let remedy = "Name the folder of an experiment's results, for example runs/quickstart"
    guard let data = try FileAccess.readIfPresent(path) else {
      throw InputError("no such file", file: path, remedy: remedy)
    }
    guard let envelope = try? decodeJSON(Envelope.self, from: data),
      case let plan = envelope.plan, try envelope.checksum == checksum(plan.json)
    else { throw InputError("is not a plan, or is damaged", file: path, remedy: remedy) }
    self = plan
  }

  /// Returns the plan in a folder of results; nil if there is none, or it is damaged.
  ///
  /// - Throws: `InputError` if it cannot be read, or if it belongs to another experiment's file with the same name.
  public static func last(in folder: String, of experiment: ExperimentFile) throws -> FrozenPlan? {
    let path = "\(folder)/plan.json"
    guard try FileAccess.exists(path) else { return nil }
    try FileAccess.requireRegular(path)
    guard let plan = try unlessDamaged({ try FrozenPlan(contentsOf: path) }) else { return nil }
    if let origin = plan.origin, case let other = "\(folder)/\(origin)",
      let one = try FileAccess.status(of: experiment.path), let two = try FileAccess.status(of: other),
      (one.st_dev, one.st_ino) != (two.st_dev, two.st_ino)
    {
      throw InputError(
        "has the same name as \(other), whose results are in \(folder)", file: experiment.path,
        remedy: "Rename one of them, or choose another folder with --output")
    }
    return plan
  }

  /// Returns the sources of corpora whose content has changed since an earlier plan.
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

  /// A name that is unique to the plan: a hash of its content.
  public var identifier: String {
    get throws { String(checksum(try json).prefix(16)) }
  }

  /// Returns the jobs of a stage, grouped into tasks of a queue.
  ///
  /// - Parameters:
  ///   - chunk: The smallest number of runs in a task; nil for tasks of about a minute.
  ///   - most: The largest number of tasks. Tasks get more runs if there would be more tasks.
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

  /// Checks that a plan has the same runs as this one.
  ///
  /// - Throws: `InputError` if it does not.
  public func requireSame(as plan: Plan) throws {
    guard Set(runs.map(\.configuration.identifier)) == Set(plan.runs.map(\.configuration.identifier)) else {
      throw InputError(
        "has changed since its runs were submitted", file: file,
        remedy: "Repeat the command that submitted them")
    }
  }
}

extension TrunkJob.Run {
  /// Creates the run of a job from a planned run.
  public init(_ run: PlannedRun) {
    self.init(configuration: run.configuration, label: run.label, flops: run.flops)
  }
}
