import RandomNumbers

/// Rows of normal numbers that are orthogonal to each other in groups of as many as there are columns. Each alone is a
/// vector of independent normal numbers: only its direction depends on the others   (Choromanski et al. 2020).
func orthogonalRows(_ rows: Int, columns: Int, random: inout SplitMix64) -> [Double] {
  var result: [Double] = []
  var group: [[Double]] = []
  func draw() -> [Double] { (0..<columns).map { _ in random.normal() } }
  func length(_ row: [Double]) -> Double { row.reduce(0) { $0 + $1 * $1 }.squareRoot() }
  for _ in 0..<rows {
    if group.count == columns { group = [] }
    var row = draw()
    // Twice, against rounding.
    for other in group + group {
      let overlap = zip(row, other).reduce(0) { $0 + $1.0 * $1.1 }
      for i in row.indices { row[i] -= overlap * other[i] }
    }
    let unit = row.map { $0 / length(row) }
    group.append(unit)
    let size = length(draw())
    result += unit.map { size * $0 }
  }
  return result
}
