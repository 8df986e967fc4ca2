/// y = x at the k elements of each row that have the greatest magnitudes, the first among equal ones, and 0 elsewhere
///
///     dx = dy where y ≠ 0, and 0 elsewhere
///
/// x and y (R, C).
struct KeepLargest: Operation {
  let x: Tensor
  let k: Int
  let output: Tensor

  var inputs: [Tensor] { [x] }
  var saved: [Tensor] { [output] }
  var overwrites: Int? { 0 }
  /// The magnitudes of a row.
  var scratch: Int { output.columns }

  func forward(_ memory: Frame) {
    let (x, y) = (memory.value(self.x), memory.value(output))
    let (columns, magnitudes) = (output.columns, memory.scratch)
    for row in 0..<output.rows {
      let (x, y) = (x + row * columns, y + row * columns)
      for i in 0..<columns { magnitudes[i] = abs(x[i]) }
      let cut = kthGreatest(magnitudes, columns)
      // Of the elements at the cut, the first are kept. NaN is kept, so that a diverged training shows.
      var room = k
      for i in 0..<columns where !(abs(x[i]) <= cut) { room -= 1 }
      for i in 0..<columns {
        if abs(x[i]) < cut {
          y[i] = 0
        } else if abs(x[i]) == cut {
          y[i] = room > 0 ? x[i] : 0
          room -= 1
        } else {
          y[i] = x[i]
        }
      }
    }
  }

  func backward(_ memory: Frame) {
    let (y, dx, dy) = (memory.value(output), memory.gradient(x), memory.gradient(output))
    if dx == dy {
      for i in 0..<output.count where y[i] == 0 { dx[i] = 0 }
    } else {
      if !memory.accumulates(0) { dx.update(repeating: 0, count: output.count) }
      for i in 0..<output.count where y[i] != 0 { dx[i] += dy[i] }
    }
  }

  /// The k-th greatest of some numbers, which it reorders (quickselect, Hoare 1961).
  private func kthGreatest(_ numbers: Floats, _ count: Int) -> Float {
    var (low, high) = (0, count - 1)
    while low < high {
      let pivot = numbers[(low + high) / 2]
      var (i, j) = (low, high)
      while i <= j {
        while numbers[i] > pivot { i += 1 }
        while numbers[j] < pivot { j -= 1 }
        guard i <= j else { break }
        (numbers[i], numbers[j]) = (numbers[j], numbers[i])
        i += 1
        j -= 1
      }
      if k - 1 <= j {
        high = j
      } else if k - 1 >= i {
        low = i
      } else {
        break
      }
    }
    return numbers[k - 1]
  }
}

extension Recorder {
  /// The `k` elements of each row of x (…, C) with the greatest magnitudes; the others become 0.
  public func keepLargest(_ x: Tensor, _ k: Int) -> Tensor {
    precondition((1...x.columns).contains(k), "keepLargest: \(k) of \(x.columns)")
    return record(KeepLargest(x: x, k: k, output: tensor(x.shape, from: [x])))
  }
}
