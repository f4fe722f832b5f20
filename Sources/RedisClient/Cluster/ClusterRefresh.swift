import Logging
import NIOCore
import RESP
import Synchronization

/// Learns the cluster's slots anew: when something shows that they have changed, and now and then.
///
/// One question is under way at a time, whoever asks for it and how often; the pauses between two are bounded from below
/// and spread at random, so that many clients do not ask at the same moment.
final class ClusterRefresh: Sendable {
    enum Urgency: Int, Comparable {
        /// The table works, but has been corrected.
        case soon
        /// Callers wait.
        case urgently

        static func < (left: Urgency, right: Urgency) -> Bool { left.rawValue < right.rawValue }
    }

    private struct State {
        var wish: Urgency?
        var troubles: Set<RedisAddress> = []
        var last: UInt64 = 0
        /// Since when wishes have been urgent without a rest.
        var urgentSince: UInt64?
        var isOver = false
    }

    private let configuration: ClusterConfiguration
    private let context: RedisNode.Context
    private let state = Mutex(State())
    private let wake: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    /// The shortest pause behind a correction.
    private static let calm: UInt64 = 5_000_000_000
    /// The shortest pause while callers wait, and the one that it becomes when that lasts.
    private static let urgent: UInt64 = 100_000_000
    private static let patient: UInt64 = 1_000_000_000
    private static let patience: UInt64 = 15_000_000_000

    /// Between two looks whether replicas are missing.
    private static let replicas = Duration.seconds(2)

    init(_ configuration: ClusterConfiguration, _ context: RedisNode.Context) {
        self.configuration = configuration
        self.context = context
        (self.wake, self.continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Asks for a refresh.
    func ask(_ urgency: Urgency) {
        let isNews = self.state.withLock { state in
            if let wish = state.wish, wish >= urgency { return false }
            state.wish = urgency
            return true
        }
        if isNews { self.continuation.yield() }
    }

    /// A node has lost its connection, cannot be connected to, or is silent.
    func note(troubleAt address: RedisAddress) {
        self.state.withLock { _ = $0.troubles.insert(address) }
        self.ask(.urgently)
    }

    func end() {
        self.state.withLock { $0.isOver = true }
        self.continuation.finish()
    }

    /// Refreshes until ended or cancelled.
    func run(_ topology: ClusterTopology) async {
        self.ask(.urgently)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.askPeriodically(topology) }
            for await _ in self.wake {
                await self.serve(topology)
                if self.state.withLock({ $0.isOver }) { break }
            }
            group.cancelAll()
        }
    }

    private func askPeriodically(_ topology: ClusterTopology) async {
        // A longer sleep than some hundred years traps.
        let interval = self.configuration.refreshInterval.map { min($0, .seconds(1_000_000_000)) }
        // Replicas come back without a word to those who do not ask.
        guard let pause = topology.usesReplicas ? min(interval ?? Self.replicas, Self.replicas) : interval else {
            return
        }
        var last = ContinuousClock.now
        while true {
            // Spread, so that app servers started together do not ask together.
            guard (try? await Task.sleep(for: pause * Double.random(in: 0.8...1))) != nil else { return }
            let isDue = interval.map { last.duration(to: .now) >= $0 * 0.8 } ?? false
            guard isDue || topology.lacksReplicas else { continue }
            last = .now
            self.ask(.soon)
        }
    }

    /// Refreshes as soon as the last time is long enough ago for what is wished.
    private func serve(_ topology: ClusterTopology) async {
        while true {
            let (rest, troubles) = self.state.withLock { state -> (UInt64?, Set<RedisAddress>) in
                defer { state.troubles = [] }
                guard let wish = state.wish, !state.isOver else { return (nil, state.troubles) }
                return (Self.rest(wish, &state, NIODeadline.now().uptimeNanoseconds), state.troubles)
            }
            for address in troubles { topology.note(troubleAt: address) }
            guard let rest else { return }
            if rest == 0 { break }
            // In short steps: the wish may become more urgent.
            let step = Duration.nanoseconds(Int64(clamping: min(rest, 25_000_000)))
            guard (try? await Task.sleep(for: step)) != nil else { return }
        }
        await self.refresh(topology)
    }

    private static func rest(_ wish: Urgency, _ state: inout State, _ now: UInt64) -> UInt64 {
        if wish == .urgently {
            state.urgentSince = state.urgentSince ?? now
        } else {
            state.urgentSince = nil
        }
        let isLasting = state.urgentSince.map { now > $0.addingClamped(Self.patience) } ?? false
        let pause = wish == .soon ? Self.calm : isLasting ? Self.patient : Self.urgent
        let end = state.last.addingClamped(pause)
        return state.last == 0 || now >= end ? 0 : end - now
    }

    private func refresh(_ topology: ClusterTopology) async {
        self.state.withLock { $0.wish = nil }
        do {
            topology.apply(try await self.view(topology))
        } catch is CancellationError {
            return
        } catch {
            let failure = error as? RedisError ?? RedisError(.cannotConnect, "\(error)", cause: error)
            let message = "no node of the cluster could be asked for its slots: \(failure.message)"
            topology.failed(RedisError(.cannotConnect, message, cause: failure))
            let isFirst = self.state.withLock { $0.urgentSince == nil || $0.last == 0 }
            self.context.logger.log(
                level: isFirst ? .warning : .debug,
                "cannot refresh the cluster's slots, trying on",
                metadata: ["error": "\(failure)"]
            )
            self.ask(.urgently)
        }
        let spread = UInt64.random(in: 0...Self.urgent / 4)
        self.state.withLock { state in
            state.last = NIODeadline.now().uptimeNanoseconds.addingClamped(spread)
            if state.wish == nil { state.urgentSince = nil }
        }
    }

    // MARK: Asking

    /// One node's view: of the first that answers. The next one is asked when one has failed or takes long.
    private func view(_ topology: ClusterTopology) async throws -> ClusterView {
        let known = topology.respondents.prefix(8).map(Respondent.node)
        let seeds = self.configuration.seeds.shuffled().prefix(8).map(Respondent.seed)
        return try await firstSuccess(of: known + seeds, hedgingAfter: .milliseconds(100)) { respondent in
            switch respondent {
            case .node(let node): try await self.ask(node)
            case .seed(let seed): try await self.ask(seed)
            }
        }
    }

    private enum Respondent: Sendable {
        /// Over its shared connection.
        case node(RedisNode)
        /// Over a connection made for the question.
        case seed(RedisAddress)
    }

    private func ask(_ node: RedisNode) async throws -> ClusterView {
        let replies = await node.multiplexer.attempt(
            expecting: 1,
            timeout: 1_000_000_000,
            isFirstInLine: true,
            ignoresCancellation: false,
            encode: Self.encode
        )
        return try self.view(replies, from: node.address)
    }

    private func ask(_ seed: RedisAddress) async throws -> ClusterView {
        var configuration = self.context.configuration
        configuration.address = seed
        configuration.requiredRole = nil
        configuration.requiredCommands = []
        configuration.preloadedScripts = []
        let connection = try await PooledConnection.connect(
            configuration,
            tls: self.context.tls.map { TLSClient($0, for: seed) },
            on: self.context.eventLoopGroup.next(),
            until: .max
        )
        defer { connection.close() }
        let replies = await connection.multiplexer.attempt(
            expecting: 1,
            timeout: configuration.commandTimeout.nanosecondsClamped,
            isFirstInLine: true,
            ignoresCancellation: false,
            encode: Self.encode
        )
        return try self.view(replies, from: seed)
    }

    private static func encode(into buffer: inout ByteBuffer) {
        buffer.writeWire("*2\r\n$7\r\nCLUSTER\r\n$5\r\nSLOTS\r\n")
    }

    private func view(_ replies: RedisReplies, from address: RedisAddress) throws -> ClusterView {
        guard replies.count == 1 else {
            throw replies.failure ?? RedisError(.connectionClosed, "\(address) cannot be asked")
        }
        var reader = RESPReader(replies.bytes)
        do {
            let view = try ClusterView(try RESPValue(from: &reader), from: address)
            guard !view.ranges.isEmpty else { throw RedisError(.cannotConnect, "\(address) knows of no slots") }
            return view
        } catch let error as RESPError {
            throw RedisError(error)
        }
    }
}
