import Foundation
import Oxbow
import RedisClient
import TestServers
import Testing

/// Services that know one address, that of HAProxy, with sentinels behind it.
@Suite(.serialized, .timeLimit(.minutes(3))) struct ProxyFailoverTests {
    private func environment(_ topology: HAProxyTopology) -> [String: String] {
        ["REDIS_HOSTS": "127.0.0.1:\(topology.port)", "REDIS_PASSWORD": topology.sentinel.password]
    }

    @Test func `with the article's check: the master is killed, errors for some seconds, work goes on, data stays`()
        async throws
    {
        let topology = try await SharedTopologies.shared.haproxy(.usual)
        try await topology.restore()
        let old = try topology.sentinel.master()
        do {
            try await deployed("haproxy", self.environment(topology)) { oxbow async throws in
                let client = try #require(oxbow.client)
                let users = try oxbow.cache(freshModule("users"), of: String.self)
                let name = "proxy:\(UUID())"
                let service = Service(oxbow, counters: ["\(name):1", "\(name):2"])
                try await step("data is stored, and has reached the replicas") { () async throws in
                    _ = try await client.execute(SET("\(name):kept", "kept", expiry: .after(.seconds(600))))
                    #expect(try await users.value(for: "ann") { "Ann" } == "Ann")
                    #expect(try old.cli("wait", "2", "5000") == "2")
                }
                let connects = client.statistics.connects
                var promoted: ServerProcess?
                try await service.atWork { () async throws in
                    let new = try await step("the master is killed, and a replica is promoted") { () async throws in
                        try await old.kill()
                        return try await topology.sentinel.awaitMaster(otherThan: old)
                    }
                    promoted = new
                    try await step("HAProxy notices, the client connects anew, commands go on") { () async throws in
                        try await service.goesOn()
                        #expect(client.statistics.connects > connects)
                        #expect(try new.connections(of: "default").count == 1)
                    }
                    try await step("data is there, and caches go on") { () async throws in
                        #expect(try await client.execute(GET("\(name):kept", as: String.self)) == "kept")
                        #expect(try await users.value(for: "ann") { "loaded again" } == "Ann")
                        try await users.invalidate("ann")
                        #expect(try await users.value(for: "ann") { "Anna" } == "Anna")
                    }
                    try await step("the old master comes back as a replica") { () async throws in
                        try await topology.sentinel.restore()
                        #expect(try topology.sentinel.replicas().contains { $0 === old })
                        try await service.goesOn()
                    }
                }
                let counts = service.now
                let outage = try #require(counts.outage, "there were no errors, which cannot be")
                print("  HAProxy: \(outage) of errors: \(counts.failed.count); \(counts.reads) reads")
                #expect(outage < .seconds(20))
                // Only those on their way when a connection was lost: none was there for the others.
                let lost = Int(client.statistics.connects - connects) + 1
                #expect(counts.unknown <= 2 * lost, "\(counts.failed)")
                #expect(counts.failedReads == 0)
                // Sentinels that are short of time replace the master once more: what it took meanwhile is lost.
                let isCalm = try topology.sentinel.master() === promoted
                try await service.checkCounters(client, loss: isCalm ? 10 : .max)
            }
        } catch {
            try await topology.sentinel.restore()
            throw error
        }
        try await topology.restore()
    }

    @Test func `a planned failover: the demoted master is alive, and takes no write that counts`() async throws {
        let topology = try await SharedTopologies.shared.haproxy(.fast)
        try await topology.restore()
        let old = try topology.sentinel.master()
        do {
            try await deployed("haproxy", self.environment(topology)) { oxbow async throws in
                let client = try #require(oxbow.client)
                let name = "planned:\(UUID())"
                let service = Service(oxbow, counters: [name])
                try await service.atWork { () async throws in
                    let before = (client.statistics.connects, service.now.failed.count)
                    try await step("SENTINEL FAILOVER, until all agree") { try await topology.sentinel.failover() }
                    try await topology.awaitSettled()
                    let new = try topology.sentinel.master()
                    try await step("the client is with the new master") { () async throws in
                        try await service.goesOn()
                        #expect(new !== old)
                        #expect(try new.connections(of: "default").count == 1)
                        #expect(try old.connections(of: "default").isEmpty)
                    }
                    try await step("what is acknowledged is at the new master") { () async throws in
                        let marker = "\(name):after"
                        for number in 1...20 {
                            #expect(try await client.execute(RawCommand("INCR", marker, returning: Int.self)) == number)
                        }
                        #expect(try new.cli("get", marker) == "20")
                        _ = try await client.execute(DEL([marker]))
                    }
                    let connects = Int(client.statistics.connects - before.0)
                    let failed = service.now.failed.count - before.1
                    print("  planned: \(failed) failed, \(connects) new connections")
                    #expect(connects >= 1)
                    #expect(failed <= connects, "one for each connection: \(service.now.failed)")
                }
                #expect(service.now.failedReads == 0)
                // The old master takes writes until it is told to follow, which nobody behind a proxy can know.
                try await service.checkCounters(client, loss: .max)
                _ = try await client.execute(DEL([name]))
            }
        } catch {
            try await topology.restore()
            throw error
        }
    }
}
