import Autograd

/// The floor that the hardware sets under the time of a training step: what no program can pass whose products are those
/// of float32 on the same unit of one core.
public struct HardwareFloor: Codable, Sendable {
  /// The unit that the kernels in use compute on.
  public let unit: ArithmeticUnit
  /// What the unit can do at best, in floating-point operations a second: measured in turns with the step.
  public let peakFlopRate: Double
  /// What the core can read from memory, in bytes a second.
  public let bandwidth: Double
  /// The floating-point operations of the matrix products that the step needs: of attention those of its causal half.
  public let flops: Double
  /// The bytes that the step must move at least, each read and each write counted:
  ///
  /// - the weights are read, and written by the update;
  /// - their gradients are written, and read by the update;
  /// - the update rule's buffers are read and written;
  /// - the values that forward leaves for backward are written and read.
  ///
  /// All are counted as if they went to memory, also where a cache could keep them. So a step of a model that fits into
  /// the cache might pass this part of the floor.
  public let bytes: Double
  /// The seconds of the operations at the peak.
  public let computeSeconds: Double
  /// The seconds of the bytes at the bandwidth.
  public let memorySeconds: Double
  /// The longer of the two.
  public let seconds: Double

  init(unit: ArithmeticUnit, peakFlopRate: Double, bandwidth: Double, flops: Double, bytes: Double) {
    self.unit = unit
    self.peakFlopRate = peakFlopRate
    self.bandwidth = bandwidth
    self.flops = flops
    self.bytes = bytes
    computeSeconds = flops / peakFlopRate
    memorySeconds = bytes / bandwidth
    seconds = max(computeSeconds, memorySeconds)
  }
}

extension Trainer {
  /// The bytes of a step as `HardwareFloor.bytes` counts them.
  ///
  /// - Parameter program: The loss of the whole batch with its gradients.
  func leastBytes(of program: Program) -> Int {
    let gradient = transformer.layout.gradientCount * MemoryLayout<Float>.stride
    return 2 * (state.byteCount + gradient + program.savedByteCount)
  }
}
