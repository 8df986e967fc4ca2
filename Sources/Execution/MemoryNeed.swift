import Files
import Foundation
import Training

/// Whether there is memory for some runs, found without training any.
public enum MemoryNeed {
  /// What the program takes before it comes to any run, bytes of address space: texts, plans, threads.
  private static let base = 256 << 20
  /// What is reserved in training and hardly used, bytes of address space: 64 MiB by each of some six threads that
  /// allocate, 128 MiB by OpenBLAS.
  private static let reserve = 512 << 20

  /// - Throws: `InputError` if this process may not have what is needed to read texts and plan.
  public static func checkBase() throws {
    guard let limit = ProcessMemory.limit, ProcessMemory().addressSpace + base > limit else { return }
    throw InputError(
      "a process may use \(gibibytes(limit)) here, and \(gibibytes(ProcessMemory().addressSpace + base)) are needed "
        + "before anything is trained",
      remedy: "Raise the limit (`ulimit -v`)")
  }

  /// - Parameters:
  ///   - workers: How many runs are trained at the same time.
  ///   - limit: Bytes that workers elsewhere have together; nil for those of this machine.
  /// - Throws: `InputError` if a run needs more than a process, or all workers together more than there is, may have.
  public static func check(_ runs: [TrunkJob.Run], workers: Int, limit: Int? = nil) throws {
    var needs: [String: (run: TrunkJob.Run, bytes: Int)] = [:]
    for run in runs {
      // Runs of one trunk have the same shapes.
      let trunk = run.configuration.trunkIdentifier
      if needs[trunk] == nil { needs[trunk] = (run, Trainer.plannedBytes(run.configuration)) }
    }
    // As much as this process has by now, the texts of all runs among it, a worker has too.
    let own = ProcessMemory()
    let largest = needs.values.sorted { $0.bytes > $1.bytes }.prefix(workers)
    guard let first = largest.first else { return }
    // This process measures what steps of all shapes cost, as many at once as there will be workers.
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
