import Analysis
import Training

extension Finding {
  /// The programs and machines that made the runs; nil if they are unknown.
  static func origins(_ provenance: [Provenance]) -> Finding? {
    guard !provenance.isEmpty else { return nil }
    let kinds = Dictionary(grouping: provenance) { $0 }.map { kind, runs in
      [
        kind.version, kind.commit, kind.cpu, kind.instructions ?? "", kind.kernelNames, kind.blas,
        kind.blasKernel,
        "\(kind.threads)", "\(runs.count)",
      ]
    }
    return Finding(
      "Where the runs were made",
      columns: [
        Column("version", "Isoflop", .left), Column("commit", "commit", .left), Column("cpu", "CPU", .left),
        Column("instructions", "instructions", .left),
        Column("kernels", "kernels", .left), Column("blas", "OpenBLAS", .left),
        Column("kernel", "its kernel", .left), Column("threads", "threads"), Column("runs", "runs"),
      ],
      rows: kinds.sorted { $0.lexicographicallyPrecedes($1) }.map { $0.map { .text($0) } })
  }
}
