import Autograd
import Files
import Models
import Testing

@Suite struct CountsTests {
  @Test("Parameters of GPT-2's architecture, counted by hand")
  func gpt2() throws {
    let model = try ModelConfiguration(width: 16, depth: 2, context: 32, vocabulary: 50, positions: .learned)
    let counts = Counts(Transformer(model))
    // A block: attention 4C² + 4C, feed-forward 8C² + 5C, two norms of 2C; a final norm of 2C.
    let block = 12 * 16 * 16 + 9 * 16 + 4 * 16
    #expect(counts.nonEmbedding == 2 * block + 2 * 16)
    #expect(counts.total == counts.nonEmbedding + 50 * 16 + 32 * 16)
    #expect(counts.active == counts.total)
  }

  @Test("Parameters of Llama's architecture, counted by hand")
  func llama() throws {
    let model = try ModelConfiguration(architecture: .llama, width: 24, depth: 1, context: 32, vocabulary: 50)
    #expect(model.feedForwardWidth == 64)
    let counts = Counts(Transformer(model))
    #expect(counts.nonEmbedding == 4 * 24 * 24 + 3 * 24 * 64 + 3 * 24)
    #expect(counts.total == counts.nonEmbedding + 2 * 50 * 24)
  }

  @Test("Parameters of models with experts: total, active and routers")
  func moe() throws {
    func counts(_ moe: MoE?, depth: Int = 2) throws -> Counts {
      Counts(
        Transformer(
          try ModelConfiguration(width: 16, depth: depth, context: 32, vocabulary: 50, moe: moe)))
    }
    let dense = try counts(nil)
    let feedForward = 8 * 16 * 16 + 5 * 16
    let eight = try counts(MoE(experts: 8))
    #expect(dense.router == nil)
    #expect(eight.router == 2 * 16 * 8)
    #expect(eight.total == dense.total + 2 * (7 * feedForward + 16 * 8))
    #expect(eight.active == dense.total + 2 * 16 * 8)
    // An expert needs the operations of the dense layer. A router adds its product, once forward and twice backward.
    #expect(eight.trainingFlopsPerToken == dense.trainingFlopsPerToken + 3 * 2 * 2 * 16 * 8)
    // Finer experts change only the biases and routers. The biases of the balance are not weights.
    let fine = try counts(MoE(experts: 8, granularity: 4, shared: 1, balance: .bias))
    #expect(fine.router == 2 * 16 * 31)
    // Each of 31 pieces has an output bias of its own, and all shared ones together have one.
    #expect(fine.total == dense.total + 2 * (7 * (8 * 16 * 16 + 4 * 16) + 31 * 16 + 16 * 31))
    #expect(fine.active == dense.total + 2 * (3 * 16 + 16 * 31))
    #expect(try counts(MoE(experts: 8, placement: .everyOther)).router == 16 * 8)
  }

  @Test("Grouped queries have fewer weights and products", arguments: [1, 2, 4])
  func groupedQueries(_ kvHeads: Int) throws {
    func counts(_ kvHeads: Int?) throws -> Counts {
      Counts(
        Transformer(
          try ModelConfiguration(
            width: 16, depth: 2, heads: 4, headWidth: 8, kvHeads: kvHeads, context: 32, vocabulary: 50)))
    }
    let (all, some) = (try counts(nil), try counts(kvHeads))
    // Of both layers, keys and values of width 8 a head, with their biases.
    let spared = 2 * 2 * (4 - kvHeads) * 8
    #expect(all.total - some.total == spared * (16 + 1))
    #expect(all.trainingFlopsPerToken - some.trainingFlopsPerToken == Double(3 * 2 * spared * 16))
  }

  @Test("FLOPs are those of the matrix products, forward and backward")
  func flops() throws {
    let (c, t, v) = (16.0, 32.0, 50.0)
    let model = try ModelConfiguration(width: 16, depth: 2, context: 32, vocabulary: 50)
    let counts = Counts(Transformer(model))
    // Linear maps: 2 · 12C² a block and 2CV for the head; attention looks back at (T + 1)/2 positions on average.
    let forward = 2 * (2 * 12 * c * c + 2 * 2 * c * (t + 1) / 2) + 2 * c * v
    #expect(abs(counts.forwardFlopsPerToken - forward) < 1e-6)
    #expect(abs(counts.trainingFlopsPerToken - 3 * forward) < 1e-6)
  }

  @Test("FLOPs of windows grow with the window, and files leave the usual window out")
  func windows() throws {
    let (t, w) = (32.0, 5.0)
    func model(_ layers: String?, window: Int? = nil) throws -> ModelConfiguration {
      try ModelConfiguration(
        width: 16, depth: 2, layers: layers, window: window, context: 32, vocabulary: 50)
    }
    let full = Counts(Transformer(try model(nil)))
    let some = Counts(Transformer(try model("AW", window: 5)))
    #expect(some.total == full.total)
    // The first positions see fewer than w.
    let unseen = (t + 1) / 2 - (w * (w + 1) / 2 + (t - w) * w) / t
    #expect(abs(full.forwardFlopsPerToken - some.forwardFlopsPerToken - 4 * 16 * unseen) < 1e-6)
    #expect(abs(full.trainingFlopsPerToken - some.trainingFlopsPerToken - 12 * 16 * unseen) < 1e-6)
    #expect(try model("AW", window: 64) == model("AW"))
    #expect(try model("AA", window: 5) == model(nil))
  }

  @Test("Weights and FLOPs of delta rules, counted by hand")
  func deltaRule() throws {
    func model(_ layers: String?, state: Int? = nil) throws -> ModelConfiguration {
      try ModelConfiguration(
        architecture: .llama, width: 24, depth: 2, layers: layers, state: state, context: 32, vocabulary: 50)
    }
    let full = Counts(Transformer(try model(nil)))
    for state in [16, 5] {
      let one = Counts(Transformer(try model("AD", state: state)))
      // Heads, and the columns of queries, keys and values.
      let (h, n) = (2, state)
      let columns = h * (2 * n + 16)
      // Two matrices in and one out, the convolution with its bias, the gates, r and c, and the norm.
      let weights = 24 * columns + 2 * 24 * h * 16 + 5 * columns + 24 * 2 * h + 2 * h + 16
      #expect(one.nonEmbedding - full.nonEmbedding == weights - 4 * 24 * 24)
      let products = 24 * columns + 2 * 24 * h * 16 + 4 * columns + 24 * 2 * h + 3 * h * 16 * n
      let attention = 4 * 24 * 24 + Double(2 * 24) * 33 / 2
      #expect(
        abs(one.forwardFlopsPerToken - full.forwardFlopsPerToken - 2 * (Double(products) - attention)) < 1e-6)
      #expect(
        abs(one.trainingFlopsPerToken - full.trainingFlopsPerToken - 6 * (Double(products) - attention))
          < 1e-6
      )
    }
    #expect(try model("AD", state: 16) == (try model("AD")))
  }

  @Test("Weights and FLOPs of selective scans, counted by hand, and files leave the usual sizes out")
  func selectiveScan() throws {
    func model(_ layers: String?, state: Int? = nil, expansion: Int? = nil) throws -> ModelConfiguration {
      try ModelConfiguration(
        architecture: .llama, width: 24, depth: 2, layers: layers, state: state, expansion: expansion,
        context: 32, vocabulary: 50)
    }
    for (state, expansion) in [(16, 2), (5, 3)] {
      let full = Counts(Transformer(try model(nil)))
      let one = Counts(Transformer(try model("AM", state: state, expansion: expansion)))
      // Channels, states and the rank of steps.
      let (e, n, r) = (24 * expansion, state, 2)
      // Two matrices in and one out, the convolution with its bias, steps with their bias, B and C, A, and D.
      let weights = 3 * 24 * e + 5 * e + 2 * e * r + e + 2 * e * n + e * n + e
      #expect(one.nonEmbedding - full.nonEmbedding == weights - 4 * 24 * 24)
      let products = 3 * 24 * e + 4 * e + 2 * e * r + 2 * e * n + 2 * e * n
      let attention = 4 * 24 * 24 + Double(2 * 24) * 33 / 2
      #expect(
        abs(one.forwardFlopsPerToken - full.forwardFlopsPerToken - 2 * (Double(products) - attention)) < 1e-6)
      #expect(
        abs(one.trainingFlopsPerToken - full.trainingFlopsPerToken - 6 * (Double(products) - attention))
          < 1e-6
      )
    }
    #expect(try model("AM", state: 16, expansion: 2) == (try model("AM")))
    #expect(try model("AA", state: 5, expansion: 3) == (try model(nil)))
  }

  @Test("Linear attention: the weights of attention, and FLOPs linear in the context")
  func linearAttention() throws {
    func counts(
      _ layers: String, _ featureMap: ModelConfiguration.FeatureMap = .elu, features: Int? = nil,
      context: Int = 128
    ) throws -> Counts {
      Counts(
        Transformer(
          try ModelConfiguration(
            width: 16, layers: layers, featureMap: featureMap, features: features, context: context,
            vocabulary: 50)))
    }
    let (full, elu, favor) = (try counts("A"), try counts("L"), try counts("L", .favor, features: 24))
    #expect(elu.total == full.total && favor.total == full.total, "random features are no parameters")
    // Pairs in blocks of sixteen, and sums of the blocks before; of two heads 8 wide, with as many features.
    let ofElu = 2.0 * 2 * (17.0 / 2 * (8 + 8) + 2 * 8 * 8 * (128 - 16) / 128)
    #expect(
      abs(full.forwardFlopsPerToken - elu.forwardFlopsPerToken - (2 * 2 * 16 * 129 / 2 - ofElu)) < 1e-6)
    // With 24 features, which are made of queries and keys.
    let ofFavor = 2.0 * 2 * (17.0 / 2 * (24 + 8) + 2 * 24 * 8 * (128 - 16) / 128) + 2 * 2 * 16 * 24
    #expect(abs(favor.forwardFlopsPerToken - elu.forwardFlopsPerToken - (ofFavor - ofElu)) < 1e-6)
    #expect(abs(elu.trainingFlopsPerToken - 3 * elu.forwardFlopsPerToken) < 1e-6)
    // The random vectors have no gradient.
    #expect(
      abs(favor.trainingFlopsPerToken - 3 * favor.forwardFlopsPerToken + 2 * 2 * 16 * 24) < 1e-6)
    let long = try counts("L", context: 1024)
    #expect(long.forwardFlopsPerToken < 1.1 * elu.forwardFlopsPerToken)
    let other = try ModelConfiguration(
      width: 16, layers: "LA", featureMap: .elu, features: 24, context: 32, vocabulary: 50)
    #expect(other.featureMap == nil && other.features == nil)
    let fault = #expect(throws: SettingFault.self) { try counts("L", .favor, features: 18) }
    #expect(fault?.setting == "features")
  }

  @Test(
    "An invalid configuration is rejected, and the error names the setting",
    arguments: [(0, 1, "width"), (16, 3, "heads"), (16, 8, "heads"), (18, 1, "heads"), (33, 4, "heads")])
  func faults(_ width: Int, _ heads: Int, _ setting: String) {
    let fault = #expect(throws: SettingFault.self) {
      try ModelConfiguration(width: width, heads: heads, context: 8, vocabulary: 10)
    }
    #expect(fault?.setting == setting)
  }

  @Test("Invalid layers and heads of keys are rejected")
  func layerFaults() {
    for (layers, depth, heads, kvHeads, setting) in [
      ("AXA", nil, 2, nil, "layers"), ("AA", 3, 2, nil, "layers"), ("", nil, 2, nil, "depth"),
      (nil, nil, 4, 3, "kv_heads"), (nil, nil, 4, 0, "kv_heads"), (nil, nil, 4, 8, "kv_heads"),
    ] as [(String?, Int?, Int, Int?, String)] {
      let fault = #expect(throws: SettingFault.self) {
        try ModelConfiguration(
          width: 16, depth: depth, heads: heads, kvHeads: kvHeads, layers: layers, context: 8, vocabulary: 10)
      }
      #expect(fault?.setting == setting)
    }
  }

  @Test(
    "Invalid experts are rejected",
    arguments: [
      (MoE(experts: 5000), "experts"), (MoE(experts: 4, topK: 0), "top_k"),
      (MoE(experts: 4, topK: 5), "top_k"), (MoE(experts: 4, capacityFactor: 0), "capacity_factor"),
      (MoE(experts: 4, granularity: 3), "granularity"),
      (MoE(experts: 4, granularity: 2, shared: 2), "shared_experts"),
      (MoE(experts: 4, gate: .choiceFirst), "gate"),
      (MoE(experts: 4, placement: .everyOther), "routed_blocks"),
    ])
  func expertFaults(_ moe: MoE, _ setting: String) {
    let fault = #expect(throws: SettingFault.self) {
      try ModelConfiguration(width: 16, depth: 1, context: 8, vocabulary: 10, moe: moe)
    }
    #expect(fault?.setting == setting)
  }
}
