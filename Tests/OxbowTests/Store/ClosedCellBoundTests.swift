import NIOCore
import Oxbow
import RedisClient
import TestServers
import Testing

/// The size of closed cells, and what becomes of them when memory is short.
@Suite struct ClosedCellBoundTests {
    private let value = Envelope(kind: .raw, length: 1, payload: ByteBuffer(string: "v"))

    /// Regression: each hold-off had a token of its own, so that a cell that was invalidated often grew without bound.
    @Test(arguments: StoreContractTests.cases)
    func `a thousand invalidations with a hold-off leave one mark`(_ kind: StoreKind, _ form: CellForm) async throws {
        try await withStore(kind) { test async throws in
            let cell = test.freshCell(form)
            for _ in 0..<1000 { try await test.store.invalidate(cell, holdOff: .seconds(60), timeout: nil) }
            #expect(try await test.bytes(in: cell)?.readableBytes == 5 + 24)
            // A shorter one does not end a longer one.
            try await test.store.invalidate(cell, holdOff: .seconds(1), timeout: nil)
            let rest = try #require(try await test.store.timeToLive(cell))
            #expect(rest > .seconds(50))
        }
    }

    @Test(arguments: StoreContractTests.cases)
    func `more writers than a cell holds are merged, and the cell stays closed until the last end`(
        _ kind: StoreKind,
        _ form: CellForm
    ) async throws {
        try await withStore(kind) { test async throws in
            let (store, cell) = (test.store, test.freshCell(form))
            let writers = (0..<200).map { _ in Token.random() }
            for writer in writers {
                try await store.close(cell, writer, for: .seconds(20), isRenewal: false)
                #expect((try await test.bytes(in: cell)?.readableBytes ?? 0) <= 5 + 33 * 24)
            }
            // Merged writers have no token left: what they store, and when they end, is not known.
            for writer in writers {
                #expect(try await !store.open(cell, writer, storing: self.value, for: .seconds(5)))
            }
            #expect(try await store.read(cell) == .closed)
            let rest = try #require(try await store.timeToLive(cell))
            #expect(rest > .seconds(10) && rest <= .seconds(20))
        }
    }

    /// Regression: a hold-off that met OOM was reported as applied, and a reader stored what a lagging replica had.
    @Test(arguments: [ServerProcess.Kind.redis, .valkey])
    func `out of memory, entries, groups and updates are held off all the same`(_ kind: ServerProcess.Kind) async throws
    {
        try await self.withServer(kind) { oxbow, server async throws in
            let (plain, grouped) = try (oxbow.cache("a", of: String.self), oxbow.groupedCache("b", of: String.self))
            for key in ["1", "2", "3"] { check(try await plain.value(for: key) { "old" }, "old") }
            check(try await grouped.value(for: "1", in: "g") { "old" }, "old")
            try server.cli("config", "set", "maxmemory", "1")
            check(try await plain.invalidate("1"), .applied)
            check(try await plain.invalidate("absent"), .applied)
            check(try await grouped.invalidate(group: "g"), .applied)
            try await plain.update("2") {}
            try await plain.update(["3", "4"]) {}
            try server.cli("config", "set", "maxmemory", "0")
            for key in ["1", "2", "3", "4", "absent"] {
                check(try await plain.value(for: key) { "read from a replica" }, "read from a replica")
                check(try await plain.contains(key), false)
            }
            check(try await grouped.value(for: "1", in: "g") { "read from a replica" }, "read from a replica")
            check(try await grouped.contains("1", in: "g"), false)
            check(oxbow.invalidationJournal.journaled, 0)
        }
    }

    /// Regression: emptying a cache opened fields that an update or a hold-off had closed.
    @Test(arguments: StoreContractTests.cases)
    func `a cache that is emptied keeps closed entries closed, and they become dirty`(
        _ kind: StoreKind,
        _ form: CellForm
    ) async throws {
        try await withStore(kind) { test async throws in
            let (store, cell, writer) = (test.store, test.freshCell(form), Token.random())
            try await store.close(cell, writer, for: .seconds(20), isRenewal: false)
            let other = CellAddress(key: cell.key, field: cell.field.map { _ in CellName(encoded: "other") })
            if form == .field { #expect(try await store.set(other, to: self.value, for: .seconds(20))) }
            try await store.invalidate(namespace: cell.key)
            #expect(try await store.read(cell) == .closed)
            if form == .field { #expect(try await store.read(other) == .absent) }
            #expect(try await !store.open(cell, writer, storing: self.value, for: .seconds(5)))
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `nothing is stored, refreshed or claimed over bytes in a group that is held off`(_ kind: StoreKind)
        async throws
    {
        try await withStore(kind) { test async throws in
            let (store, cell, token) = (test.store, test.freshCell(.field), Token.random())
            try await store.invalidate(group: cell.key, holdOff: .seconds(50), timeout: nil)
            #expect(try await !store.set(cell, to: self.value, for: .seconds(5)))
            try await test.plant(ByteBuffer(string: "foreign"), in: cell)
            let seen = ByteBuffer(string: "foreign")
            #expect(try await !store.claim(cell, token, for: .seconds(5), replacing: seen))
            try await test.plant(self.value.encoded, in: cell)
            #expect(try await !store.claimRefresh(cell, token, of: self.value, for: .seconds(5)))
        }
    }

    private func withServer(
        _ kind: ServerProcess.Kind,
        _ body: sending (Oxbow, ServerProcess) async throws -> Void
    ) async throws {
        let server = try await ServerProcess.start(kind)
        defer { server.stop() }
        var configuration = OxbowConfiguration()
        configuration.redis.address = .unix(path: server.unixPath)
        configuration.cache = patient()
        configuration.cache.holdOff = .seconds(50)
        try await withOxbow(configuration) { oxbow async throws in try await body(oxbow, server) }
    }
}
