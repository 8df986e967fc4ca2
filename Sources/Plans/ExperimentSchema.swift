import Analysis
import Files
import ScalingLaws

/// The JSON Schema of experiment files (draft 2020-12), which editors use to complete and check them. The schemas of
/// settings come from `Setting.all`.
public enum ExperimentSchema {
  /// The schema of a whole file.
  public static var schema: JSONValue {
    var keys = reducible
    keys["title"] = .string.described("the question, for the head of the report")
    keys["chapter"] = .wholeNumber(in: 1...1000).described("the page's number in the book")
    keys["page"] = page.described("the text of the page")
    keys["slurm"] = slurm.described("what it requests from a cluster")
    keys["minutes"] = .mapping(reducible).described("what differs in the reduced tier")
    return .document(title: "Isoflop experiment", keys, required: ["title", "grid"])
  }

  /// The keys that a reduced tier may replace (`ExperimentFile.reducible`).
  private static var reducible: [String: JSONValue] {
    [
      "description": .string.described("what is done and why"),
      "corpus": .any(of: .string, .mapping(settings(of: .corpus))).described("the text to train on"),
      "synthetic": .mapping(settings(of: .synthetic)).described("training text that models write"),
      "model": .mapping(settings(of: .model)).described("settings of all models"),
      "training": .mapping(settings(of: .training)).described("settings of all trainings"),
      "grid": oneOrMany(grid).described("lists of values, of which every combination is a run"),
      "reference": oneOrMany(.choice(of: ReferenceTable.all.map(\.name)))
        .described("bundled tables of runs, which the fits may use beside those of the grid"),
      "fits": oneOrMany(fit).described("laws to fit; the standard ones if left out"),
      "compare": oneOrMany(comparison).described("a parameter of several fits side by side"),
      "sweeps": oneOrMany(.choice(of: sweepable)).described("settings whose effect on the loss is reported"),
      "plots": oneOrMany(plot).described("figures of columns of the results"),
      "expect": oneOrMany(expectation).described("the results to expect"),
      "key": .mapping(["fit": .string, "parameter": .string, "figure": .string])
        .described("what represents the experiment in the book's contents"),
    ]
  }

  /// Returns the settings of a section, including former names.
  private static func settings(of section: Setting.Section) -> [String: JSONValue] {
    keys(of: Setting.all.filter { $0.section == section }, name: \.key) { $0.values.schema }
  }

  private static var grid: JSONValue {
    var keys = keys(of: Setting.all, name: \.name) { oneOrMany($0.values.schema) }
    keys["seeds"] = oneOrMany(["type": "integer", "minimum": 0])
      .described("a number of seeds, counted from 0, or a list of seeds")
    // The name of another experiment represents its runs.
    return .any(of: .mapping(keys), .string)
  }

  private static func keys(
    of settings: [Setting], name: (Setting) -> String, _ schema: (Setting) -> JSONValue
  ) -> [String: JSONValue] {
    var keys: [String: JSONValue] = [:]
    for setting in settings {
      let described = schema(setting).described("\(setting.meaning). Default: \(setting.defaultText)")
      keys[name(setting)] = described
      for old in setting.formerNames { keys[old] = described.deprecated }
    }
    return keys
  }

  private static var sweepable: [String] {
    Setting.all.flatMap { setting in setting.column.map { Set([$0.name, setting.name]).sorted() } ?? [] }
  }

  private static var fit: JSONValue {
    let laws = JSONValue.choice(of: LawChoice.ofExperiments.map(\.rawValue))
    let equation: JSONValue = ["type": "string", "pattern": "^\\s*L\\s*="]
    let penalties = JSONValue.choice(of: PenaltyChoice.allCases.map(\.rawValue))
    let objective = JSONValue.mapping([
      "penalty": penalties, "delta": ["type": "number"],
      "on": .choice(of: Objective.Scale.allCases.map(\.rawValue)), "weighted": ["type": "boolean"],
    ])
    let mapping = JSONValue.mapping(
      [
        "name": .string.described("its name in reports and expectations"),
        "law": .any(of: laws, equation),
        "start": .dictionary(of: oneOrMany(.any(of: number, .string)))
          .described("where the search of an equation's parameters starts: numbers, or 1..1e4"),
        "positive": oneOrMany(.string).described("parameters of an equation that must be positive"),
        "floor": .any(of: .choice(of: ["free", "zero", "entropy"]), ["type": "number", "minimum": 0])
          .described("free, zero, entropy, or a number"),
        "breaks": .wholeNumber(in: 1...3),
        "objective": .any(of: penalties, objective),
        "hold": .dictionary(of: number).described("parameters that are not fitted, with their values"),
        "also": oneOrMany(.choice(of: AnalysisChoice.allCases.map(\.rawValue))),
        "n": .choice(of: SizeConvention.allCases.map(\.rawValue)),
        "c": .choice(of: ComputeConvention.allCases.map(\.rawValue)),
        "loss": .string.described("a column of losses"),
        "where": conditions.described("which runs are fitted: a column, and values or comparisons"),
        "across": oneOrMany(.choice(of: Setting.columns.map(\.name).filter { $0 != "seed" }))
          .described("settings of which the best values are fitted"),
        "mix": [
          "type": "boolean",
          "description": "whether runs are fitted that differ in settings that the law does not tell apart",
        ],
        "forecast": conditions.described("which runs are predicted"),
        "target": .dictionary(of: number).described("of best_mixture: the weight of each task's loss"),
      ], required: ["law"])
    return .any(of: laws, equation, mapping)
  }

  private static var comparison: JSONValue {
    .mapping(
      [
        "name": .string, "parameter": .string, "fits": .array(of: .string, counts: 2...Int.max),
        "title": .string, "axis": .string, "at": .array(of: number), "theory": .array(of: number),
        "theory_label": .string, "trend": .choice(of: Comparison.Trend.allCases.map(\.rawValue)),
      ], required: ["name", "parameter", "fits"])
  }

  private static var plot: JSONValue {
    .mapping(
      [
        "name": .string, "title": .string, "caption": .string,
        "x": .string.described("the column on the horizontal axis, or the label of the numbers of a pattern"),
        "y": .string.described(
          "a column, or a pattern such as loss_at_*, whose numbers are on the horizontal axis"),
        "label": .string.described("the label of the vertical axis"),
        "series": oneOrMany(.string).described("columns whose values have lines of their own"),
        "where": conditions, "logarithmic": oneOrMany(.choice(of: ["x", "y"])),
      ], required: ["name", "x", "y"])
  }

  private static var expectation: JSONValue {
    .mapping([
      "fit": .string, "parameter": .string, "compare": .string, "sweep": .string, "number": .string,
      "results": .choice(of: Expectation.statistics), "between": .array(of: number, counts: 2...2),
      "interval_contains": .any(of: number, .choice(of: ["entropy"])), "interval_above": number,
      "interval_below": number, "because": .string,
    ])
  }

  private static var page: JSONValue {
    let question = JSONValue.mapping(
      ["ask": .string, "answer": .string], required: ["ask", "answer"])
    let numbers = JSONValue.dictionary(
      of: .mapping(["mean": .string, "least": .string, "most": .string, "where": conditions]))
    return .mapping([
      "seen": .string, "look": .string, "why": .string, "paper": .string, "toy": .string,
      "questions": oneOrMany(question),
      "numbers": numbers.described("numbers of some runs, which the texts may quote by name"),
    ])
  }

  private static var slurm: JSONValue {
    let count: JSONValue = ["type": "integer", "minimum": 1]
    return .mapping([
      "partition": .string, "account": .string, "time": .string, "memory": .string, "max_tasks": count,
      "chunk": count, "options": ["type": "object"],
    ])
  }

  private static let number = Setting.Values.number(
    .closed(-.greatestFiniteMagnitude, .greatestFiniteMagnitude)
  ).schema
  /// Columns with values or comparisons.
  private static let conditions: JSONValue = ["type": "object"]

  private static func oneOrMany(_ schema: JSONValue) -> JSONValue {
    .any(of: schema, .array(of: schema))
  }
}
