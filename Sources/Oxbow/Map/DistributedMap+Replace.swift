import NIOCore
import Resilience

extension DistributedMap where Value: Equatable {
    /// Stores a value if the entry's value is equal to the expected one.
    ///
    /// Atomic: a change between the comparison and the store is noticed, and the new value is compared. Two round trips, and
    /// two more for each such change.
    ///
    /// - Parameters:
    ///   - expected: the value that must be there.
    ///   - value: the value to store in its place.
    ///   - key: any text but the empty one.
    ///   - timeToLive: the entry's TTL from now on; unchanged by default.
    ///   - timeout: the limit of the whole call; `commandTimeout` for each round trip by default.
    /// - Returns: whether the value was stored.
    /// - Throws: as ``put(_:for:timeToLive:timeout:)``; also `undecodable` and `wrongType`: then nothing is stored;
    ///   `contended` when the entry changed, each time to an equal value, during 20 attempts or until the timeout: then
    ///   nothing is stored.
    public func replace(
        _ expected: Value,
        with value: Value,
        for key: String,
        timeToLive: Duration? = nil,
        timeout: Duration? = nil
    ) async throws -> Bool {
        let (name, new, life) = (try self.name(key), try self.encode(value), try timeToLive.map(Self.checked))
        let deadline = CallDeadline(timeout)
        var pause = Backoff(initial: .milliseconds(1), maximum: .milliseconds(50))
        // The stored form of equal values may differ: by the codec, or by the settings of compression. The stored bytes are
        // compared as a value, and replaced if they are still the same bytes.
        for attempt in 1...20 {
            if attempt > 1 {
                let pause = pause.next(random: .random(in: 0..<1))
                if let rest = deadline.rest, rest <= pause { break }
                try await Task.sleep(for: pause)
            }
            let found = try await Self.calling {
                try await self.store.read(name, resettingLifeTo: nil, timeout: deadline.rest)
            }
            guard let found, try self.decode(found) == expected else { return false }
            let isReplaced = try await Self.calling {
                try await self.store.replace(name, found, with: new, for: life, timeout: deadline.rest)
            }
            if isReplaced { return true }
        }
        throw OxbowError(.contended, "other callers changed the entry at each attempt; nothing was stored")
    }
}
