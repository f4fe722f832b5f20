import Oxbow
import RedisClient
import TestServers
import Testing

/// Promises 5 and 7 with a real server in each state in which it cannot be used.
@Suite(.timeLimit(.minutes(2))) struct ServerTroubleTests {
    private static let softTimeout = Duration.milliseconds(200)
    private static let load = Duration.milliseconds(20)
    /// A look, a claim and what stores, one after the other, and what a debug build takes.
    private static let longest = Self.softTimeout * 3 + Self.load + .milliseconds(900)

    private func loaded(_ text: String, _ count: Counter) -> @Sendable () async throws -> String {
        {
            count.increment()
            try await Task.sleep(for: Self.load)
            return text
        }
    }

    @Test(arguments: ServerTrouble.allCases)
    func `callers get what is loaded, in time, and nothing stale when it is over`(_ trouble: ServerTrouble) async throws
    {
        let server = try await ServerProcess.start(settings: ServerTrouble.settings)
        defer { server.stop() }
        var configuration = OxbowConfiguration()
        configuration.redis.address = .host("127.0.0.1", port: server.port)
        configuration.redis.commandTimeout = .milliseconds(400)
        configuration.cache.softTimeout = Self.softTimeout
        // Else it is asked each second who the master is, and there may be one call more on its way.
        configuration.cache.journalReplay = .zero
        var client = configuration.redis
        client.commandTimeout = .seconds(5)
        try await withOxbow(configuration) { oxbow async throws in
            let plain = try oxbow.cache("a", of: String.self)
            let grouped = try oxbow.groupedCache("g", of: String.self)
            for key in ["read", "invalidated", "updated"] {
                check(try await plain.value(for: key) { "old" }, "old")
                check(try await grouped.value(for: key, in: "group") { "old" }, "old")
            }
            try await withOther(client) { other async throws in
                try await trouble.begin(server, other)
                try await self.readAll(trouble, plain, grouped)
                try await self.change(trouble, plain, grouped)
                try await trouble.end(server, other)
            }
            try await expectEventually { oxbow.invalidationJournal.pending == 0 }
            try await self.expectUse(plain, grouped)
        }
    }

    /// Each read brings what its loader loads, or what the cache had; fifty of one key share loads.
    private func readAll(
        _ trouble: ServerTrouble,
        _ plain: Cache<String>,
        _ grouped: GroupedCache<String>
    ) async throws {
        let loads = Counter()
        let timed: @Sendable (@Sendable () async throws -> String) async throws -> String = { body in
            let start = ContinuousClock.now
            let value = try await body()
            let waited = start.duration(to: .now)
            #expect(waited < Self.longest, "\(trouble)")
            return value
        }
        let load = self.loaded("old", loads)
        for key in ["read", "cold"] {
            check(try await timed { try await plain.value(for: key, orLoad: load) }, "old")
            check(try await timed { try await grouped.value(for: key, in: "group", orLoad: load) }, "old")
        }
        let several = try await plain.values(for: ["read", "colder", "coldest"]) { keys in
            Dictionary(uniqueKeysWithValues: keys.map { ($0, "old") })
        }
        check(several, ["read": "old", "colder": "old", "coldest": "old"])
        let before = loads.value
        try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<50 { group.addTask { try await timed { try await plain.value(for: "hot", orLoad: load) } } }
            for try await value in group { check(value, "old") }
        }
        #expect(loads.value - before <= 5, "\(loads.value - before) loads of one key for fifty callers at once")
    }

    /// Invalidations and updates return, and say whether they are owed.
    private func change(
        _ trouble: ServerTrouble,
        _ plain: Cache<String>,
        _ grouped: GroupedCache<String>
    ) async throws {
        // The server that has forgotten works, and so does one without memory: it can delete.
        let isOwed = ![.flushed, .full].contains(trouble)
        check(try await plain.invalidate("invalidated"), isOwed ? .journaled : .applied)
        check(try await grouped.invalidate("invalidated", in: "group"), isOwed ? .journaled : .applied)
        check(try await plain.update("updated") { "written" }.value, "written")
        check(try await grouped.update("updated", in: "group") { "written" }.value, "written")
        for key in ["invalidated", "updated"] {
            check(try await plain.value(for: key) { "new" }, "new")
            check(try await grouped.value(for: key, in: "group") { "new" }, "new")
        }
    }

    /// What was changed is new, and soon all is stored again.
    private func expectUse(_ plain: Cache<String>, _ grouped: GroupedCache<String>) async throws {
        for key in ["invalidated", "updated"] {
            check(try await plain.value(for: key) { "new" }, "new")
            check(try await grouped.value(for: key, in: "group") { "new" }, "new")
            try await expectEventually {
                check(try await plain.value(for: key) { "new" }, "new")
                check(try await grouped.value(for: key, in: "group") { "new" }, "new")
                let isStored = try? await plain.contains(key)
                let isStoredInGroup = try? await grouped.contains(key, in: "group")
                return isStored == true && isStoredInGroup == true
            }
        }
    }
}

/// Runs `body` with a client of its own that is connected.
private func withOther(
    _ configuration: RedisClientConfiguration,
    _ body: (RedisClient) async throws -> Void
) async throws {
    let client = RedisClient(configuration, logger: silent)
    try client.prepareToRun()
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await client.runPrepared() }
        defer { group.cancelAll() }
        _ = try await client.execute(RawCommand("PING", returning: String.self))
        try await body(client)
    }
}
