import ArgumentParser
import Execution
import Files
import Foundation
import Plans

#if canImport(Glibc)
  import Glibc
#endif

/// An order to a worker: a line of JSON on its standard input.
struct WorkerOrder: Codable {
  let job: TrunkJob
  let abandoned: Claims.Sighting?
  let keepsCheckpoints: Bool
}

/// A message of a worker: a line of JSON on its standard output.
enum WorkerMessage: Codable {
  case event(TrunkJob.Event)
  case end(TrunkJob.End)
}

/// `isoflop worker`: does one job after the other for the command that has started it, in a separate process, so that a
/// crash affects only one job.
struct WorkerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "worker", abstract: "Trains the jobs that the command that has started it sends.",
    shouldDisplay: false)

  @Argument(help: "The folder of runs and results.")
  var root: String
  @OptionGroup var kernels: KernelOptions

  func run() throws {
    kernels.apply()
    // Otherwise, lists of processes would show the name of the link through which it was started.
    try? Data("isoflop worker".utf8).write(to: URL(fileURLWithPath: "/proc/self/comm"))
    let stop = Stop.shared
    // Its command does.
    stop.farewell.withLock { $0 = nil }
    let parent = getppid()
    let store = try RunStore(root)
    Console.beforeLeaving { _ in store.claims.releaseAll() }
    let corpora = CorpusCache()
    var orders = LineReader(.standardInput)
    // A worker whose command has ended must not go on beside the next command.
    let watch = DispatchSource.makeTimerSource(queue: DispatchQueue(label: "parent"))
    watch.schedule(deadline: .now() + 0.2, repeating: 0.2)
    watch.setEventHandler { if getppid() != parent || Console.isLost { stop.request(.interrupted) } }
    watch.resume()
    while let line = orders.next() {
      let order = try decodeJSON(WorkerOrder.self, from: line)
      let outlet = Outlet()
      let end: TrunkJob.End
      do {
        let log = try JobLog(store.log(of: order.job))
        end = order.job.train(
          in: store, corpora: corpora, abandoned: order.abandoned, keepsCheckpoints: order.keepsCheckpoints,
          isCancelled: { stop.isRequested }, whileSaving: { try stop.whileSaving($0) }, report: outlet.report)
        log.close(end)
      } catch {
        end = .failed("\(error)", concernsAll: (error as? InputError)?.concernsAll ?? false)
      }
      outlet.report(end)
      // A stopped worker takes no more jobs.
      if case .stopped = end { break }
    }
    withExtendedLifetime(watch) {}
  }
}

/// Writes messages to standard output, and progress only at intervals.
private final class Outlet {
  private var (seconds, flops) = (0.0, 0.0)
  private var lastProgress = ContinuousClock.now

  func report(_ event: TrunkJob.Event) {
    guard case .progress(let seconds, let flops) = event else { return send(.event(event)) }
    self.seconds += seconds
    self.flops += flops
    if ContinuousClock.now - lastProgress > .milliseconds(100) { sendProgress() }
  }

  func report(_ end: TrunkJob.End) {
    sendProgress()
    send(.end(end))
  }

  private func sendProgress() {
    send(.event(.progress(seconds: seconds, flops: flops)))
    (seconds, flops, lastProgress) = (0, 0, .now)
  }

  private func send(_ message: WorkerMessage) {
    guard let line = try? JSONEncoder().encode(message) else { return }
    Console.write(line + Data("\n".utf8))
  }
}

/// The log of a job: the standard error of its process, such as the message of a crash. The command that has started the
/// process adds the reason of a failure.
private struct JobLog {
  private let path: String
  /// A copy of the original standard error; negative if it could not be copied, and is not redirected.
  private let standardError: Int32

  init(_ path: String) throws {
    self.path = path
    try FileAccess.makeFolder((path as NSString).deletingLastPathComponent)
    let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    guard file >= 0 else { throw FileAccess.systemError("cannot be written", path) }
    defer { Glibc.close(file) }
    standardError = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)
    guard standardError >= 0 else { return }
    dup2(file, STDERR_FILENO)
  }

  func close(_ end: TrunkJob.End) {
    if standardError >= 0 {
      dup2(standardError, STDERR_FILENO)
      Glibc.close(standardError)
    }
    if case .failed = end { return }
    // The log of a job that has not failed is removed if it is done, or if the log is empty.
    var isEmpty = (try? FileAccess.read(path).isEmpty) ?? false
    if case .done = end { isEmpty = true }
    if isEmpty { unlink(path) }
  }
}

/// The lines of an open file.
struct LineReader {
  private let file: FileHandle
  private var buffer = Data()
  private var chunk = [UInt8](repeating: 0, count: 1 << 16)

  init(_ file: FileHandle) {
    self.file = file
  }

  /// The next line without its end; nil at the end of the file. Waits for it.
  mutating func next() -> Data? {
    while true {
      if let end = buffer.firstIndex(of: UInt8(ascii: "\n")) {
        defer { buffer.removeSubrange(...end) }
        return buffer[..<end]
      }
      let count = read(file.fileDescriptor, &chunk, chunk.count)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return nil }
      buffer.append(contentsOf: chunk[..<count])
    }
  }
}
