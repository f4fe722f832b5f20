import NIOCore
import RedisClient

/// Closing and opening cells: bounded like a read, since every write of an app server waits for both.
extension RedisStore {
    package func close(_ cell: CellAddress, _ token: Token, for life: Duration, isRenewal: Bool) async throws {
        let call = Self.callClose(cell, token, life, isRenewal: isRenewal)
        try Self.checkClosed(try await self.client.execute(call, timeout: self.softTimeout))
    }

    package func open(
        _ cell: CellAddress,
        _ token: Token,
        storing value: Envelope?,
        for life: Duration,
        holdOff: Duration?
    ) async throws -> Bool {
        let call = Self.callOpen(cell, token, storing: value, for: life, holdOff: holdOff)
        return try Self.checkOpen(try await self.client.execute(call, timeout: self.softTimeout))
    }

    static func callClose(
        _ cell: CellAddress,
        _ token: Token,
        _ life: Duration,
        isRenewal: Bool
    ) -> ScriptCall<Int> {
        let arguments = (token.bytes, life.milliseconds, isRenewal ? 1 : 0)
        return self.call(RedisScripts.close, cell, arguments, isIdempotent: true, ignoresCancellation: isRenewal)
    }

    /// - Throws: ``RedisError`` when there was no memory to close the cell, which is empty now.
    static func checkClosed(_ answer: Int) throws(RedisError) {
        guard answer == 1 else {
            throw .outOfMemory("the entry is deleted and not closed")
        }
    }

    static func callOpen(
        _ cell: CellAddress,
        _ token: Token,
        storing value: Envelope?,
        for life: Duration,
        holdOff: Duration?
    ) -> ScriptCall<Int> {
        let (bytes, hold) = (value?.encoded ?? ByteBuffer(), holdOff?.milliseconds ?? 0)
        let arguments = (token.bytes, bytes, life.milliseconds, Token.holdOff.bytes, hold)
        return self.call(RedisScripts.open, cell, arguments, isIdempotent: true, ignoresCancellation: true)
    }

    /// - Returns: whether the value was stored.
    static func checkOpen(_ answer: Int) throws(RedisError) -> Bool {
        guard answer != 2 else {
            throw .outOfMemory("the entry is deleted and not held off")
        }
        return answer == 1
    }
}

extension RedisError {
    /// The server's answer to what it had no memory for, from inside of a script.
    static func outOfMemory(_ consequence: String) -> RedisError {
        RedisError(.server, "out of memory: \(consequence)", delivery: .refused, serverError: "OOM")
    }
}
