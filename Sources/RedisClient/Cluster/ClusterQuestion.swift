import NIOCore
import RESP
import Synchronization

/// Asks nodes for their view of the cluster, one after the other.
struct ClusterQuestion: Sendable {
    /// Nodes that are connected, likeliest first.
    let nodes: [RedisNode]
    let seeds: [RedisAddress]
    /// The names of the cluster's nodes at the last answer; empty: none is known.
    let knownNames: Set<String>
    let context: RedisNode.Context

    private enum Respondent: Sendable {
        /// Over its shared connection.
        case node(RedisNode)
        /// Over a connection made for the question.
        case seed(RedisAddress)
    }

    /// The view of the first that answers.
    ///
    /// The next one is asked when one has failed or takes long.     /// That of a node that sees the cluster as failed, with slots missing, or with no node that has kept its name is
    /// taken only if nobody has another: it may have been cut off, or its address may lead to another cluster by now.
    func view() async throws -> ClusterView {
        // Connections are made for a few seeds only while others answer: a cluster that is down is asked often.
        let seeds = self.seeds.shuffled().prefix(self.nodes.isEmpty ? 8 : 2)
        let respondents = self.nodes.prefix(8).map(Respondent.node) + seeds.map(Respondent.seed)
        let doubtful = Mutex<(view: ClusterView, worth: Int)?>(nil)
        do {
            return try await firstSuccess(of: respondents, hedgingAfter: .milliseconds(100)) { respondent in
                let view =
                    switch respondent {
                    case .node(let node): try await self.ask(node)
                    case .seed(let seed):
                        // While a master is being replaced all nodes see a failure: a seed that hangs must not keep
                        // callers waiting for the moment when they do not any more.
                        try await self.ask(
                            seed,
                            isUrgent: doubtful.withLock { $0?.worth ?? 0 } >= Self.known + Self.whole
                        )
                    }
                let isKnown =
                    self.knownNames.isEmpty || view.names.isEmpty || !self.knownNames.isDisjoint(with: view.names)
                let isWhole = view.coverage == HashSlot.count
                if isKnown, isWhole, !view.isFailed { return view }
                let worth = (isKnown ? Self.known : 0) + (isWhole ? Self.whole : 0) + (view.isFailed ? 0 : 1)
                doubtful.withLock { best in
                    if worth > best?.worth ?? -1 { best = (view, worth) }
                }
                throw RedisError(.cannotConnect, "a node sees the cluster as failed, a part of it only, or another one")
            }
        } catch let error as RedisError {
            guard let best = doubtful.withLock({ $0 }) else { throw error }
            return best.view
        }
    }

    private func ask(_ node: RedisNode) async throws -> ClusterView {
        try await self.ask(node.multiplexer, at: node.address, within: 1_000_000_000)
    }

    /// What views are worth in which nodes have kept their names, and with all slots.
    private static let known = 4
    private static let whole = 2
    /// Enough for a healthy node near by.
    private static let moment: UInt64 = 50_000_000

    private func ask(_ seed: RedisAddress, isUrgent: Bool) async throws -> ClusterView {
        var configuration = self.context.current.plain
        configuration.address = seed
        configuration.requiredRole = nil
        let connection = try await PooledConnection.connect(
            configuration,
            tls: self.context.tls.map { TLSClient($0, for: seed) },
            on: self.context.eventLoopGroup.next(),
            until: isUrgent ? NIODeadline.now().uptimeNanoseconds.addingClamped(Self.moment) : .max
        )
        defer { connection.close() }
        let limit = isUrgent ? Self.moment : configuration.commandTimeout.nanosecondsClamped
        return try await self.ask(connection.multiplexer, at: seed, within: limit)
    }

    private func ask(
        _ multiplexer: Multiplexer,
        at address: RedisAddress,
        within limit: UInt64
    ) async throws -> ClusterView {
        let replies = await multiplexer.attempt(
            expecting: 2,
            timeout: limit,
            isFirstInLine: true,
            ignoresCancellation: false
        ) { buffer in
            buffer.writeWire("*2\r\n$7\r\nCLUSTER\r\n$5\r\nSLOTS\r\n")
            buffer.writeWire("*2\r\n$7\r\nCLUSTER\r\n$4\r\nINFO\r\n")
        }
        guard replies.count == 2 else {
            throw replies.failure ?? RedisError(.connectionClosed, "\(address) cannot be asked")
        }
        var reader = RESPReader(replies.bytes)
        do {
            var view = try ClusterView(try reader.readReply(as: RESPValue.self), from: address)
            guard !view.ranges.isEmpty else { throw RedisError(.cannotConnect, "\(address) knows of no slots") }
            // Whoever must not ask for it takes the view as it is.
            let info = try? reader.readReply(as: String.self)
            view.isFailed = info?.contains("cluster_state:fail") ?? false
            return view
        } catch let error as RESPError {
            throw RedisError(error)
        }
    }
}
