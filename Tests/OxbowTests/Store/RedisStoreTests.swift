import NIOCore
import Oxbow
import RESP
import RedisClient
import TestServers
import Testing

/// What only a real server can get wrong.
@Suite struct RedisStoreTests {
    static let cases = StoreKind.servers.flatMap { kind in CellForm.allCases.map { (kind, $0) } }

    private let value = Envelope(kind: .raw, length: 1, payload: ByteBuffer(string: "v"))

    @Test(arguments: StoreKind.servers)
    func `the server without HSETEX is known as such`(_ kind: StoreKind) async throws {
        try await withStore(kind) { test async throws in
            #expect(test.client?.server?.supports("hsetex") == (kind != .redisWithoutHSETEX))
            #expect(test.client?.server?.supports("hpexpire") == true)
        }
    }

    /// Never a key or field without an end: after each operation that writes, the server is asked.
    @Test(arguments: Self.cases)
    func `whatever is written has a life`(_ kind: StoreKind, _ form: CellForm) async throws {
        try await withStore(kind) { test async throws in
            let (store, token) = (test.store, Token.random())
            func life(_ cell: CellAddress) async throws -> Duration? { try await store.timeToLive(cell) }

            let filled = test.freshCell(form)
            #expect(try await store.claim(filled, token, for: .seconds(5)) == nil)
            #expect(try await life(filled) != nil)
            #expect(try await store.fill(filled, token, with: value, for: .seconds(5)))
            #expect(try await life(filled) != nil)
            #expect(try await store.set(filled, to: value, for: .seconds(5)))
            #expect(try await life(filled) != nil)

            let closed = test.freshCell(form)
            try await test.plant(CellContent.encodedClosed([(.random(), 1)], isDirty: false), in: closed)
            try await store.invalidate(closed)
            #expect(try await life(closed) != nil)

            let garbage = test.freshCell(form)
            try await test.plant(ByteBuffer(string: "garbage"), in: garbage)
            #expect(try await store.claim(garbage, token, for: .seconds(5), replacing: ByteBuffer(string: "garbage")))
            #expect(try await life(garbage) != nil)
        }
    }

    @Test(arguments: Self.cases)
    func `a key of another type is unusable and is replaced`(_ kind: StoreKind, _ form: CellForm) async throws {
        try await withStore(kind) { test async throws in
            let (store, cell, token) = (test.store, test.freshCell(form), Token.random())
            let client = try #require(test.client)
            func plantList() async throws {
                _ = try await client.execute(RawCommand("DEL", cell.key, returning: Int.self))
                _ = try await client.execute(RawCommand("RPUSH", cell.key, "a", returning: Int.self))
            }
            try await plantList()
            #expect(try await store.read(cell) == .unusable(nil))
            #expect(try await store.claim(cell, token, for: .seconds(5)) == .unusable(nil))
            #expect(try await store.timeToLive(cell) == nil)
            #expect(try await !store.fill(cell, token, with: value, for: .seconds(5)))
            #expect(try await store.claim(cell, token, for: .seconds(5), replacing: nil))
            #expect(try await store.read(cell) == .claim(token))

            try await plantList()
            #expect(try await store.set(cell, to: value, for: .seconds(5)))
            guard case .value = try await store.read(cell) else { throw TestFailure("the value is not there") }

            try await plantList()
            try await store.invalidate(cell)
            #expect(try await store.read(cell) == .absent)
        }
    }

    @Test(arguments: Self.cases)
    func `bytes longer than any cell are replaced without being sent back`(
        _ kind: StoreKind,
        _ form: CellForm
    ) async throws {
        try await withStore(kind) { test async throws in
            let (store, cell, token) = (test.store, test.freshCell(form), Token.random())
            let large = ByteBuffer(repeating: 0x41, count: 2 * 1024 * 1024)
            try await test.plant(large, in: cell)
            guard case .unusable(let seen?) = try await store.read(cell) else { throw TestFailure("not unusable") }
            #expect(try await store.claim(cell, token, for: .seconds(5), replacing: seen))
            #expect(try await store.read(cell) == .claim(token))
        }
    }

    @Test(arguments: [ServerProcess.Kind.redis, .valkey])
    func `scripts work after SCRIPT FLUSH`(_ kind: ServerProcess.Kind) async throws {
        // A server of its own: others' releases by cancelled tasks rely on their scripts being there.
        let server = try await ServerProcess.start(kind)
        defer { server.stop() }
        var configuration = RedisClientConfiguration()
        configuration.address = .unix(path: server.unixPath)
        try await withStore(configuration) { test async throws in
            let (store, cell, token) = (test.store, test.freshCell(.key), Token.random())
            #expect(try await store.claim(cell, token, for: .seconds(5)) == nil)
            _ = try await test.client?.execute(RawCommand("SCRIPT", "FLUSH", returning: String.self))
            #expect(try await store.fill(cell, token, with: value, for: .seconds(5)))
        }
    }
}

/// A test's own error.
struct TestFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
