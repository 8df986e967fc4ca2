import Files
import Foundation
import Training

/// Checks before training that there is enough memory for some runs.
public enum MemoryNeed {
  /// The address space in bytes that the program needs before any run, for texts, plans and threads.
  private static let base = 256 << 20
  /// The address space in bytes that training reserves but hardly uses: 64 MiB for each of about six threads that
  /// allocate memory, and 128 MiB for OpenBLAS.
  private static let reserve = 512 << 20

  /// Checks that this process may use enough memory to read texts and plan.
  ///
  /// - Throws: `InputError` if it may not.
  public static func checkBase() throws {
    guard let limit = ProcessMemory.limit, ProcessMemory().addressSpace + base > limit else { return }
    throw InputError(
      "a process may use \(gibibytes(limit)) here, and \(gibibytes(ProcessMemory().addressSpace + base)) are needed "
        + "before anything is trained",
      remedy: "Raise the limit (`ulimit -v`)")
  }

  /// Checks that there is enough memory to train runs.
  ///
  /// - Parameters:
  ///   - workers: The number of runs that are trained at the same time.
  ///   - limit: The bytes that all workers on another machine may use together; nil for this machine.
  /// - Throws: `InputError` if a run needs more than a process may use, or all workers together need more than is
  ///   available.
  public static func check(_ runs: [TrunkJob.Run], workers: Int, limit: Int? = nil) throws {
    // Runs of one trunk have the same shapes.
    let trunks = Dictionary(
      runs.map { ($0.configuration.trunkIdentifier, $0) }, uniquingKeysWith: { first, _ in first })
    for (bytes, atLeast) in [(Trainer.stateBytes, "at least "), (Trainer.plannedBytes, "")] {
      let needs = trunks.values.map { (run: $0, bytes: bytes($0.configuration)) }
        .sorted { ($1.bytes, $0.run.label) < ($0.bytes, $1.run.label) }
      try check(Array(needs.prefix(workers)), atLeast: atLeast, limit: limit)
    }
  }

  /// Checks the largest runs that are trained at the same time, the largest first, with the bytes that each needs.
  private static func check(_ largest: [(run: TrunkJob.Run, bytes: Int)], atLeast: String, limit: Int?) throws
  {
    // A worker also needs the memory that this process uses now, which includes the texts of all runs.
    let own = ProcessMemory()
    guard let first = largest.first else { return }
    // This process measures steps of all shapes, as many at the same time as there are workers.
    let here = largest.reduce(own.addressSpace + reserve) { $0 + $1.bytes }
    if limit == nil, let limit = ProcessMemory.limit, here > limit {
      throw InputError(
        "\(first.run.label): training needs \(atLeast)\(gibibytes(here)), and a process may use \(gibibytes(limit))",
        remedy: "Raise the limit (`ulimit -v`), or train a smaller model")
    }
    let together = largest.reduce(own.resident) { $0 + own.resident + $1.bytes }
    if let budget = limit ?? MachineMemory.available.map({ $0 + own.resident }), together > budget {
      let remedies =
        (limit == nil ? [] : ["raise --memory"]) + (largest.count > 1 ? ["lower --jobs"] : [])
        + ["train a smaller model"]
      let remedy = remedies.joined(separator: ", or ")
      throw InputError(
        (largest.count > 1
          ? "\(largest.count) trainings at once, the largest \(first.run.label), need "
          : "\(first.run.label): training needs ")
          + "\(atLeast)\(gibibytes(together)), and \(gibibytes(budget)) are available",
        remedy: remedy.prefix(1).uppercased() + remedy.dropFirst())
    }
  }

  private static func gibibytes(_ bytes: Int) -> String {
    String(format: "%.2f GiB", Double(bytes) / Double(1 << 30))
  }
}
