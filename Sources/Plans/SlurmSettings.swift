import Files

/// The options of an experiment for Slurm: the section `slurm`. Options of the command line override them.
public struct SlurmSettings: Sendable {
  /// The partition; nil for the cluster's default.
  public var partition: String?
  /// The account; nil for the user's default.
  public var account: String?
  /// The time limit of a task, in the syntax of sbatch.
  public var time: String?
  /// The memory of a task, in the syntax of sbatch.
  public var memory: String?
  /// The largest number of tasks that run at the same time.
  public var maxTasks: Int?
  /// The smallest number of runs in a task.
  public var chunk: Int?
  /// Further options of sbatch, such as `constraint=avx512`.
  public var options: [String] = []

  /// Creates settings without values.
  public init() {}

  /// The memory of a task in bytes; nil if it is not given or invalid. The default unit is MiB.
  public var memoryBytes: Int? {
    guard let memory, let number = Int(memory.prefix { $0.isNumber }), number > 0 else { return nil }
    let units = ["": 20, "K": 10, "M": 20, "G": 30, "T": 40]
    guard let shift = units[memory.drop { $0.isNumber }.uppercased()] else { return nil }
    return number.multipliedReportingOverflow(by: 1 << shift).overflow ? nil : number << shift
  }

  /// The further options that a file may set. Others can only be given on the command line, because they could run
  /// programs or write files, and the file may be untrusted.
  private static let allowed: Set<String> = [
    "begin", "clusters", "comment", "constraint", "cores-per-socket", "deadline", "exclude", "exclusive",
    "gres", "hint",
    "licenses", "mail-type", "mail-user", "mem-per-cpu", "mincpus", "nice", "nodelist", "priority", "qos",
    "reservation",
    "sockets-per-node", "switches", "threads-per-core", "tmp", "wckey",
  ]

  init(_ yaml: YAMLValue) throws {
    let map = try yaml.mapping(keys: [
      "partition", "account", "time", "memory", "max_tasks", "chunk", "options",
    ])
    partition = try map["partition"]?.string()
    account = try map["account"]?.string()
    time = try map["time"]?.string()
    memory = try map["memory"]?.string()
    maxTasks = try map["max_tasks"]?.integer(in: 1...1_000_000)
    chunk = try map["chunk"]?.integer(in: 1...1_000_000)
    options =
      try map["options"]?.entries().map { entry in
        guard Self.allowed.contains(entry.key.text) else {
          throw entry.value.error(
            "`\(entry.key.text)` is not an option of sbatch that a file may set",
            remedy: "Give it on the command line: --sbatch '\(entry.key.text)=…'")
        }
        return "\(entry.key.text)=\(try entry.value.string())"
      } ?? []
  }
}
