import ArgumentParser
import Files
import Training

/// `isoflop sample`: text from a trained model.
struct SampleCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sample", abstract: "Lets a trained model write.",
    discussion: "`isoflop train` keeps a checkpoint, and so does `isoflop run --keep-checkpoints`.")

  @Argument(help: "A checkpoint.safetensors.", completion: .file(extensions: ["safetensors"]))
  var checkpoint: String
  @Option(help: "The text to go on from.")
  var prompt = "The "
  @Option(help: "The number of tokens to write.")
  var tokens = 400
  @Option(help: "0 writes what is likeliest; 1 draws as the model believes.")
  var temperature = 1.0
  @Option(help: "Seeds the draws.")
  var seed: UInt64 = 0

  func validate() throws {
    if tokens < 0 || temperature < 0 {
      throw ValidationError("--tokens and --temperature must not be negative.")
    }
  }

  func run() throws {
    let model = try TrainedModel(checkpoint: checkpoint)
    print(try model.sample(prompt: prompt, count: tokens, temperature: temperature, seed: seed))
  }
}
