package import NIOCore
import RESP
package import RedisClient

/// The shared store on a Redis or Valkey server.
///
/// Reads and first claims are plain commands; whatever has a condition is a script. HSETEX is used where the server
/// knows it; where not (Redis 7.4), a transaction does the same.
package struct RedisStore: CacheStore {
    let client: RedisClient
    /// Bounds each command on the way of a cached read: look, claim, fill.
    ///
    /// The caller goes on without the cache then.
    var softTimeout: Duration { self.limit.duration }
    private var limit: SoftTimeout
    /// No cell that this library writes is longer, in bytes.
    private(set) var longestCell: Int

    /// Whether groups may be held off, so that a claim must look for that.
    private(set) var holdsGroupsOff: Bool

    /// What a server must be able to do, and what is used where it is there.
    ///
    /// Asked by COMMAND INFO, never by version.
    package static let requiredCommands = ["hexpire", "hpexpire"]
    fileprivate static let probedCommands = ["hsetex"]

    package init(
        client: RedisClient,
        softTimeout: SoftTimeout,
        maximumValueBytes: Int,
        holdsGroupsOff: Bool = false
    ) {
        self.client = client
        self.holdsGroupsOff = holdsGroupsOff
        self.limit = softTimeout
        self.longestCell = Self.longestCell(of: maximumValueBytes)
    }

    package func adapted(to options: CacheOptions) -> any CacheStore {
        var store = self
        if let softTimeout = options.softTimeout { store.limit = SoftTimeout(softTimeout) }
        if let bytes = options.maximumValueBytes { store.longestCell = Self.longestCell(of: bytes) }
        if let holdOff = options.holdOff { store.holdsGroupsOff = holdOff > .zero }
        return store
    }

    private static func longestCell(of maximumValueBytes: Int) -> Int {
        maximumValueBytes + Envelope.headerBytes + Envelope.refresherBytes
    }

    package var canFill: Bool { !(self.client.server?.refusesScripts ?? false) }

    package func read(_ cell: CellAddress) async throws -> CellContent {
        do {
            if let field = cell.field {
                return CellContent(
                    try await self.client
                        .execute(MasterRead(HGET(cell.key, field, as: Bytes.self)), timeout: self.softTimeout)?
                        .slice
                )
            }
            return CellContent(
                try await self.client.execute(MasterRead(GET(cell.key, as: Bytes.self)), timeout: self.softTimeout)?
                    .slice
            )
        } catch let error as RedisError where error.serverError == "WRONGTYPE" {
            return .unusable(nil)
        }
    }

    package func claim(_ cell: CellAddress, _ token: Token, for life: Duration) async throws -> CellContent? {
        do {
            guard let field = cell.field else {
                let command = ClaimKey(
                    key: cell.key,
                    claim: CellContent.encodedClaim(token),
                    milliseconds: life.milliseconds
                )
                return try await self.client.execute(command, timeout: self.softTimeout).map { CellContent($0.slice) }
            }
            let claim = CellContent.encodedClaim(token)
            if self.holdsGroupsOff { return try await self.claimUnlessHeldOff(cell, claim, life) }
            guard self.client.server?.supports("hsetex") ?? false else {
                return try await self.claimInTransaction(cell.key, field, claim, life)
            }
            let command = ClaimField(key: cell.key, field: field, claim: claim, milliseconds: life.milliseconds)
            return try await self.client.execute(command, timeout: self.softTimeout) == 1 ? nil : .absent
        } catch let error as RedisError where error.serverError == "WRONGTYPE" {
            return .unusable(nil)
        }
    }

    /// HSETNX, HPEXPIRE NX and HGET in one transaction: what stands in the field afterwards tells who has won.
    private func claimInTransaction(
        _ key: CellName,
        _ field: CellName,
        _ claim: ByteBuffer,
        _ life: Duration
    ) async throws -> CellContent? {
        let (_, _, content) = try await self.client.execute(
            transaction: HSETNX(key, field, claim),
            HPEXPIRE(key, .milliseconds(life.milliseconds), [field], condition: .ifNone),
            HGET(key, field, as: Bytes.self),
            timeout: self.softTimeout
        )
        guard let bytes = try content.get()?.slice else { return .absent }
        return bytes == claim ? nil : CellContent(bytes)
    }

    package func claim(
        _ cell: CellAddress,
        _ token: Token,
        for life: Duration,
        replacing bytes: ByteBuffer?
    ) async throws -> Bool {
        // What is longer than any cell may be needs no comparison, and is not sent back to be compared.
        let seen = bytes.map { $0.readableBytes > self.longestCell ? ByteBuffer() : $0 } ?? ByteBuffer()
        let claim = CellContent.encodedClaim(token)
        return try await self.run(
            RedisScripts.claimReplacing,
            cell,
            arguments: (seen, claim, life.milliseconds, self.longestCell),
            timeout: self.softTimeout
        )
    }

    package func renew(_ cell: CellAddress, _ token: Token, for life: Duration) async throws -> Bool {
        let arguments = (CellContent.encodedClaim(token), life.milliseconds)
        return try await self.run(
            RedisScripts.renew,
            cell,
            arguments: arguments,
            ignoresCancellation: true,
            timeout: self.softTimeout
        )
    }

    package func fill(
        _ cell: CellAddress,
        _ token: Token,
        with value: Envelope,
        for life: Duration
    ) async throws -> Bool {
        let claim = CellContent.encodedClaim(token)
        return try await self.run(
            RedisScripts.fill,
            cell,
            arguments: (claim, value.encoded, life.milliseconds),
            ignoresCancellation: true,
            timeout: self.softTimeout
        )
    }

    package func release(_ cell: CellAddress, _ token: Token, leavingPassFor life: Duration?) async throws {
        let claim = CellContent.encodedClaim(token)
        _ = try await self.run(
            RedisScripts.release,
            cell,
            arguments: (claim, CellContent.encodedPass, life?.milliseconds ?? 0),
            ignoresCancellation: true,
            timeout: .milliseconds(1)
        )
    }

    package func set(_ cell: CellAddress, to value: Envelope, for life: Duration) async throws -> Bool {
        try await self.run(RedisScripts.set, cell, arguments: (value.encoded, life.milliseconds))
    }

    package func timeToLive(_ cell: CellAddress) async throws -> Duration? {
        do {
            let milliseconds =
                if let field = cell.field {
                    try await self.client
                        .execute(
                            RawCommand("HPTTL", cell.key, "FIELDS", 1, field, returning: [Int].self, isIdempotent: true)
                        )
                        .first ?? -2
                } else {
                    try await self.client.execute(RawCommand("PTTL", cell.key, returning: Int.self, isIdempotent: true))
                }
            return milliseconds < 0 ? nil : .milliseconds(milliseconds)
        } catch let error as RedisError where error.serverError == "WRONGTYPE" {
            return nil
        }
    }

    func run<each Argument: RESPArgument>(
        _ script: Script,
        _ cell: CellAddress,
        arguments: (repeat each Argument),
        isIdempotent: Bool = false,
        ignoresCancellation: Bool = false,
        timeout: Duration? = nil
    ) async throws -> Bool {
        let field = cell.field ?? CellName(encoded: "")
        let call = ScriptCall(
            script,
            keys: (cell.key),
            arguments: (field, repeat each arguments),
            returning: Int.self,
            isIdempotent: isIdempotent,
            ignoresCancellation: ignoresCancellation
        )
        return try await self.client.execute(call, timeout: timeout) == 1
    }
}

extension RedisClientConfiguration {
    /// Adds what the store of caches needs, and what it uses where the server has it.
    package mutating func serveCaches() {
        // Behind a proxy may be a replica: what caches write and invalidate there would be lost.
        if self.topology == .standalone, self.requiredRole == nil { self.requiredRole = .master }
        self.requiredCommands += RedisStore.requiredCommands
        self.probedCommands += RedisStore.probedCommands
        self.preloadedScripts += RedisScripts.all
        self.tracksKeys = true
    }
}

/// The bytes of a reply where they were received: for values that are decoded at once and not kept.
struct Bytes: RESPDecodable {
    let slice: ByteBuffer
    init(from reader: inout RESPReader) throws(RESPError) { self.slice = try reader.readSlice() }
}

/// `SET key claim NX GET PX ms`: nil when won, else what is there.
struct ClaimKey: RedisCommand {
    typealias Response = Bytes?
    let key: CellName
    let claim: ByteBuffer
    let milliseconds: Int

    func addKeys(to keys: inout CommandKeys) { keys.add(self.key) }

    func encode(into buffer: inout ByteBuffer) {
        buffer.writeWire("*7\r\n$3\r\nSET\r\n")
        self.key.writeBulkString(into: &buffer)
        self.claim.writeBulkString(into: &buffer)
        buffer.writeWire("$2\r\nNX\r\n$3\r\nGET\r\n$2\r\nPX\r\n")
        self.milliseconds.writeBulkString(into: &buffer)
    }
}

/// `HSETEX key FNX PX ms FIELDS 1 field claim`: 1 when won, else 0.
struct ClaimField: RedisCommand {
    typealias Response = Int
    let key: CellName
    let field: CellName
    let claim: ByteBuffer
    let milliseconds: Int

    func addKeys(to keys: inout CommandKeys) { keys.add(self.key) }

    func encode(into buffer: inout ByteBuffer) {
        buffer.writeWire("*9\r\n$6\r\nHSETEX\r\n")
        self.key.writeBulkString(into: &buffer)
        buffer.writeWire("$3\r\nFNX\r\n$2\r\nPX\r\n")
        self.milliseconds.writeBulkString(into: &buffer)
        buffer.writeWire("$6\r\nFIELDS\r\n$1\r\n1\r\n")
        self.field.writeBulkString(into: &buffer)
        self.claim.writeBulkString(into: &buffer)
    }
}

extension Duration {
    /// Whole milliseconds, at least one, for a server's TTL.
    var milliseconds: Int {
        let (seconds, attoseconds) = self.components
        let (product, overflow) = Int(clamping: seconds).multipliedReportingOverflow(by: 1000)
        // Redis takes no more than about 2^46 for a field, some 2200 years.
        guard !overflow, product < 1 << 45 else { return seconds < 0 ? 1 : 1 << 45 }
        return max(1, product + Int(attoseconds / 1_000_000_000_000_000))
    }
}
