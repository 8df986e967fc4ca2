import Autograd
import Testing

@Suite struct SubnormalsTests {
  /// Half of x, computed when the program runs.
  @inline(never)
  private static func half(_ x: Float) -> Float { x / 2 }

  @Test("Subnormal results are flushed to zero inside the closure only")
  func flushed() {
    let smallest = Float.leastNormalMagnitude
    #expect(Self.half(smallest) > 0)
    let inside = withoutSubnormals { Self.half(smallest) }
    #expect(inside == 0)
    #expect(Self.half(smallest) > 0)
  }
}
