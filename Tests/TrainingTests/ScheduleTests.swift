import Files
import Foundation
import Models
import Testing
import Training

@Suite struct ScheduleTests {
  @Test("A linear cooldown falls from 1 to nearly 0 over its part of the tokens")
  func linear() {
    let schedule = Schedule.cooldown(fraction: 0.2, shape: .linear)
    #expect(schedule.branchPoint(tokens: 1000) == 800)
    #expect(schedule.factor(seen: 500, branched: nil, tokens: 1000) == 1)
    #expect(schedule.factor(seen: 800, branched: 800, tokens: 1000) == 1)
    #expect(schedule.factor(seen: 900, branched: 800, tokens: 1000) == 0.5)
    #expect(schedule.factor(seen: 1000, branched: 800, tokens: 1000) == 0)
  }

  @Test("1 − √x falls faster at first")
  func sqrt() {
    let schedule = Schedule.cooldown(fraction: 0.5, shape: .sqrt)
    #expect(schedule.factor(seen: 625, branched: 500, tokens: 1000) == 0.5)
  }

  @Test("A cosine goes from 1 to its end")
  func cosine() {
    let schedule = Schedule.cosine(final: 0.1)
    #expect(schedule.branchPoint(tokens: 1000) == 0)
    #expect(schedule.factor(seen: 0, branched: 0, tokens: 1000) == 1)
    #expect(abs(schedule.factor(seen: 500, branched: 0, tokens: 1000) - 0.55) < 1e-12)
    #expect(abs(schedule.factor(seen: 1000, branched: 0, tokens: 1000) - 0.1) < 1e-12)
  }

  @Test("A cosine over fixed tokens is independent of the run's length, and stays at its final value")
  func cosineOver() {
    let schedule = Schedule.cosineOver(final: 0.1, tokens: 1000)
    for length in [500, 1000, 4000] {
      #expect(schedule.branchPoint(tokens: length) == length)
      for (seen, factor) in [(0, 1), (500, 0.55), (1000, 0.1), (3000, 0.1)] {
        #expect(abs(schedule.factor(seen: seen, branched: nil, tokens: length) - factor) < 1e-12)
      }
    }
  }

  @Test("The schedules of old records keep their encoding, because run identifiers are hashes of it")
  func codedForm() throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let forms = try [Schedule.cosine(final: 0.5), .cooldown(fraction: 0.5, shape: .sqrt)].map {
      String(decoding: try encoder.encode($0), as: UTF8.self)
    }
    #expect(forms == [#"{"cosine":{"final":0.5}}"#, #"{"cooldown":{"fraction":0.5,"shape":"sqrt"}}"#])
  }

  @Test("A ramp changes the batch with the number of tokens, and must begin at 0 and rise")
  func ramp() throws {
    #expect(BatchSchedule.ramp.tokens(after: 0) == 512)
    #expect(BatchSchedule.ramp.tokens(after: 999_999) == 512)
    #expect(BatchSchedule.ramp.tokens(after: 1_000_000) == 1024)
    #expect(BatchSchedule.ramp.tokens(after: 9_000_000) == 2048)
    #expect(throws: SettingFault.self) { try BatchSchedule(stages: []) }
    #expect(throws: SettingFault.self) { try BatchSchedule(stages: [.init(from: 5, tokens: 1)]) }
    #expect(throws: SettingFault.self) { try BatchSchedule(stages: [.init(from: 0, tokens: 0)]) }
  }
}
