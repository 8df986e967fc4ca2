import Analysis
import Files

/// What the page of an experiment says to its reader beside figures and tables: the section `page`.
///
///     page:
///       seen: >
///         Each point is one of {runs} models.
///       questions:
///         - {ask: "Which one would you train?", answer: "The one at the minimum."}
///
/// Its texts quote numbers from the results (`QuotingText`), so that they are true of every tier.
public struct PageText: Sendable {
  /// A question to the reader, with the paragraphs of its answer.
  public struct Question: Sendable {
    public let ask: QuotingText
    public let answer: [QuotingText]
  }

  /// What is seen, in paragraphs, as all that follow.
  public let seen: [QuotingText]
  /// What to look for.
  public let look: [QuotingText]
  /// Why it bends, or does not.
  public let why: [QuotingText]
  /// What the paper found.
  public let paper: [QuotingText]
  /// How this differs at toy scale.
  public let toy: [QuotingText]
  public let questions: [Question]

  init(_ yaml: YAMLValue, _ names: QuotingText.Names) throws {
    let map = try yaml.mapping(keys: ["seen", "look", "why", "paper", "toy", "questions", "numbers"])
    var names = names
    if let numbers = map["numbers"] { try names.addNumbers(numbers, settings: Setting.columns) }
    let text = { [names] (yaml: YAMLValue?) in
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
