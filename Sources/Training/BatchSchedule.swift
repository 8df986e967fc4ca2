import Files
import Models

/// The number of tokens in a step, as a function of the tokens seen before it.
public struct BatchSchedule: Codable, Hashable, Sendable {
  /// From `from` tokens seen on, a step takes `tokens`.
  public struct Stage: Codable, Hashable, Sendable {
    public var from: Int
    public var tokens: Int

    public init(from: Int, tokens: Int) {
      self.from = from
      self.tokens = tokens
    }
  }

  /// The stages, by rising `from`, of which the first is 0.
  public let stages: [Stage]

  /// - Throws: `SettingFault` if the stages do not begin at 0 and rise, or a batch is not positive.
  public init(stages: [Stage]) throws {
    guard stages.first?.from == 0, zip(stages, stages.dropFirst()).allSatisfy({ $0.from < $1.from }) else {
      throw SettingFault(
        setting: "batch", message: "the stages of a batch ramp must begin at 0 and rise",
        remedy: "Write for example [{from: 0, tokens: 512}, {from: 1M, tokens: 1024}]")
    }
    guard stages.allSatisfy({ $0.tokens > 0 }) else {
      throw SettingFault(
        setting: "batch", message: "a batch must have at least one token", remedy: "Write for example 512")
    }
    self.stages = stages
  }

  private init(unchecked stages: [Stage]) { self.stages = stages }

  /// The same number of tokens in every step.
  public static func fixed(_ tokens: Int) -> BatchSchedule {
    BatchSchedule(unchecked: [Stage(from: 0, tokens: max(tokens, 1))])
  }

  /// 512 tokens, from 1M on 1024 and from 2M on 2048: the critical batch grows with the tokens seen.
  public static let ramp = BatchSchedule(unchecked: [
    Stage(from: 0, tokens: 512), Stage(from: 1_000_000, tokens: 1024), Stage(from: 2_000_000, tokens: 2048),
  ])

  /// The tokens in a step that begins after `seen` tokens.
  public func tokens(after seen: Int) -> Int {
    (stages.last { $0.from <= seen } ?? stages[0]).tokens
  }

  /// Returns the number of steps of a training over `tokens` tokens, the number of tokens of these steps, and that of
  /// the last step. The training ends with the first step that reaches `tokens`.
  package func end(ofTraining tokens: Int) -> (steps: Int, tokens: Int, last: Int) {
    var (steps, seen, last) = (0, 0, 0)
    for (index, stage) in stages.enumerated() {
      let end = index + 1 < stages.count ? min(stages[index + 1].from, tokens) : tokens
      guard seen < end else { continue }
      let more = (end - seen + stage.tokens - 1) / stage.tokens
      steps += more
      seen += more * stage.tokens
      last = stage.tokens
    }
    return (steps, seen, last)
  }
}
