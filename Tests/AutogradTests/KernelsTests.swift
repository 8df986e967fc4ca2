import Autograd
import Testing

/// A single matrix product by each of the kernels, with all that an operation may ask of it.
@Suite struct KernelsTests {
  /// What is added to a product.
  enum Addend: CaseIterable {
    case none, itself, another, row
  }

  @Test(
    "Products of all kernels agree with a naive reference, and write nothing else",
    arguments: ProductTests.kernels, ProductTests.shapes)
  func agrees(_ kernel: ProductKernel, _ shape: ProductTests.Shape) {
    for (turnsA, turnsB) in [(false, false), (false, true), (true, false), (true, true)] {
      for addend in Addend.allCases {
        let alpha: Float = addend == .another ? 1 : -0.75
        let product = Sample(shape, turnsA: turnsA, turnsB: turnsB, addend, alpha: alpha)
        let found = product.result(by: kernel)
        #expect(product.isClose(found, by: kernel), "\(turnsA) \(turnsB) \(addend)")
        #expect(product.result(by: kernel) == found, "other bits in another run")
      }
    }
  }

  @Test("The kernels in use are those that the environment names, or the usual ones")
  func choice() {
    #expect(Kernels.inUse == Kernels.chosen ?? (ArithmeticUnit.compiled >= .avx2 ? .own : .blas))
    #expect(Kernels.unknownName == nil)
  }
}

/// c ← alpha·a·b + addend, each matrix a view of memory with longer rows.
private struct Sample {
  let shape: ProductTests.Shape
  let turnsA: Bool
  let turnsB: Bool
  let addend: KernelsTests.Addend
  let alpha: Float
  private let a: [Float]
  private let b: [Float]
  /// What is added, before and after.
  private let added: [Float]
  /// The floats between rows, beyond those of the row.
  private static let gap = 3

  init(
    _ shape: ProductTests.Shape, turnsA: Bool, turnsB: Bool, _ addend: KernelsTests.Addend, alpha: Float
  ) {
    (self.shape, self.turnsA, self.turnsB, self.addend, self.alpha) = (shape, turnsA, turnsB, addend, alpha)
    func numbers(_ rows: Int, _ columns: Int, seed: Int) -> [Float] {
      pseudorandom(rows * (columns + Self.gap), seed: seed).map(Float.init)
    }
    let (m, k, n) = (shape.rows, shape.inner, shape.columns)
    a = turnsA ? numbers(k, m, seed: 1) : numbers(m, k, seed: 1)
    b = turnsB ? numbers(n, k, seed: 2) : numbers(k, n, seed: 2)
    added = numbers(addend == .row ? 1 : m, n, seed: 3)
  }

  /// All floats of c's memory. Those of c hold NaN before, unless they are added.
  func result(by kernel: ProductKernel) -> [Float] {
    let (m, k, n) = (shape.rows, shape.inner, shape.columns)
    var (a, b, added) = (a, b, added)
    var c = addend == .itself ? added : Array(repeating: .nan, count: m * (n + Self.gap))
    for row in 0..<m {
      for gap in 0..<Self.gap { c[row * (n + Self.gap) + n + gap] = Float(gap) }
    }
    var scratch = Array(repeating: Float.nan, count: kernel.scratchCount(inner: k, columns: n))
    func view(_ start: UnsafeMutablePointer<Float>?, _ rows: Int, _ columns: Int, turned: Bool) -> Matrix {
      guard let start else { preconditionFailure("an empty matrix") }
      return turned
        ? Matrix(start, columns, rows, stride: rows + Self.gap).transposed
        : Matrix(start, rows, columns, stride: columns + Self.gap)
    }
    a.withUnsafeMutableBufferPointer { a in
      b.withUnsafeMutableBufferPointer { b in
        added.withUnsafeMutableBufferPointer { added in
          c.withUnsafeMutableBufferPointer { c in
            scratch.withUnsafeMutableBufferPointer { scratch in
              guard let memory = scratch.baseAddress, let others = added.baseAddress else {
                preconditionFailure("an empty matrix")
              }
              let result = view(c.baseAddress, m, n, turned: false)
              let addend: Matrix? =
                switch addend {
                case .none: nil
                case .itself: result
                case .another: view(others, m, n, turned: false)
                case .row: Matrix(others, m, n, stride: 0)
                }
              kernel.multiply(
                view(a.baseAddress, m, k, turned: turnsA), view(b.baseAddress, k, n, turned: turnsB),
                into: result, alpha: alpha, plus: addend, scratch: memory)
            }
          }
        }
      }
    }
    return c
  }

  /// Whether every sum of n terms is off by at most n roundings of the sum of its magnitudes, and the gaps are as before.
  func isClose(_ c: [Float], by kernel: ProductKernel) -> Bool {
    let (m, k, n, gap) = (shape.rows, shape.inner, shape.columns, Self.gap)
    return (0..<m).allSatisfy { row in
      (0..<gap).allSatisfy { c[row * (n + gap) + n + $0] == Float($0) }
        && (0..<n).allSatisfy { column in
          let start = addend == .none ? 0 : Double(added[(addend == .row ? 0 : row * (n + gap)) + column])
          var (sum, magnitude) = (start, abs(start))
          for term in 0..<k {
            let x = turnsA ? a[term * (m + gap) + row] : a[row * (k + gap) + term]
            let y = turnsB ? b[column * (k + gap) + term] : b[term * (n + gap) + column]
            let product = Double(alpha) * Double(kernel.operand(x)) * Double(kernel.operand(y))
            sum += product
            magnitude += abs(product)
          }
          return abs(Double(c[row * (n + gap) + column]) - sum) <= Double(k + 4) * 0x1p-24 * magnitude
        }
    }
  }
}
