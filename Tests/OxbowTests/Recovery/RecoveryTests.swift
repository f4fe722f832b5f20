import Foundation
import Logging
import Oxbow
import OxbowTesting
import RedisClient
import TestServers
import Testing

/// A server whose data goes back in time brings nothing back that was invalidated (rule 19 of the cell protocol).
@Suite(.timeLimit(.minutes(2))) struct RecoveryTests {
    private func configuration(_ server: ServerProcess) -> OxbowConfiguration {
        var configuration = OxbowConfiguration()
        configuration.redis.address = .unix(path: server.unixPath)
        configuration.cache.softTimeout = .seconds(10)
        return configuration
    }

    /// Restarts a server from what it last saved.
    private func restart(_ server: ServerProcess) async throws {
        try await server.kill()
        try await server.restart()
    }

    private func awaitSettled(_ oxbow: Oxbow, failovers: UInt64) async throws {
        try await expectEventually {
            let journal = oxbow.invalidationJournal
            return journal.failovers >= failovers && journal.recoveringMasters == 0 && journal.pending == 0
        }
    }

    /// Regression: a restart from a snapshot older than 30 s, or the first moments after any, brought old values back.
    @Test(arguments: [ServerProcess.Kind.redis, .valkey])
    func `what was invalidated since the snapshot is never read again, by any process`(_ kind: ServerProcess.Kind)
        async throws
    {
        let server = try await ServerProcess.start(kind)
        defer { server.stop() }
        try await withOxbow(self.configuration(server)) { first async throws in
            try await withOxbow(self.configuration(server)) { second async throws in
                let keys = (0..<200).map { "\($0)" }
                let (a, b) = try (first.cache("a", of: String.self), second.cache("a", of: String.self))
                let grouped = try first.groupedCache("g", of: String.self)
                _ = try await a.values(for: keys + ["kept"]) { missing in
                    Dictionary(uniqueKeysWithValues: missing.map { ($0, "old") })
                }
                for group in ["1", "2"] { _ = try await grouped.value(for: "k", in: group) { "old" } }
                try server.cli("save")
                // By both processes, and in each form.
                for key in keys[..<100] { check(try await a.invalidate(key), .applied) }
                check(try await b.invalidate(Array(keys[100..<150])), .applied)
                for key in keys[150...] { try await b.update(key) {} }
                check(try await grouped.invalidate(group: "1"), .applied)
                check(try await grouped.invalidate("k", in: "2"), .applied)
                try await self.restart(server)
                // From the first moment on.
                for key in keys {
                    for cache in [a, b] { check(try await cache.value(for: key) { "new" }, "new") }
                }
                for group in ["1", "2"] { check(try await grouped.value(for: "k", in: group) { "new" }, "new") }
                for oxbow in [first, second] { try await self.awaitSettled(oxbow, failovers: 1) }
                for key in keys { check(try await b.value(for: key) { "new" }, "new") }
                // Repeated, not emptied.
                check(try await a.value(for: "kept"), "old")
                check(first.invalidationJournal.emptiedMasters + second.invalidationJournal.emptiedMasters, 0)
            }
        }
    }

    @Test func `what is not remembered is emptied, but for closed entries`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        var configuration = self.configuration(server)
        configuration.cache.journalEntries = 10
        try await withOxbow(configuration) { oxbow async throws in
            let (cache, grouped) = try (oxbow.cache("a", of: String.self), oxbow.groupedCache("g", of: String.self))
            let keys = (0..<3000).map { "\($0)" }
            _ = try await cache.values(for: keys) { missing in
                Dictionary(uniqueKeysWithValues: missing.map { ($0, "old") })
            }
            for key in keys.prefix(700) { _ = try await grouped.value(for: key, in: "g") { "old" } }
            let closed = CellAddress(key: CellName(encoded: "ox-cache:a:1:closed"))
            try await oxbow.store.close(closed, .random(), for: .seconds(50), isRenewal: false)
            try server.cli("set", "other", "stays")
            try server.cli("set", "ox-cache:of-another-program", "stays")
            try server.cli("save")
            for key in keys.prefix(20) { check(try await cache.invalidate(key), .applied) }
            check(try await grouped.invalidate("3", in: "g"), .applied)
            try await self.restart(server)
            check(try await cache.value(for: "0") { "new" }, "new")
            check(try await grouped.value(for: "3", in: "g") { "new" }, "new")
            try await self.awaitSettled(oxbow, failovers: 1)
            check(oxbow.invalidationJournal.emptiedMasters, 1)
            for key in keys { check(try await cache.contains(key), false) }
            for key in keys.prefix(700) { check(try await grouped.contains(key, in: "g"), false) }
            check(try await oxbow.store.read(closed), .closed)
            for key in ["other", "ox-cache:of-another-program"] { check(try server.cli("get", key), "stays") }
            // And works again.
            check(try await cache.value(for: "0") { "newer" }, "newer")
            check(try await cache.value(for: "0"), "newer")
        }
    }

    /// The case that no memory of a living process covers.
    @Test func `what a process has invalidated that is gone is emptied, by one that starts afterwards`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        try await withOxbow(self.configuration(server)) { gone async throws in
            let cache = try gone.cache("a", of: String.self)
            check(try await cache.value(for: "k") { "old" }, "old")
            try server.cli("save")
            check(try await cache.invalidate("k"), .applied)
        }
        try await self.restart(server)
        try await withOxbow(self.configuration(server)) { newcomer async throws in
            let cache = try newcomer.cache("a", of: String.self)
            check(try await cache.value(for: "k") { "new" }, "new")
            try await self.awaitSettled(newcomer, failovers: 1)
            check(newcomer.invalidationJournal.emptiedMasters, 1)
            check(try await cache.value(for: "k") { "newer" }, "newer")
        }
    }

    @Test func `a process that starts during the recovery waits for those that remember`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        try await FaultProxy.withProxy(to: .host("127.0.0.1", port: server.port)) { proxy async throws in
            var configuration = self.configuration(server)
            configuration.redis.address = .host("127.0.0.1", port: proxy.port)
            try await withOxbow(configuration) { old async throws in
                let cache = try old.cache("a", of: String.self)
                for key in ["k", "kept"] { check(try await cache.value(for: key) { "old" }, "old") }
                try server.cli("save")
                check(try await cache.invalidate("k"), .applied)
                try await proxy.refuse()
                proxy.resetConnections()
                try await self.restart(server)
                try await withOxbow(self.configuration(server)) { newcomer async throws in
                    let others = try newcomer.cache("a", of: String.self)
                    check(try await others.value(for: "k") { "new" }, "new")
                    check(newcomer.invalidationJournal.recoveringMasters, 1)
                    try await proxy.listen()
                    try await self.awaitSettled(newcomer, failovers: 1)
                    check(try await others.value(for: "k") { "new" }, "new")
                    check(try await others.value(for: "kept"), "old")
                    check(newcomer.invalidationJournal.emptiedMasters + old.invalidationJournal.emptiedMasters, 0)
                }
            }
        }
    }

    @Test func `data that goes back without an end of the connection is noticed by the next beat`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        try await withOxbow(self.configuration(server)) { oxbow async throws in
            let cache = try oxbow.cache("a", of: String.self)
            check(try await cache.value(for: "k") { "old" }, "old")
            try server.cli("save")
            check(try await cache.invalidate("k"), .applied)
            // A beat that the snapshot does not have.
            let before = try server.calls(of: "eval")
            try await expectEventually { try server.calls(of: "eval") > before + 1 }
            try server.cli("debug", "reload", "nosave")
            try await self.awaitSettled(oxbow, failovers: 1)
            check(try await cache.value(for: "k") { "new" }, "new")
        }
    }

    @Test func `an update that runs through a restart keeps its entry closed`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        try await withOxbow(self.configuration(server)) { oxbow async throws in
            try await withOxbow(self.configuration(server)) { other async throws in
                let (cache, others) = try (oxbow.cache("a", of: String.self), other.cache("a", of: String.self))
                check(try await cache.value(for: "k") { "old" }, "old")
                try server.cli("save")
                try await cache.update("k") { () async throws in
                    try await self.restart(server)
                    for oxbow in [oxbow, other] { try await self.awaitSettled(oxbow, failovers: 1) }
                    check(try await others.value(for: "k") { "in between" }, "in between")
                    check(try await others.contains("k"), false)
                }
                check(try await others.value(for: "k") { "new" }, "new")
            }
        }
    }

    @Test func `two restarts in a row bring nothing back`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        try await withOxbow(self.configuration(server)) { oxbow async throws in
            let cache = try oxbow.cache("a", of: String.self)
            for key in ["1", "2"] { check(try await cache.value(for: key) { "old" }, "old") }
            try server.cli("save")
            check(try await cache.invalidate("1"), .applied)
            try await self.restart(server)
            try await self.awaitSettled(oxbow, failovers: 1)
            check(try await cache.invalidate("2"), .applied)
            try await self.restart(server)
            for key in ["1", "2"] { check(try await cache.value(for: key) { "new" }, "new") }
            try await self.awaitSettled(oxbow, failovers: 2)
            for key in ["1", "2"] { check(try await cache.value(for: key) { "new" }, "new") }
        }
    }

    @Test func `a restart without data, or of a server of others, holds nothing up`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        try server.cli("set", "other", "1")
        try await withOxbow(self.configuration(server)) { oxbow async throws in
            let cache = try oxbow.cache("a", of: String.self)
            // Stored at once: a server without a record of ours has nothing that was invalidated.
            check(try await cache.value(for: "k") { "v" }, "v")
            check(try await cache.value(for: "k"), "v")
            check(oxbow.invalidationJournal.failovers, 0)
            try await self.restart(server)
            try await self.awaitSettled(oxbow, failovers: 0)
            try await expectEventually {
                _ = try await cache.value(for: "k") { "v" }
                return try await cache.contains("k")
            }
        }
    }

    @Test func `a user without the rights for it works as before`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        try server.cli("acl", "setuser", "app", "on", ">p", "~*", "&*", "+@all", "-hgetall", "-info")
        var configuration = self.configuration(server)
        configuration.redis.credentials = RedisCredentials(username: "app", password: "p")
        try await withOxbow(configuration) { oxbow async throws in
            let cache = try oxbow.cache("a", of: String.self)
            check(try await cache.value(for: "k") { "v" }, "v")
            check(try await cache.value(for: "k"), "v")
            check(try await cache.invalidate("k"), .applied)
        }
    }
}
