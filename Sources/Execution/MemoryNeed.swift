import Files
import Foundation
import Training

/// Checks before any training whether there is enough memory for some runs.
public enum MemoryNeed {
  /// Bytes of address space that the program needs before any run: texts, plans, threads.
  private static let base = 256 << 20
  /// Bytes of address space that training reserves and hardly uses: 64 MiB for each of about six threads that allocate,
  /// 128 MiB for OpenBLAS.
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
  ///   - workers: How many runs are trained at the same time.
  ///   - limit: The bytes that all workers on another machine may use together; nil for this machine.
  /// - Throws: `InputError` if a run needs more than a process may use, or all workers together need more than is
  ///   available.
  public static func check(_ runs: [TrunkJob.Run], workers: Int, limit: Int? = nil) throws {
    var needs: [String: (run: TrunkJob.Run, bytes: Int)] = [:]
    for run in runs {
      // Runs of one trunk have the same shapes.
      let trunk = run.configuration.trunkIdentifier
      if needs[trunk] == nil { needs[trunk] = (run, Trainer.plannedBytes(run.configuration)) }
    }
    // A worker also needs what this process uses by now, which includes the texts of all runs.
    let own = ProcessMemory()
    let largest = needs.values.sorted { $0.bytes > $1.bytes }.prefix(workers)
    guard let first = largest.first else { return }
    // This process measures steps of all shapes, with as many at once as there will be workers.
    let here = largest.reduce(own.addressSpace + reserve) { $0 + $1.bytes }
    if limit == nil, let limit = ProcessMemory.limit, here > limit {
      throw InputError(
        "\(first.run.label): training needs \(gibibytes(here)), and a process may use \(gibibytes(limit))",
        remedy: "Raise the limit (`ulimit -v`), or leave this run out")
    }
    let together = largest.reduce(own.resident) { $0 + own.resident + $1.bytes }
    if let budget = limit ?? MachineMemory.available.map({ $0 + own.resident }), together > budget {
      let remedies =
        (limit == nil ? [] : ["raise --memory"])
        + (largest.count > 1 ? ["lower --jobs", "leave \(first.run.label) out"] : ["leave it out"])
      let remedy = remedies.joined(separator: ", or ")
      throw InputError(
        (largest.count > 1
          ? "\(largest.count) trainings at once, the largest \(first.run.label), need "
          : "\(first.run.label): training needs ")
          + "\(gibibytes(together)), and \(gibibytes(budget)) are available",
        remedy: remedy.prefix(1).uppercased() + remedy.dropFirst())
    }
  }

  private static func gibibytes(_ bytes: Int) -> String {
    String(format: "%.2f GiB", Double(bytes) / Double(1 << 30))
  }
}
