import Foundation

/// The validated observations of a fit: the law's variables, their logarithms and the losses.
public struct Table: Sendable {
  /// The variables, (rows, variables) in row-major order.
  let values: [Double]
  /// The logarithms of `values`.
  let logs: [Double]
  /// The losses above the law's known floor.
  let losses: [Double]
  /// The standard errors of the losses; nil if an observation has none.
  let standardErrors: [Double]?
  /// The index of each row's cluster.
  let clusters: [Int]
  let clusterCount: Int
  /// The number of variables.
  let stride: Int

  /// The number of rows.
  public var count: Int { losses.count }

  /// Validates observations for a law.
  ///
  /// - Parameter free: The number of parameters to fit; nil for all of the law's.
  /// - Throws: `FitError` if an observation lacks one of the law's variables, a value is not positive and finite, a
  ///   loss is not above the known floor, or there are too few observations.
  public init(_ observations: [Observation], for law: some Law, fitting free: Int? = nil) throws {
    let variables = law.variables
    for (index, observation) in observations.enumerated() {
      for variable in variables {
        guard let value = observation[variable] else {
          throw FitError(
            "has no \(variable.symbol) (\(variable.unit)), which \(law.name) needs", observation: index)
        }
        guard value.isFinite, law.mayBe(value, variable) else {
          throw FitError("\(variable.symbol) is \(value); it must be positive", observation: index)
        }
      }
      guard observation.loss.isFinite, observation.loss > law.knownFloor else {
        let floor = law.knownFloor > 0 ? "above the known floor \(law.knownFloor)" : "positive"
        throw FitError("the loss is \(observation.loss); it must be \(floor)", observation: index)
      }
    }
    let free = free ?? law.parameters.count
    let needed = free + 1
    guard observations.count >= needed else {
      throw FitError(
        "\(law.name) has \(free) parameters to fit and needs at least \(needed) observations; "
          + "there are \(observations.count)")
    }
    values = observations.flatMap { observation in variables.compactMap { observation[$0] } }
    logs = values.map { Foundation.log($0) }
    losses = observations.map { $0.loss - law.knownFloor }
    let errors = observations.compactMap { $0.standardError }.filter { $0 > 0 && $0.isFinite }
    standardErrors = errors.count == observations.count ? errors : nil
    clusters = observations.clusterIndices()
    clusterCount = Set(clusters).count
    stride = variables.count
  }

  /// True if the rows do not all have the same values.
  var hasSeveralPlaces: Bool { (1..<max(count, 1)).contains { isSeveral($0) } }

  private func isSeveral(_ row: Int) -> Bool {
    (0..<stride).contains { values[row * stride + $0] != values[$0] }
  }

  /// What the rows of a law of N and D lack to determine its terms: such as "all runs have one N"; nil if nothing, or
  /// for a law of other variables. Ratios within 2 % count as one, because published counts are rounded.
  func lack(for law: any Law) -> String? {
    guard Set(law.variables) == [.parameters, .tokens] else { return nil }
    func isConstant(_ place: (Int) -> Double) -> Bool {
      let values = (0..<count).map(place)
      return (values.max() ?? 0) - (values.min() ?? 0) <= 0.02
    }
    let symbols = law.variables.map(\.symbol)
    for variable in 0..<2 where isConstant({ logs[$0 * stride + variable] }) {
      return "all runs have one \(symbols[variable])"
    }
    guard !isConstant({ logs[$0 * stride + 1] - logs[$0 * stride] }) else {
      return "D/N is the same in all runs"
    }
    // Otherwise log D may still be a line in log N.
    let columns = (0..<2).map { variable in (0..<count).map { logs[$0 * stride + variable] } }
    guard let fit = line(columns[0], columns[1]) else { return nil }
    return (0..<count).allSatisfy { abs(columns[1][$0] - fit.intercept - fit.slope * columns[0][$0]) <= 0.01 }
      ? "D is a power of N in all runs" : nil
  }

  /// Returns the values of one of the law's variables for all rows.
  public func column(_ variable: Int) -> [Double] { (0..<count).map { values[$0 * stride + variable] } }
}

/// The buffers of one fit: a point of the search space, and the law's predictions there.
public struct Workspace: Sendable {
  let table: Table
  let domains: [Domain]
  /// The rows in use; a bootstrap sample leaves some out.
  var rows: [Int]
  /// The search coordinates, one for each parameter (`Domain`).
  var search: [Double]
  /// The predicted losses above the known floor, (rows of the table).
  var predictions: [Double]
  /// The derivatives of the predictions, (blocks, rows of the table), with eight search coordinates in a block.
  var jacobian: [SIMD8<Double>]

  var blocks: Int { (domains.count + Dual.lanes - 1) / Dual.lanes }

  init(table: Table, law: some Law) {
    self.table = table
    domains = law.parameters.map(\.domain)
    rows = Array(0..<table.count)
    search = domains.map { _ in 0 }
    predictions = Array(repeating: 0, count: table.count)
    jacobian = []
    jacobian = Array(repeating: .zero, count: blocks * table.count)
  }

  @inline(__always)
  mutating func fill<L: Law>(by law: L) { fill { θ in { law.loss(θ, at: $0) } } }

  /// Fills the predictions and their derivatives.
  ///
  /// - Parameter formula: Returns the function that gives the loss at a row for a vector of parameters.
  @inline(__always)
  mutating func fill(_ formula: ([Dual]) -> (Point) -> Dual) {
    let (count, stride) = (table.count, table.stride)
    for block in 0..<blocks {
      let θ = search.indices.map { domains[$0].natural(Dual(search[$0], lane: $0 - block * Dual.lanes)) }
      let loss = formula(θ)
      table.values.withUnsafeBufferPointer { values in
        table.logs.withUnsafeBufferPointer { logs in
          guard let values = values.baseAddress, let logs = logs.baseAddress else { return }
          for row in rows {
            let x = Point(values: values + row * stride, logs: logs + row * stride)
            let predicted = loss(x)
            predictions[row] = predicted.value
            jacobian[block * count + row] = predicted.derivatives
          }
        }
      }
    }
  }
}
