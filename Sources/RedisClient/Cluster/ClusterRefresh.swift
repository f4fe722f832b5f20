import Logging
import NIOCore
import Resilience
import Synchronization

/// Learns the cluster's slots anew: when something shows that they have changed, and now and then.
///
/// One question is under way at a time, whoever asks for it and how often; the pauses between two are bounded from
/// below and spread at random, so that many clients do not ask at the same moment.
final class ClusterRefresh: Sendable {
    typealias Urgency = RefreshPace.Urgency

    private struct State {
        var wish: Urgency?
        var troubles: Set<RedisAddress> = []
        var pace = RefreshPace()
        var isFailing = false
        /// The names of the cluster's nodes at the last refresh.
        var names: Set<String> = []
        var isOver = false
    }

    private let configuration: ClusterConfiguration
    private let context: RedisNode.Context
    private let state = Mutex(State())
    private let wake: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

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
        // Spread, so that app servers started together do not ask together.
        func next() -> ContinuousClock.Instant? { interval.map { .now + $0 * Double.random(in: 0.8...1) } }
        var due = next()
        // Replicas come back without a word to those who do not ask.
        var looks = Backoff(initial: .seconds(2), maximum: .seconds(30))
        var look = topology.usesReplicas ? ContinuousClock.now + looks.next(random: .random(in: 0..<1)) : nil
        while let end = [due, look].compactMap({ $0 }).min() {
            guard (try? await Task.sleep(until: end, clock: .continuous)) != nil else { return }
            if let time = due, time <= .now {
                self.ask(.soon)
                due = next()
            }
            if let time = look, time <= .now {
                if topology.lacksReplicas { self.ask(.soon) } else { looks.reset() }
                look = .now + looks.next(random: .random(in: 0..<1))
            }
        }
    }

    /// Refreshes as soon as the last time is long enough ago for what is wished.
    private func serve(_ topology: ClusterTopology) async {
        while true {
            let (rest, troubles) = self.state.withLock { state -> (UInt64?, Set<RedisAddress>) in
                defer { state.troubles = [] }
                guard let wish = state.wish, !state.isOver else { return (nil, state.troubles) }
                return (state.pace.rest(before: wish, at: NIODeadline.now().uptimeNanoseconds), state.troubles)
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

    private func refresh(_ topology: ClusterTopology) async {
        self.state.withLock { $0.wish = nil }
        var failure: RedisError?
        do {
            let question = ClusterQuestion(
                nodes: topology.respondents,
                seeds: self.configuration.seeds,
                knownNames: self.state.withLock { $0.names },
                context: self.context
            )
            let view = try await question.view()
            topology.apply(view)
            self.state.withLock { $0.names = view.names }
        } catch is CancellationError {
            return
        } catch {
            failure = error as? RedisError ?? RedisError(.cannotConnect, "\(error)", cause: error)
        }
        let wasFailing = self.state.withLock { state in
            state.pace.refreshed(at: NIODeadline.now().uptimeNanoseconds, random: .random(in: 0..<1))
            defer { state.isFailing = failure != nil }
            return state.isFailing
        }
        guard let failure else { return }
        let message = "no node of the cluster could be asked for its slots: \(failure.message)"
        topology.failed(RedisError(.cannotConnect, message, cause: failure))
        self.context.logger.log(
            level: wasFailing ? .debug : .warning,
            "cannot refresh the cluster's slots, trying on",
            metadata: ["error": "\(failure)"]
        )
        self.ask(.urgently)
    }
}
