/// The data mixture of a training text, which may change from its first window to its last.
struct TaskSchedule: Sendable {
  /// The choice of a passage's task in a part of the training.
  private struct Part: Sendable {
    /// The fraction of the training at which the part ends.
    let end: Double
    let choice: Grammar.Choice
  }

  private let parts: [Part]

  /// The number of steps in which weights change.
  private static let steps = 100

  /// The same weights in the whole training.
  init(_ choice: Grammar.Choice) { parts = [Part(end: 1, choice: choice)] }

  /// Weights that change linearly.
  init(_ grammar: Grammar, from start: [Double], to end: [Double]) {
    parts = (0..<Self.steps).map { step in
      let x = Double(step) / Double(Self.steps - 1)
      return Part(
        end: Double(step + 1) / Double(Self.steps),
        choice: grammar.taskChoice(weights: zip(start, end).map { (1 - x) * $0 + x * $1 }))
    }
  }

  /// One task after the other.
  ///
  /// - Parameter fractions: The fraction of the tokens of each task.
  init(_ grammar: Grammar, oneAfterTheOther fractions: [Double]) {
    var end = 0.0
    parts = fractions.indices.filter { fractions[$0] > 0 }.map { task in
      end += fractions[task]
      return Part(
        end: end, choice: grammar.taskChoice(weights: fractions.indices.map { $0 == task ? 1 : 0 }))
    }
  }

  /// The choice of a passage's task in window `window` of `count`.
  func choice(window: Int, of count: Int) -> Grammar.Choice {
    let x = (Double(window) + 0.5) / Double(count)
    return (parts.first { x < $0.end } ?? parts[parts.count - 1]).choice
  }

  /// Whether the mixture is the same in the whole training.
  var isConstant: Bool { parts.count == 1 }
}
