import Autograd
import Files
import Foundation
import Models

/// The time of a training step on one core, compared with that of its matrix products alone and with what the hardware
/// could do at best, measured in turns. Times are medians; those of the hardware alone are the shortest.
public struct StepBenchmark: Codable, Sendable {
  /// A kind of operation, the update rule or the norm of the gradient, measured in separate passes. The rest of the
  /// step's time is overhead, or the effect of the clock.
  public struct Operation: Codable, Sendable {
    public let name: String
    public let forwardSeconds: Double
    /// 0 for what has no gradient.
    public let backwardSeconds: Double
    /// Both together, as a fraction of the step.
    public let fraction: Double
  }

  /// Forward alone, as validation runs it.
  public struct EvaluationBenchmark: Codable, Sendable {
    public let tokensPerSecond: Double
    /// Tokens a second over those of training steps in the same turns.
    public let overTraining: Double
    /// The size of its arena.
    public let bytes: Int
  }

  /// What a second core adds: tokens a second over those of one run on one core, in turns.
  public struct TwoCores: Codable, Sendable {
    public let twoRuns: Double
    /// One run whose batch is cut into shards.
    public let oneRun: Double
  }

  public let model: ModelConfiguration
  /// Windows in a step.
  public let batch: Int
  public let stepSeconds: Double
  public let floorSeconds: Double
  public let stepOverFloor: Double
  public let hardwareFloor: HardwareFloor
  public let stepOverHardwareFloor: Double
  /// Of a model with experts, the time over that of a step of the dense model of its active size, in turns.
  public let overDense: Double?
  /// With another update rule than AdamW, the time over that of a step with AdamW, in turns.
  public let overAdam: Double?
  public let tokensPerSecond: Double
  /// Operations a second: for the step those that it needs, for the floor those that it computes, which include the
  /// full squares of attention.
  public let stepFlopRate: Double
  public let floorFlopRate: Double
  /// The longest first; the last is the rest of the step.
  public let operations: [Operation]
  /// The size of arenas, weights, gradients and the update rule's buffers.
  public let plannedBytes: Int
  /// The greatest resident size of the process while it trained.
  public let residentBytes: Int
  /// Its resident size before the model was made, with all code loaded that training needs.
  public let baseBytes: Int
  /// The number of memory allocations in the first step, which makes arenas and programs, and in a later one; nil
  /// where they cannot be counted (`AllocationTrace`).
  public let firstStepAllocations: Int?
  public let stepAllocations: Double?
  public let evaluation: EvaluationBenchmark
  /// Nil where the process may use only one core.
  public let twoCores: TwoCores?

  /// Measures for about three times `seconds`, in a process that has done nothing else.
  ///
  /// - Parameter rule: The update rule.
  /// - Throws: `SettingFault`, or `InputError` if the folder for temporary files cannot be written.
  public init(
    _ model: ModelConfiguration, batch: Int, rule: any UpdateRule.Type = updateRules[0], seconds: Double = 2
  ) throws {
    self.model = model
    self.batch = batch
    // Loads all code, so that the base includes it.
    let small = try ModelConfiguration(
      architecture: model.architecture, width: 8, depth: 1, context: 8, vocabulary: 8)
    _ = try BenchmarkText(small, batch: 1).trainer().step(of: .max)
    let text = try BenchmarkText(model, batch: batch, rule: rule)
    baseBytes = try Self.resident("VmRSS")
    let trainer = try text.trainer()
    let tokens = Double(batch * model.context)
    let step = { _ = trainer.step(of: .max) }

    firstStepAllocations = try AllocationTrace.count(step)
    let many = 5
    stepAllocations = try AllocationTrace.count { for _ in 0..<many { step() } }.map {
      Double($0) / Double(many)
    }
    plannedBytes = trainer.byteCount
    residentBytes = try Self.resident("VmHWM")

    let whole = trainer.transformer.lossProgram(windows: batch, gradients: true).program
    let floor = ProductFloor(of: whole)
    let flops = whole.flops.total + trainer.updateFlops
    let peak = PeakRate(of: model.kernel.unit)
    let times = Self.times(for: seconds, [step, { floor() }, { peak() }])
    (stepSeconds, floorSeconds) = (times[0].median, times[1].median)
    stepOverFloor = stepSeconds / floorSeconds
    hardwareFloor = HardwareFloor(
      unit: peak.unit, peakFlopRate: peak.flops / times[2].least, bandwidth: Self.bandwidth(for: seconds / 8),
      flops: flops - trainer.batchGradient.sparedFlops,
      bytes: Double(trainer.leastBytes(of: whole)))
    stepOverHardwareFloor = stepSeconds / hardwareFloor.seconds
    tokensPerSecond = tokens / stepSeconds
    if model.moe == nil {
      overDense = nil
    } else {
      var dense = model
      dense.moe = nil
      let twin = try BenchmarkText(dense, batch: batch).trainer()
      let turns = Self.medians(for: seconds, [step, { _ = twin.step(of: .max) }])
      overDense = turns[0] / turns[1]
    }
    if rule == updateRules[0] {
      overAdam = nil
    } else {
      let twin = try BenchmarkText(model, batch: batch).trainer()
      let turns = Self.medians(for: seconds, [step, { _ = twin.step(of: .max) }])
      overAdam = turns[0] / turns[1]
    }
    stepFlopRate = flops / stepSeconds
    floorFlopRate = floor.flops / floorSeconds

    operations = trainer.stepOperations(for: seconds / 4, stepSeconds: stepSeconds)
    var windows = 0
    let turns = Self.medians(for: seconds / 2, [step, { windows = trainer.evaluate().windows }])
    let evaluated = Double(windows * model.context) / turns[1]
    evaluation = EvaluationBenchmark(
      tokensPerSecond: evaluated, overTraining: evaluated * turns[0] / tokens,
      bytes: trainer.evaluationByteCount)

    if try Self.cores() > 1 {
      let pair = [trainer, try text.trainer()]
      let sharded = try text.trainer(threads: 2)
      // Long enough that starting threads does not count.
      let many = max(1, min(1_000_000, Int(clamping: 0.05 / stepSeconds)))
      let turns = Self.medians(
        for: seconds,
        [
          { for _ in 0..<many { step() } },
          {
            inParallel(2, threads: 2) { run, _ in
              for _ in 0..<many { _ = pair[run].step(of: .max) }
            }
          },
          { for _ in 0..<many { _ = sharded.step(of: .max) } },
        ])
      twoCores = TwoCores(twoRuns: 2 * turns[0] / turns[1], oneRun: turns[0] / turns[2])
    } else {
      twoCores = nil
    }
  }

  /// The median seconds of each piece of work.
  static func medians(for seconds: Double, _ work: [() -> Void]) -> [Double] {
    times(for: seconds, work).map(\.median)
  }

  /// The seconds of each piece of work, measured in turns for about `seconds`, at least five times. A short one runs
  /// several times in a turn, so that its data are in the cache.
  private static func times(for seconds: Double, _ work: [() -> Void]) -> [(median: Double, least: Double)] {
    let clock = ContinuousClock()
    for body in work { body() }
    let repeats = work.map { max(1, min(100, Int(clamping: 0.02 / clock.measure($0).seconds))) }
    var times: [[Double]] = work.map { _ in [] }
    let end = clock.now + .seconds(seconds)
    while clock.now < end || (times.map(\.count).min() ?? 5) < 5 {
      for (index, body) in work.enumerated() {
        for _ in 0..<repeats[index] { times[index].append(clock.measure(body).seconds) }
      }
    }
    return times.map {
      let sorted = $0.sorted()
      return (sorted[sorted.count / 2], sorted[0])
    }
  }

  /// The bytes a second that this core reads from memory, measured for about `seconds`.
  private static func bandwidth(for seconds: Double) -> Double {
    let memory = MemoryBandwidth()
    return memory.bytes / times(for: seconds, [{ memory() }])[0].least
  }

  /// The number of cores that this process may use, which `taskset` may have restricted.
  private static func cores() throws -> Int {
    try status("Cpus_allowed").compactMap(\.hexDigitValue).reduce(0) { $0 + $1.nonzeroBitCount }
  }

  /// A size of this process in bytes, by its name in /proc/self/status.
  private static func resident(_ key: String) throws -> Int {
    1024 * (try status(key).split(separator: " ").compactMap { Int($0) }.first ?? 0)
  }

  /// A line of /proc/self/status.
  private static func status(_ key: String) throws -> String {
    let file = "/proc/self/status"
    let line = try FileAccess.readText(file).split(separator: "\n").first { $0.hasPrefix("\(key):") }
    guard let line else { throw InputError("has no \(key)", file: file, remedy: "Measure on Linux") }
    return line.dropFirst(key.count + 1).trimmingCharacters(in: .whitespaces)
  }
}
