public import NIOCore
public import RESP

/// What takes commands: a ``RedisClient``, or one ``RedisConnection`` held exclusively.
///
/// Call ``execute(_:timeout:)`` and its sisters; ``send(_:encode:)`` is what an executor of another kind provides.
public protocol RedisExecutor: Sendable {
    /// Sends commands and waits for their replies.
    ///
    /// - Parameters:
    ///   - request: how many replies to wait for, how long, and what may be done with the commands.
    ///   - encode: appends the commands, back to back; called again when they may be sent again.
    /// - Returns: one reply or more; fewer than asked for only with a failure.
    /// - Throws: ``RedisError`` when there is no reply at all; `CancellationError`.
    func send(_ request: RedisRequest, encode: (inout ByteBuffer) -> Void) async throws -> RedisReplies

    /// Whether ``RedisRequest/route`` matters; `false` by default, and then nobody computes it.
    var routesCommands: Bool { get }
}

extension RedisExecutor {
    /// One server for everything.
    public var routesCommands: Bool { false }
}

/// What an executor must know of commands besides their bytes.
public struct RedisRequest: Sendable {
    /// How many replies there will be.
    public var count: Int
    /// From the call to the last reply; `nil`: the executor's `commandTimeout` times ``timeoutFactor``.
    public var timeout: Duration?
    /// By how much the default time-out is multiplied.
    public var timeoutFactor: Int
    /// Whether the commands may be sent again after a connection was lost before their replies.
    public var isIdempotent: Bool
    /// Whether they are sent even by a task that is already cancelled.
    public var ignoresCancellation: Bool
    /// What they do to the connection.
    public var connectionUse: ConnectionUse
    /// Whether they are a whole transaction, which ends every watch.
    public var isTransaction = false
    /// Whether they change nothing, so that a replica may answer them.
    public var isReadOnly = false
    /// Whether the client has made them itself, so that nothing about them need be checked.
    var isTrusted = false
    /// Whether they wait for a server that cannot answer at the moment.
    public var waitsForServer = true
    /// Where they go in a cluster; anywhere by default.
    public var route = CommandRoute.anywhere

    /// A request for `count` replies to commands that leave the connection as it is.
    @inlinable
    public init(
        count: Int,
        timeout: Duration? = nil,
        timeoutFactor: Int = 1,
        isIdempotent: Bool = false,
        ignoresCancellation: Bool = false,
        connectionUse: ConnectionUse = .shared
    ) {
        self.count = count
        self.timeout = timeout
        self.timeoutFactor = timeoutFactor
        self.isIdempotent = isIdempotent
        self.ignoresCancellation = ignoresCancellation
        self.connectionUse = connectionUse
    }

    @inlinable
    init(_ command: some RedisCommand, _ timeout: Duration?) {
        self.init(
            count: 1,
            timeout: timeout,
            timeoutFactor: command.timeoutFactor,
            isIdempotent: command.isIdempotent,
            ignoresCancellation: command.ignoresCancellation,
            connectionUse: command.connectionUse
        )
        self.isReadOnly = command.isReadOnly
        self.waitsForServer = command.waitsForServer
    }
}

extension RedisExecutor {
    /// Sends one command and returns its decoded reply.
    ///
    /// A script that the server does not know is sent again in full. A server that cannot answer for the moment
    /// (LOADING, BUSY, TRYAGAIN, MASTERDOWN, NOREPLICAS) is asked again, with pauses, until the deadline, if the
    /// command is idempotent. So is one that has become a replica (READONLY), which others than scripts are sent to
    /// again as well.
    ///
    /// In a cluster a command goes to the node that serves its keys. One with keys in several slots is split where each
    /// key stands for itself (MGET, MSET, DEL, UNLINK, EXISTS, TOUCH), all parts being sent at once. If some of the
    /// parts fail, that is a `partialFailure`; if all do in the same way, their common error is thrown.
    ///
    /// - Parameters:
    ///   - command: what to send.
    ///   - timeout: from the call to the reply; `commandTimeout` times the command's factor by default.
    /// - Returns: the reply, decoded.
    /// - Throws: ``RedisError``; its ``RedisError/delivery`` says whether the command may have been carried out;
    ///   `crossSlot` where the keys are in several slots and the command cannot be split; `CancellationError` when the
    ///   task is cancelled: the command may still be carried out, its reply is dropped, the connection and its other
    ///   callers are not touched.
    @inlinable
    public func execute<Command: RedisCommand>(
        _ command: Command,
        timeout: Duration? = nil
    ) async throws -> Command.Response {
        var request = RedisRequest(command, timeout)
        if self.routesCommands {
            request.route = command.route
            if request.route == .severalSlots { return try await self.executeSplit(command, timeout: timeout) }
        }
        let replies = try await self.send(request) { command.encode(into: &$0) }
        var reader = RESPReader(replies.bytes)
        do {
            return try reader.readReply(as: Command.Response.self)
        } catch {
            let failure = RedisError(error, of: RESPReader(replies.bytes))
            return try await self.executeAgain(command, after: failure, until: replies.deadline)
        }
    }

    /// Sends commands back to back and returns a result for each, in order.
    ///
    /// Other callers' commands may come before and after, never in between. The commands are not a transaction: each
    /// succeeds or fails by itself. One that the server could not answer for the moment is sent again, behind the
    /// others, by the rules of ``execute(_:timeout:)``.
    ///
    /// In a cluster the commands for one node travel together, in order, to all nodes at once: commands for different
    /// nodes have no order among themselves. A lost connection fails the commands of its node only. What stands between
    /// MULTI and EXEC must be in one slot.
    ///
    /// - Parameters:
    ///   - commands: what to send.
    ///   - timeout: for all of them; `commandTimeout` times the largest factor by default.
    /// - Returns: a result for each command.
    /// - Throws: ``RedisError`` when nothing was answered, except in a cluster; `CancellationError`. When the
    /// connection
    ///   was lost in the middle, the results from there on are failures.
    @inlinable
    public func execute<each Command: RedisCommand>(
        pipeline commands: repeat each Command,
        timeout: Duration? = nil
    ) async throws -> (repeat Result<(each Command).Response, RedisError>) {
        if self.routesCommands {
            return try await self.executeRouted(pipeline: repeat each commands, timeout: timeout)
        }
        var summary = PipelineSummary(timeout)
        for command in repeat each commands { summary.add(command) }
        let replies = try await self.send(try summary.request) { buffer in
            var scripts = ScriptsSent()
            for command in repeat each commands { scripts.encode(command, into: &buffer) }
        }
        var decoder = PipelineDecoder(replies)
        let results = (repeat decoder.next((each Command).Response.self))
        guard decoder.hasErrors, !summary.hasTransaction else { return results }
        return (repeat try await self.settle(each results, of: each commands, until: replies.deadline))
    }

    /// Sends commands of one type back to back and returns a result for each, in order.
    ///
    /// The same as ``execute(pipeline:timeout:)`` for a number of commands known at run time only.
    @inlinable
    public func execute<Command: RedisCommand>(
        pipeline commands: [Command],
        timeout: Duration? = nil
    ) async throws -> [Result<Command.Response, RedisError>] {
        guard !commands.isEmpty else { return [] }
        if self.routesCommands { return try await self.executeRouted(pipeline: commands, timeout: timeout) }
        var summary = PipelineSummary(timeout)
        for command in commands { summary.add(command) }
        let replies = try await self.send(try summary.request) { buffer in
            var scripts = ScriptsSent()
            for command in commands {
                scripts.encode(command, into: &buffer)
            }
        }
        var decoder = PipelineDecoder(replies)
        var results: [Result<Command.Response, RedisError>] = []
        results.reserveCapacity(commands.count)
        for _ in commands { results.append(decoder.next(Command.Response.self)) }
        guard decoder.hasErrors, !summary.hasTransaction else { return results }
        for index in results.indices {
            results[index] = try await self.settle(results[index], of: commands[index], until: replies.deadline)
        }
        return results
    }
}
