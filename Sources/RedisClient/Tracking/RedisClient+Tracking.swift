import NIOCore
import RESP

extension RedisClient {
    /// Reads a key so that ``watches`` are told of its next change; and asks something more of it behind that.
    ///
    /// `CLIENT CACHING YES` is for the very next command of the connection: all three leave in one piece, and are not sent
    /// elsewhere when a cluster's node does not have the key. A lost connection counts as a change of every key. The end of
    /// a key's life may go by without a word: the server notices it when somebody looks.
    ///
    /// - Parameters:
    ///   - read: a command that reads one key.
    ///   - second: another command on the same key.
    ///   - timeout: `commandTimeout` by default.
    /// - Returns: the results, and whether the server will tell: not over RESP2, and not where it refuses.
    /// - Throws: ``RedisError``; `CancellationError`.
    package func executeTracked<Read: RedisCommand, Second: RedisCommand>(
        _ read: Read,
        _ second: Second,
        timeout: Duration? = nil
    ) async throws -> (Result<Read.Response, RedisError>, Result<Second.Response, RedisError>, isTracked: Bool) {
        var request = RedisRequest(count: 3, timeout: timeout, isIdempotent: true)
        request.route = read.route
        request.isTrusted = true
        let replies = try await self.send(request) { buffer in
            buffer.writeWire("*3\r\n$6\r\nCLIENT\r\n$7\r\nCACHING\r\n$3\r\nYES\r\n")
            read.encode(into: &buffer)
            second.encode(into: &buffer)
        }
        var decoder = PipelineDecoder(replies)
        let isTracked = (try? decoder.next(String.self).get()) == "OK"
        return (decoder.next(Read.Response.self), decoder.next(Second.Response.self), isTracked)
    }
}
