import NIOCore
import Oxbow

/// The store in memory with one rule of the cell protocol broken.
struct MutantStore: CacheStore {
    /// What is broken; each with the scenario that finds it.
    enum Mutation: String, CaseIterable, Sendable {
        case fillIgnoresToken = "2 readers, invalidate"
        case fillIgnoresClosing = "1 reader, invalidate + update"
        case claimOverwrites = "2 readers"
        case renewalMakesClaims = "2 readers, invalidate; a renewal"
        case invalidationKeepsClaims = "2 readers, invalidate of a field"
        case invalidationOpens = "1 reader, invalidate + update; a crash"
        case invalidationLeavesClean = "1 reader, invalidate + write-through"
        case groupInvalidationKeepsClaims = "2 readers, group invalidation"
        case closingKeepsClaims = "1 reader, update; a crash, expiry"
        case closingOverwritesOthers = "1 reader, 2 updates of a field; a crash"
        case closingLeavesClean = "1 reader, update + write-through"
        case lateRenewalLeavesClean = "1 reader, invalidate + write-through; renewals, expiry"
        case openingIgnoresDirt = "2 writers"
        case openingIgnoresOthers = "1 reader, 2 updates; a crash"
        case openingKeepsOtherContent = "1 reader, write-through; a crash, expiry"
        case lateOpeningLeavesClean = "group invalidation + update + write-through"
        case openingStoresUnasked = "group invalidation + write-through"

        var scenario: Scenario? { (Scenario.small + Scenario.large).first { $0.name == self.rawValue } }
    }

    let memory: MemoryStore
    let mutation: Mutation

    private func content(_ cell: CellAddress) -> CellContent { CellContent(self.memory.bytes(in: cell)) }

    private func empty(_ cell: CellAddress) async throws {
        let token = Token.random()
        self.memory.plant(ByteBuffer(string: "nothing"), in: cell, for: .seconds(60))
        _ = try await self.memory.claim(cell, token, for: .seconds(60), replacing: ByteBuffer(string: "nothing"))
        try await self.memory.release(cell, token)
    }

    /// Writes the mark of dirtiness.
    private func mark(_ cell: CellAddress, _ mark: UInt8) async throws {
        guard self.content(cell) == .closed, var bytes = self.memory.bytes(in: cell),
            let life = try await self.memory.timeToLive(cell)
        else { return }
        bytes.setInteger(mark, at: 4)
        self.memory.plant(bytes, in: cell, for: life)
    }

    private func isDirty(_ cell: CellAddress) -> Bool {
        self.content(cell) == .closed
            && self.memory.bytes(in: cell)?.getInteger(at: 4, as: UInt8.self) == UInt8(ascii: "1")
    }

    private func holds(_ cell: CellAddress, _ token: Token) -> Bool {
        let name = CellContent.encodedClosed([(token, 0)], isDirty: false).getSlice(at: 5, length: 16)
        guard self.content(cell) == .closed, let bytes = self.memory.bytes(in: cell) else { return false }
        return stride(from: 5, to: bytes.writerIndex, by: 24).contains { bytes.getSlice(at: $0, length: 16) == name }
    }

    func read(_ cell: CellAddress) async throws -> CellContent { try await self.memory.read(cell) }

    func wait(_ cell: CellAddress, while token: Token, until end: ContinuousClock.Instant) async throws -> CellContent {
        try await self.memory.wait(cell, while: token, until: end)
    }

    func claim(_ cell: CellAddress, _ token: Token, for life: Duration) async throws -> CellContent? {
        if self.mutation == .claimOverwrites { try await self.empty(cell) }
        return try await self.memory.claim(cell, token, for: life)
    }

    func claim(_ cell: CellAddress, _ token: Token, for life: Duration, replacing bytes: ByteBuffer?) async throws
        -> Bool
    { try await self.memory.claim(cell, token, for: life, replacing: bytes) }

    func renew(_ cell: CellAddress, _ token: Token, for life: Duration) async throws -> Bool {
        if self.mutation == .renewalMakesClaims { _ = try await self.memory.claim(cell, token, for: life) }
        return try await self.memory.renew(cell, token, for: life)
    }

    func fill(_ cell: CellAddress, _ token: Token, with value: Envelope, for life: Duration) async throws -> Bool {
        switch (self.mutation, self.content(cell)) {
        case (.fillIgnoresToken, let content) where content != .closed: break
        case (.fillIgnoresClosing, .closed): break
        default: return try await self.memory.fill(cell, token, with: value, for: life)
        }
        self.memory.plant(value.encoded, in: cell, for: life)
        return true
    }

    func release(_ cell: CellAddress, _ token: Token, leavingPassFor life: Duration?) async throws {
        try await self.memory.release(cell, token, leavingPassFor: life)
    }

    func set(_ cell: CellAddress, to value: Envelope, for life: Duration) async throws -> Bool {
        try await self.memory.set(cell, to: value, for: life)
    }

    func close(_ cell: CellAddress, _ token: Token, for life: Duration, isRenewal: Bool) async throws {
        if self.mutation == .closingKeepsClaims, case .claim = self.content(cell) { return }
        if self.mutation == .closingOverwritesOthers, !self.holds(cell, token) { try await self.empty(cell) }
        let wasDirty = self.isDirty(cell)
        let staysClean = self.mutation == .lateRenewalLeavesClean && isRenewal && self.content(cell) != .closed
        try await self.memory.close(cell, token, for: life, isRenewal: isRenewal && !staysClean)
        if self.mutation == .closingLeavesClean, !wasDirty { try await self.mark(cell, UInt8(ascii: "0")) }
    }

    func open(
        _ cell: CellAddress,
        _ token: Token,
        storing value: Envelope?,
        for life: Duration,
        holdOff: Duration?
    ) async throws -> Bool {
        let (isKnown, wasDirty, before) = (self.holds(cell, token), self.isDirty(cell), self.content(cell))
        switch self.mutation {
        case .openingIgnoresDirt: try await self.mark(cell, UInt8(ascii: "0"))
        case .openingIgnoresOthers where isKnown:
            try await self.empty(cell)
            try await self.memory.close(cell, token, for: life, isRenewal: wasDirty)
        case .openingKeepsOtherContent where before != .closed: return false
        case .openingStoresUnasked where before != .closed:
            guard let value else { break }
            self.memory.plant(value.encoded, in: cell, for: life)
            return true
        default: break
        }
        let isStored = try await self.memory.open(cell, token, storing: value, for: life, holdOff: holdOff)
        if self.mutation == .lateOpeningLeavesClean, !isKnown, !wasDirty {
            try await self.mark(cell, UInt8(ascii: "0"))
        }
        return isStored
    }

    func invalidate(_ cell: CellAddress, holdOff: Duration?, timeout: Duration?) async throws {
        switch (self.mutation, self.content(cell)) {
        case (.invalidationKeepsClaims, .claim): return
        case (.invalidationOpens, .closed): return try await self.empty(cell)
        case (.invalidationLeavesClean, .closed): return
        default: return try await self.memory.invalidate(cell, holdOff: holdOff, timeout: timeout)
        }
    }

    func invalidate(group key: CellName, holdOff: Duration?, timeout: Duration?) async throws {
        guard self.mutation == .groupInvalidationKeepsClaims else {
            return try await self.memory.invalidate(group: key, holdOff: holdOff, timeout: timeout)
        }
        for number in 0..<2 {
            let cell = CellAddress(key: key, field: CellName(encoded: "k\(number)"))
            if case .claim = self.content(cell) { continue }
            try await self.empty(cell)
        }
    }

    func invalidate(namespace prefix: CellName) async throws { try await self.memory.invalidate(namespace: prefix) }

    func claimRefresh(
        _ cell: CellAddress,
        _ token: Token,
        of value: Envelope,
        for life: Duration
    ) async throws -> Bool { try await self.memory.claimRefresh(cell, token, of: value, for: life) }

    var time: UInt64 { self.memory.time }

    func timeToLive(_ cell: CellAddress) async throws -> Duration? { try await self.memory.timeToLive(cell) }
}
