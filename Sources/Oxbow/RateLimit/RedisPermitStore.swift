import RESP
package import RedisClient

/// Permits on a Redis or Valkey server: one script, one key and the server's clock for each decision.
package struct RedisPermitStore: PermitStore {
    let client: RedisClient

    package init(client: RedisClient) { self.client = client }

    package func take(
        _ permits: Int,
        of key: CellName,
        by rule: PermitRule,
        timeout: Duration?
    ) async throws -> RateLimitDecision {
        let answer =
            switch rule {
            case .slidingLog(let limit, let microseconds):
                try await self.run(Self.slidingLog, key, (limit, microseconds, permits), timeout)
            case .gcra(let interval, let burst):
                try await self.run(Self.gcra, key, ("\(interval)", burst, permits), timeout)
            }
        guard answer.count == 3 else {
            throw RedisError(.unexpectedReply, "a rate limiter's script answered \(answer.count) numbers, not 3")
        }
        return RateLimitDecision(
            isAllowed: answer[0] == 1,
            remaining: max(0, answer[1]),
            retryAfter: .microseconds(max(0, answer[2]))
        )
    }

    private func run<each Argument: RESPArgument>(
        _ script: Script,
        _ key: CellName,
        _ arguments: (repeat each Argument),
        _ timeout: Duration?
    ) async throws -> [Int] {
        let call = ScriptCall(script, keys: (key), arguments: (repeat each arguments), returning: [Int].self)
        return try await self.client.execute(call, timeout: timeout)
    }

    package static var scripts: [Script] { [self.slidingLog, self.gcra] }

    private static let slidingLog = Script(PermitScripts.slidingLog(clock: PermitScripts.serverClock))
    private static let gcra = Script(PermitScripts.gcra(clock: PermitScripts.serverClock))
}
