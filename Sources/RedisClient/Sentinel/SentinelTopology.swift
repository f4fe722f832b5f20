import NIOCore
import Synchronization

/// A master that sentinels name, and its replicas.
///
/// ``SentinelState`` decides which they are, ``SentinelWatch`` asks; here are the nodes that callers go to.
final class SentinelTopology: Topology {
    private struct Places {
        var master: RedisNode
        /// Those that may be read from.
        var replicas: [RedisNode] = []
        /// Where readers wait while there are none.
        var noReplica: RedisNode
        var turn = 0
        /// Replicas that could not answer a moment ago, and until when others are asked in their place.
        var troubled: [RedisAddress: UInt64] = [:]

        func isTroubled(_ node: RedisNode, at now: UInt64) -> Bool {
            self.troubled[node.address].map { $0 > now } ?? false
        }
    }

    private let context: RedisNode.Context
    private let runner = NodeRunner()
    private let watch: SentinelWatch
    private let places: Mutex<Places>

    init(_ configuration: SentinelConfiguration, _ context: RedisNode.Context) {
        let watch = SentinelWatch(configuration, context)
        var context = context
        context.onTrouble = { watch.tell(.trouble($0)) }
        self.watch = watch
        self.context = context
        self.places = Mutex(Places(master: .placeholder(context), noReplica: .placeholder(context)))
    }

    func node(for request: RedisRequest) -> RedisNode {
        let preference = self.context.configuration.readFrom
        return self.places.withLock { places in
            guard preference != .master, request.isReadOnly, !request.isTransaction else { return places.master }
            places.turn &+= 1
            let turn = UInt(bitPattern: places.turn)
            let connected = places.replicas.filter { $0.multiplexer.server != nil }
            let now = NIODeadline.now().uptimeNanoseconds
            let able = places.troubled.isEmpty ? connected : connected.filter { !places.isTroubled($0, at: now) }
            if !able.isEmpty { return able[Int(turn % UInt(able.count))] }
            if preference == .replicaPreferred { return places.master }
            if !connected.isEmpty { return connected[Int(turn % UInt(connected.count))] }
            // Rather one that is being connected to than one that has just refused.
            return places.replicas.first { $0.multiplexer.lastFailure == nil } ?? places.replicas.first
                ?? places.noReplica
        }
    }

    func start() -> Bool {
        self.places.withLock { places in
            _ = places.noReplica.start()
            places.noReplica.multiplexer.connectFailed(Self.noReplica)
            return places.master.start()
        }
    }

    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await self.watch.run(self) }
            defer {
                group.cancelAll()
                self.drainPlaceholders()
            }
            try await self.runner.run()
        }
    }

    func drain() {
        self.runner.drain()
        self.drainPlaceholders()
    }

    private func drainPlaceholders() {
        let (master, noReplica) = self.places.withLock { ($0.master, $0.noReplica) }
        if master.isPlaceholder { master.drain() }
        noReplica.drain()
    }

    var nodes: [RedisNode] { self.runner.nodes }

    /// A replica that loads its data, or has lost its master and is to answer nothing then, could not answer any read.
    func redirection(of replies: RedisReplies, to request: RedisRequest, from node: RedisNode) -> Redirection? {
        guard node.role == .replica, replies.failure == nil, replies.isOfUnableServer else { return nil }
        let now = NIODeadline.now().uptimeNanoseconds
        self.places.withLock { places in
            places.troubled = places.troubled.filter { $0.value > now }
            places.troubled[node.address] = now.addingClamped(Self.trouble)
        }
        return Redirection(pauses: true)
    }

    private static let trouble = Duration.milliseconds(300).nanosecondsClamped

    // MARK: Changes

    /// Lets all that is meant for the master go to this address from here on.
    func follow(_ address: RedisAddress) {
        let node = RedisNode(address, role: .master, self.context)
        self.runner.add(node)
        let old = self.places.withLock { places in
            let old = places.master
            places.master = node
            return old
        }
        old.retire("the master is at \(address) now")
    }

    /// Tells those who wait for a master why there is none.
    func explain(_ reason: String) {
        let master = self.places.withLock { $0.master }
        if master.isPlaceholder { master.multiplexer.connectFailed(RedisError(.cannotConnect, reason)) }
    }

    /// Lets reads go to these replicas from here on.
    func read(from addresses: [RedisAddress]) {
        let old = self.places.withLock { $0.replicas }
        var replicas = old.filter { addresses.contains($0.address) }
        for address in addresses where !replicas.contains(where: { $0.address == address }) {
            let node = RedisNode(address, role: .replica, self.context)
            self.runner.add(node)
            replicas.append(node)
        }
        let next = RedisNode.placeholder(self.context)
        _ = next.start()
        next.multiplexer.connectFailed(Self.noReplica)
        let waitedAt = self.places.withLock { places -> RedisNode in
            let waitedAt = places.noReplica
            places.replicas = replicas
            places.noReplica = next
            return waitedAt
        }
        waitedAt.retire("the replicas have changed")
        for node in old where !addresses.contains(node.address) { node.retire("the replica is not in use any more") }
    }

    private static let noReplica = RedisError(.cannotConnect, "sentinels know of no replica that can be reached")
}

extension RedisReplies {
    /// Whether the first reply is LOADING or MASTERDOWN.
    fileprivate var isOfUnableServer: Bool {
        ["-LOADING ", "-MASTERDOWN "].contains { self.bytes.readableBytesView.starts(with: $0.utf8) }
    }
}
