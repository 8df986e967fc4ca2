/// Variable projection (Golub and Pereyra 1973): for given exponents, the parameters in which a law is linear (E, A, B)
/// are solutions of a linear least-squares problem. The basis functions are the law's derivatives ∂L/∂c.
enum VariableProjection {
  /// Returns the parameters, in natural units, with the linear ones replaced by the non-negative least-squares solution
  /// for residuals relative to the loss. A linear parameter of zero is replaced by a small value (a term of a
  /// thousandth of the loss), so that a search in its logarithm can start.
  static func solve(_ law: any Law, _ θ: [Double], on table: Table, holding held: [Bool]? = nil) -> [Double] {
    let linear = law.parameters.indices.filter { law.parameters[$0].isLinear && held?[$0] != true }
    guard !linear.isEmpty else { return θ }
    var workspace = Workspace(table: table, law: law)
    var θ = θ
    for k in linear { θ[k] = 1 }
    workspace.search = zip(law.parameters, θ).map { $0.domain.search($1) }
    law.evaluate(&workspace)
    let count = table.count
    // Relative residuals: each column and the target are divided by the loss. The Jacobian is that of search coordinates.
    let basis = linear.map { k in
      let slope = law.parameters[k].domain.natural(Dual(workspace.search[k], lane: 0)).derivatives[0]
      return (0..<count).map { row in
        workspace.jacobian[k / Dual.lanes * count + row][k % Dual.lanes] / slope / table.losses[row]
      }
    }
    let norms = basis.map { dot($0, $0).squareRoot() }
    guard norms.allSatisfy({ $0 > 0 && $0.isFinite }) else { return θ }
    let columns = zip(basis, norms).map { column, norm in column.map { $0 / norm } }
    // Subtract the terms of linear parameters that are held.
    let targets = (0..<count).map { row in
      let rest = basis.reduce(workspace.predictions[row] / table.losses[row]) { $0 - $1[row] }
      return 1 - rest
    }
    let isSigned = linear.map { law.parameters[$0].domain.isSigned }
    let solution = leastSquares(columns, targets, isSigned: isSigned)
    let small = 1e-3 * Double(count).squareRoot()
    for (index, k) in linear.enumerated() {
      θ[k] = (isSigned[index] ? solution[index] : max(solution[index], small)) / norms[index]
    }
    return θ
  }

  /// Returns the c that minimizes |Xc − y| with c ≥ 0 for few columns: tries every support and takes the best feasible
  /// one.
  ///
  /// - Parameter isSigned: Whether c may be negative, for each column; nil for none.
  static func leastSquares(_ columns: [[Double]], _ y: [Double], isSigned: [Bool]? = nil) -> [Double] {
    var normal = SymmetricMatrix(columns.count)
    for i in columns.indices {
      for j in i..<columns.count { normal[i, j] = dot(columns[i], columns[j]) }
    }
    let right = columns.map { dot($0, y) }
    var best = columns.map { _ in 0.0 }
    var bestFit = 0.0
    for support in 1..<(1 << columns.count) {
      let chosen = columns.indices.filter { support >> $0 & 1 == 1 }
      var part = SymmetricMatrix(chosen.count)
      for (i, k) in chosen.enumerated() {
        for (j, l) in chosen.enumerated() { part[i, j] = normal[k, l] }
      }
      guard let solution = part.cholesky(damping: 0)?.solve(chosen.map { right[$0] }),
        zip(chosen, solution).allSatisfy({ isSigned?[$0] == true || $1 >= 0 })
      else { continue }
      // |Xc − y|² = |y|² − cᵀXᵀy at a least-squares solution.
      let fit = zip(chosen, solution).reduce(0) { $0 + $1.1 * right[$1.0] }
      guard fit > bestFit else { continue }
      bestFit = fit
      best = columns.map { _ in 0 }
      for (index, c) in zip(chosen, solution) { best[index] = c }
    }
    return best
  }
}
