import Autograd
import Models

/// Which weights of a trained model become 0: those of the least magnitude in each matrix between widths.
public enum Pruning: Hashable, Sendable {
  /// A fraction of each matrix, above 0 and below 1.
  case fraction(Double)
  /// Two of each four neighbouring inputs of an output, which matrix units can leave out (Mishra et al. 2021).
  case twoOfFour

  /// As `0.5` or `2:4`; nil if it is neither.
  public init?(_ text: String) {
    if text == "2:4" {
      self = .twoOfFour
    } else if let fraction = Double(text), fraction > 0, fraction < 1 {
      self = .fraction(fraction)
    } else {
      return nil
    }
  }

  /// The fraction of the weights that become 0.
  public var fraction: Double { if case .fraction(let fraction) = self { fraction } else { 0.5 } }
}

extension Pruning: CustomStringConvertible {
  public var description: String {
    switch self {
    case .fraction(let fraction): settingText(fraction)
    case .twoOfFour: "2:4"
    }
  }
}

extension Pruning: Codable {
  public init(from decoder: any Decoder) throws {
    let text = try decoder.singleValueContainer().decode(String.self)
    guard let pruning = Pruning(text) else {
      throw DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: "`\(text)` is no pruning"))
    }
    self = pruning
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}

extension Pruning {
  /// Returns weights of a model of which some are 0.
  package func callAsFunction(_ weights: FloatBuffer, of transformer: Transformer) -> FloatBuffer {
    let pruned = FloatBuffer(count: weights.count)
    pruned.copy(from: weights)
    for parameter in transformer.parameters where parameter.traits.mapsBetweenWidths {
      for matrix in parameter.matrices {
        let start = pruned.start + parameter.range.lowerBound + matrix.offset
        switch self {
        case .fraction(let fraction):
          let places = (0..<matrix.rows).flatMap { row in
            (0..<matrix.columns).map { row * matrix.stride + $0 }
          }
          let count = (fraction * Double(places.count)).rounded()
          Self.clear(start, places, Int(exactly: count) ?? 0)
        case .twoOfFour:
          for column in 0..<matrix.columns {
            for first in stride(from: 0, to: matrix.rows, by: 4) {
              let places = (first..<min(first + 4, matrix.rows)).map { $0 * matrix.stride + column }
              Self.clear(start, places, max(places.count - 2, 0))
            }
          }
        }
      }
    }
    return pruned
  }

  /// Sets the `count` numbers of the least magnitude among some places to 0, the first among equal ones.
  private static func clear(_ start: UnsafeMutablePointer<Float>, _ places: [Int], _ count: Int) {
    for place in places.sorted(by: { (abs(start[$0]), $0) < (abs(start[$1]), $1) }).prefix(count) {
      start[place] = 0
    }
  }
}
