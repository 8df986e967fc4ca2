import Foundation

/// The function to minimize: the objective of a law on a table.
struct Problem: Sendable {
  let law: any Law
  var targets: [Double]
  let scale: Objective.Scale
  var penalty: Objective.Penalty
  /// The weight of each row; a bootstrap sample multiplies it by the number of times that the row was drawn.
  private(set) var weights: [Double]
  var workspace: Workspace
  /// True for each parameter that is held and not fitted.
  var held: [Bool]
  /// The number of evaluations that a search may still make before it stops. Limits are in evaluations and not in
  /// seconds, so that results do not depend on the machine.
  var evaluationsLeft = Int.max
  var isExhausted: Bool { evaluationsLeft <= 0 }
  /// The value, gradient and curvature at the last evaluation.
  private(set) var value = Double.infinity
  private(set) var gradient: [Double]
  /// Σ w·(ψ(r)/r)·∇r∇rᵀ: the Gauss–Newton matrix of the reweighted least squares at the last evaluation.
  private(set) var curvature: SymmetricMatrix

  var size: Int { gradient.count }

  init(_ law: any Law, on table: Table, minimizing objective: Objective) throws {
    self.init(law, table, objective, weights: try objective.weights(for: table))
  }

  private init(_ law: some Law, _ table: Table, _ objective: Objective, weights: [Double]) {
    self.law = law
    self.weights = weights
    scale = objective.scale
    penalty = objective.penalty
    targets = table.losses.map { [scale] in scale($0).value }
    workspace = Workspace(table: table, law: law)
    held = law.parameters.map { _ in false }
    gradient = held.map { _ in 0 }
    curvature = SymmetricMatrix(held.count)
  }

  /// Sets the multiplicity of each row in a bootstrap sample.
  ///
  /// - Parameter base: The weights without multiplicities.
  mutating func resample(_ multiplicities: [Double], of base: [Double]) {
    workspace.rows.removeAll(keepingCapacity: true)
    for row in base.indices where multiplicities[row] > 0 {
      workspace.rows.append(row)
      weights[row] = base[row] * multiplicities[row]
    }
  }

  /// Keeps only every k-th row, so that about `count` remain.
  mutating func thin(to count: Int) {
    let step = max(1, workspace.rows.count / count)
    workspace.rows = stride(from: 0, to: workspace.rows.count, by: step).map { workspace.rows[$0] }
  }

  /// Evaluates the value, the gradient and optionally the curvature at search coordinates u.
  mutating func evaluate(at u: [Double], curvature wanted: Bool = false) {
    evaluationsLeft -= 1
    workspace.search = u
    law.evaluate(&workspace)
    switch penalty {
    case .huber(let δ):
      sum(wanted) { r in abs(r) <= δ ? (r * r / 2, r) : (δ * (abs(r) - δ / 2), r < 0 ? -δ : δ) }
    case .leastSquares: sum(wanted) { r in (r * r, 2 * r) }
    case .leastAbsolute: sum(wanted) { r in (abs(r), r < 0 ? -1 : 1) }
    }
  }

  /// Sums ρ(r) = penalty(r).0 and its derivatives, ψ(r) = penalty(r).1, over the rows.
  @inline(__always)
  private mutating func sum(_ wantsCurvature: Bool, _ penalty: (Double) -> (Double, Double)) {
    var total = 0.0
    let (blocks, count) = (workspace.blocks, workspace.table.count)
    var slopes = Array(repeating: SIMD8<Double>.zero, count: blocks)
    var products = Array(repeating: SIMD8<Double>.zero, count: wantsCurvature ? size * blocks : 0)
    for row in workspace.rows {
      let prediction = workspace.predictions[row]
      let (compared, chain) = scale(prediction)
      let r = compared - targets[row]
      let (ρ, ψ) = penalty(r)
      total += weights[row] * ρ
      for block in 0..<blocks {
        slopes[block] += workspace.jacobian[block * count + row] * (weights[row] * ψ * chain)
      }
      guard wantsCurvature else { continue }
      let pull = weights[row] * (r == 0 ? 1 : ψ / r) * chain * chain
      for i in 0..<size {
        let scaled = workspace.jacobian[i / Dual.lanes * count + row][i % Dual.lanes] * pull
        for block in i / Dual.lanes..<blocks {
          products[i * blocks + block] += workspace.jacobian[block * count + row] * scaled
        }
      }
    }
    value = total.isNaN ? .infinity : total
    for i in 0..<size { gradient[i] = held[i] ? 0 : slopes[i / Dual.lanes][i % Dual.lanes] }
    guard wantsCurvature else { return }
    for i in 0..<size {
      for j in i..<size {
        let entry = products[i * blocks + j / Dual.lanes][j % Dual.lanes]
        curvature[i, j] = held[i] || held[j] ? (i == j ? 1 : 0) : entry
      }
    }
  }

  /// The residuals on the objective's scale at the last evaluation, for the rows in use.
  var residuals: [Double] { workspace.rows.map { scale(workspace.predictions[$0]).value - targets[$0] } }

  /// Returns the resampling of the residuals at the last evaluation, which must have included all rows.
  func resampler(seed: UInt64, method: Resampler.Method? = nil) -> Resampler {
    Resampler(
      residuals: zip(residuals, weights).map { $0 * $1.squareRoot() }, clusters: workspace.table.clusters,
      basis: (0..<size).filter { !held[$0] }.map(derivatives), seed: seed, method: method)
  }

  /// Returns the fitted values on the objective's scale at the last evaluation, with errors of the resampler.
  func targets(withErrors errors: [Double]) -> [Double] {
    errors.indices.map { scale(workspace.predictions[$0]).value + errors[$0] / weights[$0].squareRoot() }
  }

  /// Returns the fitted losses above the known floor at the last evaluation, with errors of the resampler.
  func losses(withErrors errors: [Double]) -> [Double] {
    targets(withErrors: errors).map { [scale] in scale.loss($0) }
  }

  /// Returns whether a small change of a parameter can be undone by changes of the others, so that the rows do not
  /// determine it, whatever their losses are. For the last evaluation, which must have included all rows.
  func isDependent(_ parameter: Int) -> Bool {
    guard !held[parameter] else { return false }
    let others = (0..<size).filter { $0 != parameter && !held[$0] }.map(derivatives)
    let own = derivatives(parameter)
    return LinearBasis(others).rest(of: own) <= 1e-7
  }

  /// Returns the derivatives of the compared, weighted losses by a parameter's search coordinate, one for each row.
  private func derivatives(_ parameter: Int) -> [Double] {
    let count = workspace.table.count
    return (0..<count).map { row in
      workspace.jacobian[parameter / Dual.lanes * count + row][parameter % Dual.lanes]
        * scale(workspace.predictions[row]).slope * weights[row].squareRoot()
    }
  }

  /// The residuals of the log loss above the known floor at the last evaluation, for the rows in use.
  var logResiduals: [Double] {
    workspace.rows.map { log(workspace.predictions[$0]) - log(workspace.table.losses[$0]) }
  }
}
