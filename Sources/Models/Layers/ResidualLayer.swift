import Autograd

/// x + mixer(norm(x))
struct ResidualLayer: Sendable {
  private let norm: Norm
  private let mixer: any Mixer

  /// - Parameters:
  ///   - name: A prefix for the names of the weights.
  ///   - mixer: Makes the mixer, whose weights follow those of the norm, with the same prefix.
  init(
    _ name: String, _ configuration: ModelConfiguration, in parameters: inout ModelParameters,
    mixer: (_ name: String, inout ModelParameters) -> any Mixer
  ) {
    norm = Norm("\(name).norm", configuration, in: &parameters)
    self.mixer = mixer(name, &parameters)
  }

  func callAsFunction(_ x: Tensor, _ context: RecordingContext) -> Tensor {
    context.recorder.add(x, mixer(norm(x, context), context))
  }

  /// The layers of all blocks, in order: for each block a sequence mixer, then a channel mixer.
  static func all(_ c: ModelConfiguration, in parameters: inout ModelParameters) -> [ResidualLayer] {
    var layers: [ResidualLayer] = []
    for (block, type) in c.mixers.enumerated() {
      layers.append(
        ResidualLayer("blocks.\(block).\(type.name)", c, in: &parameters) { type.init($0, c, in: &$1) })
      layers.append(
        ResidualLayer("blocks.\(block).feedForward", c, in: &parameters) {
          c.channelMixer($0, block: block, in: &$1)
        })
    }
    return layers
  }
}
