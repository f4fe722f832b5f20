import Testing

@testable import RedisClient

/// The line of those who wait for a connection or for room.
@Suite struct WaitingLineTests {
    @Test func `it is first come, first served, whoever leaves from the middle`() {
        var line = WaitingLine<Int>()
        var expected: [Int] = []
        var generator = SystemRandomNumberGenerator()
        var next = 0
        for _ in 0..<10_000 {
            switch Int.random(in: 0..<6, using: &generator) {
            case 0, 1, 2:
                line.append(next, id: UInt64(next))
                expected.append(next)
                next += 1
            case 3:
                #expect(line.popFirst() == (expected.isEmpty ? nil : expected.removeFirst()))
            case 4:
                guard let id = expected.randomElement() else { continue }
                #expect(line.remove(UInt64(id)) == id)
                #expect(line.remove(UInt64(id)) == nil)
                expected.removeAll { $0 == id }
            default:
                let divisor = Int.random(in: 5...50)
                #expect(line.removeAll { $0 % divisor == 0 } == expected.filter { $0 % divisor == 0 })
                expected.removeAll { $0 % divisor == 0 }
            }
            #expect(line.count == expected.count && line.isEmpty == expected.isEmpty)
        }
        #expect(line.popFirst(.max) == expected)
        #expect(line.isEmpty)
    }

    /// Regression: each looked through all others and moved those that came later.
    @Test(.timeLimit(.minutes(1))) func `a hundred thousand leave one by one`() {
        var line = WaitingLine<Int>()
        for id in 0..<100_000 { line.append(id, id: UInt64(id)) }
        for id in (0..<100_000).reversed() { #expect(line.remove(UInt64(id)) == id) }
        #expect(line.isEmpty)
    }
}
