import Foundation
import ScalingLaws
import Testing

/// Laws that are given as equations.
@Suite struct FormulaTests {
  static func variable(_ name: String) -> Variable? {
    ["N": .parameters, "D": .tokens, "C": .compute, "batch": .column("batch")][name]
  }

  static func law(_ text: String, positive: [String] = []) throws -> FormulaLaw {
    let hint = FormulaLaw.Hint(isPositive: true)
    return try FormulaLaw(
      text, hints: Dictionary(positive.map { ($0, hint) }, uniquingKeysWith: { $1 }), variable: variable)
  }

  /// A surface with noise, and a batch of each run.
  static func surface(_ batchEffect: Double = 0, noise: Double = 0.004) throws -> [Observation] {
    let planted = try PlantedLawTests.planted(
      ChinchillaLaw(), [400, 2000, 0.35, 0.37, 1.8], PlantedLawTests.sizesAndTokens, noise: noise)
    return planted.enumerated().map { index, observation in
      var observation = observation
      let batch = pow(2, Double(index % 5))
      observation.columns = ["batch": batch]
      observation.loss += batchEffect * log(batch)
      return observation
    }
  }

  @Test("Operators bind as in mathematics")
  func precedence() throws {
    for (text, value) in [
      ("-x^2", -9), ("2^3^2", 512), ("2*x^-1", 2.0 / 3), ("1 - 2 - x", -4), ("12/x/2", 2), ("(1 + x)*2", 8),
      ("x^-(1 + 1)", 1.0 / 9), ("max(1, x, 2) + min(x, 5)", 6), ("1.5e1 + .5", 15.5), ("log10(1e3)*x", 9),
      ("sqrt(x*x)", 3), ("log2(8) - x", 0), ("2·x − 1", 5), ("`x` + 1", 4), ("exp(log(x)) - x", 0), ("+x", 3),
    ] {
      let expression = try ArithmeticExpression(text)
      #expect(abs(expression.value([3]) - value) < 1e-12, "\(text)")
    }
  }

  @Test(
    "A text that is no law is refused with the place",
    arguments: [
      ("L = E + A*N^", 13, "a number, a name or `(` is missing at the end"),
      ("L = E + A*foo(N)", 11, "there is no function `foo`"),
      ("L = E + A(1 + N)", 9, "a product is written `A*(…)`"),
      ("loss = A*N", 1, "the left side is `loss`; it must be L, the loss"),
      ("A*N", nil, "it has no `=`: write `L = …`"),
      ("L = 2*N", nil, "it has no parameter to fit: N are all variables"),
      ("L = A*alpha", nil, "A, alpha are all taken as parameters"),
      ("L = A - A + E*N", 5, "`A` does not matter: it cancels"),
      ("L = A^0*N^a", 5, "`A` does not matter: it cancels"),
      ("L = A*B*N^-a", 7, "`B` adds nothing"),
      ("L = E + A*(N*D)^a*(N*D)^b", 25, "`b` adds nothing"),
      ("L = E + (A*N", 13, "`)` is missing for the bracket at character 9"),
      ("L = E + A*N)", 12, "`)` has no opening bracket"),
      ("L = 1/0*N*A", 6, "this is not a finite number"),
      ("L = E + 3N", 10, "an operator is missing before `N`"),
      ("L = L*A*N", 5, "L is the loss itself"),
      ("L = E + A**N", 10, "write `^`"),
      ("L = A*sqrt(N, 2)", 7, "`sqrt` takes one number"),
      ("L = A + 1..2*N", 9, "`1..2` is not a number"),
      ("L = A*N + `b", 11, "the name between backquotes does not end"),
      ("L = A*N + #", 11, "is expected here, not `#`"),
    ] as [(String, Int?, String)])
  func refused(text: String, position: Int?, message: String) {
    let error = #expect(throws: FormulaError.self) { try Self.law(text) }
    #expect(
      error?.position == position && error?.message.contains(message) == true, "\(String(describing: error))")
  }

  /// The check for idle parameters takes values of the size of the variables, and no point hides the others.
  @Test func parametersAtALargeScaleMatter() throws {
    _ = try Self.law(
      "L = A*(C/4e10)^-a*exp(k*log(D/best*(C/4e10)^-t)^2 + h*(log(N/1e4) - m - u*log(C/4e10) + v*log(D/6))^2)"
    )
  }

  @Test("Texts beyond the limits are refused")
  func limits() {
    for text in [
      "L = " + String(repeating: "(", count: 1000) + "A*N" + String(repeating: ")", count: 1000),
      "L = A*N" + String(repeating: " + 1*N", count: 5000),
      "L = A*N + " + String(repeating: "-", count: 900) + "N",
      "L = A*N" + (1...100).map { " + N^\($0)" }.joined() + (1...100).map { " + D^\($0)" }.joined(),
      "L = " + (1...20).map { "p\($0)*N^\($0)" }.joined(separator: " + "),
    ] {
      #expect(throws: FormulaError.self, "\(text.prefix(20))") { try Self.law(text) }
    }
  }

  @Test("Hints are for parameters, and positive parameters have positive starts")
  func hints() throws {
    let error = #expect(throws: FormulaError.self) { try Self.law("L = A*N^-a", positive: ["N"]) }
    #expect(error?.message == "it has no parameter `N`; its parameters are A, a")
    #expect(throws: FormulaError.self) {
      try FormulaLaw(
        "L = A*N^-a", hints: ["a": .init(isPositive: true, starts: [-1])], variable: Self.variable)
    }
  }

  @Test("Parameters in which a formula is linear are solved for")
  func linear() throws {
    for (text, linear) in [
      ("L = E + A*N^-alpha + B*D^-beta + G*log(batch)", ["E", "A", "B", "G"]),
      ("L = E + (A*N^-alpha + B*D^-beta)^k", ["E"]), ("L = (E + A*N)*N^-a*D/(A + 1)", ["E"]),
      ("L = A*N/3 - (B - 2*G*D)", ["A", "B", "G"]), ("L = min(A, B*N)", []),
    ] {
      let law = try Self.law(text)
      #expect(law.parameters.filter(\.starts.isEmpty).map(\.symbol) == linear, "\(text)")
    }
    // The base of a power must be positive, and so must a column whose logarithm is taken.
    let kaplan = try Self.law("L = ((Nc/N)^(a/d) + Dc/D)^d")
    #expect(kaplan.parameters.first?.domain == .positive && kaplan.parameters.last?.domain == .signed)
    var runs = try Self.surface()
    runs[3].columns = ["batch": 0]
    #expect(throws: FitError("batch is 0.0; it must be positive", observation: 3)) {
      try Fitter(.formula(Self.law("L = E + A*N^-a + G*log(batch)"))).fit(runs)
    }
    #expect(throws: Never.self) {
      try Fitter(.formula(Self.law("L = E + A*N^-a + G*batch")), bootstraps: 0).fit(runs)
    }
  }

  @Test("Derivatives agree with differences")
  func gradient() throws {
    let text =
      "L = E + A/N^a - (-B)^3*D^-2 + max(A*N, min(B, log(batch)*G)) + expm1(B/N) + softplus(N - A)*sqrt(A + N) + 2^a/(1 + G^2)^1.5 + log2(A/N + 1)/3 - D*G"
    let law = try Self.law(text)
    let names = ["E": 1.2, "A": 3, "a": 0.4, "B": 0.8, "G": 0.6]
    let θ = law.parameters.map { names[$0.symbol] ?? .nan }
    let values = [2.5, 1.7, 4]
    let logs = values.map { log($0) }
    let dual = law.loss(θ.enumerated().map { Dual($1, lane: $0) }, at: values, logs: logs)
    #expect(dual.value.isFinite)
    for index in θ.indices {
      var (up, down) = (θ, θ)
      up[index] += 1e-5
      down[index] -= 1e-5
      let difference =
        (law.loss(up.map { Scalar($0) }, at: values, logs: logs).value
          - law.loss(down.map { Scalar($0) }, at: values, logs: logs).value) / 2e-5
      #expect(abs(dual.derivatives[index] - difference) < 1e-6 * (1 + abs(difference)))
    }
  }

  @Test("Chinchilla's law as a formula gives the named law's numbers")
  func chinchilla() throws {
    let runs = try Self.surface()
    let named = try Fitter(.chinchilla(ChinchillaLaw()), bootstraps: 200).fit(runs)
    let symbols = ["E": "E", "A": "A", "B": "B", "alpha": "α", "beta": "β"]
    for positive in [[], symbols.keys.sorted()] {
      let law = try Self.law("L = E + A*N^-alpha + B*D^-beta", positive: positive)
      let fit = try Fitter(.formula(law), bootstraps: 200).fit(runs)
      #expect(abs(fit.objectiveValue / named.objectiveValue - 1) < 1e-9)
      for (own, usual) in symbols {
        let (value, expected) = (try #require(fit[own]), try #require(named[usual]))
        #expect(abs(value.value / expected.value - 1) < 1e-6, "\(own)")
        let (interval, other) = (try #require(value.interval), try #require(expected.interval))
        #expect(abs(interval.low / other.low - 1) < 1e-3 && abs(interval.high / other.high - 1) < 1e-3)
        #expect(value.identified)
      }
      // What is written to a file predicts the same.
      let stored = try JSONDecoder().decode(LawFit.self, from: JSONEncoder().encode(fit))
      let place = Observation(parameters: 1e10, tokens: 1e12, loss: 1)
      #expect(stored.isSound && stored.predict(at: place)?.value == fit.predict(at: place)?.value)
      let budget = Allocation.Budget.compute(1e21)
      let (own, usual) = (try Allocation(budget, under: stored), try Allocation(budget, under: named))
      #expect(abs(own.parameters.value / usual.parameters.value - 1) < 1e-6)
    }
  }

  @Test("The effect of a further column is recovered, of either sign")
  func column() throws {
    for effect in [0.02, -0.03] {
      let law = try Self.law("L = E + A*N^-alpha + B*D^-beta + G*log(batch)")
      let fit = try Fitter(.formula(law), minimizing: Objective(.leastSquares)).fit(
        Self.surface(effect, noise: 0.002))
      let estimate = try #require(fit["G"])
      #expect(abs(estimate.value / effect - 1) < 0.1, "\(estimate.value)")
      #expect(estimate.interval?.contains(effect) == true && estimate.interval?.contains(0) == false)
      #expect(estimate.profile?.low.map { $0 < effect } == true && estimate.identified)
      #expect(fit.startsAgreeing * 2 > fit.starts)
    }
  }

  @Test("A floor that is known is added to the formula")
  func floor() throws {
    let law = try Self.law("L = A*N^-alpha + B*D^-beta").above(.known(1.8))
    #expect(law.equation == "L = 1.8 + A*N^-alpha + B*D^-beta")
    let fit = try Fitter(.formula(law), bootstraps: 0).fit(Self.surface())
    #expect(abs((fit["alpha"]?.value ?? 0) / 0.35 - 1) < 0.05)
  }

  @Test("More starts are made where fewer than half agree, and find what the first ones miss")
  func moreStarts() throws {
    // Four dips in a curve; the deepest is not near a start.
    let runs = stride(from: 1.0, to: 40, by: 0.25).map { x -> Observation in
      let dips = [(3.0, 0.2), (9, 0.25), (17, 0.8), (33, 0.22)].reduce(0) {
        $0 + $1.1 * exp(-pow(x - $1.0, 2))
      }
      var run = Observation(loss: 2 - dips)
      run.columns = ["batch": x]
      return run
    }
    let law = try FormulaLaw(
      "L = E - A*exp(-(batch - p)^2)", hints: ["p": .init(starts: [3, 9, 33])], variable: Self.variable)
    let fit = try Fitter(.formula(law), minimizing: Objective(.leastSquares), bootstraps: 0).fit(runs)
    #expect(abs((fit["p"]?.value ?? 0) - 17) < 0.1 && fit.starts > 3, "\(fit.values)")
    #expect(fit.disagreement != nil)
    #expect(fit.disagreement?.contains("of \(fit.starts) starts") == true)
  }
}
