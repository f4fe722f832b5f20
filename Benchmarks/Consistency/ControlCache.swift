import Oxbow
import RedisClient

/// The control: plain cache-aside as it is often written.
///
/// A value that was loaded before a change may be stored after it.
struct ControlCache: Sendable {
    let client: RedisClient
    let timeToLive: Duration

    func value(
        for key: String,
        orLoad load: @Sendable () async throws -> ConsistencyRow
    ) async throws -> ConsistencyRow {
        if let text = try? await self.client.execute(GET(self.name(key), as: String.self)), let version = Int(text) {
            return ConsistencyRow(version: version)
        }
        let row = try await load()
        let milliseconds = Int(self.timeToLive / .milliseconds(1))
        _ = try? await self.client.execute(SET(self.name(key), String(row.version), milliseconds: milliseconds))
        return row
    }

    func invalidate(_ key: String) async throws -> InvalidationOutcome {
        _ = try await self.client.execute(DEL([self.name(key)]))
        return .applied
    }

    private func name(_ key: String) -> String { "control:\(key)" }
}
