import Files
import Models

/// The conversion of models of selective scans to Mamba.
///
/// The class has no feed-forward layers, but a block of Mamba computes SwiGLU. Without convolution, states or decay it is
///
///     y = W_out·(silu(u)·silu(z))
///
/// and v = silu(v) − silu(−v), so that each hidden channel silu(a)·v is the difference of two channels with z = a, and
/// u = v and −v. All blocks of the class have equally many channels: the number is that of the larger kind of layer, a
/// multiple of the width, and unused channels are zero.
struct MambaConversion {
  private let c: ModelConfiguration
  private let weights: NamedWeights
  private let channels: Int
  private let rank: Int
  private(set) var conversion: Conversion

  /// - Throws: `InputError` if the class does not compute the model.
  init(_ c: ModelConfiguration, _ weights: NamedWeights) throws {
    for (isMissing, what, remedy) in [
      (c.architecture != .llama, "layer norm", "architecture mamba"),
      (c.moe != nil, "experts", "experts 1"),
      (c.positions == .learned, "learned positions", "positions none"),
    ] where isMissing {
      throw InputError(
        "Mamba, the class of transformers with selective scans, has no \(what)",
        remedy: "Train with \(remedy)")
    }
    self.c = c
    self.weights = weights
    let expansion = max(c.channelsPerWidth, (2 * c.feedForwardWidth + c.width - 1) / c.width)
    channels = expansion * c.width
    rank = (c.width + 15) / 16
    conversion = Conversion(
      "MambaForCausalLM", modelType: "mamba",
      [
        "hidden_size": .integer(c.width), "state_size": .integer(c.stateSize),
        "num_hidden_layers": .integer(2 * c.depth), "expand": .integer(expansion), "conv_kernel": 4,
        "intermediate_size": .integer(channels), "time_step_rank": .integer(rank),
        "layer_norm_epsilon": .number(c.normAddend), "hidden_act": "silu", "use_bias": false,
        "use_conv_bias": true, "residual_in_fp32": true,
      ])
    conversion.notes = [
      "Mamba has no feed-forward layers: each is a second block, with \(expansion) channels per unit of width"
    ]
    conversion.add("backbone.embeddings.weight", weights["embedding.weight"])
    for block in 0..<c.depth {
      addScan("blocks.\(block).selectiveScan", "backbone.layers.\(2 * block)")
      addFeedForward("blocks.\(block).feedForward", "backbone.layers.\(2 * block + 1)")
    }
    conversion.add(vector: "backbone.norm_f.weight", weights["norm.gain"].scaled(by: c.logitScale))
    if !c.tiedHead { conversion.add("lm_head.weight", weights["head.weight"]) }
  }

  /// The parts of a block with fewer channels; channels are rows, except in `maps`.
  private struct Block {
    var inputs: Matrix
    var gates: Matrix
    var convolution: Matrix
    var convolutionBias: Matrix
    /// Steps down, B and C; (rank + 2·states, channels).
    var maps: Matrix
    var steps: Matrix
    var stepBias: Matrix
    var logRates: Matrix
    var skip: Matrix
    var out: Matrix
  }

  private mutating func addScan(_ ours: String, _ theirs: String) {
    func weight(_ name: String) -> Matrix { weights["\(ours).\(name)"] }
    add(
      Block(
        inputs: weight("in.weight").transposed, gates: weight("gate.weight").transposed,
        convolution: weight("convolution.weight").transposed,
        convolutionBias: weight("convolution.bias").transposed,
        maps: .stacking([weight("step.down.weight").transposed, weight("maps.weight").transposed]),
        steps: weight("step.up.weight").transposed, stepBias: weight("step.bias").transposed,
        logRates: weight("logRates").transposed, skip: weight("skip").transposed, out: weight("out.weight")),
      theirs, norm: weight("norm.gain"))
  }

  private mutating func addFeedForward(_ ours: String, _ theirs: String) {
    let hidden = c.feedForwardWidth
    let up = weights["\(ours).up.weight"].transposed
    let (gates, values) = (up[rows: 0..<hidden], up[rows: hidden..<2 * hidden])
    let down = weights["\(ours).down.weight"]
    let used = 2 * hidden
    // The last of four taps: the convolution sees the position itself alone.
    let lastTap = Matrix(rows: used, columns: 4, values: (0..<4 * used).map { $0 % 4 == 3 ? 1 : 0 })
    let zeros = Matrix(rows: used, columns: 1)
    add(
      Block(
        inputs: .stacking([values, values.scaled(by: -1)]), gates: .stacking([gates, gates]),
        convolution: lastTap, convolutionBias: zeros,
        maps: Matrix(rows: rank + 2 * c.stateSize, columns: used), steps: Matrix(rows: used, columns: rank),
        stepBias: zeros, logRates: Matrix(rows: used, columns: c.stateSize),
        skip: Matrix(rows: used, columns: 1, filledWith: 1), out: .stacking([down, down.scaled(by: -1)])),
      theirs, norm: weights["\(ours).norm.gain"])
  }

  /// Adds a block, with zeros for unused channels.
  private mutating func add(_ block: Block, _ theirs: String, norm: Matrix) {
    func padded(_ matrix: Matrix) -> Matrix {
      .stacking([matrix, Matrix(rows: channels - matrix.rows, columns: matrix.columns)])
    }
    let mixer = "\(theirs).mixer"
    conversion.add(vector: "\(theirs).norm.weight", norm)
    conversion.add("\(mixer).in_proj.weight", .stacking([padded(block.inputs), padded(block.gates)]))
    conversion.add("\(mixer).conv1d.weight", padded(block.convolution), shape: [channels, 1, 4])
    conversion.add(vector: "\(mixer).conv1d.bias", padded(block.convolutionBias))
    conversion.add("\(mixer).x_proj.weight", padded(block.maps.transposed).transposed)
    conversion.add("\(mixer).dt_proj.weight", padded(block.steps))
    conversion.add(vector: "\(mixer).dt_proj.bias", padded(block.stepBias))
    conversion.add("\(mixer).A_log", padded(block.logRates))
    conversion.add(vector: "\(mixer).D", padded(block.skip))
    conversion.add("\(mixer).out_proj.weight", padded(block.out).transposed)
  }
}
