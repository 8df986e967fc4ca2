import ArgumentParser

@main
struct Isoflop: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Trains its own scaling curves.", subcommands: [CorpusCommand.self])
}
