import Execution
import Plans
import TestSupport
import Testing
import Training

/// What comes of training all jobs of a plan one after the other.
struct TrainedJobs {
  let results: [String: RunResult]
  private(set) var remarks: [String] = []
  private(set) var failures: [String] = []
  private(set) var stops = 0
  /// The FLOPs of training that were done.
  private(set) var flops = 0.0
  /// The seconds that were planned, and those of all progress that was reported.
  let planned: Double
  private(set) var progress = 0.0

  /// - Parameters:
  ///   - calls: After so many calls of `isCancelled` a job is stopped, and begun again; nil for never.
  ///   - betweenStops: Called after each stop.
  init(
    _ plan: Plan, in folder: String, keepsCheckpoints: Bool = false, stoppingAfter calls: Int? = nil,
    betweenStops: () throws -> Void = {}
  ) throws {
    let store = try RunStore(folder)
    let corpora = CorpusCache(allowing: [packageFolder])
    let scheduler = try Scheduler([plan], store: store, corpora: corpora, workers: 1)
    planned = scheduler.jobs.reduce(0) { $0 + $1.seconds }
    for job in scheduler.jobs {
      var isDone = false
      while !isDone {
        var asked = 0
        var (remarks, flops, progress) = ([String](), 0.0, 0.0)
        let end = job.train(
          in: store, corpora: corpora, keepsCheckpoints: keepsCheckpoints,
          isCancelled: {
            asked += 1
            return calls.map { asked > $0 } ?? false
          }, whileSaving: { try $0() }
        ) { event in
          switch event {
          case .remark(let text): remarks.append(text)
          case .progress(let seconds, let done): (progress, flops) = (progress + seconds, flops + done)
          case .spared(let seconds): progress += seconds
          case .finished: break
          }
        }
        self.remarks += remarks
        self.flops += flops
        self.progress += progress
        switch end {
        case .stopped:
          stops += 1
          try #require(stops < 500)
          try betweenStops()
        case .failed(let message, _):
          failures.append(message)
          isDone = true
        default: isDone = true
        }
      }
    }
    results = try store.records(of: plan).mapValues(\.result)
  }
}
