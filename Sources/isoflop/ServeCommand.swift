import ArgumentParser
import Dispatch
import Files
import Serving
import Synchronization

/// `isoflop serve`: pages about a folder of runs, for a browser on this machine.
struct ServeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Shows experiments in a browser while they train, and the finished reports.",
    discussion:
      "Pages are on 127.0.0.1, for browsers on this machine only. They need no network and read only the folder, so "
      + "that experiments may be trained by any process before, meanwhile and afterwards. Ctrl-C ends it.")

  @Argument(help: "The folder of runs and results.", completion: .directory)
  var folder = "runs"
  @Option(help: "The port; 0 for any free one.")
  var port: UInt16 = 8760
  @Option(
    help: ArgumentHelp(
      "A folder that experiments may read texts and recipes from, besides their own and the current one; may be repeated.",
      valueName: "folder"), completion: .directory)
  var corpora: [String] = []

  func run() throws {
    guard try FileAccess.kind(of: folder) == .folder else {
      throw InputError(
        "is no folder", file: folder,
        remedy: "Name the folder of runs, or train an experiment first: `isoflop run`")
    }
    // Ctrl-C is the way to end it.
    Stop.shared.farewell.withLock { $0 = nil }
    let site = Site(folder, corpora: corpora)
    let port = port
    let failure = Mutex<(any Error)?>(nil)
    let ended = DispatchSemaphore(value: 0)
    Task.detached {
      do {
        try await site.serve(port: port) { address in print("\(address)    (Ctrl-C ends it)") }
      } catch { failure.withLock { $0 = error } }
      ended.signal()
    }
    ended.wait()
    if let error = failure.withLock({ $0 }) { throw error }
  }
}
