import Foundation
import RESP
import TestServers
import Testing

@testable import RedisClient

/// A shard is gone with its replica.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ClusterLossTests {
    private static let keys = (0..<60).map { "loss:\($0)" }

    /// Runs `body` with one shard's master and replica killed, and gives it the positions of that shard's keys.
    private func withLoss(
        fullCoverage: Bool,
        _ body: (RedisClient, TestServers.ClusterTopology, Set<Int>) async throws -> Void
    ) async throws {
        let cluster = try await SharedTopologies.shared.cluster(.redis)
        func cover(_ all: Bool) throws {
            for node in cluster.nodes {
                try node.cli("config", "set", "cluster-require-full-coverage", all ? "yes" : "no")
            }
        }
        try await cluster.withClient { client async throws in
            try cover(fullCoverage)
            _ = try await client.execute(MSET(Self.keys.map { (key: $0, value: "v") }))
            let master = try cluster.master(of: Self.keys[0])
            var dead: Set<Int> = []
            for (index, key) in Self.keys.enumerated() where try cluster.master(of: key) === master {
                dead.insert(index)
            }
            try await #require(try cluster.replicas(of: master).first).kill()
            try await master.kill()
            do { try await body(client, cluster, dead) } catch {
                try await cluster.restore()
                try cover(true)
                throw error
            }
            try await cluster.restore()
            try cover(true)
            let stored = try await client.execute(MSET(Self.keys.map { (key: $0, value: "again") }))
            check(stored, "OK")
        }
    }

    @Test func `what is at other shards goes on, and an error names exactly the keys that were not deleted`()
        async throws
    {
        try await self.withLoss(fullCoverage: false) { client, cluster, dead in
            let keys = Self.keys
            #expect(dead.count > 5 && dead.count < 40)
            let error = await #expect(throws: RedisError.self) {
                try await client.execute(DEL(keys), timeout: .milliseconds(700))
            }
            check(error?.code, .partialFailure)
            check(error?.delivery, .unknown)
            check(Set((error?.keyFailures ?? [:]).keys), dead)
            let rest = keys.indices.filter { !dead.contains($0) }.map { keys[$0] }
            check(try await client.execute(EXISTS(rest)), 0)
            let results = try await client.execute(pipeline: keys.map { SET($0, "v") }, timeout: .milliseconds(500))
            for (index, result) in results.enumerated() {
                check(failure(of: result) != nil, dead.contains(index))
            }
            // Through all of the time until the shard is held for dead, and behind it.
            let end = ContinuousClock.now + .seconds(2)
            while ContinuousClock.now < end {
                let values = try await client.execute(MGET(rest, as: String.self))
                check(values.count { $0 == "v" }, rest.count)
                try await Task.sleep(for: .milliseconds(5))
            }
        }
    }

    @Test func `a cluster that is down says so, and is waited for`() async throws {
        try await self.withLoss(fullCoverage: true) { client, cluster, dead in
            let living = try #require(Self.keys.indices.first { !dead.contains($0) })
            try await eventually("the cluster is down") {
                try cluster.nodes.filter(\.isRunning)
                    .allSatisfy {
                        try $0.cli("cluster", "info").contains("cluster_state:fail")
                    }
            }
            // A call whose time ends between two attempts tells what the cluster said, one that is asking has timed out.
            var said: [String] = []
            while !said.contains("CLUSTERDOWN"), said.count < 5 {
                let error = await #expect(throws: RedisError.self) {
                    try await client.execute(GET(Self.keys[living], as: String.self), timeout: .milliseconds(300))
                }
                said.append(error?.serverError ?? "nothing")
            }
            #expect(said.contains("CLUSTERDOWN"), "\(said)")
            async let waiting = client.execute(GET(Self.keys[living], as: String.self), timeout: .seconds(30))
            try await cluster.restore()
            check(try await waiting, "v")
        }
    }
}
