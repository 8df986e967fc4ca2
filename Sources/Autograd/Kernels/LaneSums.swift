import CBLAS

/// y ← the sums of rows of sixteen lanes. There is room for a multiple of sixteen rows and sums.
func sumLanes(_ x: Floats, count: Int, into y: Floats) {
  for row in stride(from: 0, to: count, by: laneCount) {
    store16(sums_of_lanes16(x + row * laneCount), y + row)
  }
}
