import Analysis
import Files

/// What the page of an experiment says to its reader beside figures and tables: the section `page`.
///
///     page:
///       seen: >
///         Each point is a model.
///       questions:
///         - {ask: "Which one would you train?", answer: "The one at the minimum."}
public struct PageText: Sendable {
  /// A question to the reader, with the paragraphs of its answer.
  public struct Question: Sendable {
    public let ask: String
    public let answer: [String]
  }

  /// What is seen, in paragraphs, as all that follow.
  public let seen: [String]
  /// What to look for.
  public let look: [String]
  /// Why it bends, or does not.
  public let why: [String]
  /// What the paper found.
  public let paper: [String]
  /// How this differs at toy scale.
  public let toy: [String]
  public let questions: [Question]

  init(_ yaml: YAMLValue) throws {
    let map = try yaml.mapping(keys: ["seen", "look", "why", "paper", "toy", "questions"])
    let text = { (key: String) in try map[key]?.paragraphs() ?? [] }
    seen = try text("seen")
    look = try text("look")
    why = try text("why")
    paper = try text("paper")
    toy = try text("toy")
    questions =
      try map["questions"]?.list().map { entry in
        let map = try entry.mapping(keys: ["ask", "answer"])
        return Question(
          ask: try entry.required("ask", in: map).string(),
          answer: try entry.required("answer", in: map).paragraphs())
      } ?? []
  }
}

/// What stands for an experiment in the contents of the book: the section `key`.
public struct KeyResult: Sendable {
  /// A parameter of a fit, as in `expect`; nil for the first number of the report.
  public let number: (fit: String, parameter: String)?
  /// The name of a figure of the report; nil for its first.
  public let figure: String?

  /// - Parameter fits: The fits that there will be.
  init(_ yaml: YAMLValue, fits: [FitRequest]) throws {
    let map = try yaml.mapping(keys: ["fit", "parameter", "figure"])
    number =
      map["fit"] == nil && map["parameter"] == nil
      ? nil : try FitRequest.readParameter(map, of: yaml, fits: fits)
    figure = try map["figure"]?.string()
  }
}
