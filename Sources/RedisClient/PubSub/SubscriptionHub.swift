import Logging
import NIOCore
import Resilience
import Synchronization

/// All subscriptions of one client.
final class SubscriptionHub: Sendable {
    private enum Phase {
        case idle
        case running(SubscriptionTable)
        case over
    }

    private struct State {
        var phase = Phase.idle
        var nextLook: (timer: Scheduled<Void>, isSoon: Bool)?
        /// The pauses while no node is known for some name, or servers refuse to serve it for the moment.
        var backoff = Backoff(initial: .milliseconds(50), maximum: .seconds(1))
    }

    let counters: ConnectionCounters
    private let eventLoop: any EventLoop
    private let logger: Logger
    private let state = Mutex(State())
    private let homes: AsyncStream<SubscriptionHome>
    private let newHomes: AsyncStream<SubscriptionHome>.Continuation

    /// Between two looks for nodes that are over; retirements are told besides.
    private static let pause = TimeAmount.seconds(1)

    init(eventLoop: any EventLoop, counters: ConnectionCounters, logger: Logger) {
        self.eventLoop = eventLoop
        self.counters = counters
        self.logger = logger
        (self.homes, self.newHomes) = AsyncStream.makeStream()
    }

    // MARK: Life

    /// Takes subscriptions from here on.
    func start(_ topology: any Topology) {
        self.state.withLock { state in
            if case .idle = state.phase { state.phase = .running(SubscriptionTable(topology)) }
        }
    }

    /// Keeps the connections while `body` runs.
    func run(while body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await self.runHomes() }
            defer {
                self.end(RedisError(.shutDown, "the client's run() has ended"))
                group.cancelAll()
            }
            try await body()
        }
    }

    private func runHomes() async {
        await withDiscardingTaskGroup { group in
            for await home in self.homes { group.addTask { await home.run(in: self, self.logger) } }
            group.cancelAll()
        }
    }

    /// Ends all subscriptions, with an error or without.
    func end(_ failure: RedisError?) {
        let buffers = self.state.withLock { state -> [SubscriptionBuffer] in
            state.nextLook?.timer.cancel()
            state.nextLook = nil
            defer { state.phase = .over }
            guard case .running(var table) = state.phase else { return [] }
            return table.removeAll()
        }
        self.newHomes.finish()
        for buffer in buffers { buffer.end(failure) }
    }

    // MARK: Subscribers

    /// - Throws: ``RedisError`` with `notRunning` or `shutDown`.
    func add(_ names: [SubscriptionName], _ buffer: SubscriptionBuffer) throws -> SubscriptionTable.Subscriber {
        let subscriber = self.change { $0.add(names, buffer) }
        if let subscriber { return subscriber }
        let isIdle = self.state.withLock { if case .idle = $0.phase { true } else { false } }
        throw isIdle
            ? RedisError.notRunning
            : RedisError(.shutDown, "the client is shutting down")
    }

    /// Ends a subscription; what waits of it is dropped.
    func remove(_ subscriber: SubscriptionTable.Subscriber) {
        let buffer = self.change { $0.remove(subscriber) } ?? nil
        buffer?.end(nil, discarding: true)
    }

    // MARK: Homes

    func connected(_ home: SubscriptionHome, _ connection: SubscriberConnection) -> Bool {
        self.change { $0.connected(home, connection) } ?? false
    }

    func disconnected(_ home: SubscriptionHome) -> Bool { self.change { $0.disconnected(home) } ?? false }

    func retry(_ home: SubscriptionHome) -> Bool { self.change { $0.retry(home) } ?? false }

    /// On the loop of the home's connection.
    func receive(_ event: SubscriberEvent, from home: SubscriptionHome) {
        let refused = self.change { $0.receive(event, from: home) } ?? nil
        guard let refused else { return }
        for user in refused.users {
            let buffer = self.change { $0.remove(user) } ?? nil
            buffer?.end(refused.failure)
        }
    }

    /// A node has been retired: its subscriptions move now.
    ///
    /// May be called under a topology's lock.
    func noteRetirement() { self.eventLoop.execute { self.look() } }

    private func look() {
        self.state.withLock { state in
            state.nextLook?.timer.cancel()
            state.nextLook = nil
            if case .running(let table) = state.phase, !table.hasUnassigned { state.backoff.reset() }
        }
        _ = self.change { $0.look() }
    }

    /// Changes the table, and does what follows from the change.
    private func change<Result>(_ body: (inout SubscriptionTable) -> Result) -> Result? {
        let (result, homes) = self.state.withLock { state -> (Result?, [SubscriptionHome]) in
            guard case .running(var table) = state.phase else { return (nil, []) }
            // Alone here: a table that somebody else holds would be copied to be changed.
            state.phase = .over
            let result = body(&table)
            let homes = table.flush()
            self.scheduleLook(table, &state)
            state.phase = .running(table)
            return (result, homes)
        }
        for home in homes { self.newHomes.yield(home) }
        return result
    }

    private func scheduleLook(_ table: borrowing SubscriptionTable, _ state: inout State) {
        let isSoon = table.hasUnassigned
        guard !table.isEmpty else {
            state.nextLook?.timer.cancel()
            state.nextLook = nil
            return
        }
        if let next = state.nextLook {
            guard isSoon, !next.isSoon else { return }
            next.timer.cancel()
        }
        let soon = isSoon ? state.backoff.next(random: .random(in: 0..<1)) : nil
        let pause = soon.map { TimeAmount($0) } ?? Self.pause
        let timer = self.eventLoop.scheduleTask(in: pause) { [weak self] in
            guard let self else { return }
            self.look()
        }
        state.nextLook = (timer, isSoon)
    }
}
