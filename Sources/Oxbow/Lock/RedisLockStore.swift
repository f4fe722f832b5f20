import NIOCore
import RESP
package import RedisClient
import Resilience

/// Locks on a Redis or Valkey server.
///
/// The lock is a string with the holder's token, as `SET key token NX PX …` of other programs makes it: each honors
/// the other's. All requests of a holder are scripts that compare the token first.
package struct RedisLockStore: LockStore {
    let client: RedisClient

    package init(client: RedisClient) { self.client = client }

    package var evictionPolicy: String? {
        self.client.server?.evictionPolicy.flatMap { $0 == "noeviction" ? nil : $0 }
    }

    package static var scripts: [Script] { [self.taking, self.renewing, self.releasing] }

    /// The TTL of the last number of a lock: after it, and after a flush or an eviction, the server's clock alone
    /// makes the next number higher.
    private static let fenceLife = Duration.seconds(86_400)

    /// ARGV: token, ms of the lease, ms of the fence.
    ///
    /// Answers 1 and the number, or 0. The number is written first: an error after that leaves no lock.
    private static let taking = Script(
        """
        local owner = redis.call('GET', KEYS[1])
        if owner and owner ~= ARGV[1] then return {0, 0} end
        local t = redis.call('TIME')
        local last = tonumber(redis.call('GET', KEYS[2]) or 0) or 0
        local fence = math.max(last + 1, t[1] * 1000000 + t[2])
        redis.call('SET', KEYS[2], string.format('%.0f', fence), 'PX', ARGV[3])
        redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
        return {1, fence}
        """
    )

    /// ARGV: token, ms.
    private static let renewing = Script(
        """
        if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
        return redis.call('PEXPIRE', KEYS[1], ARGV[2])
        """
    )

    /// ARGV: token.
    private static let releasing = Script(
        """
        if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
        return redis.call('DEL', KEYS[1])
        """
    )

    package func take(
        _ lock: LockName,
        _ token: Token,
        for lease: Duration,
        confirmedBy replicas: Int,
        within timeout: Duration?
    ) async throws -> LockAnswer {
        let timeout = self.limited(timeout)
        let call = ScriptCall(
            Self.taking,
            keys: (lock.key, lock.fence),
            arguments: (token.text, lease.milliseconds, Self.fenceLife.milliseconds),
            returning: [Int].self,
            isIdempotent: true
        )
        guard replicas > 0 else { return try LockAnswer(await self.client.execute(call, timeout: timeout)) }
        return try await self.client.withConnection(near: lock.key, timeout: timeout) { connection in
            let answer = try LockAnswer(await connection.execute(call, timeout: timeout))
            guard case .taken = answer else { return answer }
            let limit = min(lease / 3, timeout)
            let wait = RawCommand("WAIT", replicas, limit.milliseconds, returning: Int.self)
            let confirmations = try await connection.execute(wait, timeout: limit + LockTimeout.minimum)
            if confirmations >= replicas { return answer }
            _ = try await self.release(lock, token)
            return .unconfirmed(confirmations)
        }
    }

    package func renew(
        _ lock: LockName,
        _ token: Token,
        for lease: Duration,
        within timeout: Duration
    ) async throws -> Bool {
        let call = ScriptCall(
            Self.renewing,
            keys: (lock.key),
            arguments: (token.text, lease.milliseconds),
            returning: Int.self,
            isIdempotent: true,
            ignoresCancellation: true
        )
        // The breaker's pause may be longer than the lease.
        return try await RedisClient.pastBreaker { try await self.client.execute(call, timeout: timeout) } == 1
    }

    package func release(_ lock: LockName, _ token: Token, within timeout: Duration?) async throws -> LockReturn {
        let end = ContinuousClock.now + self.limited(timeout)
        do {
            // Not repeated by the client: the repetition of one that was carried out would not find the lock.
            return try await self.release(lock, token, until: end, isRepeatable: false) ? .released : .notHeld
        } catch let error as RedisError where error.code == .connectionClosed || error.delivery == .refused {
            if try await self.release(lock, token, until: end, isRepeatable: true) { return .released }
            return error.delivery == .unknown ? .inDoubt : .notHeld
        }
    }

    private func release(
        _ lock: LockName,
        _ token: Token,
        until end: ContinuousClock.Instant,
        isRepeatable: Bool
    ) async throws -> Bool {
        let call = ScriptCall(
            Self.releasing,
            keys: (lock.key),
            arguments: (token.text),
            returning: Int.self,
            isIdempotent: isRepeatable,
            ignoresCancellation: true
        )
        let rest = max(.milliseconds(1), ContinuousClock.now.duration(to: end))
        return try await RedisClient.pastBreaker { try await self.client.execute(call, timeout: rest) } == 1
    }

    /// The limit of one request: `commandTimeout` at most.
    private func limited(_ timeout: Duration?) -> Duration {
        let longest = self.client.configuration.commandTimeout
        return timeout.map { min($0, longest) } ?? longest
    }

    package func wait(for lock: LockName, until end: ContinuousClock.Instant) async throws {
        try await self.client.watches.with(ByteBuffer(string: lock.key.text)) { watch in
            var pause = Backoff(initial: .milliseconds(2), maximum: .milliseconds(50))
            while ContinuousClock.now < end {
                watch.begin()
                let timeout = self.limited(LockTimeout.rest(until: end))
                let (owner, life, isTracked) = try await self.client.executeTracked(
                    GET(lock.key, as: Bytes.self),
                    RawCommand("PTTL", lock.key, returning: Int.self),
                    timeout: timeout
                )
                let now = ContinuousClock.now
                guard case .success(let found) = owner else {
                    // On another node, or not now: taking the lock again follows redirections and retries.
                    return try await Task.sleep(until: min(end, now + pause.maximum), clock: .continuous)
                }
                if found == nil { return }
                // The lease may end without a message: the server notices that when it is asked.
                let rest = (try? life.get()) ?? -1
                let next = min(end, rest < 0 ? end : now + .milliseconds(rest) + .milliseconds(1))
                if isTracked { return try await watch.wait(until: next) }
                let retry = now + pause.next(random: .random(in: 0..<1))
                try await Task.sleep(until: min(next, retry), clock: .continuous)
            }
        }
    }
}

extension LockAnswer {
    /// Reads the script's answer.
    fileprivate init(_ numbers: [Int]) throws {
        guard numbers.count == 2 else {
            throw RedisError(.unexpectedReply, "a lock's script answered \(numbers.count) numbers, not 2")
        }
        self = numbers[0] == 1 ? .taken(fence: UInt64(clamping: numbers[1])) : .held
    }
}
