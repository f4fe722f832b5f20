import CoreMetrics
import Logging
import NIOPosix
import OxbowTesting
import Testing

@testable import RedisClient

/// Whose view of the cluster is believed.
@Suite(.timeLimit(.minutes(1))) struct ClusterQuestionTests {
    private func view(of cluster: ScriptedCluster, _ seeds: [Int], names: Set<String>) async throws -> ClusterView {
        let seeds = seeds.map(cluster.address)
        let context = self.context(cluster.configuration)
        return try await ClusterQuestion(nodes: [], seeds: seeds, knownNames: names, context: context).view()
    }

    private func context(_ configuration: RedisClientConfiguration) -> RedisNode.Context {
        RedisNode.Context(
            configuration: configuration,
            settings: ClientSettings(configuration),
            tls: nil,
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            counters: ConnectionCounters(),
            metrics: PoolMetrics(configuration, NOOPMetricsHandler.instance),
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        )
    }

    private static let doubtful: [ScriptedCluster.View] = [
        // Another cluster at the same address.
        .init(shards: [(0...16_383, [1])], cluster: "b"),
        // Forgotten by the others.
        .init(shards: [(8192...16_383, [1])]),
        // Cut off from the others.
        .init(shards: [(0...8191, [0]), (8192...16_383, [1])], isFailed: true),
    ]

    @Test(arguments: doubtful.indices)
    func `a node that sees another cluster, a part of it or a failure is believed only if it is alone`(
        _ number: Int
    ) async throws {
        let cluster = try await ScriptedCluster.start(.halves)
        defer { cluster.stop() }
        cluster.set(Self.doubtful[number], at: 1)
        // Which of the two is asked first is left to chance.
        for _ in 0..<12 {
            let view = try await self.view(of: cluster, [0, 1], names: ["a0", "a1"])
            check(view.ranges.map(\.master), [cluster.address(0), cluster.address(1)])
            #expect(!view.isFailed)
        }
        let alone = try await self.view(of: cluster, [1], names: ["a0", "a1"])
        check(alone.ranges.count, Self.doubtful[number].shards.count)
    }

    /// As while a master that hangs is being replaced.
    @Test func `a seed that hangs keeps nobody waiting where all nodes see a failure`() async throws {
        let hanging = try await ScriptedServer.start(handshake: .init { _ in .ignore }) { _ in .ignore }
        defer { hanging.stop() }
        let cluster = try await ScriptedCluster.start(.halves)
        defer { cluster.stop() }
        try await withClient(cluster.configuration) { client async throws in
            try await eventually("both connections") {
                client.topology.nodes.count { $0.multiplexer.server != nil } == 2
            }
            for index in 0..<2 {
                cluster.set(.init(shards: ScriptedCluster.View.halves.shards, isFailed: true), at: index)
            }
            let question = ClusterQuestion(
                nodes: client.topology.nodes,
                seeds: [.host("127.0.0.1", port: hanging.port)],
                knownNames: ["a0"],
                context: self.context(cluster.configuration)
            )
            let start = ContinuousClock.now
            let view = try await question.view()
            #expect(view.isFailed)
            // The time to connect is five seconds.
            #expect(start.duration(to: .now) < .seconds(2))
        }
    }

    @Test func `urgent questions that last become rare, and others are rare`() {
        var pace = RefreshPace()
        var times: [UInt64] = []
        let milliseconds: UInt64 = 1_000_000
        func wish(_ urgency: RefreshPace.Urgency, from start: UInt64, for length: UInt64) {
            times = []
            for time in stride(from: start, to: start + length, by: 10) {
                guard pace.rest(before: urgency, at: time * milliseconds) == 0 else { continue }
                times.append(time)
                pace.refreshed(at: time * milliseconds, random: 0)
            }
        }
        wish(.urgently, from: 1000, for: 60_000)
        #expect((150...152).contains(times.count { $0 <= 16_000 }))
        #expect((44...46).contains(times.count { $0 > 16_000 }))
        // After a lull, callers are not kept waiting.
        wish(.urgently, from: 70_000, for: 1000)
        #expect((10...11).contains(times.count))
        wish(.soon, from: 71_000, for: 60_000)
        #expect((11...12).contains(times.count))
    }
}
