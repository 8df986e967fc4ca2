/// A setting of a model or of its training with an invalid value.
public struct SettingFault: Error, Equatable, Sendable, CustomStringConvertible {
  /// The setting's name in experiment files.
  public let setting: String
  public let message: String
  public let remedy: String

  public init(setting: String, message: String, remedy: String) {
    self.setting = setting
    self.message = message
    self.remedy = remedy
  }

  public var description: String { "\(message). \(remedy)." }
}
