import Foundation
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// Whether Chromium, its driver and the library that steers them are installed.
private let hasChromium: Bool = {
  guard FileManager.default.isExecutableFile(atPath: "/usr/bin/chromedriver"),
    let python, let folder = try? ScratchFolder(),
    let found = try? Script(python, "-c", "import selenium", in: folder.path)
  else { return false }
  return found.status == 0
}()

/// `isoflop serve`.
@Suite struct ServeTests {
  private let experiment = """
    title: Small models of a small text
    corpus: {source: village, validation_tokens: 16k}
    grid:
      width: [8, 16, 24, 32]
      tokens: [200k, 400k, 800k]
      seeds: 2
    fits:
      - {law: chinchilla, floor: entropy}
      - {law: power_c, floor: entropy}

    """

  @Test(
    "Pages grow while a grid trains, tell values, hide series, and fit a telephone",
    .enabled(if: hasChromium, "Chromium is not installed"))
  func pages() throws {
    let python = try #require(python)
    let folder = try ScratchFolder()
    try folder.write(experiment, to: "small.yaml")
    let outputs = try ScratchFolder()
    // The site is there before the first run.
    try FileManager.default.createDirectory(atPath: "\(folder.path)/runs", withIntermediateDirectories: true)
    let server = try Command.start(["serve", "--port", "0"], in: folder.path, outputs: outputs.path)
    defer {
      kill(server.processIdentifier, SIGKILL)
      server.waitUntilExit()
    }
    let address = try #require(untilNotEmpty { printedAddress(in: outputs) })
    let training = try Command.start(["run", "small.yaml", "-j", "1"], in: folder.path)
    defer {
      kill(training.processIdentifier, SIGKILL)
      training.waitUntilExit()
    }
    _ = untilNotEmpty {
      FileManager.default.fileExists(atPath: "\(folder.path)/runs/small/plan.json") ? true : nil
    }
    let browser = try Script(
      python, "\(packageRoot)/Tests/CommandTests/Browser/pages.py", address, "small", in: folder.path)
    #expect(browser.status == 0, "\(browser.output)\(browser.errors)")
  }

  @Test("A folder that is absent and a port that is taken give one line each")
  func mistakes() throws {
    let folder = try ScratchFolder()
    let absent = try Command("serve", in: folder.path)
    #expect(absent.status == 2 && absent.errors.contains("runs: is no folder"), "\(absent.errors)")
    let outputs = try ScratchFolder()
    let server = try Command.start(["serve", ".", "--port", "0"], in: folder.path, outputs: outputs.path)
    defer {
      kill(server.processIdentifier, SIGKILL)
      server.waitUntilExit()
    }
    let address = try #require(untilNotEmpty { printedAddress(in: outputs) })
    let port = try #require(address.split(separator: ":").last?.dropLast())
    let second = try Command("serve", ".", "--port", String(port), in: folder.path)
    #expect(second.status == 2 && second.errors.contains("port \(port) is not available"), "\(second.errors)")
  }

  /// The address that the server prints; nil before it does.
  private func printedAddress(in outputs: ScratchFolder) -> String? {
    (try? outputs.read("output"))?.split(separator: " ").first.map(String.init)
  }

  /// Asks until there is an answer, for up to a minute.
  private func untilNotEmpty<Answer>(_ ask: () -> Answer?) -> Answer? {
    for _ in 0..<600 {
      if let answer = ask() { return answer }
      usleep(100_000)
    }
    return nil
  }
}
