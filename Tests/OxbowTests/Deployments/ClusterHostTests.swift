import Foundation
import Oxbow
import RedisClient
import TestServers
import Testing

/// Services on a cluster of three hosts, each with a master and the replica of another host's master.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ClusterHostTests {
    @Test func `a host is killed, its replica takes over, all keys stay reachable, the host returns as a replica`()
        async throws
    {
        let cluster = try await SharedTopologies.shared.cluster()
        try await cluster.restore()
        let name = "hosts:\(UUID())"
        let names = (0..<60).map { "\(name):\($0)" }
        let old = try cluster.master(of: names[0])
        let successor = try #require(try cluster.replicas(of: old).first)
        let neighbor = try #require(try cluster.masters().first { $0 !== old })
        // The second server on the host.
        let second = try #require(try cluster.replicas(of: neighbor).first)
        var environment = ["REDIS_HOSTS": hosts(cluster.nodes), "REDIS_PASSWORD": cluster.password]
        environment["ORS_CLUSTER_NAME"] = name
        do {
            try await deployed("ors", environment) { oxbow async throws in
                let client = try #require(oxbow.client)
                let users = try oxbow.cache("users", of: String.self)
                // One in each of several slots, on all masters.
                let service = Service(oxbow, counters: (0..<6).map { "\(name):counter:\($0)" })
                try await step("keys are stored on all masters, and have reached the replicas") { () async throws in
                    for key in names {
                        _ = try await client.execute(SET(key, key, expiry: .after(.seconds(600))))
                        #expect(try await users.value(for: key) { key } == key)
                    }
                    for master in try cluster.masters() { #expect(try master.cli("wait", "1", "5000") == "1") }
                }
                try await service.atWork { () async throws in
                    try await step("a host is killed: a master and another's replica; its replica takes over") {
                        () async throws in
                        try await old.kill()
                        try await second.kill()
                        let slot = try cluster.slot(of: names[0])
                        #expect(try await cluster.awaitMaster(ofSlot: slot, otherThan: old) === successor)
                    }
                    try await step("all keys are reachable, in commands and caches") { () async throws in
                        try await service.goesOn()
                        for key in names {
                            #expect(try await client.execute(GET(key, as: String.self), timeout: .seconds(20)) == key)
                            // For a moment caches read past the new master: it may lack the last invalidations.
                            try await expectEventually {
                                try await users.value(for: key) { "loaded again" } == key
                            }
                        }
                        #expect(try await client.execute(MGET(names, as: String.self)) == names)
                        try await users.invalidate(names[0])
                        #expect(try await users.value(for: names[0]) { "changed" } == "changed")
                    }
                    try await step("the host returns, its master as a replica") { () async throws in
                        try await cluster.restore()
                        #expect(try cluster.master(of: names[0]) === successor)
                        #expect(try cluster.replicas(of: successor).contains { $0 === old })
                        try await service.goesOn()
                    }
                }
                let counts = service.now
                print("  cluster: \(counts.acknowledged) written, failed \(counts.failed.count), \(counts.reads) read")
                #expect(counts.failedReads == 0)
                // Those on their way to the killed master; all others waited until its replica had taken over.
                #expect(counts.failed.count <= service.counters.count, "\(counts.failed)")
                try await service.checkCounters(client)
                #expect(try await client.execute(DEL(names)) == names.count)
                for counter in service.counters { _ = try await client.execute(DEL([counter])) }
                for key in names { try await users.invalidate(key) }
            }
        } catch {
            try await cluster.restore()
            throw error
        }
    }
}
