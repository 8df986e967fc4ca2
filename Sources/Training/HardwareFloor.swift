import Autograd

/// A lower bound on the time of a training step that the hardware sets: for any program that computes the same matrix
/// products on the same unit of one core.
public struct HardwareFloor: Codable, Sendable {
  /// The unit that the kernels in use compute on.
  public let unit: ArithmeticUnit
  /// The peak rate of the unit, in floating-point operations per second, measured in turns with the step.
  public let peakFlopRate: Double
  /// The rate at which the core reads memory, in bytes per second.
  public let bandwidth: Double
  /// The floating-point operations of the matrix products that the step needs: of attention those of its causal half, and
  /// of the update rule those of a usual step.
  public let flops: Double
  /// The bytes that the step must move at least, each read and each write counted:
  ///
  /// - the weights are read, and written by the update;
  /// - their gradients are written, and read by the update;
  /// - the update rule's buffers are read and written;
  /// - the values that forward leaves for backward are written and read.
  ///
  /// All are counted as memory traffic, even if a cache could hold them. A step of a model that fits into the cache can
  /// therefore be faster than this part of the bound.
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

  /// The floating-point operations of the update rule's own products in a step, the mean over many steps after the first.
  var updateFlops: Double {
    let counts = [1, 1001].map { configuration.training.updateFlops(transformer, steps: $0) }
    return (counts[1] - counts[0]) / 1000
  }
}
