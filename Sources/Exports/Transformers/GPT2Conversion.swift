import Files
import Models

/// The conversion of models with layer norm, GELU, biases and attention: to GPT-2 with learned positions or none, and
/// to Starcoder2 with rotary ones.
struct GPT2Conversion {
  private let c: ModelConfiguration
  private let weights: NamedWeights
  private(set) var conversion: Conversion

  /// - Throws: `InputError` if no class computes the model.
  init(_ c: ModelConfiguration, _ weights: NamedWeights) throws {
    self.c = c
    self.weights = weights
    guard c.moe == nil else {
      throw InputError(
        "no class of transformers has experts with GELU and biases",
        remedy: "Train experts with architecture llama")
    }
    guard c.positions == .rotary else {
      try Self.checkForGPT2(c)
      conversion = Conversion(
        "GPT2LMHeadModel", modelType: "gpt2",
        [
          "n_embd": .integer(c.width), "n_layer": .integer(c.depth), "n_head": .integer(c.heads),
          "n_inner": .integer(c.feedForwardWidth), "n_positions": .integer(c.context),
          "activation_function": "gelu_new", "layer_norm_epsilon": .number(c.normAddend),
        ])
      addGPT2()
      return
    }
    let kinds = Set(c.layers ?? "A")
    guard kinds.count == 1 else {
      throw InputError(
        "no class of transformers has layer norm, rotary positions, and windows in some layers",
        remedy: "Train with layers that are all A or all W, or architecture llama")
    }
    conversion = Conversion(
      "Starcoder2ForCausalLM", modelType: "starcoder2",
      [
        "hidden_size": .integer(c.width), "intermediate_size": .integer(c.feedForwardWidth),
        "num_hidden_layers": .integer(c.depth), "num_attention_heads": .integer(c.heads),
        "num_key_value_heads": .integer(c.keyValueHeads), "head_dim": .integer(c.headWidth),
        "hidden_act": "gelu_pytorch_tanh", "max_position_embeddings": .integer(c.context),
        "norm_epsilon": .number(c.normAddend), "use_bias": true,
        "sliding_window": kinds == ["W"] ? .integer(c.attentionWindow) : .null,
        "attention_dropout": 0, "residual_dropout": 0, "embedding_dropout": 0,
        "rope_theta": .number(c.rotaryAngleBase),
        "rope_parameters": ["rope_type": "default", "rope_theta": .number(c.rotaryAngleBase)],
      ])
    addStarcoder2(attention: kinds == ["W"] ? "windowAttention" : "attention")
  }

  private static func checkForGPT2(_ c: ModelConfiguration) throws {
    for (isMissing, what, remedy) in [
      (c.layers?.contains("W") ?? false, "windows", "layers A"),
      (c.keyValueHeads != c.heads, "grouped queries (kv_heads)", "kv_heads equal to heads"),
      (
        c.attentionWidth != c.width, "heads that are together wider or narrower than the model",
        "heads times head_width equal to width"
      ),
    ] where isMissing {
      throw InputError(
        "GPT-2, the class of transformers with learned positions, has no \(what)",
        remedy: "Train with positions rotary, or with \(remedy)")
    }
  }

  private mutating func addNorm(_ ours: String, _ theirs: String, factor: Float = 1) {
    conversion.add(vector: "\(theirs).weight", weights["\(ours).gain"].scaled(by: factor))
    conversion.add(vector: "\(theirs).bias", weights["\(ours).bias"].scaled(by: factor))
  }

  /// GPT-2 has maps (inputs, outputs), as Isoflop has.
  private mutating func addGPT2() {
    let none = Matrix(rows: c.context, columns: c.width)
    conversion.add("transformer.wte.weight", weights["embedding.weight"])
    conversion.add("transformer.wpe.weight", c.positions == .learned ? weights["positions.weight"] : none)
    for block in 0..<c.depth {
      let (ours, theirs) = ("blocks.\(block)", "transformer.h.\(block)")
      addNorm("\(ours).attention.norm", "\(theirs).ln_1")
      for part in ["weight", "bias"] {
        let qkv = weights["\(ours).attention.qkv.\(part)"].transposed
        let queries = qkv[rows: 0..<c.width].scaled(by: c.queryFactor)
        let joined = Matrix.stacking([queries, qkv[rows: c.width..<3 * c.width]]).transposed
        add("\(theirs).attn.c_attn.\(part)", joined)
        add("\(theirs).attn.c_proj.\(part)", weights["\(ours).attention.out.\(part)"])
      }
      addNorm("\(ours).feedForward.norm", "\(theirs).ln_2")
      for part in ["weight", "bias"] {
        add("\(theirs).mlp.c_fc.\(part)", weights["\(ours).feedForward.up.\(part)"])
        add("\(theirs).mlp.c_proj.\(part)", weights["\(ours).feedForward.down.\(part)"])
      }
    }
    addNorm("norm", "transformer.ln_f", factor: c.logitScale)
    if !c.tiedHead { conversion.add("lm_head.weight", weights["head.weight"]) }
  }

  /// Adds a weight, or a bias, which is a vector.
  private mutating func add(_ name: String, _ matrix: Matrix) {
    if name.hasSuffix(".bias") {
      conversion.add(vector: name, matrix)
    } else {
      conversion.add(name, matrix)
    }
  }

  private mutating func addStarcoder2(attention: String) {
    conversion.add("model.embed_tokens.weight", weights["embedding.weight"])
    for block in 0..<c.depth {
      let (ours, theirs) = ("blocks.\(block)", "model.layers.\(block)")
      addNorm("\(ours).\(attention).norm", "\(theirs).input_layernorm")
      conversion.addAttention("\(ours).\(attention)", "\(theirs).self_attn", c, weights)
      addNorm("\(ours).feedForward.norm", "\(theirs).post_attention_layernorm")
      for (map, name) in [("up", "c_fc"), ("down", "c_proj")] {
        conversion.add(
          "\(theirs).mlp.\(name).weight", weights["\(ours).feedForward.\(map).weight"].transposed)
        conversion.add(vector: "\(theirs).mlp.\(name).bias", weights["\(ours).feedForward.\(map).bias"])
      }
    }
    addNorm("norm", "model.norm", factor: c.logitScale)
    if !c.tiedHead { conversion.add("lm_head.weight", weights["head.weight"]) }
  }
}
