import Corpora
import Files
import Foundation
import Models
import Testing
import Training

@Suite struct SelectionTests {
  /// Configurations of versions without update rules, objectives, layers and grouped queries, with the
  /// identifiers of their runs.
  private static let old = [
    (
      "ab3939f63d7ae63b",
      #"{"corpus":{"seed":0,"source":"village","validationTokens":256000},"corpusFingerprint":"e4aeafd25b239ae5d9fd561d9dba7679","model":{"context":128,"depth":2,"family":"llama","headWidth":8,"heads":4,"parametrisation":"mup","positions":"rotary","tiedHead":false,"vocabulary":71,"width":32},"seed":0,"training":{"batch":{"stages":[{"from":0,"tokens":512},{"from":1000000,"tokens":1024},{"from":2000000,"tokens":2048}]},"beta1":0.9,"beta2":0.95,"clip":1,"learningRate":0.008,"schedule":{"cooldown":{"fraction":0.2,"shape":"linear"}},"tokens":500000,"warmupSteps":100,"weightDecay":0}}"#
    ),
    (
      "33ed4d3a52f16797",
      #"{"corpus":{"seed":0,"source":"village","validationTokens":256000},"corpusFingerprint":"e4aeafd25b239ae5d9fd561d9dba7679","model":{"context":128,"depth":2,"family":"gpt2","headWidth":8,"heads":4,"mixture":{"balance":"none","balanceWeight":0,"experts":8,"gate":"softmax_first","granularity":1,"noise":0,"placement":"all","shared":0,"topK":1,"zLoss":0.001},"parametrisation":"mup","positions":"rotary","tiedHead":true,"vocabulary":71,"width":32},"seed":0,"training":{"batch":{"stages":[{"from":0,"tokens":512},{"from":1000000,"tokens":1024},{"from":2000000,"tokens":2048}]},"beta1":0.9,"beta2":0.95,"clip":1,"learningRate":0.0056,"schedule":{"cooldown":{"fraction":0.2,"shape":"linear"}},"tokens":500000,"warmupSteps":100,"weightDecay":0}}"#
    ),
  ]

  @Test("Earlier configurations are read, written identically, and identify the same runs", arguments: old)
  func identifiers(_ identifier: String, _ json: String) throws {
    let run = try decodeJSON(RunConfiguration.self, from: Data(json.utf8))
    #expect(run.canonicalJSON == json)
    #expect(run.identifier == identifier)
    // Defaults make no difference, whether they were given or not.
    let (rule, objective) = (Selection(updateRules[0]), Selection(trainingObjectives[0]))
    let training = TrainingConfiguration(
      tokens: 500_000, learningRate: run.training.learningRate, updateRule: rule, objective: objective)
    #expect(training == run.training)
    let model = try ModelConfiguration(
      architecture: run.model.architecture, width: 32, kvHeads: 4, layers: "AA", vocabulary: 71,
      moe: run.model.moe)
    #expect(model == run.model)
  }

  @Test("A selection is the same whether its defaults were given or not, and differs by any other value")
  func values() throws {
    for type in updateRules as [any Selectable.Type] + trainingObjectives {
      let usual = Dictionary(uniqueKeysWithValues: type.settings.map { ($0.key, $0.defaultValue) })
      #expect(Selection(type) == Selection(type, usual))
      for setting in type.settings {
        let other = Selection(type, [setting.key: setting.range.lowerBound])
        #expect(other[setting] == setting.range.lowerBound)
        #expect(Selection(type)[setting] == setting.defaultValue)
        #expect((other == Selection(type)) == (setting.defaultValue == setting.range.lowerBound))
        let back = try decodeJSON(Selection.self, from: canonicalJSON(other))
        #expect(back == other)
      }
    }
  }

  @Test(
    "An invalid choice is rejected, and the error names the setting",
    arguments: [
      (#"{"name":"adam"}"#, "update_rule"), (#"{"name":"sgd","values":{"beta":1}}"#, "beta"),
      (#"{"name":"sgd","values":{"momentum":1}}"#, "momentum"), (#"{"name":"adamw","values":{"x":1}}"#, "x"),
    ])
  func faults(_ json: String, _ setting: String) throws {
    var training = TrainingConfiguration(tokens: 1000)
    training.updateRule = try decodeJSON(Selection.self, from: Data(json.utf8))
    let fault = #expect(throws: SettingFault.self) { try training.check() }
    #expect(fault?.setting == setting)
  }
}
