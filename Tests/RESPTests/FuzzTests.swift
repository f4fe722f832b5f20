import NIOCore
import RESP
import RESPFuzzing
import Testing

/// Mutated and random bytes: nothing traps, and slices change nothing.
@Suite(.timeLimit(.minutes(5))) struct FuzzTests {
    #if DEBUG
    /// A thrown error is slow in a debug build: each case goes to every other type, the next one to the rest.
    private static let (casesPerSeed, decodingsInTurn) = (26_000, 2)
    #else
    private static let (casesPerSeed, decodingsInTurn) = (65_000, 1)
    #endif

    @Test(arguments: 0..<8 as Range<UInt64>)
    func `no bytes trap, and the scanner finds the same in any slices`(seed: UInt64) throws {
        var mutator = Mutator(seed: seed)
        var framesFound = 0
        var errorsFound = 0
        for turn in 0..<Self.casesPerSeed {
            let bytes = mutator.next()
            let whole = Scan(bytes)
            let cuts = randomCuts(of: bytes.count, upTo: 9, using: &mutator.random)
            let sliced = Scan(bytes, cuts: cuts)
            if sliced != whole { Issue.record("seed \(seed): \(bytes) at \(cuts): \(whole) but \(sliced)") }
            framesFound += whole.frames.count
            errorsFound += whole.error == nil ? 0 : 1
            let buffer = ByteBuffer(bytes: bytes)
            let first = turn % Self.decodingsInTurn
            for index in stride(from: first, to: Decoding.all.count, by: Self.decodingsInTurn) {
                _ = Decoding.all[index].failure(buffer)
            }
            for frame in whole.frames {
                let start = buffer.readerIndex + frame.range.lowerBound
                let slice = try #require(buffer.getSlice(at: start, length: frame.range.count))
                guard let problem = RESPFuzz.problem(of: slice, type: frame.type) else { continue }
                Issue.record("seed \(seed): the scanner let through \(bytes) as \(frame), but \(problem)")
            }
        }
        // The cases are neither all sound nor all broken in their first byte.
        #expect(framesFound > Self.casesPerSeed / 5)
        #expect(errorsFound > Self.casesPerSeed / 5)
    }
}
