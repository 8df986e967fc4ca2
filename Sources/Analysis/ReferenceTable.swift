import Files

/// A table of measured losses that is distributed with the program: numbers alone, with their source.
public struct ReferenceTable: Sendable, Encodable {
  /// The name, as in `isoflop fit --reference chinchilla`.
  public let name: String
  /// What the rows are.
  public let title: String
  /// Where the numbers are from, and how they were read.
  public let source: String
  /// What to know before a fit; nil for nothing.
  public let advice: String?
  /// The true entropy of the text, in the unit of the losses; nil if it is unknown.
  public let entropy: Double?
  let bytes: [UInt8]

  private enum CodingKeys: CodingKey { case name, title, source, advice, entropy }

  /// The contents of the CSV file.
  package var text: String { String(decoding: bytes, as: UTF8.self) }

  /// The tables that are part of the program.
  public static let all = [
    ReferenceTable(
      name: "chinchilla",
      title: "245 models of 57M to 16G parameters trained on MassiveText: N, C and the loss in nats a token",
      source:
        "Hoffmann et al. 2022 (arXiv:2203.15556), figure 4, as Besiroglu et al. 2024 (arXiv:2404.10102) read the points "
        + "off it (github.com/epoch-research/analyzing-chinchilla)",
      advice:
        "The scale of the losses is slightly off. The published refit drops five outliers: --drop-highest 5",
      entropy: nil, bytes: PackageResources.chinchilla_csv),
    ReferenceTable(
      name: "llama3",
      title: "133 models in ten IsoFLOP budgets of 6e18 to 1e22 FLOPs: C, N, D and the validation loss",
      source:
        "Grattafiori et al. 2024 (arXiv:2407.21783), figure 2, as its vector graphics were read by Open Athena "
        + "(github.com/Open-Athena/scaling-law-analysis)",
      advice: nil, entropy: nil, bytes: PackageResources.llama3_csv),
    ReferenceTable(
      name: "kaplan-grid",
      title:
        "98 models of this program's text `village`: nine widths, five to nine lengths, two seeds, in nats a character",
      source: "trained by this program: `experiments/kaplan.yaml` without its batch sizes",
      advice:
        "The lengths of one width and seed share a training and are one cluster. The entropy of the text is .253176",
      entropy: 0.2531763, bytes: PackageResources.kaplan_grid_csv),
    ReferenceTable(
      name: "village-far",
      title:
        "38 models of this program's text `village`, up to 1500 times the compute of the grid of page chinchilla",
      source:
        "trained for this project in PyTorch 2.11 with bfloat16 products on one NVIDIA H100: the same model, training and "
        + "validation windows as the program's, with larger batches from 8M tokens on",
      advice:
        "The rows with a rate other than .008 check the rate: --where learning_rate=0.008 leaves them out. The entropy of the text is .254133",
      entropy: 0.254133, bytes: PackageResources.village_far_csv),
    ReferenceTable(
      name: "endless-village-far",
      title: "models of this program's text `endless-village`, beyond the grid of page far",
      source: "trained by this program: `scripts/train-far`",
      advice: "The entropy of the text is .228204", entropy: 0.228204,
      bytes: PackageResources.endless_village_far_csv),
  ]

  /// Returns the table with a name that is part of the program.
  ///
  /// - Throws: `InputError` if there is none.
  public static func named(_ name: String) throws -> ReferenceTable {
    guard let reference = all.first(where: { $0.name == name }) else {
      throw InputError(
        "there is no reference `\(name)`",
        remedy: "Choose one of \(all.map(\.name).joined(separator: ", "))")
    }
    return reference
  }
}
