import Foundation
import Oxbow
import RedisClient
import TestServers
import Testing

/// Services behind sentinels, with passwords everywhere.
@Suite(.serialized, .timeLimit(.minutes(2))) struct SentinelFailoverTests {
    @Test func `the master is killed, a replica is promoted, work goes on with all data, the old master follows`()
        async throws
    {
        let topology = try await SharedTopologies.shared.sentinel()
        try await topology.restore()
        let environment = [
            "COM_OPENEXCHANGE_REDIS_HOSTS": hosts(topology.sentinels),
            "REDIS_SENTINEL_PASSWORD": topology.sentinelPassword, "REDIS_PASSWORD": topology.password,
            // Where another process used the same caches a moment ago, they may be emptied for its sake.
            "COM_OPENEXCHANGE_CACHE_V2_REDIS_KEYPREFIX": "failover-\(UUID())",
        ]
        let old = try topology.master()
        do {
            try await deployed("sentinel", environment) { oxbow async throws in
                let client = try #require(oxbow.client)
                let users = try oxbow.cache(freshModule("users"), of: String.self)
                let name = "failover:\(UUID())"
                let service = Service(oxbow, counters: ["\(name):1", "\(name):2"])
                try await step("data is stored, and has reached the replicas") { () async throws in
                    _ = try await client.execute(SET("\(name):kept", "kept", expiry: .after(.seconds(600))))
                    #expect(try await users.value(for: "ann") { "Ann" } == "Ann")
                    #expect(try old.cli("wait", "2", "5000") == "2")
                }
                var new = old
                try await service.atWork { () async throws in
                    new = try await step("the master is killed, and a replica is promoted") { () async throws in
                        try await old.kill()
                        return try await topology.awaitMaster(otherThan: old)
                    }
                    try await step("commands and caches go on, at the new master") { () async throws in
                        try await service.goesOn()
                        #expect(try new.connections(of: "default").count >= 1)
                    }
                    try await step("data is there") { () async throws in
                        #expect(try await client.execute(GET("\(name):kept", as: String.self)) == "kept")
                        // For a moment caches read past the new master: it may lack the last invalidations.
                        try await expectEventually {
                            try await users.value(for: "ann") { "loaded again" } == "Ann"
                        }
                    }
                    try await step("what is invalidated is loaded again") { () async throws in
                        try await users.invalidate("ann")
                        #expect(try await users.value(for: "ann") { "Anna" } == "Anna")
                        #expect(try new.cli("get", "\(name):kept") == "kept")
                    }
                    try await step("the old master comes back as a replica, with what was written without it") {
                        () async throws in
                        try await topology.restore()
                        #expect(try topology.replicas().contains { $0 === old })
                        try await service.goesOn()
                    }
                }
                #expect(service.now.failedReads == 0)
                // Those that were on their way when it was killed.
                #expect(service.now.unknown <= 2, "\(service.now.failed)")
                print("  sentinel: \(service.now.acknowledged) written, failed \(service.now.failed.count)")
                // On a busy machine the sentinels may have replaced the new one, too.
                try await service.checkCounters(client, loss: try topology.master() === new ? 10 : 20)
                for counter in service.counters { _ = try await client.execute(DEL([counter])) }
            }
        } catch {
            try await topology.restore()
            throw error
        }
    }
}
