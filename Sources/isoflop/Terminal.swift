import ArgumentParser
import Corpora
import Files
import Foundation
import Synchronization

/// Exit statuses, the same for all commands.
enum Status: Int32 {
  case expectationFailed = 1
  case badInput = 2
  case someRunsFailed = 3
  case interrupted = 4
  /// `--max-time` or `--max-flops` is used up.
  case budgetUsedUp = 5
  /// A shard must wait for runs that other commands still have to train.
  case othersFirst = 6
}

/// A whole number from 1 on that may end in k, M, G or T.
struct Count: Sendable, CustomStringConvertible {
  let value: Int
  var description: String { "\(value)" }

  init(_ value: Int) {
    self.value = value
  }

  /// Reads an option.
  init(_ argument: String) throws {
    guard let number = Double(quantity: argument), let count = Int(exactly: number),
      (1..<1_000_000_000_000_000_000).contains(count)
    else { throw ValidationError("Write a whole number from 1 on, such as 12 or 4M.") }
    value = count
  }
}

/// A positive number that may end in k, M, G or T.
struct Quantity: Sendable {
  let value: Double

  /// Reads an option.
  init(_ argument: String) throws {
    guard let value = Double(quantity: argument), value > 0 else {
      throw ValidationError("Write a number above 0, such as 0.5, 1e20 or 4M.")
    }
    self.value = value
  }
}

/// A number for people: five digits, or a dash if it is not finite.
func number(_ value: Double) -> String { value.isFinite ? String(format: "%.5g", value) : "—" }

/// Prints what the author of a file should know.
func complain(notes: [String]) {
  for note in notes { complain("note: \(note)") }
}

/// Progress and time left: one line that changes on a terminal, a plain line now and then in a log.
final class ProgressLine: Sendable {
  private struct State {
    var done = 0.0
    var total: Double
    var elapsed = Duration.zero
    var began = ContinuousClock.now
    var label = ""
    var note: String?
    var lastShown: ContinuousClock.Instant
  }

  private let isTerminal = isatty(STDERR_FILENO) == 1
  private let isShown: Bool
  private let state: Mutex<State>

  init(total: Double, isShown: Bool = true) {
    self.isShown = isShown
    state = Mutex(State(total: total, lastShown: .now))
  }

  /// Adds work that is done, and updates the line if it is time.
  func advance(by amount: Double) { update { $0 += amount } }

  /// Sets the amount of work that is done, and updates the line if it is time.
  func reach(_ amount: Double) { update { $0 = amount } }

  /// Subtracts work that need not be done.
  func skip(_ amount: Double) { state.withLock { $0.total -= amount } }

  /// Sets a note that follows the time left; nil for none.
  func note(_ text: String?) { state.withLock { $0.note = text } }

  private func update(_ change: (inout Double) -> Void) {
    state.withLock { state in
      change(&state.done)
      guard ContinuousClock.now - state.lastShown > (isTerminal ? .milliseconds(200) : .seconds(10)) else {
        return
      }
      state.lastShown = .now
      show(state)
    }
  }

  /// Does a part of the work, with a label for the line. Time between parts does not count.
  func measure<Result>(_ label: String = "", _ body: () throws -> Result) rethrows -> Result {
    state.withLock {
      $0.label = label.isEmpty ? "" : "\(printable(label)): "
      $0.began = .now
    }
    defer {
      state.withLock { $0.elapsed += .now - $0.began }
      finish()
    }
    return try body()
  }

  /// Prints a line that stays, above the line of progress.
  func say(_ text: String) {
    state.withLock { _ in
      finish()
      complain(text)
    }
  }

  /// Clears the line.
  func finish() {
    if isTerminal { write("\r\u{1B}[K") }
  }

  /// Shows a text instead of the progress.
  func show(_ text: String) {
    state.withLock { state in
      guard isTerminal || .now - state.lastShown > .seconds(10) else { return }
      state.lastShown = .now
      let text = printable(text)
      write(isTerminal ? "\r\u{1B}[K\(text)" : "\(text)\n")
    }
  }

  private func show(_ state: State) {
    let elapsed = Double((state.elapsed + (.now - state.began)).components.seconds)
    // A prediction that was too low must not claim to be done.
    let fraction = min(state.done / state.total, 0.99)
    let left = fraction > 0.005 ? ", \(duration(elapsed / fraction - elapsed)) left" : ""
    let note = state.note.map { "; \(printable($0))" } ?? ""
    let whole = state.label + String(format: "%3.0f %%", 100 * fraction) + left + note
    // A line that is wrapped could not be replaced.
    let text = isTerminal ? String(whole.prefix(terminalWidth - 1)) : whole
    write(isTerminal ? "\r\u{1B}[K\(text)" : "\(text)\n")
  }

  /// The number of characters in a line of the terminal.
  private var terminalWidth: Int {
    var size = winsize()
    return ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 1 ? Int(size.ws_col) : 80
  }

  private func write(_ text: String) {
    if isShown { Console.writeBeside(text) }
  }
}

/// Seconds for people, as in `42 s` and `3 min 5 s`.
func duration(_ seconds: Double) -> String {
  let whole = Int(clamping: seconds)
  return seconds < 100 ? "\(Int(clamping: seconds.rounded())) s" : "\(whole / 60) min \(whole % 60) s"
}
