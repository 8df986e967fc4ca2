import Dispatch
import Foundation
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// Whether and why a command is to stop: everything is saved first.
final class Stop: Sendable {
  enum Reason: Sendable {
    /// Ctrl-C, SIGTERM, or a closed terminal.
    case interrupted
    /// The queue's signal that the time of its task is nearly over (SIGUSR1).
    case timeIsNearlyOver
    /// `--max-time` or `--max-flops`, by name.
    case budget(String)
    /// `--fail-fast`, or a fault that all runs would meet.
    case failure
  }

  private struct State {
    var reason: Reason?
    var handlers: [@Sendable () -> Void] = []
  }

  private let state = Mutex(State())

  /// Follows the signals by which a user, a terminal or a queue asks to stop.
  init() {
    for (number, reason) in [
      (SIGINT, Reason.interrupted), (SIGTERM, .interrupted), (SIGHUP, .interrupted),
      (SIGUSR1, .timeIsNearlyOver),
    ] {
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      // The handler keeps its source alive, for as long as the program runs.
      source.setEventHandler {
        self.request(reason)
        withExtendedLifetime(source) {}
      }
      source.resume()
    }
  }

  var reason: Reason? { state.withLock(\.reason) }
  var isRequested: Bool { reason != nil }

  /// Asks to stop; the first reason counts.
  func request(_ reason: Reason) {
    let handlers = state.withLock { state in
      guard state.reason == nil else { return [@Sendable () -> Void]() }
      state.reason = reason
      return state.handlers
    }
    for handler in handlers { handler() }
  }

  /// Asks to stop after so many seconds.
  func request(_ reason: Reason, after seconds: Double) {
    DispatchQueue.global().asyncAfter(deadline: .now() + seconds) { self.request(reason) }
  }

  /// Calls `handler` when it is asked to stop, or at once if it has been.
  func whenRequested(_ handler: @escaping @Sendable () -> Void) {
    let isLate = state.withLock { state in
      state.handlers.append(handler)
      return state.reason != nil
    }
    if isLate { handler() }
  }
}
