// Names of before, until all modules use the new ones.
public typealias MixtureOfExperts = MoE
public typealias ModelFault = SettingFault
public typealias TrainingFault = SettingFault

extension ModelConfiguration {
  public typealias Family = Architecture
  public var family: Architecture { architecture }
  public var mixture: MoE? {
    get { moe }
    set { moe = newValue }
  }

  public init(
    family: Architecture, width: Int, depth: Int? = nil, heads: Int? = nil, headWidth: Int? = nil,
    context: Int = 128, vocabulary: Int, positions: Positions = .rotary, tiedHead: Bool? = nil,
    parametrisation: Parametrisation = .mup, mixture: MoE? = nil
  ) throws {
    try self.init(
      architecture: family, width: width, depth: depth, heads: heads, headWidth: headWidth, context: context,
      vocabulary: vocabulary, positions: positions, tiedHead: tiedHead, parametrisation: parametrisation,
      moe: mixture)
  }
}
