import CBLAS

/// Runs `body` with floats below the smallest normal one (10⁻³⁸) taken for zero on this thread.
///
/// A model that has learned something is sure of much: its gradients, and later its moments, hold many such numbers,
/// and processors multiply them some hundred times slower than others. Steps late in a training took three times as
/// long as the first ones.
public func withoutSubnormals<Result>(_ body: () throws -> Result) rethrows -> Result {
  let mode = flush_subnormals()
  defer { restore_subnormals(mode) }
  return try body()
}
