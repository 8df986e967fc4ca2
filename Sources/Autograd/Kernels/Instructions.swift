import CBLAS

/// The instructions that the kernels were compiled for, such as `AVX-512`. Others round differently: sums of vectors of
/// another length have another order.
public let instructionSet = ISOFLOP_INSTRUCTIONS

/// Ends the process with a message and status 2 if this CPU lacks instructions that the kernels were compiled for.
public func requireInstructions() { require_instructions() }
