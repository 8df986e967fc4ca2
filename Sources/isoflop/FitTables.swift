import Analysis
import ScalingLaws

/// Prints what was found by fits, and why others were not possible.
func printFits(_ fits: Fits) {
  for fit in fits.fits {
    if let refusal = fit.refusal { print("\(fit.name): not possible: \(refusal)") }
  }
  for finding in Finding.all(in: fits) { Table(finding).print(below: finding.title, notes: finding.notes) }
  for fit in fits.fits {
    fit.slopes.map { print("\(fit.name): \($0.verdict)") }
    for remark in fit.remarks { print("\(fit.name): \(remark)") }
  }
  for comparison in fits.comparisons {
    if let refusal = comparison.refusal { print("\(comparison.title): no comparison: \(refusal)") }
  }
}
