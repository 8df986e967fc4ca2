import Execution
import Files
import Foundation

/// The commands of Slurm that are needed.
struct Slurm {
  /// A job array, and the job that collects its results: the file `slurm/jobs.json` beside the results.
  struct Submission: Codable {
    /// The frozen plan that its tasks train.
    let plan: String
    /// The arrays, one a stage, and the job that collects.
    let jobs: [String]
  }

  /// Jobs that are still in the queue, by Slurm's name of their state.
  struct Queue {
    let states: [String: Int]
    /// The reasons for which jobs wait, as Slurm names them.
    let reasons: Set<String>

    var isEmpty: Bool { states.isEmpty }

    var text: String {
      let counts = states.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key.lowercased())" }
      return counts.joined(separator: ", ")
        + (reasons.isEmpty ? "" : " (\(reasons.sorted().joined(separator: ", ")))")
    }
  }

  /// Gives a script to sbatch.
  ///
  /// - Returns: The number of the job.
  static func submit(_ options: [String], _ script: [String]) throws -> String {
    let output = try call("sbatch", ["--parsable"] + options + script)
    // With several clusters, the cluster's name follows.
    guard let job = output.split(whereSeparator: { $0 == ";" || $0.isNewline }).first else {
      throw InputError("sbatch printed no job number", remedy: "Look for the job with `squeue`")
    }
    return String(job)
  }

  /// The jobs among these that are still in the queue. Each waiting task of an array counts.
  static func queue(_ jobs: [String]) throws -> Queue {
    var states: [String: Int] = [:]
    var reasons: Set<String> = []
    let lines: String
    do {
      lines = try call(
        "squeue", ["--noheader", "--array", "--jobs", jobs.joined(separator: ","), "--format", "%T|%r"])
    } catch let error as InputError where error.message.contains("Invalid job id") {
      return Queue(states: [:], reasons: [])
    }
    for line in lines.split(separator: "\n") {
      let words = line.split(separator: "|", maxSplits: 1).map(String.init)
      guard let state = words.first, !["COMPLETED", "FAILED", "CANCELLED", "TIMEOUT"].contains(state) else {
        continue
      }
      states[state, default: 0] += 1
      if state == "PENDING", words.count > 1,
        !["None", "Dependency", "Priority", "Resources"].contains(words[1])
      {
        reasons.insert(words[1])
      }
    }
    return Queue(states: states, reasons: reasons)
  }

  /// The largest number of tasks that an array may have; 1001 if nothing else is configured.
  static func largestArray() throws -> Int {
    let lines = try call("scontrol", ["show", "config"]).split(separator: "\n")
    let words = lines.first { $0.hasPrefix("MaxArraySize") }?.split(separator: "=").map {
      $0.trimmingCharacters(in: .whitespaces)
    }
    return max(words?.last.flatMap { Int($0) } ?? 1001, 1)
  }

  static func cancel(_ jobs: [String]) throws { _ = try call("scancel", jobs) }

  /// Puts the task of this process back into the queue.
  static func requeueOwnTask() throws {
    let environment = ProcessInfo.processInfo.environment
    guard let job = environment["SLURM_JOB_ID"] else { return }
    let task = environment["SLURM_ARRAY_JOB_ID"].flatMap { array in
      environment["SLURM_ARRAY_TASK_ID"].map { "\(array)_\($0)" }
    }
    _ = try call("scontrol", ["requeue", task ?? job])
  }

  /// Runs a command of Slurm.
  ///
  /// - Throws: `InputError` with its error message.
  private static func call(_ name: String, _ arguments: [String]) throws -> String {
    let (output, errors) = (try ChildProcess.pipe(), try ChildProcess.pipe())
    let process = try ChildProcess(
      "/usr/bin/env", [name] + arguments, output: output.writing, errors: errors.writing)
    try output.writing.close()
    try errors.writing.close()
    // Error messages are short: they cannot fill their pipe while the output is read.
    let text = String(decoding: (try output.reading.readToEnd()) ?? Data(), as: UTF8.self)
    let complaint = String(decoding: (try errors.reading.readToEnd()) ?? Data(), as: UTF8.self)
    let end = process.wait()
    guard end == .status(0) else {
      let words = complaint.trimmingCharacters(in: .whitespacesAndNewlines).replacing("\n", with: "; ")
      throw InputError(
        end == .status(127)
          ? "there is no `\(name)` on the PATH" : "`\(name)` failed: \(words)",
        remedy: end == .status(127)
          ? "Submit from a machine of the cluster, or use --shard"
          : "Fix the cause, then run the same command again")
    }
    return text
  }
}
