import NIOCore
import RESP
import Resilience

/// Sending again what the server has not carried out: unknown scripts, and answers that mean "not now" or "not here".
extension RedisExecutor {
    /// What follows an error reply to a command.
    ///
    /// - Parameters:
    ///   - command: the command that was sent.
    ///   - error: the first attempt's error.
    ///   - deadline: on the clock of `NIODeadline`, in nanoseconds; of the whole call: the last attempt begins before.
    ///   A command that has blocked blocks anew for its whole limit.
    ///   - followsRedirection: whether a cluster's refusal is followed by one more attempt: that of a pipeline's
    ///   command, which nobody has sent to another node yet.
    /// - Returns: the reply to a later attempt.
    /// - Throws: the last attempt's error; `CancellationError`.
    @usableFromInline
    func executeAgain<Command: RedisCommand>(
        _ command: Command,
        after error: RedisError,
        until deadline: UInt64,
        followsRedirection: Bool = false
    ) async throws -> Command.Response {
        var error = error
        var followsRedirection = followsRedirection
        var sendsInFull = false
        var backoff = Backoff(initial: .milliseconds(10), maximum: .milliseconds(250))
        while true {
            guard error.code == .server else { throw error }
            if error.isUnknownScript, command.script != nil, !sendsInFull {
                sendsInFull = true
            } else if followsRedirection, error.isRedirection {
                // Refused before it was carried out. Sent alone, it goes where it must.
                followsRedirection = false
            } else if command.isIdempotent && command.waitsForServer && error.isTransient
                || command.mayRepeat(afterChangeOfRole: error)
            {
                let pause = backoff.next(random: .random(in: 0..<1))
                guard NIODeadline.now().uptimeNanoseconds.addingClamped(pause.nanosecondsClamped) < deadline else {
                    throw error
                }
                try await Task.sleep(for: pause, ignoringCancellation: command.ignoresCancellation)
            } else {
                throw error
            }
            let now = NIODeadline.now().uptimeNanoseconds
            guard now < deadline else {
                // Whose script is unknown for the moment is of no interest to the caller.
                throw error.isUnknownScript ? RedisError(.timeout, "no time was left to send the script") : error
            }
            let rest = Duration.nanoseconds(Int64(clamping: deadline - now))
            var request = RedisRequest(command, command.connectionUse == .shared ? rest : nil)
            if self.routesCommands { request.route = command.route }
            let replies: RedisReplies
            do {
                replies = try await self.send(request) {
                    if sendsInFull { command.encodeInFull(into: &$0) } else { command.encode(into: &$0) }
                }
            } catch let failure as RedisError where failure.delivery == .notSent && !error.isUnknownScript {
                // What the server said tells more than that it could not be asked again.
                throw error
            }
            var reader = RESPReader(replies.bytes)
            do {
                return try reader.readReply(as: Command.Response.self)
            } catch let failure {
                error = RedisError(failure, of: RESPReader(replies.bytes))
            }
        }
    }

    /// A pipeline's result for one command, asked for again where that is right.
    ///
    /// - Throws: `CancellationError`.
    @usableFromInline
    func settle<Command: RedisCommand>(
        _ result: Result<Command.Response, RedisError>,
        of command: Command,
        until deadline: UInt64
    ) async throws -> Result<Command.Response, RedisError> {
        guard case .failure(let error) = result, error.code == .server, command.connectionUse == .shared else {
            return result
        }
        do {
            return .success(
                try await self.executeAgain(
                    command,
                    after: error,
                    until: deadline,
                    followsRedirection: self.routesCommands
                )
            )
        } catch let error as RedisError {
            return .failure(error)
        }
    }
}

extension RedisError {
    /// Whether the server does not know a script: in its own words, which a script's error would not have.
    var isUnknownScript: Bool { self.message.hasPrefix("NOSCRIPT No matching script") }

    /// Whether a cluster's node did not carry a command out because of how slots are spread at the moment.
    var isRedirection: Bool { ["MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN"].contains(self.serverError) }

    /// Whether the server said that it cannot carry the command out for the moment.
    var isTransient: Bool {
        switch self.serverError {
        case "LOADING", "BUSY", "TRYAGAIN", "MASTERDOWN", "NOREPLICAS": true
        default: false
        }
    }
}

extension RedisCommand {
    /// Whether the error is that of a master which has become a replica, and nothing was written: the command may be
    /// sent to the new master.
    ///
    /// One that blocked is told so in words that CLIENT UNBLOCK does not use. A script may have its own reasons to
    /// answer READONLY, having written.
    fileprivate func mayRepeat(afterChangeOfRole error: RedisError) -> Bool {
        if case .blocking = self.connectionUse, error.message.hasPrefix("UNBLOCKED force unblock") { return true }
        return error.serverError == "READONLY" && (self.isIdempotent || !self.isScript)
    }

    /// Whether a script or a function is called, also by name.
    private var isScript: Bool {
        if self.script != nil { return true }
        var buffer = ByteBuffer()
        self.encode(into: &buffer)
        var reader = RESPReader(buffer)
        guard (try? reader.readAggregate()) != nil, let name = try? reader.readString() else { return true }
        return ["EVAL", "FCALL"].contains { name.uppercased().hasPrefix($0) }
    }
}

extension Task where Success == Never, Failure == Never {
    /// A pause, which a cancelled task keeps as well if told so.
    @inline(never)
    static func sleep(for pause: Duration, ignoringCancellation: Bool) async throws {
        guard ignoringCancellation else { return try await Task.sleep(for: pause) }
        // Cancelled by nobody.
        try await Task<Void, any Error> { try await Task.sleep(for: pause) }.value
    }
}
