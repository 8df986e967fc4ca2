import Files
import Models

/// The conversion of models with RMS norm, SwiGLU and attention to Llama, and to the classes that differ from it in
/// windows, positions or experts.
struct LlamaConversion {
  /// The class, and how it names the parts that differ.
  private enum Class {
    case llama, mistral, smolLM3, mixtral, qwen2MoE

    var names: (className: String, modelType: String) {
      switch self {
      case .llama: ("LlamaForCausalLM", "llama")
      case .mistral: ("MistralForCausalLM", "mistral")
      case .smolLM3: ("SmolLM3ForCausalLM", "smollm3")
      case .mixtral: ("MixtralForCausalLM", "mixtral")
      case .qwen2MoE: ("Qwen2MoeForCausalLM", "qwen2_moe")
      }
    }
  }

  private let c: ModelConfiguration
  private let weights: NamedWeights
  private(set) var conversion: Conversion

  /// - Throws: `InputError` if no class computes the model.
  init(_ c: ModelConfiguration, _ weights: NamedWeights) throws {
    self.c = c
    self.weights = weights
    let kind = try Self.kind(of: c)
    conversion = Conversion(
      kind.names.className, modelType: kind.names.modelType, Self.configuration(c, for: kind))
    conversion.add("model.embed_tokens.weight", weights["embedding.weight"])
    for (block, letter) in (c.layers ?? String(repeating: "A", count: c.depth)).enumerated() {
      let (ours, theirs) = ("blocks.\(block)", "model.layers.\(block)")
      let attention = letter == "W" ? "\(ours).windowAttention" : "\(ours).attention"
      conversion.add(vector: "\(theirs).input_layernorm.weight", weights["\(attention).norm.gain"])
      conversion.addAttention(attention, "\(theirs).self_attn", c, weights)
      conversion.add(
        vector: "\(theirs).post_attention_layernorm.weight", weights["\(ours).feedForward.norm.gain"])
      if let moe = c.moe, moe.routes(block: block) {
        addExperts("\(ours).feedForward", theirs, moe, kind)
      } else {
        addMaps("\(ours).feedForward", "\(theirs).mlp")
      }
    }
    conversion.add(vector: "model.norm.weight", weights["norm.gain"].scaled(by: c.logitScale))
    if !c.tiedHead { conversion.add("lm_head.weight", weights["head.weight"]) }
  }

  /// The class that computes the model.
  private static func kind(of c: ModelConfiguration) throws -> Class {
    guard c.positions != .learned else {
      throw InputError(
        "no class of transformers has RMS norm and learned positions",
        remedy: "Train with positions rotary or none, or architecture gpt2")
    }
    let kinds = Set(c.layers ?? "A")
    guard let moe = c.moe else {
      if c.positions == .none || kinds.count > 1 { return .smolLM3 }
      return kinds == ["W"] ? .mistral : .llama
    }
    guard c.positions == .rotary else {
      throw InputError(
        "no class of transformers has experts and no positions", remedy: "Train with positions rotary")
    }
    guard moe.balance != .bias else {
      throw InputError(
        "no class of transformers chooses experts by a bias on the logits that leaves their weights as they are",
        remedy: "Train with balance auxiliary")
    }
    guard moe.capacityFactor == nil else {
      throw InputError(
        "no class of transformers limits the load of an expert", remedy: "Train with capacity_factor none")
    }
    let isMixtral =
      moe.gate == .choiceFirst && moe.shared == 0 && moe.placement == .all && kinds.count == 1
    return isMixtral ? .mixtral : .qwen2MoE
  }

  private static func configuration(_ c: ModelConfiguration, for kind: Class) -> [String: JSONValue] {
    var settings: [String: JSONValue] = [
      "hidden_size": .integer(c.width), "intermediate_size": .integer(c.feedForwardWidth),
      "num_hidden_layers": .integer(c.depth), "num_attention_heads": .integer(c.heads),
      "num_key_value_heads": .integer(c.keyValueHeads), "head_dim": .integer(c.headWidth),
      "hidden_act": "silu", "max_position_embeddings": .integer(c.context),
      "rms_norm_eps": .number(c.normAddend), "attention_bias": false, "mlp_bias": false,
      // Versions before 5 read `rope_theta`.
      "rope_theta": .number(c.rotaryAngleBase),
      "rope_parameters": ["rope_type": "default", "rope_theta": .number(c.rotaryAngleBase)],
    ]
    let letters = c.layers ?? String(repeating: "A", count: c.depth)
    let hasWindows = letters.contains("W")
    settings["sliding_window"] = hasWindows ? .integer(c.attentionWindow) : .null
    if kind == .smolLM3 || kind == .qwen2MoE {
      settings["use_sliding_window"] = .boolean(hasWindows)
      settings["layer_types"] = .list(letters.map { $0 == "W" ? "sliding_attention" : "full_attention" })
    }
    if kind == .smolLM3 {
      let isRotated = c.positions == .rotary ? 1 : 0
      settings["no_rope_layers"] = .list(Array(repeating: .integer(isRotated), count: c.depth))
    }
    guard let moe = c.moe else { return settings }
    let hidden = c.feedForwardWidth / moe.granularity
    settings["num_experts_per_tok"] = .integer(moe.choices)
    if kind == .mixtral {
      settings["num_local_experts"] = .integer(moe.routed)
      settings["intermediate_size"] = .integer(hidden)
      return settings
    }
    settings["num_experts"] = .integer(moe.routed)
    settings["moe_intermediate_size"] = .integer(hidden)
    settings["shared_expert_intermediate_size"] = .integer(max(1, moe.shared * hidden))
    settings["norm_topk_prob"] = .boolean(moe.gate == .choiceFirst)
    settings["qkv_bias"] = false
    settings["decoder_sparse_step"] = 1
    settings["mlp_only_layers"] = .list(
      (0..<c.depth).filter { !moe.routes(block: $0) }.map { .integer($0) })
    return settings
  }

  /// Adds a dense feed-forward layer.
  private mutating func addMaps(_ ours: String, _ theirs: String, outputFactor: Float = 1) {
    addMaps(
      weights["\(ours).up.weight"], weights["\(ours).down.weight"].scaled(by: outputFactor),
      gate: "\(theirs).gate_proj", value: "\(theirs).up_proj", down: "\(theirs).down_proj")
  }

  /// Adds the three maps of SwiGLU: gate and value (C, 2F), and down (F, C).
  private mutating func addMaps(
    _ up: Matrix, _ down: Matrix, gate: String, value: String, down downName: String
  ) {
    let hidden = down.rows
    let (gates, values) = (up[columns: 0..<hidden], up[columns: hidden..<2 * hidden])
    conversion.add("\(gate).weight", gates.transposed)
    conversion.add("\(value).weight", values.transposed)
    conversion.add("\(downName).weight", down.transposed)
  }

  /// Adds a routed layer. The names are those of the files of all versions; newer ones join the experts when they load.
  private mutating func addExperts(_ ours: String, _ theirs: String, _ moe: MoE, _ kind: Class) {
    let layer = kind == .mixtral ? "\(theirs).block_sparse_moe" : "\(theirs).mlp"
    conversion.add("\(layer).gate.weight", weights["\(ours).router.weight"].transposed)
    let (ups, downs) = (weights["\(ours).experts.up.weight"], weights["\(ours).experts.down.weight"])
    let hidden = c.feedForwardWidth / moe.granularity
    let names = kind == .mixtral ? ("w1", "w3", "w2") : ("gate_proj", "up_proj", "down_proj")
    for expert in 0..<moe.routed {
      let prefix = "\(layer).experts.\(expert)"
      addMaps(
        ups[rows: expert * c.width..<(expert + 1) * c.width],
        downs[rows: expert * hidden..<(expert + 1) * hidden],
        gate: "\(prefix).\(names.0)", value: "\(prefix).\(names.1)", down: "\(prefix).\(names.2)")
    }
    guard kind == .qwen2MoE else { return }
    // The gate of the shared expert is a sigmoid, here of 0.
    conversion.add("\(layer).shared_expert_gate.weight", Matrix(rows: 1, columns: c.width))
    if moe.shared > 0 {
      addMaps("\(ours).shared", "\(layer).shared_expert", outputFactor: 2)
    } else {
      // The class always has a shared expert: one of width 1 that adds nothing.
      addMaps(
        Matrix(rows: c.width, columns: 2), Matrix(rows: 1, columns: c.width),
        gate: "\(layer).shared_expert.gate_proj", value: "\(layer).shared_expert.up_proj",
        down: "\(layer).shared_expert.down_proj")
    }
  }
}

extension Conversion {
  /// Adds the maps of an attention layer. Queries are scaled so that the scores are those of the model: classes divide
  /// by the square root of the head's width.
  mutating func addAttention(
    _ ours: String, _ theirs: String, _ c: ModelConfiguration, _ weights: NamedWeights
  ) {
    let factor = c.queryFactor
    let (queries, keys) = (c.attentionWidth, c.keyValueWidth)
    let columns = [
      ("q_proj", 0..<queries, factor), ("k_proj", queries..<queries + keys, 1),
      ("v_proj", queries + keys..<queries + 2 * keys, 1),
    ]
    for (name, range, factor) in columns {
      let weight = weights["\(ours).qkv.weight"][columns: range]
      add("\(theirs).\(name).weight", weight.transposed.scaled(by: factor))
      guard c.architecture == .gpt2 else { continue }
      let bias = weights["\(ours).qkv.bias"][columns: range]
      add(vector: "\(theirs).\(name).bias", bias.scaled(by: factor))
    }
    add("\(theirs).o_proj.weight", weights["\(ours).out.weight"].transposed)
    if c.architecture == .gpt2 { add(vector: "\(theirs).o_proj.bias", weights["\(ours).out.bias"]) }
  }
}

extension ModelConfiguration {
  /// What queries are multiplied by where scores are divided by the square root of the head's width.
  var queryFactor: Float { attentionScale * Float(headWidth).squareRoot() }
}
