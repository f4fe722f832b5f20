import Foundation
import Oxbow
import RESP
import RedisClient
import TestServers
import Testing

/// Caches where commands that only read may go to replicas, which lag behind.
@Suite(.serialized, .timeLimit(.minutes(1))) struct ReplicaReadTests {
    @Test func `caches never read from replicas, and so never meet what they have not heard of yet`() async throws {
        let topology = try await SharedTopologies.shared.sentinel()
        try await topology.restore()
        var configuration = OxbowConfiguration()
        var sentinel = SentinelConfiguration(topology.sentinels.map { .host("127.0.0.1", port: $0.port) })
        sentinel.masterName = topology.masterName
        sentinel.credentials = RedisCredentials(password: topology.sentinelPassword)
        configuration.redis.topology = .sentinel(sentinel)
        configuration.redis.credentials = RedisCredentials(password: topology.password)
        configuration.redis.readFrom = .replica
        configuration.cache = patient()
        let (master, replicas) = (try topology.master(), try topology.replicas())
        do {
            try await withOxbow(configuration) { oxbow async throws in
                let client = try #require(oxbow.client)
                let own = "own:\(UUID())"
                _ = try await client.execute(SET(own, "old", expiry: .after(.seconds(60))))
                #expect(try master.cli("wait", "2", "5000") == "2")
                // Or all below shows nothing.
                let before = try replicas.reads()
                for _ in 0..<4 { #expect(try await client.execute(GET(own, as: String.self)) == "old") }
                #expect(try replicas.reads() == before + 4)

                let plain = try oxbow.cache(freshModule("plain"), of: String.self)
                let grouped = try oxbow.groupedCache(freshModule("grouped"), of: String.self)
                try await Self.use(plain, grouped, "first")
                #expect(try replicas.reads() == before + 4)

                // They hear nothing more of the master, and go on answering.
                for replica in replicas { try replica.cli("config", "set", "masterauth", "wrong") }
                try master.cli("client", "kill", "type", "replica")
                _ = try await client.execute(SET(own, "new", expiry: .after(.seconds(60))))
                #expect(try await client.execute(GET(own, as: String.self)) == "old")
                try await Self.use(plain, grouped, "second")
                #expect(try replicas.reads() == before + 5)
                #expect(plain.statistics.storeFailures + grouped.statistics.storeFailures == 0)
            }
        } catch {
            Issue.record(error)
        }
        for replica in replicas { try replica.cli("config", "set", "masterauth", topology.password) }
        try await topology.restore()
    }

    /// Invalidates, fills and reads, and expects to read what was filled.
    private static func use(
        _ plain: Cache<String>,
        _ grouped: GroupedCache<String>,
        _ text: String
    ) async throws {
        try await plain.invalidate("k")
        try await grouped.invalidate("k", in: "g")
        #expect(try await plain.value(for: "k") == nil)
        #expect(try await grouped.value(for: "k", in: "g") == nil)
        #expect(try await plain.value(for: "k") { text } == text)
        #expect(try await grouped.value(for: "k", in: "g") { text } == text)
        for _ in 0..<4 {
            #expect(try await plain.value(for: "k") { "not stored" } == text)
            #expect(try await grouped.value(for: "k", in: "g") { "not stored" } == text)
        }
    }
}

extension [ServerProcess] {
    /// How often these have carried out GET and HGET.
    fileprivate func reads() throws -> Int {
        try self.reduce(0) { sum, server in
            let lines = try server.cli("info", "commandstats").split(whereSeparator: \.isNewline)
            let counts = ["get", "hget"]
                .compactMap { name in
                    lines.first { $0.hasPrefix("cmdstat_\(name):calls=") }
                        .flatMap { Int($0.drop { $0 != "=" }.dropFirst().prefix { $0.isNumber }) }
                }
            return counts.reduce(sum, +)
        }
    }
}
