import Analysis
import Models

/// The keys of an experiment file and the columns of `results.csv`, as tables in Markdown.
public enum Reference {
  /// The settings of a run with their defaults. If a setting has another name in the grid, it follows in brackets.
  public static var settings: String {
    table(
      ["section", "key", "values", "default", "meaning"],
      Setting.all.map { setting in
        let key =
          setting.name == setting.key
          ? "`\(setting.key)`" : "`\(setting.key)` (in the grid `\(setting.name)`)"
        return [setting.section.rawValue, key, setting.values.text, setting.defaultText, setting.meaning]
      })
  }

  /// The words for whole models.
  public static var architectures: String {
    table(["architecture", "model"], Preset.allCases.map { ["`\($0.rawValue)`", $0.summary] })
  }

  /// The sequence mixers that `layers` names by letters.
  public static var layers: String {
    table(
      ["letter", "layer", "what it does"],
      layerLetters.map { ["`\($0.letter)`", $0.name, $0.summary] })
  }

  /// The columns of `results.csv`.
  public static var columns: String {
    table(
      ["column", "unit", "meaning"],
      Column.all(settings: Setting.columns, tasks: ["TASK"], positions: [1, 2, 4]).map {
        ["`\($0.name)`", $0.unit, $0.meaning]
      } + [["`loss_at_8` …", "nats/token", "and so on, to the end of the window"]]
        + Column.openKinds.map { ["`\($0.prefix)\($0.prefix == "weight_" ? "TASK" : "N")`", "", $0.meaning] })
  }

  /// The laws that `fits` can request, with the names of their parameters in `expect`.
  public static var laws: String {
    table(
      ["law", "equation", "parameters"],
      LawChoice.ofExperiments.map { choice in
        let equation = choice.named(floor: .free)?.law.equation ?? description(of: choice)
        return ["`\(choice.rawValue)`", equation, FitRequest(choice).parameterNames.joined(separator: ", ")]
      })
  }

  private static func description(of choice: LawChoice) -> String {
    switch choice {
    case .envelope: "N* ∝ C^a, D* ∝ C^b along the lower envelope of training curves"
    case .criticalBatch:
      "(S/Smin − 1)·(D/Dmin − 1) = 1; Bcrit = Dmin/Smin = Bstar·L^−exponent, Bcrit ∝ Dmin^growth"
    case .bestMixture:
      "weights r with the lowest target, Σ w_i·L_i; L_i = c_i + k_i·exp(Σ t_ij·r_j) for the loss on each task"
    case .isoFLOPRobust: "the same with parabolas of least absolute deviations"
    case .isoFLOPLocal: "the same with local quadratic regression"
    default: "parabolas; N* ∝ C^a, D* ∝ C^b through their minima"
    }
  }

  private static func table(_ header: [String], _ rows: [[String]]) -> String {
    ([header, header.map { _ in "---" }] + rows)
      .map { "| \($0.joined(separator: " | ")) |\n" }
      .joined()
  }
}
