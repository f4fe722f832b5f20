import Foundation
import RESP
import TestServers
import Testing

@testable import RedisClient

/// A cluster that speaks TLS, with clients and among its nodes.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ClusterTLSTests {
    @Test(arguments: ServerProcess.Kind.allCases)
    func `commands, redirections, subscriptions and a failover over TLS`(_ kind: ServerProcess.Kind) async throws {
        let cluster = try await SharedTopologies.shared.cluster(kind, tls: true)
        try await cluster.withClient { client async throws in
            let keys = (0..<60).map { "tls:\($0)" }
            check(try await client.execute(MSET(keys.map { (key: $0, value: $0) })), "OK")
            check(try await client.execute(MGET(keys, as: String.self)), keys)
            for node in client.topology.nodes {
                #expect(cluster.nodes.contains { $0.tlsPort.map { .host("127.0.0.1", port: $0) } == node.address })
            }
            let name = "tls:moving"
            try await client.withSubscription(sharded: [name]) { events in
                var iterator = events.makeAsyncIterator()
                try await expect(&iterator, .inForce)
                check(try await client.execute(SET(name, "moved")), "OK")
                let target = try await cluster.move(name)
                try target.cli("config", "resetstat")
                check(try await client.execute(GET(name, as: String.self)), "moved")
                check(try target.calls(of: "get"), 1)
                try await expect(&iterator, .interrupted)
                try await expect(&iterator, .inForce)
                check(try await client.execute(SPUBLISH(name, "moved")), 1)
                check(try await nextMessage(&iterator).text, "moved")
            }
            let load = Load(client, keys: Array(keys[..<10]))
            try await load.during {
                let replica = try #require(try cluster.replicas(of: cluster.master(of: keys[0])).first)
                try await cluster.failover(replica)
                load.mark()
                try await load.awaitWrite()
            }
            check(load.outcome.wrongReads, 0)
            check(load.outcome.lostWrites, 0)
            check(load.outcome.failedReads, [:])
            check(load.outcome.failedWrites, [:])
        }
    }
}
