import FoundationEssentials
import RESP
import Synchronization

extension RedisClient {
    /// Asks all masters who they are.
    ///
    /// - Returns: the run id and the replication id of each; without those that have not answered within `timeout`.
    /// - Throws: `CancellationError`.
    package func sightMasters(timeout: Duration) async throws -> (identities: Set<String>, isComplete: Bool) {
        let masters = self.topology.masters
        let routes = masters.isEmpty ? [CommandRoute.anywhere] : masters.map { CommandRoute.node($0) }
        let identities = await withTaskGroup(of: String?.self) { group in
            for route in routes { group.addTask { try? await self.identity(at: route, timeout: timeout) } }
            return await group.reduce(into: Set<String>()) { identities, identity in
                if let identity { identities.insert(identity) }
            }
        }
        try Task.checkCancellation()
        return (identities, identities.count == routes.count)
    }

    /// The servers' time in ms since 1970: this machine's, with the difference that the last ``sightMasters(timeout:)`` has
    /// found; without one, this machine's.
    package var serverTime: UInt64 { UInt64(clamping: Self.localTime + self.clockOffset.load(ordering: .relaxed)) }

    private static var localTime: Int64 { Int64(Date().timeIntervalSince1970 * 1000) }

    private func identity(at route: CommandRoute, timeout: Duration) async throws -> String? {
        let command = RawCommand("INFO", "server", "replication", returning: String.self, isIdempotent: true)
        var request = RedisRequest(command, timeout)
        request.route = route
        let replies = try await Self.pastBreaker { try await self.send(request) { command.encode(into: &$0) } }
        var reader = RESPReader(replies.bytes)
        let text = try reader.readReply(as: String.self)
        if let line = text.split(whereSeparator: \.isNewline).first(where: { $0.hasPrefix("server_time_usec:") }),
            let microseconds = Int64(line.dropFirst("server_time_usec:".count))
        {
            self.clockOffset.store(microseconds / 1000 - Self.localTime, ordering: .relaxed)
        }
        let ids = text.split(whereSeparator: \.isNewline)
            .filter { $0.hasPrefix("run_id:") || $0.hasPrefix("master_replid:") }
        return ids.count == 2 ? ids.joined(separator: " ") : nil
    }
}
