import NIOCore
import Oxbow

/// A store whose operations wait for the explorer before they are carried out, and where it matters before their answer
/// arrives.
struct SteppedStore: CacheStore {
    let world: World
    private var base: any CacheStore { self.world.base }

    func read(_ cell: CellAddress) async throws -> CellContent {
        try await self.world.step(.read, "read", cell) {
            if self.world.scenario.isStoreAway { throw StoreIsAway() }
            let content = try await self.base.read(cell)
            return (content, self.world.describe(content))
        }
    }

    func wait(_ cell: CellAddress, while token: Token, until end: ContinuousClock.Instant) async throws -> CellContent {
        try await self.world.step(.wait(token), "wait", cell) {
            let content = try await self.base.read(cell)
            return (content, self.world.describe(content))
        }
    }

    func claim(_ cell: CellAddress, _ token: Token, for life: Duration) async throws -> CellContent? {
        self.world.name(token)
        let found = try await self.world.step(.claim, "claim", cell) {
            let found = try await self.base.claim(cell, token, for: life)
            if let found { return (found as CellContent?, "lost to \(self.world.describe(found))") }
            self.world.noteClaimEnd(cell)
            return (nil, "won")
        }
        if found == nil { self.world.noteClaim((cell, token)) }
        return found
    }

    func claim(_ cell: CellAddress, _ token: Token, for life: Duration, replacing bytes: ByteBuffer?) async throws
        -> Bool
    {
        self.world.name(token)
        let isWon = try await self.world.step(.claim, "claim over bytes", cell) {
            let isWon = try await self.base.claim(cell, token, for: life, replacing: bytes)
            if isWon { self.world.noteClaimEnd(cell) }
            return (isWon, isWon ? "won" : "lost")
        }
        if isWon { self.world.noteClaim((cell, token)) }
        return isWon
    }

    func renew(_ cell: CellAddress, _ token: Token, for life: Duration) async throws -> Bool {
        try await self.world.step(.other, "renew", cell) {
            let isThere = try await self.base.renew(cell, token, for: life)
            return (isThere, isThere ? "renewed" : "gone")
        }
    }

    func fill(_ cell: CellAddress, _ token: Token, with value: Envelope, for life: Duration) async throws -> Bool {
        self.world.noteClaim(nil)
        return try await self.world.step(.fill, "fill \(String(buffer: value.payload))", cell) {
            let isStored = try await self.base.fill(cell, token, with: value, for: life)
            return (isStored, isStored ? "stored" : "refused")
        }
    }

    func release(_ cell: CellAddress, _ token: Token, leavingPassFor life: Duration?) async throws {
        self.world.noteClaim(nil)
        try await self.world.step(.release, life == nil ? "release" : "release, leaving a pass", cell) {
            (try await self.base.release(cell, token, leavingPassFor: life), "")
        }
    }

    func set(_ cell: CellAddress, to value: Envelope, for life: Duration) async throws -> Bool {
        try await self.world.step(.set, "set \(String(buffer: value.payload))", cell) {
            let isStored = try await self.base.set(cell, to: value, for: life)
            return (isStored, isStored ? "stored" : "refused")
        }
    }

    func close(_ cell: CellAddress, _ token: Token, for life: Duration, isRenewal: Bool) async throws {
        self.world.name(token)
        try await self.world.step(.close, "close", cell) {
            try await self.base.close(cell, token, for: life, isRenewal: isRenewal)
            self.world.noteClosing(cell, token)
            return ((), "")
        }
    }

    func open(
        _ cell: CellAddress,
        _ token: Token,
        storing value: Envelope?,
        for life: Duration,
        holdOff: Duration?
    ) async throws -> Bool {
        let text = value.map { "open, storing \(String(buffer: $0.payload))" } ?? "open"
        return try await self.world.step(.open, text, cell) {
            let isStored = try await self.base.open(cell, token, storing: value, for: life, holdOff: holdOff)
            return (isStored, isStored ? "stored" : "nothing stored")
        }
    }

    func invalidate(_ cell: CellAddress, holdOff: Duration?, timeout: Duration?) async throws {
        try await self.world.step(.invalidate, "invalidate", cell) {
            (try await self.base.invalidate(cell, holdOff: holdOff, timeout: timeout), "")
        }
    }

    func invalidate(group key: CellName, holdOff: Duration?, timeout: Duration?) async throws {
        try await self.world.step(.invalidate, "invalidate the group") {
            try await self.base.invalidate(group: key, holdOff: holdOff, timeout: timeout)
            self.world.noteGroupInvalidation()
            return ((), "")
        }
    }

    func invalidate(namespace prefix: CellName) async throws {
        try await self.world.step(.invalidate, "invalidate everything") {
            (try await self.base.invalidate(namespace: prefix), "")
        }
    }

    func claimRefresh(
        _ cell: CellAddress,
        _ token: Token,
        of value: Envelope,
        for life: Duration
    ) async throws -> Bool {
        try await self.world.step(.other, "claim the refresh", cell) {
            let isWon = try await self.base.claimRefresh(cell, token, of: value, for: life)
            return (isWon, isWon ? "won" : "lost")
        }
    }

    var time: UInt64 { self.base.time }

    func timeToLive(_ cell: CellAddress) async throws -> Duration? {
        try await self.world.step(.other, "time to live", cell) {
            let life = try await self.base.timeToLive(cell)
            return (life, "\(life ?? .zero)")
        }
    }
}
