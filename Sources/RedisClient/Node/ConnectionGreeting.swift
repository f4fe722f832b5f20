package import RESP
import Synchronization

/// A shared connection whose handshake is done and that no caller uses yet.
package struct ConnectionGreeting: Sendable {
    /// The address of the node.
    package let address: RedisAddress
    /// What the server said of itself.
    package let server: ServerInfo
    let handshake: Handshake

    /// Sends commands in one piece.
    ///
    /// - Returns: a reply for each, errors included.
    /// - Throws: ``RedisError`` when the connection ends.
    package func send(_ commands: [any RedisCommand]) async throws -> [RESPValue] {
        try await self.handshake.request(commands)
    }
}

/// The place where a user of the client asks to see each new shared connection to a master before callers do.
///
/// The connection is opened to callers when the closure returns; when it throws, the attempt has failed. It is bounded by
/// `connectTimeout`.
package final class ConnectionGreeter: Sendable {
    package typealias Greet = @Sendable (ConnectionGreeting) async throws -> Void

    private let closure = Mutex<Greet?>(nil)

    var greet: Greet? { self.closure.withLock { $0 } }

    /// Sets the closure; to be called before the client runs.
    package func set(_ greet: @escaping Greet) { self.closure.withLock { $0 = greet } }
}
