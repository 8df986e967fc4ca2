import CBLAS

/// The floor under the time of a step: its matrix products run alone, one after another, on one
/// core, by OpenBLAS: what a program on a general library could reach at best.
public final class ProductFloor {
  private let products: [Product]
  private let a: FloatBuffer
  private let b: FloatBuffer
  private let c: FloatBuffer

  public init(of program: Program) {
    OpenBLAS.useOneThread()
    let products = program.steps.flatMap(\.operation.products)
    self.products = products
    func buffer(_ size: (Product) -> Int) -> FloatBuffer {
      let buffer = FloatBuffer(count: products.map { $0.count * size($0) }.max() ?? 0)
      for i in 0..<buffer.count { buffer[i] = Float(i % 7) - 3 }
      return buffer
    }
    a = buffer { $0.rows * $0.inner }
    b = buffer { $0.inner * $0.columns }
    c = buffer { $0.rows * $0.columns }
  }

  /// The floating-point operations of all products.
  public var flops: Double {
    products.reduce(0) { $0 + 2 * Double($1.count) * Double($1.rows) * Double($1.columns) * Double($1.inner) }
  }

  /// Runs all products once.
  public func callAsFunction() {
    for product in products {
      for index in 0..<product.count {
        let (m, n, k) = (product.rows, product.columns, product.inner)
        cblas_sgemm(
          CblasRowMajor, CblasNoTrans, CblasNoTrans, blasint(m), blasint(n), blasint(k), 1,
          a.start + index * m * k, blasint(k), b.start + index * k * n, blasint(n), 0,
          c.start + index * m * n, blasint(n))
      }
    }
  }
}
