import ArgumentParser
import Foundation
import Generation
import Models
import Training

/// `isoflop bench generation`: cached decoding against one window a token.
struct GenerationCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generation",
    abstract: "Times cached decoding of many samples against a whole window per token, on one core.")

  @Option(help: "About how long to measure.")
  var seconds = 5.0
  @Option(help: "gpt2 or llama.")
  var architecture = ModelConfiguration.Architecture.gpt2
  @Option(
    help:
      "Width, depth, heads, context, samples and vocabulary, such as 128,4,4,128,64,256; for moe models also experts and experts per token."
  )
  var shape = BenchmarkShape.generation
  @OptionGroup var kernels: KernelOptions
  @Flag(help: "Prints everything as JSON.")
  var json = false

  /// What `--json` prints.
  private struct Output: Encodable {
    let provenance: Provenance
    let generation: GenerationBenchmark
  }

  func validate() throws {
    guard seconds > 0, seconds.isFinite else { throw ValidationError("--seconds must be more than 0.") }
  }

  func run() throws {
    kernels.apply()
    KernelOptions.warn()
    let benchmark = try GenerationBenchmark(
      shape.model(architecture), samples: shape.numbers[4], seconds: seconds)
    if json { return try printJSON(Output(provenance: Provenance(threads: 1), generation: benchmark)) }
    printTable(
      ["width, depth, heads, context, samples, vocabulary", "tokens / s", "one window per token", "ratio"],
      [
        [
          "\(shape)", String(format: "%.0f", benchmark.cachedTokensPerSecond),
          String(format: "%.0f", benchmark.windowTokensPerSecond), String(format: "%.1f", benchmark.ratio),
        ]
      ])
  }
}

extension BenchmarkShape {
  /// A model that a laptop trains in minutes.
  fileprivate static let generation = BenchmarkShape([128, 4, 4, 128, 64, 256])
}

extension ModelConfiguration.Architecture: ExpressibleByArgument {}
