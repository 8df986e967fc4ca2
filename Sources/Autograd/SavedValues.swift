extension Program {
  /// The bytes that `forward` leaves for `backward`: the values of all operations that a gradient reads again. Weights,
  /// inputs and states are not among them.
  public var savedByteCount: Int {
    var saved: Set<Int> = []
    for step in steps where step.hasGradient {
      for tensor in step.operation.saved + step.operation.statistics {
        if case .slot(let index) = tensor.place { saved.insert(index) }
      }
    }
    return saved.reduce(0) { $0 + slots[$1].count } * MemoryLayout<Float>.stride
  }
}
