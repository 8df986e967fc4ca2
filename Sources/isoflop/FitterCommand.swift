import ArgumentParser
import Foundation
import ScalingLaws

/// `isoflop bench fitter`: the time of a bootstrap and of a search from many starts.
struct FitterCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fitter", abstract: "Times bootstraps of a planted surface, and a search from many starts.")

  @Flag(help: "Prints JSON instead of a line.")
  var json = false

  func run() throws {
    let fitter = try Benchmark.run()
    if json { return try printJSON(fitter) }
    print(
      String(
        format: "%d bootstraps of %d points in %.2f s, %d starts in %.2f s, on %d cores", fitter.bootstraps,
        fitter.observations, fitter.bootstrapSeconds, fitter.starts, fitter.multiStartSeconds, fitter.cores))
  }
}
