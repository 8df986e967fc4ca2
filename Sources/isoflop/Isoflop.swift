import ArgumentParser
import Autograd
import Build
import Files
import Foundation
import Models
import ScalingLaws
import Training

#if canImport(Glibc)
  import Glibc
#endif

/// The command line: it parses, calls and prints.
@main
struct Isoflop: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "isoflop", abstract: "Trains grids of toy language models and fits their scaling laws.",
    discussion: """
      Exit status: 0 done, 1 an expectation failed, 2 bad input, 3 some runs failed, 4 interrupted, 5 the budget of \
      --max-time or --max-flops used up, 6 a shard must wait for others.
      """,
    version: Provenance.version,
    subcommands: [
      RunCommand.self, BookCommand.self, RegressCommand.self, CheckCommand.self, CollectCommand.self,
      StatusCommand.self, ServeCommand.self, CancelCommand.self, ListCommand.self, DiffCommand.self,
      CleanCommand.self,
      TrainCommand.self, SampleCommand.self, ExportCommand.self, ImportCommand.self, EvaluateCommand.self,
      FitCommand.self, CompareCommand.self,
      PlanCommand.self,
      DesignCommand.self,
      CorpusCommand.self, SchemaCommand.self, GameCommand.self, BenchCommand.self, WorkerCommand.self,
      TaskCommand.self,
    ])

  /// Runs the command; a fault of the user's input is one line and exit status 2.
  static func main() {
    // Before any code that may use them.
    requireInstructions()
    Console.secure()
    Provenance.setCommit(Build.commit)
    // A limit on file sizes is an ordinary error and must not kill the process.
    signal(SIGXFSZ, SIG_IGN)
    if let fault = unknownCommand(CommandLine.arguments.dropFirst()) {
      fault.print()
      leave(Status.badInput.rawValue)
    }
    do {
      try Stop.requireThreads()
      try Stop.requireDescriptors()
      _ = Stop.shared
      var command = try parseAsRoot()
      try command.run()
      leave(0)
    } catch let error
      where error is InputError || error is SettingFault || error is FitError
    {
      CommandFault(error).print()
      leave(Status.badInput.rawValue)
    } catch {
      exitForUsage(error)
    }
  }
}
