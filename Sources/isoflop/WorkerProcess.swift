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
    let process: ChildProcess
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
      var worker: Running
      do {
        worker = try running ?? start()
        running = worker
      } catch {
        // Another process could not be started either.
        return .failed("\(error)", concernsAll: true)
      }
      do {
        try worker.orders.write(contentsOf: JSONEncoder().encode(order) + Data("\n".utf8))
        while let line = worker.messages.next() {
          switch try decodeJSON(WorkerMessage.self, from: line) {
          case .event(let event): report(event)
          case .end(let end):
            running = worker
            // A stopped worker takes no more jobs.
            if case .stopped = end {
              running = nil
              wait(for: worker)
            }
            return end
          }
        }
      } catch {
        // It has died before the order could be written. Its exit status below is the reason.
      }
      running = nil
      try? worker.orders.close()
      let words = lastWords(of: wait(for: worker))
      // If it was interrupted, it had nothing to save.
      return isInterrupted.load(ordering: .sequentiallyConsistent)
        ? .stopped : .failed(words, concernsAll: false)
    }
  }

  /// Asks the process to save its job and stop it.
  func interrupt() {
    isInterrupted.store(true, ordering: .sequentiallyConsistent)
    let pid = pid.load(ordering: .sequentiallyConsistent)
    if pid > 0 { kill(pid, SIGTERM) }
  }

  private func start() throws -> Running {
    let (orders, messages) = (try ChildProcess.pipe(), try ChildProcess.pipe())
    // `/proc/PID/exe` also works if the program has been rebuilt meanwhile. The worker must react to SIGTERM from the
    // start. It ignores the other signals that this process handles, which a terminal sends to both.
    let process: ChildProcess
    do {
      process = try ChildProcess(
        "/proc/\(getpid())/exe", ["worker", root] + KernelOptions.ofThisProcess, input: orders.reading,
        output: messages.writing,
        defaultSignals: [SIGTERM])
    } catch let error as InputError {
      throw InputError("a worker \(error.message)", remedy: error.remedy, systemError: error.systemError)
    }
    pid.store(process.pid, ordering: .sequentiallyConsistent)
    if isInterrupted.load(ordering: .sequentiallyConsistent) { interrupt() }
    return Running(process: process, orders: orders.writing, messages: LineReader(messages.reading))
  }

  /// Waits for the end of the process.
  @discardableResult
  private func wait(for worker: Running) -> ChildProcess.End {
    defer { pid.store(0, ordering: .sequentiallyConsistent) }
    return worker.process.wait()
  }

  private func lastWords(of end: ChildProcess.End) -> String {
    switch end {
    case .status(let status): return "its process ended with status \(status)"
    case .signal(let signal):
      let hint = signal == SIGKILL ? "; possibly out of memory" : ""
      return "its process was ended by signal \(signal) (\(String(cString: strsignal(signal)))\(hint))"
    }
  }
}
