import RandomNumbers

/// y = Q(x), x rounded to a format
///
///     dx = dy, as if Q were the identity (the straight-through estimator, Bengio et al. 2013)
///
/// x and y (R, C). A channel is a row, or where `isTransposed` a column of each matrix (the last two axes) of x.
struct Round: Operation {
  let x: Tensor
  let rounding: Rounding
  let isTransposed: Bool
  /// The columns that are rounded, in channels of `width` each; the others are copied.
  let columns: Range<Int>
  let width: Int
  let keys: RandomKeys?
  let output: Tensor
  /// Whether x may be overwritten: a weight must not.
  let isInPlace: Bool

  var inputs: [Tensor] { [x] }
  var overwrites: Int? { isInPlace ? 0 : nil }

  func forward(_ memory: Frame) {
    let (x, y) = (memory.value(self.x), memory.value(output))
    if x != y, columns.count < output.columns { y.update(from: x, count: output.count) }
    if isTransposed {
      let (rows, columns) = (output.shape[output.shape.count - 2], output.columns)
      for matrix in 0..<output.rows / rows {
        for column in 0..<columns {
          let place = matrix * rows * columns + column
          rounding(
            x + place, to: y + place, count: rows, stride: columns,
            random: keys?.key(ofRow: 0, of: 1, place, memory))
        }
      }
    } else {
      for row in 0..<output.rows {
        for first in stride(from: columns.lowerBound, to: columns.upperBound, by: width) {
          let place = row * output.columns + first
          rounding(
            x + place, to: y + place, count: width, stride: 1,
            random: keys?.key(ofRow: row, of: output.rows, first, memory))
        }
      }
    }
  }

  func backward(_ memory: Frame) {
    let (dx, dy) = (memory.gradient(x), memory.gradient(output))
    if dx != dy { store(dy, in: dx, adding: memory.accumulates(0), count: output.count) }
  }
}

/// Random numbers of an operation: functions of the key of a window, of the operation and of the place, so that they depend
/// neither on threads nor on the order of computation.
struct RandomKeys: Hashable, Sendable {
  let keys: Integers
  /// Differs between operations with the same keys.
  let stream: Int

  /// Returns the key of a channel.
  ///
  /// - Parameters:
  ///   - row: Its row among `rows`, which belong to the windows in equal parts.
  ///   - place: Its place in the row.
  func key(ofRow row: Int, of rows: Int, _ place: Int, _ memory: Frame) -> UInt64 {
    let perWindow = max(rows / keys.count, 1)
    let key = memory.integers(keys)[min(row / perWindow, keys.count - 1)]
    return mix(
      mix(UInt64(UInt32(bitPattern: key)), UInt64(stream)), UInt64(row % perWindow) << 32 | UInt64(place))
  }
}

extension Recorder {
  /// x (…, C) rounded to a format, in channels that are rows, or for a weight columns.
  ///
  /// - Parameters:
  ///   - transposed: Whether channels are columns, of each matrix in the last two axes.
  ///   - view: The columns to round, and the width of the channels in them; nil for whole rows.
  ///   - keys: The keys of the windows and the number of the operation, for random rounding; nil to round to nearest.
  ///   - isWeight: Whether x is a weight, which is not overwritten.
  public func round(
    _ x: Tensor, to format: NumberFormat, transposed: Bool = false, columns: Range<Int>? = nil,
    width: Int? = nil,
    random keys: (keys: Integers, stream: Int)? = nil, isWeight: Bool = false
  ) -> Tensor {
    let columns = columns ?? 0..<x.columns
    let width = width ?? columns.count
    precondition(
      !transposed || x.shape.count >= 2 && columns.count == x.columns, "round: columns of \(x.shape)")
    precondition(
      columns.upperBound <= x.columns && width > 0 && columns.count.isMultiple(of: width),
      "round: columns \(columns) of \(x.shape) in channels of \(width)")
    return record(
      Round(
        x: x, rounding: Rounding(format: format), isTransposed: transposed, columns: columns, width: width,
        keys: keys.map { RandomKeys(keys: $0.keys, stream: $0.stream) }, output: tensor(x.shape, from: [x]),
        isInPlace: !isWeight))
  }
}
