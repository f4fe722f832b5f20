import RESP
package import RedisClient
import Synchronization

/// Permits on a Redis or Valkey server: one script, one key and the server's clock for each decision.
package struct RedisPermitStore: PermitStore {
    let client: RedisClient

    package init(client: RedisClient) { self.client = client }

    package func take(_ permits: Int, of key: CellName, by rule: PermitRule) async throws -> RateLimitDecision {
        let answer =
            switch rule {
            case .slidingLog(let limit, let microseconds):
                try await self.run(Self.slidingLog, key, (limit, microseconds, permits))
            case .gcra(let interval, let burst): try await self.run(Self.gcra, key, ("\(interval)", burst, permits))
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
        _ arguments: (repeat each Argument)
    ) async throws -> [Int] {
        let call = ScriptCall(script, keys: (key), arguments: (repeat each arguments), returning: [Int].self)
        return try await self.client.execute(call)
    }

    package static var scripts: [Script] { [self.slidingLog, self.gcra] }

    /// The time in µs, as a number of Lua: exact until the year 2255.
    private static let clock = "local t = redis.call('TIME') local now = t[1] * 1000000 + t[2]\n"

    /// A list of the times at which permits were given, oldest first.
    ///
    /// ARGV: limit, window in µs, permits. Answers: given, remaining, µs until there is room.
    private static let slidingLog = Script(
        clock + """
            local key, limit, window, n = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
            -- A clock that was set back: permits last longer, none is given too early.
            local clock = now
            now = math.max(now, tonumber(redis.call('LINDEX', key, -1) or 0))
            while true do
              local first = redis.call('LINDEX', key, 0)
              if not first or tonumber(first) > now - window then break end
              redis.call('LPOP', key)
            end
            local used = redis.call('LLEN', key)
            if used + n > limit then
              local first = tonumber(redis.call('LINDEX', key, used + n - limit - 1))
              local wait = first + window - clock
              -- After which all of them end in any case; in whole milliseconds, rounded down.
              local life = redis.call('PTTL', key)
              if life >= 0 then wait = math.min(wait, (life + 1) * 1000) end
              return {0, limit - used, math.ceil(wait)}
            end
            local time = string.format('%.0f', now)
            for _ = 1, n do redis.call('RPUSH', key, time) end
            redis.call('PEXPIRE', key, math.ceil(window / 1000))
            return {1, limit - used - n, 0}
            """
    )

    /// A string: the time at which all permits will have come back.
    ///
    /// ARGV: µs for one permit, burst, permits. Answers: given, remaining, µs until there is room.
    private static let gcra = Script(
        clock + """
            local key, interval, burst, n = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
            local capacity = burst * interval
            local last = tonumber(redis.call('GET', key) or 0) or 0
            local taken = math.min(math.max(last, now), now + capacity)
            local next = taken + n * interval
            if next - capacity > now then
              -- At most what can be taken: a clock that was set back does no more harm than that.
              if last > taken then
                redis.call('SET', key, string.format('%.3f', taken), 'PX', math.ceil(capacity / 1000))
              end
              return {0, math.floor((capacity - (taken - now)) / interval), math.ceil(next - capacity - now)}
            end
            redis.call('SET', key, string.format('%.3f', next), 'PX', math.max(1, math.ceil((next - now) / 1000)))
            return {1, math.floor((capacity - (next - now)) / interval), 0}
            """
    )
}

/// Permits inside of one process.
package final class MemoryPermitStore: PermitStore {
    private struct State {
        var permits: [CellName: PermitState] = [:]
        /// With so many, those that have ended go.
        var most = 10_000
    }

    private let state = Mutex(State())
    private let start: ContinuousClock.Instant
    private let now: @Sendable () -> ContinuousClock.Instant

    /// - Parameter now: the clock; tests turn it by hand.
    package init(now: @escaping @Sendable () -> ContinuousClock.Instant = { ContinuousClock.now }) {
        self.now = now
        self.start = now()
    }

    package func take(_ permits: Int, of key: CellName, by rule: PermitRule) async throws -> RateLimitDecision {
        let time = self.start.duration(to: self.now()) / .microseconds(1)
        return self.state.withLock { state in
            if state.permits.count >= state.most, state.permits[key] == nil {
                state.permits = state.permits.filter { $0.value.end > time }
                // Not again for each of the next ones.
                state.most = max(10_000, 2 * state.permits.count)
            }
            return state.permits[key, default: PermitState()].take(permits, by: rule, at: time)
        }
    }
}
