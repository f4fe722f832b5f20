import Foundation
import Logging
import NIOCore
import Oxbow
import RESP
import RedisClient
import Synchronization
import TestServers
import Testing

/// Promise 7: a cache failure never fails the request.
///
/// And rule 5: what is shared when there is no claim to see.
@Suite struct WithoutStoreTests {
    private func isCode(_ error: OxbowError?, _ code: OxbowError.Code, _ location: SourceLocation = #_sourceLocation) {
        #expect(error?.code == code, sourceLocation: location)
    }

    @Test func `before run() caches load, everything else throws, and the log says once why`() async throws {
        let log = LogRecorder()
        let oxbow = try Oxbow(OxbowConfiguration(), logger: log.logger)
        let cache = try oxbow.cache("a", of: String.self)
        for _ in 0..<3 { check(try await cache.value(for: "k") { "loaded" }, "loaded") }
        #expect(try await cache.value(for: "k") == nil)
        isCode(await #expect(throws: OxbowError.self) { try await cache.set("v", for: "k") }, .notRunning)
        isCode(await #expect(throws: OxbowError.self) { try await cache.invalidate("k") }, .notRunning)
        isCode(await #expect(throws: OxbowError.self) { _ = try await cache.contains("k") }, .notRunning)
        let warnings = log.messages(at: .warning)
        // One of the client, and one of the caches.
        #expect(warnings.count == 2)
        #expect(warnings.allSatisfy { $0.contains("run()") })
    }

    @Test func `an unreachable server costs a read no more than the soft time-out, and is used when it comes`()
        async throws
    {
        let port = try await ServerProcess.freePort()
        var configuration = OxbowConfiguration()
        configuration.redis.address = .host("127.0.0.1", port: port)
        configuration.redis.commandTimeout = .milliseconds(300)
        configuration.cache.softTimeout = .milliseconds(200)
        try await withOxbow(configuration) { oxbow async throws in
            let cache = try oxbow.cache("a", of: String.self)
            let start = ContinuousClock.now
            check(try await cache.value(for: "k") { "loaded" }, "loaded")
            let waited = start.duration(to: .now)
            #expect(waited >= .milliseconds(190) && waited < .seconds(2))
            let error = await #expect(throws: OxbowError.self) { try await cache.contains("k") }
            isCode(error, .unavailable)
            #expect("\(String(describing: error))".contains("127.0.0.1:\(port)"))
            let server = try await ServerProcess.start(port: port)
            defer { server.stop() }
            try await expectEventually {
                _ = try await cache.value(for: "k") { "loaded" }
                return try await cache.value(for: "k") != nil
            }
        }
    }

    @Test func `a cache may have a soft time-out of its own`() async throws {
        var configuration = OxbowConfiguration()
        configuration.redis.address = .host("127.0.0.1", port: try await ServerProcess.freePort())
        configuration.cache.softTimeout = .seconds(20)
        try await withOxbow(configuration) { oxbow async throws in
            let hasty = try oxbow.cache("a", of: String.self, options: CacheOptions(softTimeout: .milliseconds(100)))
            let start = ContinuousClock.now
            check(try await hasty.value(for: "k") { "loaded" }, "loaded")
            let several = try await hasty.values(for: ["k"]) { rows($0) }
            check(several, rows(["k"]))
            let waited = start.duration(to: .now)
            #expect(waited >= .milliseconds(190) && waited < .seconds(5))
        }
    }

    @Test func `with the circuit breaker open a read costs its load alone`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        var configuration = OxbowConfiguration()
        configuration.redis.address = .unix(path: server.unixPath)
        configuration.redis.commandTimeout = .milliseconds(300)
        configuration.redis.breaker = CircuitBreakerConfiguration()
        configuration.cache.softTimeout = .milliseconds(200)
        try await withOxbow(configuration) { oxbow async throws in
            let cache = try oxbow.cache("a", of: String.self)
            check(try await cache.value(for: "k") { "stored" }, "stored")
            server.pause()
            while try await cache.value(for: "k", orLoad: { "loaded" }) != "loaded" {}
            try await expectEventually {
                do { return try await cache.contains("k") } catch {
                    return ((error as? OxbowError)?.cause as? RedisError)?.code == .circuitOpen
                }
            }
            let start = ContinuousClock.now
            for _ in 0..<20 { check(try await cache.value(for: "k") { "loaded" }, "loaded") }
            check(try await cache.invalidate("k"), .journaled)
            try await cache.update("other") {}
            #expect(start.duration(to: .now) < .milliseconds(200))
            server.resume()
            // The journal goes past the breaker, which is open for a minute.
            try await expectEventually { oxbow.invalidationJournal.pending == 0 }
            #expect(await oxbow.health().main?.breaker == .open)
            #expect(try server.cli("exists", "ox-cache:a:1:k") == "0")
        }
    }

    @Test func `a hung server is loaded past, and found again when it wakes`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        var configuration = OxbowConfiguration()
        configuration.redis.address = .host("127.0.0.1", port: server.port)
        configuration.cache.softTimeout = .milliseconds(200)
        try await withOxbow(configuration) { oxbow async throws in
            let cache = try oxbow.cache("a", of: String.self)
            try await cache.set("stored", for: "k")
            server.signal(SIGSTOP)
            defer { server.signal(SIGCONT) }
            let start = ContinuousClock.now
            check(try await cache.value(for: "k") { "loaded" }, "loaded")
            #expect(start.duration(to: .now) < .seconds(2))
            server.signal(SIGCONT)
            try await expectEventually { try await cache.value(for: "k") == "stored" }
            #expect(oxbow.client?.statistics.connects == 1)
        }
    }

    @Test func `without a store a process runs one load of a key and has one more waiting`() async throws {
        let oxbow = Oxbow(CacheConfiguration(), store: BrokenStore(), logger: silent)
        let cache = try oxbow.cache("a", of: Int.self)
        let (gate, loads) = (Gate(), Counter())
        let load: @Sendable () async throws -> Int = {
            let number = loads.increment()
            await gate.pass()
            return number
        }
        async let first = cache.value(for: "k", orLoad: load)
        await gate.arrival()
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<100 { group.addTask { try await cache.value(for: "k", orLoad: load) } }
            try await expectEventually { cache.statistics.storeFailures == 101 }
            gate.open()
            // None of them shares the load that was running when it came; one that was slow to wait may come too late for
            // the next one, too.
            for try await value in group { #expect((2...5).contains(value)) }
        }
        #expect(try await first == 1)
        #expect(loads.value <= 5)
        #expect(cache.statistics.joins == 101 - UInt64(loads.value))
    }

    @Test func `a cancelled leader of the coming load leaves it to another`() async throws {
        let oxbow = Oxbow(CacheConfiguration(), store: BrokenStore(), logger: silent)
        let cache = try oxbow.cache("a", of: String.self)
        let gate = Gate()
        async let running = cache.value(for: "k") {
            await gate.pass()
            return "first"
        }
        await gate.arrival()
        let leader = Task { try await cache.value(for: "k") { "cancelled" } }
        try await expectEventually { cache.statistics.storeFailures == 2 }
        async let waiter = cache.value(for: "k") { "second" }
        try await expectEventually { cache.statistics.storeFailures == 3 }
        leader.cancel()
        await #expect(throws: CancellationError.self) { try await leader.value }
        gate.open()
        #expect(try await running == "first")
        #expect(try await waiter == "second")
        check(try await cache.value(for: "k") { "later" }, "later")
    }

    @Test(arguments: StoreKind.servers)
    func `a closed entry is loaded past and stays closed`(_ kind: StoreKind) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let module = freshModule("closed")
            let cache = try oxbow.cache(module, of: String.self)
            let closed = CellContent.encodedClosed([(.random(), 1)], isDirty: false)
            let client = try #require(oxbow.client)
            _ = try await client.execute(SET("ox-cache:\(module):1:k", closed, milliseconds: 60_000))
            for _ in 0..<2 { check(try await cache.value(for: "k") { "loaded" }, "loaded") }
            #expect(try await client.execute(GET("ox-cache:\(module):1:k", as: ByteBuffer.self)) == closed)
            isCode(await #expect(throws: OxbowError.self) { try await cache.set("v", for: "k") }, .closed)
            #expect(try await cache.value(for: "k") == nil)
        }
    }

    @Test func `a server without HEXPIRE is refused with its version and what is needed`() async throws {
        let server = try await ServerProcess.start(settings: ["rename-command HEXPIRE \"\""])
        defer { server.stop() }
        var configuration = OxbowConfiguration()
        configuration.redis.address = .unix(path: server.unixPath)
        let oxbow = try Oxbow(configuration, logger: silent)
        let error = await #expect(throws: RedisError.self) { try await oxbow.run() }
        #expect(error?.code == .unsupportedServer)
        #expect(error?.message.contains("redis 8.") == true)
        #expect(error?.message.contains("HEXPIRE; Redis 7.4 or later, or Valkey 9 or later, is needed") == true)
    }

    @Test func `a wrong password is said clearly once and the loader runs`() async throws {
        let server = try await ServerProcess.start(settings: ["requirepass right-marker"])
        defer { server.stop() }
        var configuration = OxbowConfiguration()
        configuration.redis.address = .unix(path: server.unixPath)
        configuration.redis.credentials = RedisCredentials(password: "wrong-marker")
        configuration.redis.commandTimeout = .milliseconds(200)
        configuration.cache.softTimeout = .milliseconds(200)
        let log = LogRecorder()
        try await withOxbow(configuration, logger: log.logger) { oxbow async throws in
            let cache = try oxbow.cache("a", of: String.self)
            check(try await cache.value(for: "k") { "loaded" }, "loaded")
            let error = await #expect(throws: OxbowError.self) { try await cache.set("v", for: "k") }
            #expect("\(String(describing: error))".contains("WRONGPASS"))
            let said = log.messages(at: .trace).joined() + String(describing: error)
            #expect(!said.contains("marker"))
            #expect(log.messages(at: .warning).count == 1)
        }
    }
}

/// A store that is always away.
struct BrokenStore: CacheStore {
    private var away: RedisError { RedisError(.cannotConnect, "away") }
    func read(_ cell: CellAddress) async throws -> CellContent { throw self.away }
    func wait(_ cell: CellAddress, while: Token, until: ContinuousClock.Instant) async throws -> CellContent {
        throw self.away
    }
    func claim(_ cell: CellAddress, _ token: Token, for life: Duration) async throws -> CellContent? { throw self.away }
    func claim(
        _ cell: CellAddress,
        _ token: Token,
        for life: Duration,
        replacing bytes: ByteBuffer?
    ) async throws -> Bool { throw self.away }
    func renew(_ cell: CellAddress, _ token: Token, for life: Duration) async throws -> Bool { throw self.away }
    func fill(_ cell: CellAddress, _ token: Token, with value: Envelope, for life: Duration) async throws -> Bool {
        throw self.away
    }
    func claimRefresh(_: CellAddress, _: Token, of: Envelope, for: Duration) async throws -> Bool { throw self.away }
    var time: UInt64 { 0 }
    func release(_ cell: CellAddress, _ token: Token, leavingPassFor: Duration?) async throws { throw self.away }
    func set(_ cell: CellAddress, to value: Envelope, for life: Duration) async throws -> Bool { throw self.away }
    func close(_ cell: CellAddress, _ token: Token, for life: Duration, isRenewal: Bool) async throws {
        throw self.away
    }
    func open(
        _ cell: CellAddress,
        _ token: Token,
        storing value: Envelope?,
        for life: Duration,
        holdOff: Duration?
    ) async throws -> Bool { throw self.away }
    func invalidate(_ cell: CellAddress, holdOff: Duration?, timeout: Duration?) async throws { throw self.away }
    func invalidate(group key: CellName, holdOff: Duration?, timeout: Duration?) async throws { throw self.away }
    func invalidate(namespace prefix: CellName) async throws { throw self.away }
    func timeToLive(_ cell: CellAddress) async throws -> Duration? { throw self.away }
}
