import EnvelopeFuzzing

/// Called by libFuzzer with each input.
@_cdecl("LLVMFuzzerTestOneInput")
func test(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    // SAFETY: libFuzzer hands in `count` bytes that live through the call; they are copied.
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    let found = EnvelopeFuzz.violations(bytes)
    // A trap is what libFuzzer takes for a finding.
    if !found.isEmpty { fatalError(found.joined(separator: "\n")) }
    return 0
}
