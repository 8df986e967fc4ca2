import Execution
import Files
import Foundation
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// A process that does one job after the other (`isoflop worker`). If it dies, the next job gets a new one.
final class WorkerProcess: Sendable {
  private struct Running: @unchecked Sendable {
    let process: Process
    let orders: FileHandle
    var messages: LineReader
  }

  private let root: String
  private let running = Mutex<Running?>(nil)
  /// The number of the process, for signals; 0 while there is none.
  private let pid = Atomic<Int32>(0)
  private let isInterrupted = Atomic<Bool>(false)

  init(root: String) {
    self.root = root
  }

  /// Does a job and waits for its end.
  func run(_ order: WorkerOrder, report: (TrunkJob.Event) -> Void) -> TrunkJob.End {
    running.withLock { running in
      do {
        var worker = try running ?? start()
        running = worker
        try worker.orders.write(contentsOf: JSONEncoder().encode(order) + Data("\n".utf8))
        while let line = worker.messages.next() {
          switch try decodeJSON(WorkerMessage.self, from: line) {
          case .event(let event): report(event)
          case .end(let end):
            running = worker
            // One that was asked to stop does nothing more.
            if case .stopped = end { running = nil }
            return end
          }
        }
        running = nil
        let words = lastWords(of: worker.process)
        // It was asked to stop before it could listen.
        return isInterrupted.load(ordering: .sequentiallyConsistent)
          ? .stopped : .failed(words, concernsAll: false)
      } catch {
        running = nil
        return .failed("the worker could not be started or reached: \(error)", concernsAll: false)
      }
    }
  }

  /// Asks the process to save its job and stop it.
  func interrupt() {
    isInterrupted.store(true, ordering: .sequentiallyConsistent)
    let pid = pid.load(ordering: .sequentiallyConsistent)
    if pid > 0 { kill(pid, SIGTERM) }
  }

  private func start() throws -> Running { try Self.starting.withLock { _ in try startAlone() } }

  /// One at a time: a process that starts in between would inherit the ends of a pipe that are not marked yet.
  private static let starting = Mutex(())

  private func startAlone() throws -> Running {
    let process = Process()
    // Also where the program has been built anew in the meantime.
    process.executableURL = URL(fileURLWithPath: "/proc/\(getpid())/exe")
    process.arguments = ["worker", root]
    let (orders, messages) = (try pipe(), try pipe())
    process.standardInput = orders.reading
    process.standardOutput = messages.writing
    try process.run()
    try orders.reading.close()
    try messages.writing.close()
    pid.store(process.processIdentifier, ordering: .sequentiallyConsistent)
    if isInterrupted.load(ordering: .sequentiallyConsistent) { interrupt() }
    return Running(
      process: process, orders: orders.writing, messages: LineReader(messages.reading))
  }

  /// A pipe that no other process inherits: the end of this one must be the end of its workers' orders.
  private func pipe() throws -> (reading: FileHandle, writing: FileHandle) {
    var ends: [Int32] = [0, 0]
    guard Glibc.pipe(&ends) == 0 else { throw POSIXError(.init(rawValue: errno) ?? .EMFILE) }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (
      FileHandle(fileDescriptor: ends[0], closeOnDealloc: true),
      FileHandle(fileDescriptor: ends[1], closeOnDealloc: true)
    )
  }

  private func lastWords(of process: Process) -> String {
    process.waitUntilExit()
    pid.store(0, ordering: .sequentiallyConsistent)
    guard process.terminationReason == .uncaughtSignal else {
      return "its process ended with status \(process.terminationStatus)"
    }
    let signal = process.terminationStatus
    let hint = signal == SIGKILL ? ", as where memory runs out" : ""
    return "its process was ended by signal \(signal) (\(String(cString: strsignal(signal)))\(hint))"
  }
}
