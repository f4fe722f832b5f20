import Synchronization

/// The settings that may change while a client runs, shared by all its parts; the others are as they were at its beginning.
final class ClientSettings: Sendable {
    private struct Values: Sendable {
        var commandTimeout: Duration
        var connectTimeout: Duration
        var pool: ConnectionPoolConfiguration

        init(_ configuration: RedisClientConfiguration) {
            self.commandTimeout = configuration.commandTimeout
            self.connectTimeout = configuration.connectTimeout
            self.pool = configuration.pool
        }

        /// How long nothing may come while replies are awaited, in ns.
        var unresponsiveAfter: UInt64 {
            min(self.commandTimeout.nanosecondsClamped, self.pool.cleanerPause.nanosecondsClamped)
        }
    }

    private let turns = Mutex(())
    private let values: Mutex<Values>
    // Those that are read for each command, in ns.
    private let commandTimeoutNanoseconds: Atomic<UInt64>
    private let queueWaitNanoseconds: Atomic<UInt64>
    private let unresponsiveNanoseconds: Atomic<UInt64>

    init(_ configuration: RedisClientConfiguration) {
        let values = Values(configuration)
        self.values = Mutex(values)
        self.commandTimeoutNanoseconds = Atomic(values.commandTimeout.nanosecondsClamped)
        self.queueWaitNanoseconds = Atomic(values.pool.maximumWait.nanosecondsClamped)
        self.unresponsiveNanoseconds = Atomic(values.unresponsiveAfter)
    }

    /// For one command, in ns.
    var commandTimeout: UInt64 { self.commandTimeoutNanoseconds.load(ordering: .relaxed) }
    /// The same as a duration.
    var patience: Duration { .nanoseconds(Int64(clamping: self.commandTimeout)) }
    /// The longest wait for room, in ns.
    var queueWait: UInt64 { self.queueWaitNanoseconds.load(ordering: .relaxed) }
    /// How long nothing may come while replies are awaited, in ns.
    var unresponsiveAfter: UInt64 { self.unresponsiveNanoseconds.load(ordering: .relaxed) }
    var connectTimeout: Duration { self.values.withLock { $0.connectTimeout } }
    var pool: ConnectionPoolConfiguration { self.values.withLock { $0.pool } }

    /// Runs one change of the client after the other.
    func inTurn<Result: Sendable>(_ body: () -> Result) -> Result { self.turns.withLock { _ in body() } }

    func change(to configuration: RedisClientConfiguration) {
        let values = Values(configuration)
        self.values.withLock { current in
            current = values
            self.commandTimeoutNanoseconds.store(values.commandTimeout.nanosecondsClamped, ordering: .relaxed)
            self.queueWaitNanoseconds.store(values.pool.maximumWait.nanosecondsClamped, ordering: .relaxed)
            self.unresponsiveNanoseconds.store(values.unresponsiveAfter, ordering: .relaxed)
        }
    }

    /// A configuration with these settings as they are now.
    func applied(to configuration: RedisClientConfiguration) -> RedisClientConfiguration {
        var configuration = configuration
        let values = self.values.withLock { $0 }
        configuration.commandTimeout = values.commandTimeout
        configuration.connectTimeout = values.connectTimeout
        configuration.pool = values.pool
        return configuration
    }
}

extension RedisClient {
    /// Changes what may change while the client runs: `commandTimeout`, `connectTimeout`, `pool` and `breaker`.
    ///
    /// Commands on their way keep their deadlines; connections in use beyond a smaller pool are closed when they are given
    /// back; a new `cleanerPause` holds behind the present one. A breaker with other settings begins closed. Nothing else is
    /// changed.
    ///
    /// - Parameter configuration: all settings, as for a new client.
    /// - Returns: the names of the other settings that differ from the client's: they need a new client.
    /// - Throws: ``RedisError`` with `invalidConfiguration`; nothing is changed then.
    @discardableResult
    public func reconfigure(_ configuration: RedisClientConfiguration) throws -> [String] {
        try configuration.validate()
        return self.settings.inTurn {
            let before = self.configuration
            self.settings.change(to: configuration)
            for node in self.topology.nodes { node.pool.reconfigure(configuration.pool) }
            if configuration.breaker != before.breaker { self.breaker.reconfigure(configuration.breaker) }
            return differingSettings(self.configuration, configuration)
        }
    }
}

extension RedisClient {
    /// A configuration with what ``reconfigure(_:)`` may have changed.
    package func reconfigured(_ configuration: RedisClientConfiguration) -> RedisClientConfiguration {
        var configuration = self.settings.applied(to: configuration)
        configuration.breaker = self.breaker.configuration
        return configuration
    }
}

/// The names of the stored properties of two values of one type that differ.
package func differingSettings<Settings>(_ left: Settings, _ right: Settings) -> [String] {
    zip(Mirror(reflecting: left).children, Mirror(reflecting: right).children)
        .compactMap { left, right in
            guard let left = left.value as? any Hashable, let right = right.value as? any Hashable,
                AnyHashable(left) == AnyHashable(right)
            else { return right.label }
            return nil
        }
}
