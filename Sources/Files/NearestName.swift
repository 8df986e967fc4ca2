/// Returns the candidate with the smallest edit distance to a mistyped `name`; nil if none is similar enough.
public func nearestName(to name: String, among candidates: some Sequence<String>) -> String? {
  // The comparison takes time quadratic in the lengths of the names.
  let candidates = candidates.filter { abs($0.utf8.count - name.utf8.count) <= 256 && $0.utf8.count <= 256 }
  guard !candidates.isEmpty else { return nil }
  let scored = candidates.map { (name: $0, distance: editDistance(name.lowercased(), $0.lowercased())) }
  let best = scored.min { ($0.distance, $0.name) < ($1.distance, $1.name) }
  guard let best, best.distance <= max(2, name.count / 3) else { return nil }
  return best.name
}

/// Returns the smallest number of insertions, deletions and substitutions that turn `a` into `b` (Levenshtein 1966).
func editDistance(_ a: String, _ b: String) -> Int {
  let b = Array(b)
  var row = Array(0...b.count)
  for (i, letter) in a.enumerated() {
    var diagonal = row[0]
    row[0] = i + 1
    for j in b.indices {
      let substituted = diagonal + (letter == b[j] ? 0 : 1)
      diagonal = row[j + 1]
      row[j + 1] = min(substituted, row[j] + 1, row[j + 1] + 1)
    }
  }
  return row[b.count]
}
