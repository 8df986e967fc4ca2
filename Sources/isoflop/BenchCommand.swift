import ArgumentParser
import Autograd
import Foundation
import Models
import ScalingLaws
import Training

/// `isoflop bench`: how fast the engine is on this machine.
struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "Times training steps against their matrix products alone, on one core.")

  @Option(help: "Seconds for each shape.")
  var seconds = 2.0
  @Option(help: "gpt2 or llama.")
  var family = ModelConfiguration.Family.gpt2

  /// Width, depth, heads, context, batch, vocabulary; the last five are the toy grid's own, with rotary positions.
  private static let shapes = [
    (32, 2, 2, 64, 64, 256), (64, 2, 2, 128, 32, 256), (128, 4, 4, 128, 32, 256), (256, 4, 4, 128, 16, 256),
    (256, 6, 4, 256, 16, 256), (16, 2, 2, 128, 4, 79), (32, 2, 4, 128, 4, 79), (64, 2, 8, 128, 4, 79),
    (32, 2, 4, 128, 16, 79), (64, 2, 8, 128, 16, 79),
  ]

  func run() throws {
    warnOfSlowProducts()
    print("kernel \(OpenBLAS.kernel), \(family.rawValue), one core, float32")
    let rows = try Self.shapes.map { width, depth, heads, context, batch, vocabulary in
      let model = try ModelConfiguration(
        family: family, width: width, depth: depth, heads: heads, context: context, vocabulary: vocabulary,
        positions: vocabulary == 79 ? .rotary : .learned, parametrisation: .standard)
      let benchmark = StepBenchmark(model, batch: batch, seconds: seconds)
      return [
        "\(width), \(depth), \(heads), \(context), \(batch), \(vocabulary)",
        String(format: "%.3f", 1000 * benchmark.stepSeconds),
        String(format: "%.3f", 1000 * benchmark.floorSeconds),
        String(format: "%.2f", benchmark.stepOverFloor), String(format: "%.0f", benchmark.tokensPerSecond),
        String(format: "%.1f", Double(benchmark.bytes) / 1048576),
      ]
    }
    printTable(
      [
        "width, depth, heads, context, batch, vocabulary", "step ms", "floor ms", "step / floor",
        "tokens / s", "MiB",
      ],
      rows)
    let fitter = try Benchmark.run()
    print(
      String(
        format: "fitter: %d bootstraps of %d points in %.2f s, %d starts in %.2f s, on %d cores",
        fitter.bootstraps,
        fitter.observations, fitter.bootstrapSeconds, fitter.starts, fitter.multiStartSeconds, fitter.cores))
  }
}
