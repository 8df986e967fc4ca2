/// The tensors that an operation reads columns of, each once, however many views there are of it. Found when the
/// operation is recorded, so that a replay allocates nothing.
struct ViewedTensors: Sendable {
  /// The inputs of the operation.
  let tensors: [Tensor]
  /// The numbers of the tensors that have columns outside all views.
  private let partlySeen: [Int]

  /// - Parameter views: The columns, which do not overlap.
  init(_ views: [ColumnView]) {
    var tensors: [Tensor] = []
    for view in views where !tensors.contains(view.tensor) { tensors.append(view.tensor) }
    self.tensors = tensors
    partlySeen = tensors.indices.filter { number in
      let seen = views.filter { $0.tensor == tensors[number] }.reduce(0) { $0 + $1.count }
      return seen < tensors[number].columns
    }
  }

  /// Whether each column belongs to a view.
  var seesAllColumns: Bool { partlySeen.isEmpty }

  /// The gradient of a view's tensor; nil where none is needed.
  func gradient(of view: ColumnView, _ memory: Frame) -> ViewedGradient? {
    guard view.tensor.needsGradient, let number = tensors.firstIndex(of: view.tensor) else { return nil }
    return ViewedGradient(start: memory.gradient(view.tensor), adding: memory.accumulates(number))
  }

  /// Clears the gradients of columns outside all views, unless they hold something already.
  func clearOtherColumns(_ memory: Frame) {
    for number in partlySeen where tensors[number].needsGradient && !memory.accumulates(number) {
      memory.gradient(tensors[number]).update(repeating: 0, count: tensors[number].count)
    }
  }
}

/// The gradient of a tensor, columns of which an operation computes.
struct ViewedGradient {
  let start: Floats
  /// Whether it is added to what is there.
  let adding: Bool
}
