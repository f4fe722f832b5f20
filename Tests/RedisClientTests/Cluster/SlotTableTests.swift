import CoreMetrics
import Logging
import NIOCore
import NIOPosix
import RESP
import Testing

@testable import RedisClient

/// Which nodes are kept, made and retired as views of the cluster come in.
@Suite struct SlotTableTests {
    private static func address(_ port: Int) -> RedisAddress { .host("h", port: port) }

    private static func table(usesReplicas: Bool = false) -> SlotTable {
        let configuration = RedisClientConfiguration()
        let context = RedisNode.Context(
            configuration: configuration,
            settings: ClientSettings(configuration),
            tls: nil,
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            counters: ConnectionCounters(),
            metrics: PoolMetrics(configuration, NOOPMetricsHandler.instance),
            logger: Logger(label: "test")
        )
        return SlotTable(usesReplicas: usesReplicas) { RedisNode($0, role: $1, context) }
    }

    /// Slots split evenly among masters `1…`, each with replica `10 + n`.
    private static func view(_ masters: [Int], replicas: [Int: [Int]] = [:]) throws -> ClusterView {
        let width = HashSlot.count / masters.count
        return ClusterView(
            ranges: masters.enumerated()
                .map { index, port in
                    let end = index == masters.count - 1 ? HashSlot.count - 1 : (index + 1) * width - 1
                    return .init(
                        slots: index * width...end,
                        master: self.address(port),
                        replicas: (replicas[port] ?? []).map(self.address)
                    )
                }
        )
    }

    private static func slot(_ number: Int) throws -> HashSlot { try #require(HashSlot(number)) }

    @Test func `nodes that stay what they are are kept`() throws {
        var table = Self.table()
        let first = table.apply(try Self.view([1, 2, 3]), at: 0)
        #expect(first.added.map(\.address) == [1, 2, 3].map(Self.address))
        let node = table.shard(of: try Self.slot(0))?.master
        let again = table.apply(try Self.view([1, 2, 4]), at: 0)
        #expect(again.added.map(\.address) == [Self.address(4)])
        #expect(again.retired.map(\.node.address) == [Self.address(3)])
        #expect(table.shard(of: try Self.slot(0))?.master === node)
    }

    @Test func `a promoted replica is another node, and the old master is one once more`() throws {
        var table = Self.table(usesReplicas: true)
        _ = table.apply(try Self.view([1], replicas: [1: [11]]), at: 0)
        let changes = table.apply(try Self.view([11], replicas: [11: [1]]), at: 0)
        #expect(Set(changes.added.map(\.address)) == [Self.address(1), Self.address(11)])
        #expect(Set(changes.retired.map(\.node.address)) == [Self.address(1), Self.address(11)])
        #expect(table.shard(of: try Self.slot(7))?.master.role == .master)
        #expect(table.shard(of: try Self.slot(7))?.replicas.map(\.role) == [.replica])
    }

    @Test func `a node in trouble is retired without patience, another one lets replies come`() throws {
        var table = Self.table()
        _ = table.apply(try Self.view([1, 2]), at: 0)
        table.note(troubleAt: Self.address(1), at: 1000)
        let changes = table.apply(try Self.view([3]), at: 1000 + SlotTable.troubled - 1)
        let patience = Dictionary(uniqueKeysWithValues: changes.retired.map { ($0.node.address, $0.answers) })
        #expect(patience == [Self.address(1): false, Self.address(2): true])
        #expect(!table.isTroubled(Self.address(1), at: 1000 + SlotTable.troubled))
    }

    @Test func `MOVED changes one slot, ASK none`() throws {
        var table = Self.table()
        _ = table.apply(try Self.view([1, 2]), at: 0)
        let moved = try #require(ClusterRedirect("MOVED 5 h:2", by: Self.address(1)))
        #expect(table.follow(moved, at: 0)?.node.address == Self.address(2))
        #expect(table.shard(of: try Self.slot(5))?.master.address == Self.address(2))
        #expect(table.shard(of: try Self.slot(6))?.master.address == Self.address(1))
        let ask = try #require(ClusterRedirect("ASK 6 h:2", by: Self.address(1)))
        #expect(table.follow(ask, at: 0)?.node.address == Self.address(2))
        #expect(table.shard(of: try Self.slot(6))?.master.address == Self.address(1))
    }

    @Test func `a node that only a redirection names is made once and kept for a while`() throws {
        var table = Self.table()
        _ = table.apply(try Self.view([1]), at: 0)
        let ask = try #require(ClusterRedirect("ASK 6 h:9", by: Self.address(1)))
        let firstStep = table.follow(ask, at: 0)
        let first = try #require(firstStep)
        #expect(first.changes.added.count == 1)
        #expect(first.isNew)
        let secondStep = table.follow(ask, at: 0)
        let second = try #require(secondStep)
        #expect(second.changes.added.isEmpty)
        #expect(second.node === first.node)
        let kept = table.apply(try Self.view([1]), at: 1)
        #expect(kept.retired.isEmpty)
        let gone = table.apply(try Self.view([1]), at: 61_000_000_000)
        #expect(gone.retired.map(\.node.address) == [Self.address(9)])
        // Taken over by a view, it stays the same node.
        let thirdStep = table.follow(ask, at: 0)
        let third = try #require(thirdStep)
        let listed = table.apply(try Self.view([1, 9]), at: 1)
        #expect(listed.added.isEmpty)
        #expect(listed.retired.isEmpty)
        #expect(table.shard(of: try Self.slot(16_383))?.master === third.node)
    }

    @Test func `nodes that nobody can believe in are not made`() throws {
        var table = Self.table()
        for number in 1...3000 {
            let redirect = try #require(ClusterRedirect("MOVED \(number) h:\(number)", by: Self.address(1)))
            _ = table.follow(redirect, at: 0)
        }
        #expect(table.nodes.count == ClusterView.maximumNodes)
        let host = RESPValue.string(ByteBuffer(string: "h"))
        let many = (0..<2000)
            .map { (number: Int64) -> RESPValue in
                .array([.integer(number), .integer(number), .array([host, .integer(number + 1)])])
            }
        #expect(throws: RESPError.self) { try ClusterView(.array(many), from: Self.address(1)) }
    }
}
