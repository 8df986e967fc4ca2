import Files
import Foundation
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// A process that this one has started.
///
/// Foundation's `Process` fails with "Bad file descriptor" if the limit on open files is below a few hundred, and traps
/// if a pipe cannot be created.
public struct ChildProcess: Sendable {
  /// The exit status of a process, or the signal that ended it.
  public enum End: Sendable, Equatable, CustomStringConvertible {
    case status(Int32)
    case signal(Int32)

    public var description: String {
      switch self {
      case .status(let number): "status \(number)"
      case .signal(let number): "signal \(number)"
      }
    }
  }

  /// The process identifier.
  public let pid: pid_t

  /// Starts a program.
  ///
  /// - Parameters:
  ///   - program: Its path.
  ///   - input: Its standard input; nil for an empty one.
  ///   - output: Its standard output; nil to discard it.
  ///   - errors: Its standard error; nil for that of this process.
  ///   - defaultSignals: Signals that this process ignores and the new process must not ignore.
  ///   - environment: Variables that are added to the environment of this process, or replace those of the same name.
  /// - Throws: `InputError` with the system's error if the process cannot be started.
  public init(
    _ program: String, _ arguments: [String], input: FileHandle? = nil, output: FileHandle? = nil,
    errors: FileHandle? = nil, defaultSignals: [Int32] = [], environment variables: [String: String] = [:]
  ) throws {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for (number, handle) in [(STDIN_FILENO, input), (STDOUT_FILENO, output)] {
      if let handle {
        posix_spawn_file_actions_adddup2(&actions, handle.fileDescriptor, number)
      } else {
        posix_spawn_file_actions_addopen(&actions, number, "/dev/null", O_RDWR, 0)
      }
    }
    if let errors { posix_spawn_file_actions_adddup2(&actions, errors.fileDescriptor, STDERR_FILENO) }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var (signals, blocked) = (sigset_t(), sigset_t())
    sigemptyset(&signals)
    for signal in defaultSignals { sigaddset(&signals, signal) }
    sigemptyset(&blocked)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setsigmask(&attributes, &blocked)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
    let copies = { (texts: [String]) in
      texts.map { (text: String) -> UnsafeMutablePointer<CChar>? in strdup(text) } + [nil]
    }
    var words = copies([program] + arguments)
    let inherited = ProcessInfo.processInfo.environment
    var environment = copies(inherited.merging(variables) { $1 }.map { "\($0)=\($1)" })
    defer { for text in words + environment { free(text) } }
    var number: pid_t = 0
    let code = Self.starting.withLock { running in
      let code = posix_spawn(&number, program, &actions, &attributes, &words, &environment)
      if code == 0 { running.pids.insert(number) }
      return code
    }
    guard code == 0 else { throw Self.fault("cannot be started", code, file: program) }
    pid = number
  }

  /// Waits until the process has ended. Must be called exactly once.
  @discardableResult
  public func wait() -> End {
    var (status, info): (Int32, siginfo_t) = (0, siginfo_t())
    // Its identifier is not reused before it is removed from the list.
    while waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT) < 0 && errno == EINTR {}
    let isUnwanted = Self.starting.withLock { running in
      while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
      running.pids.remove(pid)
      return running.unwanted.contains(pid)
    }
    // This process is about to end. An incomplete result of the other one must not count as finished.
    while isUnwanted { pause() }
    return status & 0x7F == 0 ? .status(status >> 8 & 0xFF) : .signal(status & 0x7F)
  }

  /// Terminates all processes that this one has started and that are still running. Call it right before this process
  /// ends: whoever waits for one of them does not continue.
  public static func endAll() {
    starting.withLock { running in
      running.unwanted = running.pids
      for pid in running.pids { kill(pid, SIGTERM) }
    }
  }

  /// Creates a pipe that only the process that it is passed to inherits, so that its reader sees the end of the pipe
  /// when that process ends.
  ///
  /// - Throws: `InputError` with the system's error.
  public static func pipe() throws -> (reading: FileHandle, writing: FileHandle) {
    var ends: [Int32] = [0, 0]
    let code = starting.withLock { _ in
      guard Glibc.pipe(&ends) == 0 else { return errno }
      for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
      return 0
    }
    guard code == 0 else { throw fault("a pipe cannot be created", code) }
    return (
      FileHandle(fileDescriptor: ends[0], closeOnDealloc: true),
      FileHandle(fileDescriptor: ends[1], closeOnDealloc: true)
    )
  }

  /// The processes that have not been waited for. Pipes and processes are created one at a time: a process that starts
  /// before a new pipe is marked close-on-exec would inherit it.
  private static let starting = Mutex<(pids: Set<pid_t>, unwanted: Set<pid_t>)>(([], []))

  private static func fault(_ message: String, _ code: Int32, file: String? = nil) -> InputError {
    let remedy: String? =
      switch code {
      case EMFILE, ENFILE: "Raise the limit on open files (`ulimit -n`)"
      case EAGAIN: "Raise the limit on processes (`ulimit -u`)"
      default: nil
      }
    return InputError(
      "\(message): \(String(cString: strerror(code)))", file: file, remedy: remedy, systemError: code)
  }
}
