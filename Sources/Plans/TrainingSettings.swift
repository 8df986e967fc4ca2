import Analysis
import Autograd
import Files
import Models
import Training

extension Setting {
  /// How the network is trained.
  static let ofTraining: [Setting] = length + course + selections + seeds

  private static let length: [Setting] = [
    .integer(
      .training, "tokens", in: 1...RunDraft.mostTokens, default: "required, or flops",
      "tokens to train on, D", \.length, column: .none, as: { .tokens($0) }),
    .number(
      .training, "flops", in: .closed(1, .greatestFiniteMagnitude), default: "required, or tokens",
      "an IsoFLOP budget C, instead of `tokens`; D follows from it", \.length, column: .none,
      as: { .flops($0) }),
  ]

  private static let course: [Setting] = [
    Setting(
      .training, "learning_rate",
      values: .other(
        "number, or {at_width: 32, rate: 0.008, exponent: -1}",
        .any(
          of: rates.schema,
          .mapping([
            "at_width": ["type": "integer"], "rate": ["type": "number"], "exponent": ["type": "number"],
          ]))),
      default: usualRates,
      "the peak learning rate; a mapping means rate · (width / at_width)^exponent", \.learningRate,
      column: .named(kind: .number, meaning: "peak learning rate"),
      cell: { .number($0.configuration.training.learningRate) }, read: readLearningRate),
    Setting(
      .training, "batch",
      values: .other(
        "whole number, or [{from: 0, tokens: 512}, …]",
        .any(
          of: Values.integer(1...RunDraft.mostTokensAtOnce).schema,
          .array(
            of: .mapping([
              "from": Values.integer(0...RunDraft.mostTokens).schema,
              "tokens": Values.integer(1...RunDraft.mostTokensAtOnce).schema,
            ])))),
      default: "512, from 1M tokens on 1024, from 2M on 2048", "tokens in a step, a multiple of the context",
      \.training.batch,
      column: .named(
        kind: .integerOrText,
        meaning: "tokens in a step; in a ramp also `N from D`: N tokens in a step from D tokens on"),
      cell: { run in
        let stages = run.configuration.training.batch.stages
        return stages.count == 1 ? .integer(stages[0].tokens) : .text(run.configuration.training.batch.text)
      }, read: readBatch),
    Setting(
      .training, "carry", values: .boolean, default: "false",
      "whether the recurrent states of layers M and D go from a window to the next one of its text, forward only; needs a batch of one size",
      \.carry, cell: { .text("\($0.configuration.training.carry ?? false)") }
    ) { try $0.boolean() },
    .integer(
      .training, "warmup_steps", in: 0...RunDraft.mostTokens, "steps over which the learning rate rises",
      \.training.warmupSteps, column: .named("warmup", words: "steps of warmup", unit: "steps")
    ) { $0.configuration.training.warmupSteps },
    Setting(
      .training, "schedule",
      values: .other(
        "{cooldown: 0.2, shape: linear or sqrt}, {cosine: 0.1}, or {cosine: 0.1, over: 8M}",
        .mapping([
          "cooldown": ["type": "number", "minimum": 0, "maximum": 1],
          "shape": .choice(of: Schedule.Shape.allCases.map(\.rawValue)),
          "cosine": ["type": "number", "minimum": 0, "maximum": 1],
          "over": Values.integer(1...RunDraft.mostTokens).schema,
        ])),
      default: "{cooldown: 0.2, shape: linear}",
      "constant, then a cooldown to zero over the last fraction; or a cosine down to a fraction of the peak, at the end of the run or after `over` tokens, whatever the length",
      \.training.schedule,
      column: .named(isSelfExplanatory: true, meaning: "how the rate changes after the warmup"),
      cell: { .text($0.configuration.training.schedule.text) }, read: readSchedule),
    .number(
      .training, "weight_decay", in: .closed(0, .greatestFiniteMagnitude),
      "weight decay per step, multiplied by the learning rate",
      \.training.weightDecay
    ) { $0.configuration.training.weightDecay },
    .number(
      .training, "clip", in: .positive(atMost: .greatestFiniteMagnitude),
      "the largest norm of the gradient; larger ones are scaled down",
      \.training.clip
    ) { $0.configuration.training.clip },
    Setting(
      .training, "pruned", values: .other("none, a fraction, or 2:4", .any(of: .string, .decimal(in: 0...1))),
      default: "none",
      "the weights that become 0 after training, those of the least magnitude: a fraction of each matrix, or two of each four inputs; runs that differ in it alone are trained once",
      \.training.pruned, cell: { .text($0.configuration.training.pruned?.description ?? "none") },
      read: readPruning),
    Setting(
      .training, "quantised", values: .choice(["none"] + NumberFormat.lowPrecision.map(\.rawValue)),
      default: "none",
      "the format that weights are rounded to after training, before the model is evaluated; runs that differ in it alone are trained once",
      \.training.quantised,
      cell: { .text($0.configuration.training.quantised?.rawValue ?? "none") }
    ) { NumberFormat(rawValue: try $0.choice(of: ["none"] + NumberFormat.lowPrecision.map(\.rawValue))) },
    Setting(
      .training, "knowledge", values: .boolean, default: "false",
      "whether results tell how many bits of the text's associations a model knows; of recipes alone",
      \.training.knowledge, cell: { .text("\($0.configuration.training.knowledge ?? false)") }
    ) { try $0.boolean() ? true : nil },
  ]

  /// The update rule and the objective, with the settings that each declares.
  private static let selections: [Setting] =
    selection(
      "update_rule", updateRules, "how a step changes the weights", \.updateRule,
      selected: { $0.configuration.training.updateRule })
    + selection(
      "objective", trainingObjectives, "what is minimised", \.objective,
      selected: { $0.configuration.training.objective })

  private static func selection(
    _ key: String, _ types: [any Selectable.Type], _ meaning: String,
    _ path: WritableKeyPath<RunDraft, String> & Sendable,
    selected: @escaping @Sendable (PlannedRun) -> Selection?
  ) -> [Setting] {
    let names = types.map { $0.name }
    let choice = Setting(
      .training, key, values: .choice(names), default: names[0],
      "\(meaning): " + types.map { "\($0.name) is \($0.meaning)" }.joined(separator: "; "), path,
      column: .named(isSelfExplanatory: true), cell: { .text(selected($0)?.name ?? names[0]) }
    ) { try $0.choice(of: names) }
    // Several types may declare the same setting.
    let numbers = types.flatMap { $0.settings }.reduce(into: [NumberSetting]()) { known, number in
      if !known.contains(number) { known.append(number) }
    }
    return [choice]
      + numbers.map { number in
        let owners = types.filter { $0.settings.contains(number) }.map { $0.name }
        return declared(number, by: owners) { run in
          let selection = selected(run)
          guard owners.contains(selection?.name ?? names[0]) else { return nil }
          return number.property.map { run.configuration.training[keyPath: $0] }
            ?? selection?[number] ?? number.defaultValue
        }
      }
  }

  /// The row of a setting that update rules or objectives declare.
  private static func declared(
    _ number: NumberSetting, by owners: [String],
    cell: @escaping @Sendable (PlannedRun) -> Double?
  ) -> Setting {
    let range = NumberRange.closed(number.range.lowerBound, number.range.upperBound)
    let meaning = "of \(owners.joined(separator: ", ")): \(number.meaning)"
    guard let property = number.property else {
      return .number(
        .training, number.key, in: range, default: settingText(number.defaultValue), meaning,
        \.chosen[number.key],
        cell: cell, as: { $0 })
    }
    return Setting(
      .training, number.key, values: .number(range), default: settingText(number.defaultValue), meaning,
      column: .usual, reset: { $0.training[keyPath: property] = number.defaultValue },
      cell: { Cell(cell($0)) }
    ) { yaml in
      let value = try range.read(yaml)
      return { $0.training[keyPath: property] = value }
    }
  }

  private static let seeds: [Setting] = [
    .integer(
      .training, "seed", in: RunDraft.seeds, default: "0",
      "seed of the initial weights; in a grid, `seeds: 3` stands for 0, 1 and 2", \.seed,
      cell: { Int(clamping: $0.configuration.seed) }, as: { UInt64($0) })
  ]
}

private let rates = Setting.NumberRange.positive(atMost: 100)

/// As in `adamw 0.008, sgd 0.3; times 0.7 with experts`.
private let usualRates =
  updateRules.map { "\($0.name) \(settingText($0.usualRate))" }.joined(separator: ", ")
  + "; times 0.7 with experts; where the parametrisation is standard, times 32 / width"

@Sendable private func readLearningRate(_ yaml: YAMLValue) throws -> LearningRate.Height? {
  guard yaml.isMapping else { return .constant(try rates.read(yaml)) }
  let map = try yaml.mapping(keys: ["at_width", "rate", "exponent"])
  return .power(
    rate: try rates.read(yaml.required("rate", in: map)),
    width: try yaml.required("at_width", in: map).integer(in: 1...),
    exponent: try yaml.required("exponent", in: map).number(in: -4...4))
}

@Sendable private func readBatch(_ yaml: YAMLValue) throws -> BatchSchedule {
  guard yaml.isList else {
    guard !yaml.isMapping else {
      throw yaml.error(
        "a batch is a number or a list of stages", remedy: "In a grid, put brackets around each ramp")
    }
    return .fixed(try yaml.integer(in: 1...RunDraft.mostTokensAtOnce))
  }
  let stages = try yaml.list().map { stage in
    let map = try stage.mapping(keys: ["from", "tokens"])
    return BatchSchedule.Stage(
      from: try stage.required("from", in: map).integer(in: 0...RunDraft.mostTokens),
      tokens: try stage.required("tokens", in: map).integer(in: 1...RunDraft.mostTokensAtOnce))
  }
  do {
    return try BatchSchedule(stages: stages)
  } catch let fault as SettingFault {
    throw yaml.error(fault.message, remedy: fault.remedy)
  }
}

@Sendable private func readSchedule(_ yaml: YAMLValue) throws -> Schedule {
  let map = try yaml.mapping(keys: ["cooldown", "shape", "cosine", "over"])
  if let cosine = map["cosine"] {
    guard map["cooldown"] == nil, map["shape"] == nil else {
      throw yaml.error("a cosine has neither cooldown nor shape", remedy: "Remove them")
    }
    let final = try cosine.number(in: 0...1)
    guard let over = map["over"] else { return .cosine(final: final) }
    return .cosineOver(final: final, tokens: try over.integer(in: 1...RunDraft.mostTokens))
  }
  if let over = map["over"] {
    throw over.error(
      "only a cosine has `over`", remedy: "Remove it, or write for example {cosine: 0.1, over: 8M}")
  }
  return .cooldown(
    fraction: try yaml.required("cooldown", in: map).number(in: 0...1),
    shape: try map["shape"]?.choice(of: Schedule.Shape.self) ?? .linear)
}

@Sendable private func readPruning(_ yaml: YAMLValue) throws -> Pruning? {
  let text = try yaml.string()
  if text == "none" { return nil }
  guard let pruning = Pruning(text) else {
    throw yaml.error(
      "`\(text)` is no pruning", remedy: "Write none, a fraction above 0 and below 1, or \"2:4\"")
  }
  return pruning
}

extension BatchSchedule {
  /// As in `512; 1024 from 1000000`.
  var text: String {
    stages.map { $0.from == 0 ? "\($0.tokens)" : "\($0.tokens) from \($0.from)" }.joined(separator: "; ")
  }
}

extension Schedule {
  /// As in `cooldown 0.2 linear`.
  var text: String {
    switch self {
    case .cooldown(let fraction, let shape): "cooldown \(fraction) \(shape.rawValue)"
    case .cosine(let final): "cosine \(final)"
    case .cosineOver(let final, let tokens): "cosine \(final) over \(tokens)"
    }
  }
}
