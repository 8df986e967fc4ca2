import Files
import Foundation

/// What a player predicts for the final budget.
public struct Prediction: Codable, Hashable, Sendable {
  /// The name of the player.
  public let player: String
  /// The width of the model to train.
  public let width: Int
  /// The number of its blocks.
  public let depth: Int
  /// N, all its parameters.
  public let parameters: Int
  /// D, the tokens to train it on.
  public let tokens: Int
  /// The FLOPs of its training.
  public let flops: Double
  /// The predicted loss, in nats per token.
  public let loss: Double
  /// The lower end of the interval.
  public let low: Double
  /// The upper end of the interval.
  public let high: Double
  /// The hash of the ledger's last line before the prediction. It proves later that no earlier line has changed.
  let seal: String
  /// A random number. Without it, others could find the prediction by hashing every possible one.
  let nonce: String

  /// Creates a prediction, with a random number of its own.
  ///
  /// - Parameter seal: The hash of the ledger's last line.
  /// - Throws: `InputError` if it is impossible.
  public init(
    player: String, model: FinalModel, loss: Double, low: Double, high: Double, seal: String
  ) throws {
    self.player = player
    (width, depth, parameters) = (model.width, model.depth, model.parameters)
    (tokens, flops) = (model.tokens, model.flops)
    (self.loss, self.low, self.high) = (loss, low, high)
    self.seal = seal
    nonce = try randomDigits()
    try check()
  }

  /// Checks that the loss lies in the interval.
  ///
  /// - Throws: `InputError` if it does not.
  func check() throws {
    guard low > 0, low <= loss, loss <= high, high.isFinite else {
      throw InputError(
        "the loss \(loss) is not in the interval from \(low) to \(high), or the interval is not above 0",
        remedy:
          "Give a loss and an interval around it in nats per token, such as `--loss 0.62 --interval 0.6 0.65`"
      )
    }
  }

  /// The hash that enters the ledger: it says nothing about the prediction, and fits no other one.
  public var commitment: String {
    get throws { sha256(try canonicalJSON(self)) }
  }

  /// Reads the file of a prediction.
  ///
  /// - Throws: `InputError` if there is none, or it is damaged.
  public init(contentsOf path: String) throws {
    guard let data = try FileAccess.readIfPresent(path) else {
      throw InputError(
        "no such file", file: path,
        remedy: "Name the file that `isoflop game predict` wrote, in the folder where it was given")
    }
    do {
      self = try decodeJSON(Prediction.self, from: data)
    } catch {
      throw InputError(
        "is not a prediction, or is damaged", file: path,
        remedy: "Restore it from a copy: without it the prediction cannot be revealed")
    }
  }

  /// Writes the prediction to a file that only its owner can read.
  public func write(to path: String) throws {
    try FileAccess.write(plainJSON(self), to: path)
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
  }
}
