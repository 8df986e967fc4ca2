import Files
import Foundation
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// Prints everything that the program prints: results on standard output, everything else on standard error.
///
/// Both may fail: a terminal is closed, a pipe has no reader, a disk is full. The work then continues, and the exit
/// status tells that results could not be printed.
enum Console {
  /// The system's error of the first failed write of a result.
  private static let failure = Mutex<Int32?>(nil)
  /// Called in reverse order before the process ends.
  private static let leavers = Mutex<[@Sendable (_ status: Int32) -> Void]>([])
  private static let isLeaving = Atomic<Bool>(false)

  /// Whether results can no longer be printed, so that computing more is pointless.
  static var isLost: Bool { failure.withLock { $0 != nil } }

  /// Must be called before any file is opened: a file that got the number of a closed standard descriptor would receive
  /// what is printed.
  static func secure() {
    signal(SIGPIPE, SIG_IGN)
    for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
      // The descriptor gets the lowest free number, which is this one.
      _ = open("/dev/null", descriptor == STDIN_FILENO ? O_RDONLY : O_WRONLY)
      if descriptor == STDOUT_FILENO { failure.withLock { $0 = EBADF } }
    }
  }

  /// Writes results.
  static func write(_ data: Data) {
    failure.withLock { failure in
      if failure == nil { failure = writeAll(data, to: STDOUT_FILENO) }
    }
  }

  /// Writes a message to standard error. A failure cannot be reported.
  static func writeBeside(_ text: String) { _ = writeAll(Data(text.utf8), to: STDERR_FILENO) }

  /// Calls `body` with the exit status before the process ends, also if a signal ends it.
  static func beforeLeaving(_ body: @escaping @Sendable (_ status: Int32) -> Void) {
    leavers.withLock { $0.append(body) }
  }

  /// Ends the process at once. A normal exit could hang: OpenBLAS waits for a thread that a memory limit may have kept
  /// from starting.
  static func leave(_ status: Int32) -> Never {
    // A signal may arrive while the command is already ending.
    while isLeaving.exchange(true, ordering: .sequentiallyConsistent) { pause() }
    for leaver in leavers.withLock({ $0.reversed() }) { leaver(status) }
    fflush(nil)
    guard status == 0, let code = failure.withLock({ $0 }) else { _exit(status) }
    // The reader closed the pipe on purpose, as `head` does.
    if code != EPIPE {
      complain("error: standard output: cannot be written: \(String(cString: strerror(code)))")
    }
    _exit(Status.badInput.rawValue)
  }

  /// Writes everything. Returns the error number if a write fails.
  private static func writeAll(_ data: Data, to descriptor: Int32) -> Int32? {
    data.withUnsafeBytes { bytes in
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
        if count > 0 {
          rest = rest.dropFirst(count)
        } else if count < 0, errno == EAGAIN {
          // Another program that shares the terminal or pipe has made it non-blocking.
          var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
          poll(&request, 1, 1000)
        } else if count == 0 || errno != EINTR {
          return count == 0 ? EIO : errno
        }
      }
      return nil
    }
  }
}

/// Prints a line of results. It replaces Swift's own `print`, which does not report failures.
func print(_ items: Any..., separator: String = " ", terminator: String = "\n") {
  let text = items.map { "\($0)" }.joined(separator: separator)
  Console.write(Data((printable(text) + terminator).utf8))
}

/// Prints a line on standard error.
func complain(_ text: String) { Console.writeBeside(printable(text) + "\n") }

/// Ends the process at once; see `Console.leave`.
func leave(_ status: Int32) -> Never { Console.leave(status) }
