import Seeded

extension SeededGenerator {
    /// Any time in a range, in steps of a microsecond.
    mutating func duration(_ milliseconds: ClosedRange<Int>) -> Duration {
        .microseconds(Int.random(in: milliseconds.lowerBound * 1000...milliseconds.upperBound * 1000, using: &self))
    }

    /// Whether something that happens once in so many times happens now.
    mutating func oneIn(_ count: Int) -> Bool { Int.random(in: 0..<count, using: &self) == 0 }
}
