package import NIOCore
package import RedisClient

/// A read that goes to the master, whatever the client's `readFrom`: a replica may still have what was invalidated.
package struct MasterRead<Command: RedisCommand>: RedisCommand {
    package typealias Response = Command.Response
    let command: Command

    package init(_ command: Command) { self.command = command }

    package func encode(into buffer: inout ByteBuffer) { self.command.encode(into: &buffer) }
    package func encodeInFull(into buffer: inout ByteBuffer) { self.command.encodeInFull(into: &buffer) }
    package var script: Script? { self.command.script }
    package var isIdempotent: Bool { self.command.isIdempotent }
    package var ignoresCancellation: Bool { self.command.ignoresCancellation }
    package var connectionUse: ConnectionUse { self.command.connectionUse }
    package var timeoutFactor: Int { self.command.timeoutFactor }
    package var isReadOnly: Bool { false }
    /// A server that is busy is a miss: its reader loads.
    package var waitsForServer: Bool { false }
    package func addKeys(to keys: inout CommandKeys) { self.command.addKeys(to: &keys) }
}
