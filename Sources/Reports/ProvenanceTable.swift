import Analysis
import Training

extension Chapter {
  /// The settings that are equal in all runs, and the provenance of the runs.
  static func provenance(_ provenance: [Provenance], table: ResultsTable) -> Chapter {
    var parts = [Part.paragraph("In all runs: \(common(of: table)).")]
    parts += Part.finding(.origins(provenance))
    let instructions = Set(
      provenance.map {
        "\($0.instructions ?? "unknown"), \($0.kernelNames) kernels, OpenBLAS for \($0.blasKernel)"
      }
    ).sorted()
    if instructions.count > 1 {
      parts.append(
        .paragraph(
          """
          The runs used \(instructions.count) different sets of instructions and kernels \
          (\(instructions.joined(separator: "; "))), which may round differently: repeated with another one, a run \
          differs in its last digits at first, and later by about the noise between seeds.
          """))
    }
    return Chapter("How it was made", parts)
  }

  /// The settings that are the same in all runs, and the seeds.
  private static func common(of table: ResultsTable) -> String {
    let common = table.settings.filter { !$0.isDerived && $0.name != "seed" }.compactMap {
      setting -> String? in
      let values = Set(table.rows.map { $0.text(setting.name) })
      guard values.count == 1, let value = values.first, !value.isEmpty else { return nil }
      return "\(setting.words) \(value)"
    }
    let seeds = Set(table.rows.compactMap { $0.number("seed") }).sorted().map(\.amount)
    return (common + ["seeds \(seeds.joined(separator: " "))"]).joined(separator: ", ")
  }
}
