/// The queries, keys and values of a linear attention: columns of tensors, which hold heads side by side.
///
/// H heads of queries and G heads of keys, both features of width F, and G heads of values of width D; H/G neighbouring
/// heads of queries use the same keys and values.
struct LinearHeads: Sendable {
  let queries: ColumnView
  let keys: ColumnView
  let values: ColumnView
  /// The number H of heads of queries.
  let count: Int
  /// The number G of heads of keys and of values.
  let keyCount: Int
  /// The width F of a query or key.
  let features: Int
  /// The width D of a value.
  let depth: Int

  /// - Parameter operation: The operation's name, for the messages of failed preconditions.
  init(_ operation: StaticString, queries: ColumnView, keys: ColumnView, values: ColumnView, count: Int) {
    let views = [queries, keys, values]
    let features = queries.count / count
    let keyCount = max(1, keys.count / max(1, features))
    precondition(
      queries.count == count * features && features.isMultiple(of: 4) && keys.count == keyCount * features
        && count.isMultiple(of: keyCount) && values.count.isMultiple(of: 4 * keyCount)
        && views.allSatisfy { $0.rows == queries.rows },
      "\(operation): \(count) heads of queries \(queries.range), keys \(keys.range) and values \(values.range) of "
        + "\(views.map(\.tensor.shape))")
    (self.queries, self.keys, self.values) = (queries, keys, values)
    (self.count, self.keyCount, self.features) = (count, keyCount, features)
    depth = values.count / keyCount
  }

  var views: [ColumnView] { [queries, keys, values] }
  var rows: Int { queries.rows }
  /// The columns H·D of the output.
  var columns: Int { count * depth }
  /// The number H/G of heads of queries that use the same keys and values.
  var group: Int { count / keyCount }
  /// The width of a value and a one, as a multiple of 4.
  var extended: Int { depth + 4 }
  /// The same in whole vectors.
  var wide: Int { roundedToCacheLine(extended) }

  /// Where the features of a row and head begin in the memory of queries or keys.
  func features(of view: ColumnView, _ memory: Floats, _ row: Int, _ head: Int) -> Floats {
    memory + row * view.stride + view.first + head * features
  }

  /// Where the value of a row and head begins in the memory of values.
  func value(_ memory: Floats, _ row: Int, _ head: Int) -> Floats {
    memory + row * values.stride + values.first + head * depth
  }
}
