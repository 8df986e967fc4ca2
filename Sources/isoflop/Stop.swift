import Dispatch
import Execution
import Files
import Foundation
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// Whether a stop was requested, and why. It handles the signals of every command.
///
/// While there is work to save (`whileSaving`), the command polls for it, saves its work and ends. At all other times, as
/// while it plans, fits or draws, a signal ends the process at once: nothing is lost.
final class Stop: Sendable {
  enum Reason: Sendable {
    /// Ctrl-C, SIGTERM, or a closed terminal.
    case interrupted
    /// The queue's signal that the time of its task is nearly over (SIGUSR1).
    case timeIsNearlyOver
    /// `--max-time` or `--max-flops`, by name.
    case budget(String)
    /// `--fail-fast`, or an error that affects all runs.
    case failure

    /// Whether the request came from outside the program.
    fileprivate var isSignal: Bool {
      switch self {
      case .interrupted, .timeIsNearlyOver: true
      case .budget, .failure: false
      }
    }
  }

  private struct State {
    var reason: Reason?
    /// How many parts of the program have work to save.
    var savers = 0
    var handlers: [@Sendable () -> Void] = []
  }

  private let state = Mutex(State())
  /// A separate queue: computation may occupy all threads of the shared ones.
  private let queue = DispatchQueue(label: "signals")

  /// The message when a signal ends the process at once; nil for none.
  let farewell = Mutex<String?>("interrupted")

  /// Checks that this process can create the threads that handle signals and renew claims. Without them Dispatch would
  /// wait for ever, and no signal could end the process.
  ///
  /// - Throws: `InputError` if it cannot.
  static func requireThreads(_ count: Int = 4) throws {
    var ends: [Int32] = [0, 0]
    var (threads, code): ([pthread_t], Int32) = ([], 0)
    guard pipe(&ends) == 0 else { throw FileAccess.systemError("cannot be started", "isoflop") }
    while threads.count < count, code == 0 {
      var thread = pthread_t()
      let reading = UnsafeMutableRawPointer(bitPattern: Int(ends[0]) + 1)
      code = pthread_create(
        &thread, nil,
        { argument in
          var byte: UInt8 = 0
          // Returns when the other end of the pipe is closed.
          _ = read(Int32(Int(bitPattern: argument) - 1), &byte, 1)
          return nil
        }, reading)
      if code == 0 { threads.append(thread) }
    }
    close(ends[1])
    for thread in threads { pthread_join(thread, nil) }
    close(ends[0])
    guard code == 0 else {
      throw InputError(
        "threads cannot be started: \(String(cString: strerror(code)))",
        remedy: "Raise the limit on processes (`ulimit -u`) or on memory (`ulimit -v`)", systemError: code)
    }
  }

  /// The number of files that a command has open at most with one worker: seven of Dispatch, and its own.
  private static let descriptors = 16

  /// Raises the limit on open files as far as allowed, and checks that this process can open those that a command
  /// needs. Dispatch reads files at any time, such as the states of its threads, and crashes if it cannot open them.
  ///
  /// - Throws: `InputError` if it cannot.
  static func requireDescriptors() throws {
    var limit = rlimit()
    if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
      limit.rlim_cur = limit.rlim_max
      setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
    let opened = (0..<descriptors).map { _ in Glibc.open("/dev/null", O_RDONLY | O_CLOEXEC) }
    // The first failure has the code; closing would replace it.
    let failure = opened.contains(-1) ? FileAccess.systemError("cannot be started", "isoflop") : nil
    for descriptor in opened where descriptor >= 0 { close(descriptor) }
    if let failure { throw failure }
  }

  /// The instance of this process. It handles signals from its first use on.
  static let shared = Stop()

  private init() {
    let isReady = DispatchGroup()
    for (number, reason) in [
      (SIGINT, Reason.interrupted), (SIGTERM, .interrupted), (SIGHUP, .interrupted),
      (SIGUSR1, .timeIsNearlyOver),
    ] {
      // `nohup` must be respected.
      if number == SIGHUP, Self.isIgnored(number) { continue }
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
      // The handler keeps its source alive, for as long as the program runs.
      source.setEventHandler {
        self.request(reason)
        withExtendedLifetime(source) {}
      }
      isReady.enter()
      source.setRegistrationHandler { isReady.leave() }
      source.resume()
    }
    // Dispatch opens its files on a thread of its own. They must be open before other files use up the limit.
    isReady.enter()
    queue.asyncAfter(deadline: .now() + .microseconds(1)) { isReady.leave() }
    isReady.wait()
  }

  private static func isIgnored(_ number: Int32) -> Bool {
    var action = sigaction()
    guard sigaction(number, nil, &action) == 0 else { return false }
    return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
      == unsafeBitCast(SIG_IGN, to: Int.self)
  }

  var reason: Reason? { state.withLock(\.reason) }
  var isRequested: Bool { reason != nil }

  /// Calls something that saves its own work when a stop is requested.
  func whileSaving<Result>(_ body: () throws -> Result) rethrows -> Result {
    state.withLock { $0.savers += 1 }
    defer { state.withLock { $0.savers -= 1 } }
    return try body()
  }

  /// Requests a stop. The first reason counts.
  func request(_ reason: Reason) {
    let (handlers, isAtOnce) = state.withLock { state in
      guard state.reason == nil else { return ([@Sendable () -> Void](), false) }
      state.reason = reason
      return (state.handlers, state.savers == 0 && reason.isSignal)
    }
    for handler in handlers { handler() }
    guard isAtOnce else { return }
    if let text = farewell.withLock({ $0 }) { complain((isatty(STDERR_FILENO) == 1 ? "\n" : "") + text) }
    // Otherwise, processes such as those that draw figures would continue.
    ChildProcess.endAll()
    leave(Status.interrupted.rawValue)
  }

  /// The message of an interrupted command that saves its work.
  static let interrupted = "interrupted: everything so far is saved, and the same command continues from here"

  /// Requests a stop after a number of seconds.
  func request(_ reason: Reason, after seconds: Double) {
    queue.asyncAfter(deadline: .now() + seconds) { self.request(reason) }
  }

  /// Calls `handler` when a stop is requested, or at once if it already was.
  func whenRequested(_ handler: @escaping @Sendable () -> Void) {
    let isLate = state.withLock { state in
      state.handlers.append(handler)
      return state.reason != nil
    }
    if isLate { handler() }
  }
}
