/// What one writer was told of its writes, each of which has a number and leaves a trace of its own on the server.
///
/// A write that replaces what stood there leaves none: the next one hides that it was lost.
public struct NumberedWrites: Sendable {
    /// Those that the server has acknowledged.
    public var acknowledged: [Int] = []
    /// Those that ended in an error that leaves open whether the server has carried them out.
    public var unknown: [Int] = []

    /// No writes.
    public init() {}

    /// What came of the writes.
    public struct Tally: Sendable, Hashable {
        /// Acknowledged writes that are not there.
        public var acknowledgedLost = 0
        /// Writes of unknown outcome that are there.
        public var unknownCarriedOut = 0
        /// Traces beyond the first of each write.
        public var carriedOutTwice = 0
        /// Writes that are there though the writer was told that they were refused or not sent.
        public var deniedButCarriedOut = 0

        /// Nothing.
        public init() {}

        /// Adds another writer's.
        public static func += (sum: inout Tally, other: Tally) {
            sum.acknowledgedLost += other.acknowledgedLost
            sum.unknownCarriedOut += other.unknownCarriedOut
            sum.carriedOutTwice += other.carriedOutTwice
            sum.deniedButCarriedOut += other.deniedButCarriedOut
        }
    }

    /// Compares with what is on the server.
    ///
    /// - Parameter traces: the number of every trace.
    /// - Returns: the differences.
    public func tally(of traces: [Int]) -> Tally {
        let once = Set(traces)
        var tally = Tally()
        tally.acknowledgedLost = Set(self.acknowledged).subtracting(once).count
        tally.unknownCarriedOut = once.intersection(self.unknown).count
        tally.carriedOutTwice = traces.count - once.count
        tally.deniedButCarriedOut = once.subtracting(self.acknowledged).subtracting(self.unknown).count
        return tally
    }
}
