extension CacheEngine {
    /// Loads the values of some of the keys of a call, named by their indices, in this order.
    @usableFromInline typealias BulkLoader = @Sendable ([Int]) async throws -> [Value?]

    /// How one call wants the values of several keys: a cell for each, no two the same.
    ///
    /// "Known absent" is an answer.
    struct BulkRequest: Sendable {
        let cells: [CellAddress]
        let timeToLive: Duration?
        let load: BulkLoader

        /// The same for one of its keys.
        func single(_ index: Int) -> Request {
            Request(cell: self.cells[index], timeToLive: self.timeToLive, acceptsAbsent: true)
        }
    }

    /// A key that is loaded without a claim, and why.
    struct Unclaimed: Sendable {
        let index: Int
        let reason: UnclaimedReason
    }

    /// Where the keys of a bulk read stand, by their indices: each has its answer, or is in one of the lists.
    struct BulkCourse {
        /// The answers; `nil` for known absent, and as long as there is none.
        var values: [Value?]
        /// To be looked at.
        var unseen: [Int]
        /// Whether the next look is each key's first, which counts.
        var isFirstLook = true
        /// To be claimed, each with what was seen.
        var free: [(index: Int, content: CellContent)] = []
        /// Claimed by others.
        var held: [(index: Int, token: Token)] = []
        /// To be loaded without a claim.
        var unclaimed: [Unclaimed] = []

        mutating func note(_ look: Look, at index: Int) {
            switch look {
            case .hit(let value), .due(let value, _): self.values[index] = value
            case .miss(let content): self.note(content, at: index)
            }
        }

        mutating func note(_ content: CellContent, at index: Int) {
            switch content {
            case .absent, .unusable, .value: self.free.append((index, content))
            case .claim(let token): self.held.append((index, token))
            case .closed, .pass: self.unclaimed.append(Unclaimed(index: index, reason: .cellIsTaken))
            }
        }

        /// What others hold is looked at once more.
        mutating func lookAgainAtHeld() {
            self.unseen += self.held.map(\.index)
            self.held = []
        }

        /// What others hold is loaded past.
        mutating func loadPastHeld() {
            self.unclaimed += self.held.map { Unclaimed(index: $0.index, reason: .waitedTooLong) }
            self.held = []
        }
    }

    /// What a store failed to do for some cells of several.
    struct Failures {
        private(set) var first: (any Error)?
        private(set) var count: UInt64 = 0

        mutating func add(_ error: any Error) {
            self.first = self.first ?? error
            self.count += 1
        }
    }

    /// Counts each, and tells of one.
    func note(_ failures: Failures) {
        guard let first = failures.first else { return }
        self.counters.storeFailures.increment(by: failures.count)
        self.storeMonitor.note(first)
    }
}
