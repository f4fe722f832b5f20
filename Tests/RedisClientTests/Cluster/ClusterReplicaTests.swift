import Foundation
import RESP
import TestServers
import Testing

@testable import RedisClient

/// Reads from the replicas of a cluster, while these live, die and change places with masters.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ClusterReplicaTests {
    private static let keys = (0..<30).map { "replica:\($0)" }

    /// Waits until the client is connected to all nodes and the replicas have all keys.
    private func prepare(_ cluster: TestServers.ClusterTopology, _ client: RedisClient) async throws {
        _ = try await client.execute(MSET(Self.keys.map { (key: $0, value: $0) }))
        try await eventually("all nodes are connected to") {
            client.topology.nodes.count { $0.multiplexer.server != nil } == 6
        }
        for master in try cluster.masters() {
            try await eventually("the replicas have all") {
                try master.cli("dbsize") == cluster.replicas(of: master).first?.cli("dbsize")
            }
        }
        for node in cluster.nodes { try node.cli("config", "resetstat") }
    }

    @Test(arguments: [ReadPreference.master, .replicaPreferred, .replica], ServerProcess.Kind.allCases)
    func `reads go where they shall, writes to masters`(
        _ preference: ReadPreference,
        _ kind: ServerProcess.Kind
    ) async throws {
        let cluster = try await SharedTopologies.shared.cluster(kind)
        var configuration = try configuration(for: cluster)
        configuration.readFrom = preference
        try await withClient(configuration) { client async throws in
            if preference == .master {
                for node in cluster.nodes { try node.cli("config", "resetstat") }
                _ = try await client.execute(MSET(Self.keys.map { (key: $0, value: $0) }))
            } else {
                try await self.prepare(cluster, client)
            }
            for key in Self.keys {
                check(try await client.execute(GET(key, as: String.self)) ?? "", key)
                check(try await client.execute(SET(key, key)), "OK")
            }
            let several = try await client.execute(pipeline: Self.keys.map { GET($0, as: String.self) })
            check(try several.map { try $0.get() }, Self.keys)
            check(try await client.execute(MGET(Self.keys, as: String.self)), Self.keys)
            let masters = try cluster.masters()
            let replicas = cluster.nodes.filter { node in !masters.contains { $0 === node } }
            let atMasters = try masters.reduce(0) { $0 + (try $1.calls(of: "get")) }
            let atReplicas = try replicas.reduce(0) { $0 + (try $1.calls(of: "get")) }
            #expect(atMasters == (preference == .master ? 60 : 0))
            #expect(atReplicas == (preference == .master ? 0 : 60))
            check(try masters.reduce(0) { $0 + (try $1.calls(of: "mget")) } > 0, preference == .master)
            check(try masters.reduce(0) { $0 + (try $1.calls(of: "set")) }, 30)
            // Transactions read at masters.
            let (inTransaction, _) = try await client.execute(transaction: GET(Self.keys[0], as: String.self), PING())
            check(try inTransaction.get(), Self.keys[0])
        }
    }

    @Test(arguments: [SIGKILL, SIGSTOP])
    func `reads go to the master when the replica dies or hangs, and back`(_ signal: Int32) async throws {
        let cluster = try await SharedTopologies.shared.cluster(.redis)
        try await cluster.withClient { configuration in
            configuration.readFrom = .replicaPreferred
        } _: { client async throws in
            try await self.prepare(cluster, client)
            let key = Self.keys[0]
            let replica = try #require(try cluster.replicas(of: cluster.master(of: key)).first)
            if signal == SIGKILL { try await replica.kill() } else { replica.pause() }
            // It may have to wait until the cluster holds the replica for dead.
            async let first = client.execute(GET(key, as: String.self))
            try await Task.sleep(for: .milliseconds(500))
            let start = ContinuousClock.now
            for _ in 0..<20 { check(try await client.execute(GET(key, as: String.self)) ?? "", key) }
            let others = start.duration(to: .now)
            check(try await first ?? "", key)
            print(
                "signal \(signal) to a replica: \(start.duration(to: .now)) for the first read, \(others) for 20 others"
            )
            // One that waits for the replica takes its share of twenty, a second at least.
            #expect(others < .milliseconds(800))
            try await Task.sleep(for: .milliseconds(500))
            try await cluster.restore()
            try replica.cli("config", "resetstat")
            try await eventually("the replica is read from again") {
                _ = try await client.execute(GET(key, as: String.self))
                return try replica.calls(of: "get") > 0
            }
        }
    }

    @Test func `without its replica nothing is read that must come from one`() async throws {
        let cluster = try await SharedTopologies.shared.cluster(.redis)
        try await cluster.withClient { configuration in
            configuration.readFrom = .replica
        } _: { client async throws in
            try await self.prepare(cluster, client)
            let key = Self.keys[0]
            let master = try cluster.master(of: key)
            try await #require(try cluster.replicas(of: master).first).kill()
            let error = await #expect(throws: RedisError.self) {
                while true { _ = try await client.execute(GET(key, as: String.self), timeout: .milliseconds(300)) }
            }
            check(error?.code, .cannotConnect)
            check(try await client.execute(SET(key, key)), "OK")
            check(try master.calls(of: "get"), 0)
        }
    }

    @Test func `master and replica change places, and reads go on at replicas`() async throws {
        let cluster = try await SharedTopologies.shared.cluster(.redis)
        try await cluster.withClient { configuration in
            configuration.readFrom = .replicaPreferred
        } _: { client async throws in
            try await self.prepare(cluster, client)
            let key = Self.keys[0]
            let master = try cluster.master(of: key)
            let replica = try #require(try cluster.replicas(of: master).first)
            try await withThrowingTaskGroup(of: Int.self) { group in
                group.addTask {
                    var reads = 0
                    while !Task.isCancelled {
                        check(try await client.execute(GET(key, as: String.self)) ?? "", key)
                        check(try await client.execute(SET("replica:written", "x").markedIdempotent()), "OK")
                        reads += 1
                    }
                    return reads
                }
                try await cluster.failover(replica)
                try master.cli("config", "resetstat")
                try await eventually("the new replica is read from") { try master.calls(of: "get") > 0 }
                group.cancelAll()
                do { _ = try await group.next() } catch is CancellationError {}
            }
        }
    }
}
