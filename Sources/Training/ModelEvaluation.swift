import Autograd
import Corpora

extension TrainedModel {
  /// The greatest size of the logits that one replay of an evaluation computes, in bytes.
  private static let logitBytes = 1 << 28

  /// Evaluates the model on the validation windows of a corpus with its tokenizer.
  ///
  /// - Parameters:
  ///   - threads: Threads that compute windows.
  ///   - progress: Called with the number of windows that are done.
  public func evaluation(
    on corpus: TokenizedCorpus, threads: Int, progress: (_ windows: Int) -> Void
  ) -> Evaluation {
    let model = configuration.model
    precondition(
      corpus.context == model.context && corpus.vocabulary == model.vocabulary,
      "a corpus in windows of \(corpus.context) tokens, of \(corpus.vocabulary)")
    let usual = TokenizedCorpus.validationLanes
    // Windows in lanes are computed together.
    let chunk =
      corpus.lanes == nil
      ? max(1, min(usual, Self.logitBytes / (4 * model.context * model.vocabulary))) : usual
    let evaluator = Evaluator(transformer, corpus: corpus, threads: threads, chunk: chunk)
    var done = 0
    return evaluator(parameters) {
      progress(done)
      done += evaluator.round
    }
  }
}
