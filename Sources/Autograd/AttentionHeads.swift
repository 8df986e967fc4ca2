/// The queries, keys and values of an attention: columns of tensors, which hold heads of width D side by side.
///
/// H heads of queries and G heads of keys and values; H/G neighbouring heads of queries use the same keys and values
/// (Ainslie et al. 2023).
struct AttentionHeads: Sendable {
  let queries: ColumnView
  let keys: ColumnView
  let values: ColumnView
  /// The number H of heads of queries.
  let count: Int
  /// The number G of heads of keys and of values.
  let keyCount: Int
  /// The width D of a head.
  let depth: Int

  /// - Parameter operation: The operation's name, for the messages of failed preconditions.
  init(
    _ operation: StaticString, queries: ColumnView, keys: ColumnView, values: ColumnView, count: Int
  ) {
    let views = [queries, keys, values]
    precondition(
      queries.count.isMultiple(of: 4 * count) && views.allSatisfy { $0.rows == queries.rows },
      "\(operation): \(views.map(\.tensor.shape)) with \(count) heads")
    let depth = queries.count / count
    precondition(
      keys.count == values.count && keys.count.isMultiple(of: depth) && keys.count > 0
        && count.isMultiple(of: keys.count / depth),
      "\(operation): \(count) heads of \(depth) against keys \(keys.range) and values \(values.range)")
    (self.queries, self.keys, self.values) = (queries, keys, values)
    (self.count, self.depth, keyCount) = (count, depth, keys.count / depth)
  }

  var views: [ColumnView] { [queries, keys, values] }
  var rows: Int { queries.rows }
  /// The columns H·D of the output.
  var columns: Int { queries.count }
  /// The number H/G of heads of queries that use the same keys and values.
  var group: Int { count / keyCount }

  /// Where a head begins in a row of a view, whose tensor begins at `memory`.
  func start(of view: ColumnView, in memory: Floats, row: Int, head: Int = 0) -> Floats {
    memory + row * view.stride + view.first + head * depth
  }
}
