import Autograd
import Testing

/// What the hardware floor of a step is made of. Times depend on the machine and are not tested.
@Suite struct HardwareTests {
  @Test("The kernels' units are among those of the CPU, and each of its units can be measured")
  func units() {
    let best = ArithmeticUnit(cpuFlags: ArithmeticUnit.cpuFlags)
    #expect(Kernels.allCases.allSatisfy { $0.unit <= best })
    let units = ArithmeticUnit.allCases.filter { $0 <= best && ($0 == .neon) == (best == .neon) }
    for unit in Set(units + Bfloat16Kernel.available.map(\.unit)) {
      let peak = PeakRate(of: unit)
      let time = ContinuousClock().measure { peak() }
      #expect(peak.flops > 1e5 && time > .zero)
    }
  }

  @Test("The buffer that memory is measured with is larger than most caches")
  func memory() {
    let memory = MemoryBandwidth()
    let time = ContinuousClock().measure { memory() }
    #expect(memory.bytes >= 0x1p26 && memory.bytes <= 0x1p29 && time > .zero)
  }

  @Test("What backward reads again counts once, without weights")
  func savedValues() {
    var layout = ParameterLayout()
    let (x, w) = (layout.add("x", [5, 3]), layout.add("w", [3, 7]))
    let recorder = Recorder(gradients: true)
    let y = recorder.linear(x, w)
    // Both read y.
    let program = recorder.finish(recorder.add(recorder.gelu(y), recorder.gelu(y)))
    #expect(program.savedByteCount == 5 * 7 * 4)
    let evaluation = Recorder(gradients: false)
    #expect(evaluation.finish(evaluation.gelu(evaluation.linear(x, w))).savedByteCount == 0)
  }
}
