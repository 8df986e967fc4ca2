import Analysis
import Files

/// The text of an experiment's page beside figures and tables: the section `page`.
///
///     page:
///       seen: >
///         Each point is one of {runs} models.
///       questions:
///         - {ask: "Which one would you train?", answer: "The one at the minimum."}
///
/// It quotes numbers from the results (`QuotingText`), so that it is true in every tier.
public struct PageText: Sendable {
  /// A question to the reader with its answer.
  public struct Question: Sendable {
    /// The question.
    public let ask: QuotingText
    /// The paragraphs of the answer.
    public let answer: [QuotingText]
  }

  /// The paragraphs that describe the figures.
  public let seen: [QuotingText]
  /// The paragraphs about what to look for.
  public let look: [QuotingText]
  /// The paragraphs that explain the results.
  public let why: [QuotingText]
  /// The paragraphs about the results of the paper.
  public let paper: [QuotingText]
  /// The paragraphs about the differences at toy scale.
  public let toy: [QuotingText]
  /// The questions to the reader.
  public let questions: [Question]

  init(_ yaml: YAMLValue, _ names: QuotingText.Names) throws {
    let map = try yaml.mapping(keys: ["seen", "look", "why", "paper", "toy", "questions", "numbers"])
    let text = { (yaml: YAMLValue?) in
      try yaml.map { yaml in try yaml.paragraphs().map { try QuotingText($0, yaml, names) } } ?? []
    }
    seen = try text(map["seen"])
    look = try text(map["look"])
    why = try text(map["why"])
    paper = try text(map["paper"])
    toy = try text(map["toy"])
    questions =
      try map["questions"]?.list().map { entry in
        let map = try entry.mapping(keys: ["ask", "answer"])
        let ask = try entry.required("ask", in: map)
        return Question(
          ask: try QuotingText(ask.string(), ask, names), answer: try text(entry.required("answer", in: map)))
      } ?? []
  }
}

/// The result that represents an experiment in the contents of the book: the section `key`.
public struct KeyResult: Sendable {
  /// A parameter of a fit, as in `expect`; nil for the first number of the report.
  public let number: (fit: String, parameter: String)?
  /// The name of a figure of the report; nil for the first one.
  public let figure: String?

  /// - Parameter fits: The fits of the experiment.
  init(_ yaml: YAMLValue, fits: [FitRequest]) throws {
    let map = try yaml.mapping(keys: ["fit", "parameter", "figure"])
    number =
      map["fit"] == nil && map["parameter"] == nil
      ? nil : try FitRequest.readParameter(map, of: yaml, fits: fits)
    figure = try map["figure"]?.string()
  }
}
