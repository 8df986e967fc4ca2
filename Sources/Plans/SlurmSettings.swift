import Files

/// What an experiment asks of a cluster's queue: the section `slurm`, which options of the command line override.
public struct SlurmSettings: Sendable {
  public var partition: String?
  public var account: String?
  /// The limit of a task, as sbatch takes it.
  public var time: String?
  /// The memory of a task, as sbatch takes it.
  public var memory: String?
  /// Tasks that run at once.
  public var maxTasks: Int?
  /// The least number of runs in a task.
  public var chunk: Int?
  /// Further options of sbatch, as `constraint=avx512`.
  public var options: [String] = []

  public init() {}

  /// The memory of a task in bytes, if it is known; the default unit is MiB.
  public var memoryBytes: Int? {
    guard let memory, let number = Int(memory.prefix { $0.isNumber }), number > 0 else { return nil }
    let units = ["": 20, "K": 10, "M": 20, "G": 30, "T": 40]
    guard let shift = units[memory.drop { $0.isNumber }.uppercased()] else { return nil }
    return number.multipliedReportingOverflow(by: 1 << shift).overflow ? nil : number << shift
  }

  /// Further options that a file may give. Others could name programs or files; these take the command line.
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
