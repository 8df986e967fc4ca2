/// Published laws that are given by their formulas: one row a law. Names of parameters are those of the publication.
public struct NamedFormula: Sendable {
  /// The name in files and options.
  public let name: String
  /// A description.
  public let title: String
  /// The formula; L is what is fitted, which is not a loss in every law.
  public let formula: String
  /// The columns that the formula needs beside N, D and C, with their meanings.
  public let columns: [String: String]
  /// The publication.
  public let source: String
  /// Descriptions, units and starts of the parameters.
  public let hints: [String: FormulaLaw.Hint]

  private init(
    _ name: String, _ title: String, _ formula: String, columns: [String: String] = [:], source: String,
    _ hints: [String: FormulaLaw.Hint]
  ) {
    (self.name, self.title, self.formula, self.columns) = (name, title, formula, columns)
    (self.source, self.hints) = (source, hints)
  }

  /// All laws.
  public static let all: [NamedFormula] = [
    NamedFormula(
      "coupling", "coupling of size and data", "L = E + (A*N^-alpha + B*D^-beta)^k",
      source: "arXiv:2608.07222",
      [
        "E": .positive("irreducible loss", "nats"), "A": .positive("size coefficient", [10, 1e3, 1e5]),
        "B": .positive("data coefficient", [10, 1e3, 1e5]),
        "alpha": .positive("size exponent", [0.3, 0.6]), "beta": .positive("data exponent", [0.3, 0.6]),
        "k": .positive("coupling exponent", [0.5, 1]),
      ]),
    NamedFormula(
      "annealing", "annealing of the learning rate", "L = L0 + A*S1^-alpha - C*S2",
      columns: ["S1": "the sum of the learning rates of all steps", "S2": "the annealed area"],
      source: "Tissue et al. 2024, arXiv:2408.11029",
      [
        "L0": .positive("irreducible loss", "nats"), "A": .positive("coefficient"),
        "alpha": .positive("exponent", [0.2, 0.5, 1]), "C": .any("gain from annealing"),
      ]),
    NamedFormula(
      "precision", "precision of weights, activations and cache",
      "L = E + A*(N*(1 - exp(-Pw/gw))*(1 - exp(-Pa/ga))*(1 - exp(-Pkv/gkv)))^-alpha + B*D^-beta",
      columns: [
        "Pw": "the bits of a weight", "Pa": "the bits of an activation",
        "Pkv": "the bits of a cached key or value",
      ], source: "Kumar et al. 2024, arXiv:2411.04330",
      [
        "E": .positive("irreducible loss", "nats"), "A": .positive("size coefficient"),
        "B": .positive("data coefficient"), "alpha": .positive("size exponent", [0.3, 0.6]),
        "beta": .positive("data exponent", [0.3, 0.6]),
        "gw": .positive("sensitivity to the bits of weights", "bits", [1, 3]),
        "ga": .positive("sensitivity to the bits of activations", "bits", [1, 3]),
        "gkv": .positive("sensitivity to the bits of the cache", "bits", [1, 3]),
      ]),
    NamedFormula(
      "precision_weights", "precision of weights",
      "L = E + A*(N*(1 - exp(-Pw/gw)))^-alpha + B*D^-beta", columns: ["Pw": "the bits of a weight"],
      source: "Kumar et al. 2024, arXiv:2411.04330",
      [
        "E": .positive("irreducible loss", "nats"), "A": .positive("size coefficient"),
        "B": .positive("data coefficient"), "alpha": .positive("size exponent", [0.3, 0.6]),
        "beta": .positive("data exponent", [0.3, 0.6]),
        "gw": .positive("sensitivity to the bits of weights", "bits", [1, 3]),
      ]),
    NamedFormula(
      "distillation", "distillation from a teacher",
      "L = LT + LT^-c0*(1 + (LT/(LS*d1))^(1/f1))^(-c1*f1)*(A*N^-alpha + B*D^-beta)^gamma",
      columns: [
        "LT": "the loss of the teacher", "LS": "the loss of the student's size and data without a teacher",
      ], source: "Busbridge et al. 2025, arXiv:2502.08606",
      [
        "c0": .any("exponent of the teacher's loss", [0, 1]), "c1": .any("change of the exponent", [-1, 1]),
        "d1": .positive("place of the change", [1]), "f1": .positive("width of the change", [0.1, 0.5]),
        "A": .positive("size coefficient", [10, 1e3, 1e5]),
        "B": .positive("data coefficient", [10, 1e3, 1e5]), "alpha": .positive("size exponent", [0.3, 0.6]),
        "beta": .positive("data exponent", [0.3, 0.6]), "gamma": .positive("coupling exponent", [0.5, 1]),
      ]),
    NamedFormula(
      "transfer", "effective data transferred from pre-training", "L = k*DF^alpha*N^beta",
      columns: ["DF": "the tokens of fine-tuning"], source: "Hernandez et al. 2021, arXiv:2102.01293",
      [
        "k": .positive("coefficient"), "alpha": .positive("exponent of the data of fine-tuning", [0.2, 0.6]),
        "beta": .positive("size exponent", [0.2, 0.6]),
      ]),
    NamedFormula(
      "coverage", "coverage by repeated samples", "L = exp(a*k^b)", columns: ["k": "the samples of a task"],
      source: "Brown et al. 2024, arXiv:2407.21787",
      ["a": .any("log coverage of one sample", [-0.5, -2, -8]), "b": .any("exponent", [-0.1, -0.3, -0.8])]),
    NamedFormula(
      "overoptimisation", "reward of the best of n under a proxy", "L = d*(alpha - beta*d)",
      columns: ["d": "the square root of the divergence from the first policy, in nats"],
      source: "Gao et al. 2022, arXiv:2210.10760",
      ["alpha": .any("gain"), "beta": .any("loss to the proxy")]),
    NamedFormula(
      "overoptimisation_rl", "reward of a policy trained on a proxy", "L = d*(alpha - beta*log(d))",
      columns: ["d": "the square root of the divergence from the first policy, in nats"],
      source: "Gao et al. 2022, arXiv:2210.10760",
      ["alpha": .any("gain"), "beta": .any("loss to the proxy")]),
    NamedFormula(
      "sparsity", "sparse activations", "L = E + (B + C*exp(beta/(1 - sparsity)))*N^-alpha",
      columns: ["sparsity": "the fraction of activations that are zero, below 1"],
      source: "Wang et al. 2024, arXiv:2407.10969",
      [
        "E": .positive("irreducible loss", "nats"), "B": .positive("size coefficient"),
        "C": .positive("coefficient of sparsity"), "beta": .positive("growth with sparsity", [0.1, 0.5, 2]),
        "alpha": .positive("size exponent", [0.1, 0.3, 0.6]),
      ]),
    NamedFormula(
      "vocabulary", "parameters of the best vocabulary", "L = k*Nnv^gamma",
      columns: ["Nnv": "the parameters outside the vocabulary"],
      source: "Tao et al. 2024, arXiv:2407.13623",
      ["k": .positive("coefficient"), "gamma": .positive("exponent", [0.3, 0.6, 1])]),
    NamedFormula(
      "rising", "a metric that rises with size and data", "L = U - A*N^-alpha - B*D^-beta",
      source: "one minus the error of Hestness et al. 2017, arXiv:1712.00409",
      [
        "U": .positive("upper limit"), "A": .positive("size coefficient"), "B": .positive("data coefficient"),
        "alpha": .positive("size exponent", [0.1, 0.3, 0.6, 1.2]),
        "beta": .positive("data exponent", [0.1, 0.3, 0.6, 1.2]),
      ]),
    rising("rising_n", "size", "N"), rising("rising_d", "data", "D"), rising("rising_c", "compute", "C"),
    NamedFormula(
      "sigmoid_c", "a metric that rises as a sigmoid of log compute", "L = U/(1 + (C/C50)^-s)",
      source: "Ruan et al. 2024, arXiv:2405.10938",
      [
        "U": .positive("upper limit"), "C50": .positive("compute of half the limit", "FLOPs"),
        "s": .positive("steepness", [0.2, 0.5, 1]),
      ]),
  ]

  /// A metric that rises with one variable.
  private static func rising(_ name: String, _ title: String, _ x: String) -> NamedFormula {
    NamedFormula(
      name, "a metric that rises with \(title)", "L = U - A*\(x)^-alpha",
      source: "one minus the error of Hestness et al. 2017, arXiv:1712.00409",
      [
        "U": .positive("upper limit"), "A": .positive("coefficient"),
        "alpha": .positive("exponent", [0.1, 0.3, 0.6, 1.2]),
      ])
  }

  /// The law; nil if the row is no formula.
  public var law: FormulaLaw? {
    let quantities: [Variable] = [.parameters, .tokens, .compute]
    return try? FormulaLaw(formula, name: title, source: source, hints: hints) { name in
      if columns[name] != nil { return .column(name) }
      // C is a parameter of some laws.
      return hints[name] == nil ? quantities.first { $0.symbol == name } : nil
    }
  }
}

extension FormulaLaw.Hint {
  fileprivate static func positive(_ name: String, _ unit: String = "1", _ starts: [Double] = []) -> Self {
    Self(name, unit: unit, isPositive: true, starts: starts)
  }
  fileprivate static func positive(_ name: String, _ starts: [Double]) -> Self {
    positive(name, "1", starts)
  }
  fileprivate static func any(_ name: String, _ starts: [Double] = []) -> Self { Self(name, starts: starts) }
}
