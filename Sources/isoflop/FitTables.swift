import Analysis
import ScalingLaws

/// Prints what fits found, and why others were not possible.
func printFits(_ fits: Fits) {
  for fit in fits.fits {
    if let refusal = fit.refusal { print("\(fit.name): not possible: \(refusal)") }
  }
  for finding in Finding.all(in: fits) { finding.print() }
  for fit in fits.fits {
    if let slopes = fit.slopes { print("\(fit.name): \(slopes.verdict)") }
    for remark in fit.remarks { print("\(fit.name): \(remark)") }
  }
  for comparison in fits.comparisons {
    if let refusal = comparison.refusal { print("\(comparison.title): no comparison: \(refusal)") }
  }
}
