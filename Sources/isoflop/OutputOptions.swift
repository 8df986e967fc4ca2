import ArgumentParser
import Files

/// How much a command prints besides its results.
enum Verbosity: Comparable {
  /// Only results and errors.
  case quiet
  /// Also messages on the work, and its progress.
  case usual
  /// Also a line for each run as it finishes.
  case verbose
}

/// The flags on output of commands that run for long.
struct OutputOptions: ParsableArguments {
  @Flag(help: "Prints results as JSON on standard output, and everything else on standard error.")
  var json = false
  @Flag(name: .shortAndLong, help: "Prints nothing but results and errors.")
  var quiet = false
  @Flag(name: .shortAndLong, help: "Prints a line for each run as it finishes.")
  var verbose = false

  func validate() throws {
    if quiet, verbose { throw ValidationError("--quiet and --verbose do not go together.") }
  }

  var verbosity: Verbosity { quiet ? .quiet : verbose ? .verbose : .usual }

  /// Prints a message: on standard output, or with `--json` on standard error.
  func say(_ text: String) {
    guard verbosity > .quiet else { return }
    if json { complain(text) } else { print(text) }
  }
}

/// Prints a value for scripts. All names are in snake_case, and present names replace those that records keep from the
/// first version.
func printJSON(_ value: some Encodable) throws {
  let json = try printedJSON(value) { path in
    let parent = path.dropLast().last?.stringValue
    return switch path.last?.stringValue {
    case "families": "tasks"
    case "family": parent == "model" ? "architecture" : "task"
    case "share": parent == "variable" ? "weight" : "fraction"
    case "mixture": parent == "model" ? "moe" : "data_mixture"
    default: nil
    }
  }
  print(String(decoding: json, as: UTF8.self))
}
