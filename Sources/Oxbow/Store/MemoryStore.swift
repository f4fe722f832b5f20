package import NIOCore
import RedisClient
import Synchronization

/// The shared store inside of one process: for development and for users' unit tests.
///
/// The same rules on the same bytes as ``RedisStore``; bounded by the number of cells only.
package final class MemoryStore: CacheStore {
    private struct Entry {
        var bytes: ByteBuffer
        var end: ContinuousClock.Instant
    }

    /// String cells, and one dictionary for each group.
    private struct State {
        var cells: [CellAddress: Entry] = [:]
        var groups: [CellName: Set<CellAddress>] = [:]
        /// Groups in which nothing may be filled, and until when.
        var heldOff: [CellName: ContinuousClock.Instant] = [:]
        /// The cells in the order in which they came, for eviction; those gone meanwhile are passed over.
        var order: [CellAddress] = []
        var oldest = 0

        mutating func evict(down toCount: Int) {
            while self.cells.count > toCount, self.oldest < self.order.count {
                self.drop(self.order[self.oldest])
                self.oldest += 1
            }
            if self.oldest > self.order.count / 2 {
                self.order.removeFirst(self.oldest)
                self.oldest = 0
            }
            // Cells that come and go would let the order grow without end.
            if self.order.count > 4 * (self.cells.count + 16) {
                var seen: Set<CellAddress> = []
                self.order = self.order[self.oldest...].filter { self.cells[$0] != nil && seen.insert($0).inserted }
                self.oldest = 0
            }
        }

        mutating func get(_ cell: CellAddress, at now: ContinuousClock.Instant) -> Entry? {
            guard let entry = self.cells[cell] else { return nil }
            if entry.end > now { return entry }
            self.drop(cell)
            return nil
        }

        mutating func put(_ cell: CellAddress, _ bytes: ByteBuffer, until end: ContinuousClock.Instant) {
            if self.cells.updateValue(Entry(bytes: bytes, end: end), forKey: cell) == nil { self.order.append(cell) }
            if cell.field != nil { self.groups[cell.key, default: []].insert(cell) }
        }

        /// Drops a value or a claim; a closed cell stays closed and becomes dirty.
        mutating func empty(_ cell: CellAddress, at now: ContinuousClock.Instant) {
            guard var entry = self.get(cell, at: now) else { return }
            guard CellContent(entry.bytes) == .closed else { return self.drop(cell) }
            entry.bytes.setInteger(UInt8(ascii: "1"), at: entry.bytes.readerIndex + 4)
            self.put(cell, entry.bytes, until: entry.end)
        }

        func isHeldOff(_ cell: CellAddress, at now: ContinuousClock.Instant) -> Bool {
            cell.field != nil && self.heldOff[cell.key].map { $0 > now } ?? false
        }

        mutating func drop(_ cell: CellAddress) {
            self.cells[cell] = nil
            guard cell.field != nil else { return }
            self.groups[cell.key]?.remove(cell)
            if self.groups[cell.key]?.isEmpty ?? false { self.groups[cell.key] = nil }
        }
    }

    private let state = Mutex(State())
    private let watches = KeyWatches()
    private let maximumCells: Int
    private let now: @Sendable () -> ContinuousClock.Instant
    /// Where the store's time in ms begins.
    private let start: ContinuousClock.Instant

    /// - Parameters:
    ///   - maximumCells: further cells push out the oldest one; 100 000 by default.
    ///   - now: the clock; tests turn it by hand.
    package init(
        maximumCells: Int = 100_000,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { ContinuousClock.now }
    ) {
        self.maximumCells = max(1, maximumCells)
        self.now = now
        self.start = now()
    }

    private func instant(_ milliseconds: UInt64) -> ContinuousClock.Instant {
        self.start + .milliseconds(Int64(clamping: milliseconds))
    }

    private func milliseconds(at now: ContinuousClock.Instant) -> UInt64 {
        UInt64(clamping: self.start.duration(to: now).components.seconds) * 1000
            + UInt64(clamping: self.start.duration(to: now).components.attoseconds / 1_000_000_000_000_000)
    }

    /// Runs one operation on one cell; `body` gets the bytes there and returns whether to put others.
    private func update(
        _ cell: CellAddress,
        for life: Duration,
        _ body: (ByteBuffer?) -> ByteBuffer?
    ) -> Bool {
        let now = self.now()
        defer { self.note(cell.key) }
        return self.state.withLock { state in
            guard let bytes = body(state.get(cell, at: now)?.bytes) else { return false }
            state.evict(down: self.maximumCells - (state.cells[cell] == nil ? 1 : 0))
            state.put(cell, bytes, until: now + .milliseconds(life.milliseconds))
            return true
        }
    }

    package func read(_ cell: CellAddress) async throws -> CellContent {
        let now = self.now()
        return CellContent(self.state.withLock { $0.get(cell, at: now)?.bytes })
    }

    package func wait(
        _ cell: CellAddress,
        while token: Token,
        until end: ContinuousClock.Instant
    ) async throws -> CellContent {
        try await self.watches.with(ByteBuffer(string: cell.key.text)) { watch in
            while true {
                watch.begin()
                let now = self.now()
                let entry = self.state.withLock { $0.get(cell, at: now) }
                let content = CellContent(entry?.bytes)
                // The caller's patience follows the system's clock, whatever clock ends the entry.
                let time = ContinuousClock.now
                guard content == .claim(token), let entry, time < end else { return content }
                try await watch.wait(until: min(time + now.duration(to: entry.end), end))
            }
        }
    }

    private func note(_ key: CellName) { self.watches.note(ByteBuffer(string: key.text)) }

    package func claim(_ cell: CellAddress, _ token: Token, for life: Duration) async throws -> CellContent? {
        var found: CellContent?
        let now = self.now()
        if self.state.withLock({ $0.isHeldOff(cell, at: now) }) { return .closed }
        let won = self.update(cell, for: life) { bytes in
            guard let bytes else { return CellContent.encodedClaim(token) }
            found = CellContent(bytes)
            return nil
        }
        return won ? nil : found
    }

    package func claim(
        _ cell: CellAddress,
        _ token: Token,
        for life: Duration,
        replacing bytes: ByteBuffer?
    ) async throws -> Bool {
        let now = self.now()
        if self.state.withLock({ $0.isHeldOff(cell, at: now) }) { return false }
        return self.update(cell, for: life) { $0 != nil && $0 == bytes ? CellContent.encodedClaim(token) : nil }
    }

    package func renew(_ cell: CellAddress, _ token: Token, for life: Duration) async throws -> Bool {
        let claim = CellContent.encodedClaim(token)
        return self.update(cell, for: life) { $0 == claim ? claim : nil }
    }

    package func fill(
        _ cell: CellAddress,
        _ token: Token,
        with value: Envelope,
        for life: Duration
    ) async throws -> Bool {
        self.update(cell, for: life) { bytes in
            guard let bytes else { return nil }
            let isClaimed = bytes == CellContent.encodedClaim(token) || Envelope.isRefreshed(bytes, by: token)
            return isClaimed ? value.encoded : nil
        }
    }

    package func claimRefresh(
        _ cell: CellAddress,
        _ token: Token,
        of value: Envelope,
        for life: Duration
    ) async throws -> Bool {
        let now = self.now()
        let time = self.milliseconds(at: now)
        return self.state.withLock { state in
            guard !state.isHeldOff(cell, at: now), let entry = state.get(cell, at: now), Envelope(entry.bytes) == value,
                Envelope.refresherEnd(in: entry.bytes) <= time || Envelope.isRefreshed(entry.bytes, by: token),
                let bytes = Envelope.adding(token, until: time + UInt64(life.milliseconds), to: entry.bytes)
            else { return false }
            state.put(cell, bytes, until: entry.end)
            return true
        }
    }

    package var time: UInt64 { self.milliseconds(at: self.now()) }

    package func release(_ cell: CellAddress, _ token: Token, leavingPassFor life: Duration?) async throws {
        let now = self.now()
        defer { self.note(cell.key) }
        self.state.withLock { state in
            guard state.get(cell, at: now)?.bytes == CellContent.encodedClaim(token) else { return }
            if let life {
                state.put(cell, CellContent.encodedPass, until: now + .milliseconds(life.milliseconds))
            } else {
                state.drop(cell)
            }
        }
    }

    package func set(_ cell: CellAddress, to value: Envelope, for life: Duration) async throws -> Bool {
        let now = self.now()
        if self.state.withLock({ $0.isHeldOff(cell, at: now) }) { return false }
        return self.update(cell, for: life) { CellContent($0) == .closed ? nil : value.encoded }
    }

    package func close(_ cell: CellAddress, _ token: Token, for life: Duration, isRenewal: Bool) async throws {
        let now = self.now()
        defer { self.note(cell.key) }
        let time = self.milliseconds(at: now)
        self.state.withLock { state in
            let bytes = state.get(cell, at: now)?.bytes
            var closing = Closing(isDirty: isRenewal)
            if let bytes, let found = Closing(bytes) {
                closing = found
                closing.close(token, until: time + UInt64(life.milliseconds), at: time)
            } else {
                closing.begin(token, until: time + UInt64(life.milliseconds))
            }
            state.evict(down: self.maximumCells - (bytes == nil ? 1 : 0))
            state.put(cell, closing.encoded, until: self.instant(closing.end ?? time))
        }
    }

    package func open(
        _ cell: CellAddress,
        _ token: Token,
        storing value: Envelope?,
        for life: Duration,
        holdOff: Duration?
    ) async throws -> Bool {
        let now = self.now()
        defer { self.note(cell.key) }
        let time = self.milliseconds(at: now)
        return self.state.withLock { state in
            let found = state.get(cell, at: now).flatMap { Closing($0.bytes) }
            var closing = found ?? Closing(isDirty: true)
            closing.remove(token, at: time)
            if let value, closing.end == nil, !closing.isDirty {
                state.put(cell, value.encoded, until: now + .milliseconds(life.milliseconds))
                return true
            }
            if let holdOff {
                closing.close(.holdOff, until: time + UInt64(holdOff.milliseconds), at: time)
            }
            if let end = closing.end {
                state.put(cell, closing.encoded, until: self.instant(end))
            } else {
                state.drop(cell)
            }
            return false
        }
    }

    package func invalidate(_ cell: CellAddress, holdOff: Duration?, timeout: Duration?) async throws {
        if let holdOff { return try await self.close(cell, .holdOff, for: holdOff, isRenewal: true) }
        let now = self.now()
        defer { self.note(cell.key) }
        self.state.withLock { $0.empty(cell, at: now) }
    }

    package func invalidate(group key: CellName, holdOff: Duration?, timeout: Duration?) async throws {
        let now = self.now()
        defer { self.note(key) }
        self.state.withLock { state in
            for cell in state.groups.removeValue(forKey: key) ?? [] { state.cells[cell] = nil }
            state.heldOff = state.heldOff.filter { $0.value > now }
            if let holdOff { state.heldOff[key] = now + holdOff }
        }
    }

    package func invalidate(namespace prefix: CellName) async throws {
        let now = self.now()
        let keys = self.state.withLock { state in
            let cells = state.cells.keys.filter { $0.key.text.utf8.starts(with: prefix.text.utf8) }
            for cell in cells { state.empty(cell, at: now) }
            return Set(cells.map(\.key))
        }
        for key in keys { self.note(key) }
    }

    package func timeToLive(_ cell: CellAddress) async throws -> Duration? {
        let now = self.now()
        return self.state.withLock { $0.get(cell, at: now).map { now.duration(to: $0.end) } }
    }

    /// The raw bytes of a cell.
    package func bytes(in cell: CellAddress) -> ByteBuffer? {
        let now = self.now()
        return self.state.withLock { $0.get(cell, at: now)?.bytes }
    }

    /// Puts raw bytes into a cell, as another application might.
    package func plant(_ bytes: ByteBuffer, in cell: CellAddress, for life: Duration) {
        _ = self.update(cell, for: life) { _ in bytes }
    }
}
