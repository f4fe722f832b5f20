import NIOCore
import RedisClient

/// Values that are loaded anew before they are gone.
extension RedisStore {
    package func claimRefresh(
        _ cell: CellAddress,
        _ token: Token,
        of value: Envelope,
        for life: Duration
    ) async throws -> Bool {
        try await self.run(
            RedisScripts.refresh,
            cell,
            arguments: (value.header, token.bytes, life.milliseconds),
            timeout: self.softTimeout
        )
    }

    package var time: UInt64 { self.client.serverTime }
}
