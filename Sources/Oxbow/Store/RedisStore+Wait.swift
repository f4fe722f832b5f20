import NIOCore
import RedisClient
import Resilience

/// Waiting for the end of another's claim: the server tells when the cell changes, where it can (client tracking).
extension RedisStore {
    /// What stands in a cell, for how long at most, and whether the server will tell of a change.
    private struct Observation {
        var content: CellContent
        var life: Duration?
        var isTracked: Bool
    }

    /// Waits for the server's word, or for the end of the claim, which may go by without a word and is known beforehand.
    ///
    /// Without tracking, and for a field whose hash changes all the time, the cell is looked at in growing pauses.
    package func wait(
        _ cell: CellAddress,
        while token: Token,
        until end: ContinuousClock.Instant
    ) async throws -> CellContent {
        try await self.client.watches.with(ByteBuffer(string: cell.key.text)) { watch in
            var pause = Backoff(initial: .milliseconds(2), maximum: .milliseconds(50))
            var wasBrief = false
            while true {
                watch.begin()
                let found = try await self.observe(cell)
                let start = ContinuousClock.now
                guard found.content == .claim(token), start < end else { return found.content }
                let next = min(end, start + (found.life ?? Self.longestPause) + .milliseconds(1))
                if found.isTracked, !wasBrief {
                    try await watch.wait(until: next)
                    wasBrief = start.duration(to: .now) < pause.maximum
                    if !wasBrief { pause.reset() }
                } else {
                    wasBrief = false
                    let look = start + pause.next(random: .random(in: 0..<1))
                    try await Task.sleep(until: min(next, look), clock: .continuous)
                }
            }
        }
    }

    private static let longestPause = Duration.seconds(1)

    private func observe(_ cell: CellAddress) async throws -> Observation {
        let found: Result<Bytes?, RedisError>
        let life: Int
        let isTracked: Bool
        if let field = cell.field {
            let (content, lives, tracking) = try await self.client.executeTracked(
                HGET(cell.key, field, as: Bytes.self),
                RawCommand("HPTTL", cell.key, "FIELDS", 1, field, returning: [Int].self),
                timeout: self.softTimeout
            )
            (found, life, isTracked) = (content, (try? lives.get().first) ?? -1, tracking)
        } else {
            let (content, rest, tracking) = try await self.client.executeTracked(
                GET(cell.key, as: Bytes.self),
                RawCommand("PTTL", cell.key, returning: Int.self),
                timeout: self.softTimeout
            )
            (found, life, isTracked) = (content, (try? rest.get()) ?? -1, tracking)
        }
        guard case .success(let bytes) = found else {
            // A cluster's node that has the slot no more, or a key of another type: the usual way knows what to do.
            return Observation(content: try await self.read(cell), life: nil, isTracked: false)
        }
        let rest = life < 0 ? nil : Duration.milliseconds(life)
        return Observation(content: CellContent(bytes?.slice), life: rest, isTracked: isTracked)
    }
}
