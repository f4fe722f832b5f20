import Foundation
import Oxbow
import RedisClient
import TestServers
import Testing

/// An application in Kubernetes with a managed Redis: sentinels from a ConfigMap, and a cache that evicts.
@Suite(.serialized, .timeLimit(.minutes(2))) struct KubernetesTests {
    @Test(arguments: ServerProcess.Kind.allCases)
    func `settings from variables, a life for everything, SCAN only, evictions, and a hit ratio to watch`(
        kind: ServerProcess.Kind
    ) async throws {
        let topology = try await SharedTopologies.shared.sentinel(kind)
        try await topology.restore()
        let master = try topology.master()
        let names = ["maxmemory-policy", "maxmemory", "repl-backlog-size"]
        let settings = try names.map { try master.cli("config", "get", $0).split(separator: "\n").map(String.init) }
        defer { for setting in settings { _ = try? master.cli(["config", "set"] + setting) } }
        for server in topology.servers { try server.cli("config", "resetstat") }
        // The backlog, 10 MB by default in Valkey, counts as memory in use and is not evicted.
        try master.cli("config", "set", "maxmemory-policy", "allkeys-lru", "repl-backlog-size", "1mb")
        let environment = [
            "REDIS_SENTINEL_HOST": "127.0.0.1", "REDIS_SENTINEL_PORT": "\(topology.sentinels[0].port)",
            "REDIS_CLUSTER_NAME": topology.masterName, "REDIS_SENTINEL_PASSWORD": topology.sentinelPassword,
            "REDIS_PASSWORD": topology.password,
        ]
        try await deployed("sentinel", environment) { oxbow async throws in
            let client = try #require(oxbow.client)
            let module = freshModule("pods")
            let prefix = "ox-cache:\(module):"
            let values = try oxbow.cache(module, of: String.self)
            let grouped = try oxbow.groupedCache("\(module)-g", of: String.self)
            try await step("caches fill") { () async throws in
                for number in 0..<100 {
                    #expect(try await values.value(for: "\(number)") { "v\(number)" } == "v\(number)")
                    #expect(try await grouped.value(for: "\(number)", in: "g") { "v\(number)" } == "v\(number)")
                }
            }
            try await step("everything has an end, as SCAN shows") { () async throws in
                let found = try await keys("ox-cache:\(module)", client)
                #expect(found.count == 101)
                #expect(try await withoutEnd(found, client) == [])
            }
            try await step("INFO stats shows the hit ratio") { () async throws in
                let before = (try master.info("keyspace_hits"), try master.info("keyspace_misses"))
                for number in 0..<300 { #expect(try await values.value(for: "\(number % 100)") != nil) }
                for number in 0..<100 { #expect(try await values.value(for: "absent\(number)") == nil) }
                let hits = try master.info("keyspace_hits") - before.0
                let misses = try master.info("keyspace_misses") - before.1
                #expect(hits == 300 && misses == 100, "\(hits), \(misses)")
                let statistics = values.statistics
                #expect(statistics.hits == 300 && statistics.misses == 200, "100 misses were filled")
            }
            try await step("what memory has no room for is evicted, and loaded again") { () async throws in
                let room = try master.info("used_memory", in: "memory") + 3 * 1024 * 1024
                try master.cli("config", "set", "maxmemory", "\(room)")
                let text = String(repeating: "x", count: 20_000)
                for number in 0..<400 {
                    #expect(try await values.value(for: "large\(number)") { text } == text)
                }
                #expect(try master.info("evicted_keys") > 0)
                #expect(try await keys(prefix, client).count < 500)
                let loads = values.statistics.loads
                for number in 0..<400 {
                    #expect(try await values.value(for: "large\(number)") { text } == text)
                }
                #expect(values.statistics.loads > loads)
                #expect(values.statistics.storeFailures == 0 && values.statistics.failedFills == 0)
            }
            try await step("an idle connection that the server has closed is made again") { () async throws in
                let connects = client.statistics.connects
                try master.cli("client", "kill", "type", "normal")
                #expect(try await values.value(for: "idle") { "v" } == "v")
                try await eventually("a new connection") { client.statistics.connects > connects }
                _ = try await client.execute(SET("ox-map:\(module):1", "v", expiry: .after(.seconds(60))))
                #expect(try master.connections(of: "default").count <= 2)
            }
            try await step("never KEYS, always SCAN") { () async throws in
                #expect(try master.hasSeen("scan"))
                for server in topology.servers { #expect(try !server.hasSeen("keys")) }
            }
            for number in 0..<400 { try await values.invalidate("large\(number)") }
        }
    }
}
