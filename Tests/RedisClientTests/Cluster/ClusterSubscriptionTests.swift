import Foundation
import RESP
import TestServers
import Testing

@testable import RedisClient

/// Channels in a cluster: whoever publishes where, and whatever becomes of the node that a subscription is at.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ClusterSubscriptionTests {
    @Test(arguments: ServerProcess.Kind.allCases)
    func `what is published at any node is heard, and what is published to a slot`(
        _ kind: ServerProcess.Kind
    ) async throws {
        let cluster = try await SharedTopologies.shared.cluster(kind)
        let sharded = try cluster.names("heard:").map(\.name)
        try await withClient(configuration(for: cluster)) { client async throws in
            try await client.withSubscription(to: ["news"], patterns: ["new?"], sharded: sharded) { events in
                var iterator = events.makeAsyncIterator()
                try await expect(&iterator, .inForce)
                for node in cluster.nodes {
                    try node.cli("publish", "news", "\(node.port)")
                    let (first, second) = (try await nextMessage(&iterator), try await nextMessage(&iterator))
                    #expect(first.text == "\(node.port)" && second.text == "\(node.port)")
                    #expect(Set([first.pattern, second.pattern]) == [nil, "new?"])
                }
                for round in 0..<4 {
                    _ = try await client.execute(PUBLISH("news", "\(round)"))
                    for _ in 0..<2 { check(try await nextMessage(&iterator).text, "\(round)") }
                }
                for name in sharded {
                    check(try await client.execute(SPUBLISH(name, "to \(name)")), 1)
                    let message = try await nextMessage(&iterator)
                    #expect(message.isSharded && message.channel == name && message.text == "to \(name)")
                }
            }
        }
    }

    @Test(arguments: ServerProcess.Kind.allCases)
    func `a sharded channel follows its slot to another master`(_ kind: ServerProcess.Kind) async throws {
        let cluster = try await SharedTopologies.shared.cluster(kind)
        try await cluster.withClient { client async throws in
            let name = "moving:\(UUID())"
            let source = try cluster.master(of: name)
            try await client.withSubscription(sharded: [name]) { events in
                var iterator = events.makeAsyncIterator()
                try await expect(&iterator, .inForce)
                let target = try await cluster.move(name)
                try await expect(&iterator, .interrupted)
                try await expect(&iterator, .inForce)
                check(try await client.execute(SPUBLISH(name, "moved")), 1)
                check(try await nextMessage(&iterator).text, "moved")
                check(try target.cli("pubsub", "shardnumsub", name), "\(name)\n1")
                _ = try await cluster.move(name, to: source)
                try await expect(&iterator, .interrupted)
                try await expect(&iterator, .inForce)
                check(try await client.execute(SPUBLISH(name, "back")), 1)
                check(try await nextMessage(&iterator).text, "back")
            }
        }
    }

    @Test(arguments: [SIGKILL, SIGSTOP])
    func `subscriptions leave a node that dies or hangs, with a gap that is told`(_ signal: Int32) async throws {
        let cluster = try await SharedTopologies.shared.cluster(.redis)
        try await cluster.withClient { configuration in
            // How soon a silent connection is noticed.
            configuration.pool.cleanerPause = .milliseconds(500)
        } _: { client async throws in
            let channel = "left:\(UUID())"
            try await client.withSubscription(to: [channel]) { general in
                var general = general.makeAsyncIterator()
                try await expect(&general, .inForce)
                let carrier = cluster.nodes.first { (try? $0.cli("pubsub", "numsub", channel)) == "\(channel)\n1" }
                let node = try #require(carrier)
                let name = try cluster.name("left:", at: node)
                try await client.withSubscription(sharded: [name]) { sharded in
                    var sharded = sharded.makeAsyncIterator()
                    try await expect(&sharded, .inForce)
                    let start = ContinuousClock.now
                    if signal == SIGKILL { try await node.kill() } else { node.pause() }
                    try await expect(&general, .interrupted)
                    try await expect(&general, .inForce)
                    let moved = start.duration(to: .now)
                    try cluster.nodes.first { $0.isRunning }?.cli("publish", channel, "elsewhere")
                    check(try await nextMessage(&general).text, "elsewhere")
                    try await expect(&sharded, .interrupted)
                    try await expect(&sharded, .inForce)
                    print("signal \(signal): general moved after \(moved), sharded after \(start.duration(to: .now))")
                    check(try await client.execute(SPUBLISH(name, "promoted")), 1)
                    check(try await nextMessage(&sharded).text, "promoted")
                }
            }
        }
    }

    @Test func `subscriptions go along with a planned failover`() async throws {
        let cluster = try await SharedTopologies.shared.cluster(.redis)
        try await cluster.withClient { client async throws in
            let name = "planned:\(UUID())"
            try await client.withSubscription(sharded: [name]) { events in
                var iterator = events.makeAsyncIterator()
                try await expect(&iterator, .inForce)
                let replica = try #require(try cluster.replicas(of: cluster.master(of: name)).first)
                try await cluster.failover(replica)
                try await expect(&iterator, .interrupted)
                try await expect(&iterator, .inForce)
                check(try await client.execute(SPUBLISH(name, "new")), 1)
                check(try await nextMessage(&iterator).text, "new")
            }
        }
    }

    @Test func `subscriptions go along with SENTINEL FAILOVER`() async throws {
        let topology = try await SharedTopologies.shared.sentinel()
        try await topology.withClient { client async throws in
            let channel = "sentinel:\(UUID())"
            try await client.withSubscription(to: [channel]) { events in
                var iterator = events.makeAsyncIterator()
                try await expect(&iterator, .inForce)
                try await topology.failover()
                try await expect(&iterator, .interrupted)
                try await expect(&iterator, .inForce)
                _ = try await client.execute(PUBLISH(channel, "new"))
                check(try await nextMessage(&iterator).text, "new")
                let master = try topology.master()
                check(try master.cli("pubsub", "numsub", channel), "\(channel)\n1")
            }
        }
    }
}
