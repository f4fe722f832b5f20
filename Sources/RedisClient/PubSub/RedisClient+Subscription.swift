import NIOCore

extension RedisClient {
    /// Subscribes to channels for as long as `body` runs.
    ///
    /// ```swift
    /// try await client.withSubscription(to: ["news"], patterns: ["news.*"]) { events in
    ///     for try await event in events {
    ///         switch event {
    ///         case .message(let message): print(message.channel, message.text)
    ///         case .inForce: break // what came before may have been lost
    ///         case .interrupted: break
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// The subscription outlives lost connections and changes of the servers' arrangement, which it reports as
    /// ``RedisSubscriptionEvent/interrupted`` and ``RedisSubscriptionEvent/inForce``. All subscriptions of a client
    /// share one connection to each server concerned, which is made for the first and closed behind the last of them,
    /// and is not counted in ``ConnectionPoolConfiguration/maximumTotal``. A message that fits several of the names
    /// comes once for each of them.
    ///
    /// In a cluster ordinary channels and patterns are subscribed to at one master, which hears what is published at
    /// any node; sharded channels at the master that serves their slot.
    ///
    /// - Parameters:
    ///   - channels: ordinary channels, fed by PUBLISH; none by default.
    ///   - patterns: glob patterns of such channels; none by default.
    ///   - sharded: sharded channels, fed by SPUBLISH; none by default.
    ///   - configuration: how much waits for a slow consumer before it is dropped.
    ///   - body: gets the events; its end, however it comes about, ends the subscription.
    /// - Returns: what `body` returns.
    /// - Throws: ``RedisError`` with `notRunning` or `shutDown`; what `body` throws.
    public func withSubscription<Result>(
        to channels: [String] = [],
        patterns: [String] = [],
        sharded: [String] = [],
        configuration: RedisSubscriptionConfiguration = RedisSubscriptionConfiguration(),
        _ body: (RedisSubscription) async throws -> Result
    ) async throws -> Result {
        let names =
            channels.map { SubscriptionName(.channel, $0) } + patterns.map { SubscriptionName(.pattern, $0) }
            + sharded.map { SubscriptionName(.sharded, $0) }
        let buffer = SubscriptionBuffer(configuration, self.subscriptions.counters)
        try await self.waitForRun()
        let subscriber = try self.subscriptions.add(names, buffer)
        defer { self.subscriptions.remove(subscriber) }
        return try await body(RedisSubscription(buffer: buffer))
    }

    /// Waits for ``run()`` to begin, for `commandTimeout` at most.
    ///
    /// - Throws: ``RedisError`` with `notRunning`; `CancellationError`.
    private func waitForRun() async throws {
        let multiplexer = self.topology.node(for: RedisRequest(count: 1)).multiplexer
        guard !multiplexer.hasBegun else { return }
        let end = NIODeadline.now().uptimeNanoseconds.addingClamped(self.settings.commandTimeout)
        let failure = await multiplexer.waitForAdmission(until: end, ignoresCancellation: false)
        try Task.checkCancellation()
        guard failure?.code == .notRunning else { return }
        self.warnOfRun()
        throw RedisError.notRunning
    }
}
