package import RESP
import Synchronization

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The masters one by one: who they are, which slots they serve, and commands for one of them.
extension RedisClient {
    /// The masters with the slots that each of them serves; without a cluster one, for slot 0, once it is known.
    package var masters: [(address: RedisAddress, slots: Set<Int>)] {
        if self.routesCommands { return self.topology.shards.map { ($0.master, $0.slots) } }
        let node = self.topology.node(for: RedisRequest(count: 1))
        return node.isPlaceholder ? [] : [(node.address, Set([0]))]
    }

    /// The slot of a key; 0 without a cluster.
    package func slot(of key: some RESPArgument) -> Int { self.routesCommands ? HashSlot(of: key).number : 0 }

    /// The master that serves a slot now; `nil` while it is not known.
    package func master(ofSlot slot: Int) -> RedisAddress? {
        var request = RedisRequest(count: 1)
        if self.routesCommands, let slot = HashSlot(slot) { request.route = .slot(slot) }
        let node = self.topology.node(for: request)
        return node.isPlaceholder ? nil : node.address
    }

    /// Sends commands to one master in one piece, past the circuit breaker.
    ///
    /// Without a cluster they go to the present master, whichever that is.
    ///
    /// - Returns: a reply for each, errors included.
    /// - Throws: ``RedisError``; `CancellationError`.
    package func send(
        _ commands: [any RedisCommand],
        to master: RedisAddress,
        timeout: Duration
    ) async throws -> [RESPValue] {
        var request = RedisRequest(count: commands.count, timeout: timeout, isIdempotent: true)
        if self.routesCommands { request.route = .node(master) }
        let replies = try await Self.pastBreaker {
            try await self.send(request) { for command in commands { command.encodeInFull(into: &$0) } }
        }
        if let failure = replies.failure { throw failure }
        var reader = RESPReader(replies.bytes)
        return try commands.map { _ in try RESPValue(from: &reader) }
    }

    /// The identity in an answer to INFO; takes over the server's clock, too.
    package func note(info: RESPValue) -> String? {
        guard let text = info.text else { return nil }
        if let line = text.split(whereSeparator: \.isNewline).first(where: { $0.hasPrefix("server_time_usec:") }),
            let microseconds = Int64(line.dropFirst("server_time_usec:".count))
        {
            self.note(serverTime: microseconds / 1000)
        }
        return ServerInfo.identity(in: text)
    }

    /// The servers' time in ms since 1970: this machine's, with the difference last noted; without one, this machine's.
    package var serverTime: UInt64 { UInt64(clamping: Self.localTime + self.clockOffset.load(ordering: .relaxed)) }

    /// Takes over a server's clock, in ms since 1970.
    package func note(serverTime: Int64) {
        self.clockOffset.store(serverTime - Self.localTime, ordering: .relaxed)
    }

    private static var localTime: Int64 { Int64(Date().timeIntervalSince1970 * 1000) }
}
