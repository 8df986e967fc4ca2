import ArgumentParser
import Files
import Foundation

extension Isoflop {
  /// The mistake in the first words of a command line, where they name no command.
  static func unknownCommand(_ words: ArraySlice<String>) -> CommandFault? {
    var parent: any ParsableCommand.Type = Isoflop.self
    var path = "isoflop"
    for word in words.first == "help" ? words.dropFirst() : words {
      let commands = parent.configuration.subcommands
      guard !commands.isEmpty, !word.hasPrefix("-") else { return nil }
      if let command = commands.first(where: { $0._commandName == word }) {
        parent = command
        path += " \(word)"
        continue
      }
      if parent.configuration.defaultSubcommand != nil { return nil }
      let names = commands.filter { $0.configuration.shouldDisplay }.map { $0._commandName } + ["help"]
      let nearest = nearestName(to: word, among: names).map { "Did you mean `\(path) \($0)`? " } ?? ""
      return CommandFault(
        usage: "there is no command `\(path) \(word)`", hint: "\(nearest)See '\(path) --help'")
    }
    return nil
  }

  /// Ends the program after an error of the argument parser. A mistake in the command line is one line and exit status 2,
  /// like other bad input. Requested output, such as help, and exit codes are passed on.
  static func exitForUsage(_ error: any Error) -> Never {
    if let code = error as? ExitCode { leave(code.rawValue) }
    guard exitCode(for: error) != .success else {
      print(fullMessage(for: error))
      leave(0)
    }
    let lines = message(for: error).split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
    let choices = lines.filter { $0.hasPrefix("- ") }.map { String($0.dropFirst(2)) }.joined(separator: ", ")
    let message = (lines.filter { !$0.hasPrefix("- ") } + [choices]).filter { !$0.isEmpty }
      .joined(separator: " ")
    // The parser's own hint ends its full message.
    let hint = fullMessage(for: error).firstMatch(of: /See '.*?'/).map { String($0.output) }
    CommandFault(usage: message, hint: hint).print()
    leave(Status.badInput.rawValue)
  }
}
