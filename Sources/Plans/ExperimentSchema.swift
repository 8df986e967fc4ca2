import Analysis
import Files
import ScalingLaws

/// The JSON Schema of experiment files, by which editors complete and check them. What single settings may be follows
/// from `Setting.all`.
public enum ExperimentSchema {
  /// The whole schema (draft 2020-12).
  public static var schema: JSONValue {
    var root = section(file, required: ["title", "grid"])
    root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    root["title"] = "Isoflop experiment"
    return .object(root)
  }

  private static var file: [String: JSONValue] {
    var keys = reducible
    keys["title"] = described("the question, for the head of the report", ["type": "string"])
    keys["chapter"] = described("the page's number in the book", ["type": "integer", "minimum": 1])
    keys["page"] = page
    keys["slurm"] = slurm
    keys["minutes"] = described(
      "what differs in the reduced tier", .object(section(reducible.merging(["page": page]) { $1 })))
    return keys
  }

  /// What a tier may give instead.
  private static var reducible: [String: JSONValue] {
    let corpus = section(settings(of: .corpus))
    return [
      "description": described("what is done and why", ["type": "string"]),
      "corpus": described("the text to train on", ["anyOf": [["type": "string"], .object(corpus)]]),
      "model": described("settings of all models", .object(section(settings(of: .model)))),
      "training": described("settings of all trainings", .object(section(settings(of: .training)))),
      "grid": described("lists of values, of which every combination is a run", oneOrMany(grid)),
      "fits": described("laws to fit; the standard ones if left out", oneOrMany(fit)),
      "compare": described("a parameter of several fits side by side", oneOrMany(comparison)),
      "sweeps": described(
        "settings whose effect on the loss is reported",
        oneOrMany(["enum": .list(sweepable.map(JSONValue.text))])),
      "expect": described("the results to expect", oneOrMany(expectation)),
      "key": described(
        "what represents the experiment in the book's contents",
        .object(section(["fit": text, "parameter": text, "figure": text]))),
    ]
  }

  /// The settings of a section, former names among them.
  private static func settings(of section: Setting.Section) -> [String: JSONValue] {
    keys(of: Setting.all.filter { $0.section == section }, name: \.key) { $0.values.schema }
  }

  private static var grid: JSONValue {
    var keys = keys(of: Setting.all, name: \.name) { oneOrMany($0.values.schema) }
    keys["seeds"] = described(
      "a number of seeds, counted from 0, or a list of seeds",
      oneOrMany(["type": "integer", "minimum": 0]))
    // An experiment's name stands for its runs.
    return ["anyOf": [.object(section(keys)), text]]
  }

  private static func keys(
    of settings: [Setting], name: (Setting) -> String, _ schema: (Setting) -> JSONValue
  ) -> [String: JSONValue] {
    var keys: [String: JSONValue] = [:]
    for setting in settings {
      let described = described("\(setting.meaning). Default: \(setting.defaultText)", schema(setting))
      keys[name(setting)] = described
      guard case .object(var former) = described else { continue }
      former["deprecated"] = true
      for old in setting.formerNames { keys[old] = .object(former) }
    }
    return keys
  }

  private static var sweepable: [String] {
    Setting.all.flatMap { setting in setting.column.map { Set([$0.name, setting.name]).sorted() } ?? [] }
  }

  private static var fit: JSONValue {
    let laws: JSONValue = ["enum": .list(LawChoice.ofExperiments.map { .text($0.rawValue) })]
    let mapping = section(
      [
        "name": described("its name in reports and expectations", text), "law": laws,
        "floor": described(
          "free, zero, entropy, or a number",
          ["anyOf": [["enum": ["free", "zero", "entropy"]], ["type": "number", "minimum": 0]]]),
        "breaks": ["type": "integer", "minimum": 1, "maximum": 3],
        "objective": [
          "anyOf": [
            penalties,
            .object(
              section([
                "penalty": penalties, "delta": ["type": "number"],
                "on": ["enum": .list(Objective.Scale.allCases.map { .text("\($0)") })],
                "weighted": ["type": "boolean"],
              ])),
          ]
        ],
        "hold": described("parameters that are not fitted, with their values", numbers),
        "also": oneOrMany(["enum": .list(AnalysisChoice.allCases.map { .text($0.rawValue) })]),
        "n": ["enum": .list(SizeConvention.allCases.map { .text($0.rawValue) })],
        "c": ["enum": .list(ComputeConvention.allCases.map { .text($0.rawValue) })],
        "loss": described("a column of losses", text),
        "where": described("which runs are fitted: a column, and values or comparisons", ["type": "object"]),
        "forecast": described("which runs are predicted", ["type": "object"]),
      ], required: ["law"])
    return ["anyOf": [laws, .object(mapping)]]
  }

  private static var penalties: JSONValue {
    ["enum": .list(PenaltyChoice.allCases.map { .text($0.rawValue) })]
  }

  private static var comparison: JSONValue {
    .object(
      section(
        [
          "name": text, "parameter": text, "fits": ["type": "array", "items": text, "minItems": 2],
          "title": text, "axis": text, "at": ["type": "array", "items": number],
          "theory": ["type": "array", "items": number], "theory_label": text,
          "trend": ["enum": .list(Comparison.Trend.allCases.map { .text($0.rawValue) })],
        ], required: ["name", "parameter", "fits"]))
  }

  private static var expectation: JSONValue {
    let limit = number
    return .object(
      section([
        "fit": text, "parameter": text, "compare": text, "sweep": text,
        "results": ["enum": .list(Expectation.statistics.map(JSONValue.text))],
        "between": ["type": "array", "items": limit, "minItems": 2, "maxItems": 2],
        "interval_contains": ["anyOf": [limit, ["enum": ["entropy"]]]], "interval_above": limit,
        "interval_below": limit, "because": text,
      ]))
  }

  private static var page: JSONValue {
    let question = section(["ask": text, "answer": text], required: ["ask", "answer"])
    return described(
      "the text of the page",
      .object(
        section([
          "seen": text, "look": text, "why": text, "paper": text, "toy": text,
          "questions": ["type": "array", "items": .object(question)],
        ])))
  }

  private static var slurm: JSONValue {
    let count: JSONValue = ["type": "integer", "minimum": 1]
    return described(
      "what it requests from a cluster",
      .object(
        section([
          "partition": text, "account": text, "time": text, "memory": text, "max_tasks": count,
          "chunk": count,
          "options": ["type": "object"],
        ])))
  }

  private static let text: JSONValue = ["type": "string"]
  private static let number = Setting.Values.number(
    .closed(-.greatestFiniteMagnitude, .greatestFiniteMagnitude)
  ).schema
  private static let numbers: JSONValue = ["type": "object", "additionalProperties": number]

  private static func described(_ description: String, _ schema: JSONValue) -> JSONValue {
    guard case .object(var members) = schema else { return schema }
    members["description"] = .text(description)
    return .object(members)
  }

  private static func oneOrMany(_ schema: JSONValue) -> JSONValue {
    ["anyOf": [schema, ["type": "array", "items": schema]]]
  }

  private static func section(_ keys: [String: JSONValue], required: [String] = []) -> [String: JSONValue] {
    guard case .object(let members) = JSONValue.mapping(keys, required: required) else { return [:] }
    return members
  }
}
