import NIOCore
import RESP
import Synchronization

/// A connection of its own to one server or sentinel, made when there is something to ask and kept for the next time.
///
/// One question at a time.
final class Interview: Sendable {
    private let configuration: RedisClientConfiguration
    private let tls: TLSClient?
    private let eventLoop: any EventLoop
    private let connection = Mutex<PooledConnection?>(nil)

    init(_ configuration: RedisClientConfiguration, tls: TLSClient?, on eventLoop: any EventLoop) {
        self.configuration = configuration
        self.tls = tls
        self.eventLoop = eventLoop
    }

    deinit { self.close() }

    /// Asks all at once.
    ///
    /// - Parameters:
    ///   - questions: one or more.
    ///   - limit: for connecting and all answers together.
    /// - Returns: the answers in the order of the questions.
    /// - Throws: ``RedisError`` when there is no connection, or not all answers came; the next question is asked over a
    ///   new connection then. `CancellationError`.
    func ask(_ questions: [RawCommand<RESPValue>], within limit: Duration) async throws -> [RESPValue] {
        let end = NIODeadline.now().uptimeNanoseconds.addingClamped(limit.nanosecondsClamped)
        if let kept = self.connection.withLock({ $0 }), kept.isOpen {
            do {
                return try await self.ask(questions, over: kept, until: end)
            } catch let error as RedisError where error.code == .connectionClosed {
                // A promotion closes connections, and what comes of it shall be known at once.
                try Task.checkCancellation()
            }
        }
        let made = try await PooledConnection.connect(self.configuration, tls: self.tls, on: self.eventLoop, until: end)
        self.connection.withLock { $0 = made }
        return try await self.ask(questions, over: made, until: end)
    }

    private func ask(
        _ questions: [RawCommand<RESPValue>],
        over connection: PooledConnection,
        until end: UInt64
    ) async throws -> [RESPValue] {
        let now = NIODeadline.now().uptimeNanoseconds
        let replies = await connection.multiplexer.attempt(
            expecting: questions.count,
            timeout: end > now ? end - now : 1,
            isFirstInLine: true,
            ignoresCancellation: false
        ) { buffer in
            for question in questions { question.encode(into: &buffer) }
        }
        guard replies.count == questions.count else {
            self.close()
            throw replies.failure ?? RedisError(.connectionClosed, "the connection has ended")
        }
        var reader = RESPReader(replies.bytes)
        return try questions.map { _ in try RESPValue(from: &reader) }
    }

    func close() { self.connection.withLock { $0.take() }?.close() }
}
