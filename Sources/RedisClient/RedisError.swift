/// Why a command has no result.
public struct RedisError: Error, Sendable, CustomStringConvertible {
    /// The kinds of errors; more may come.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        enum Kind: String, Sendable {
            case notRunning, alreadyRunning, shutDown, cannotConnect, connectionClosed, timeout, queueFull
            case commandTooLarge, protocolViolation, server, unexpectedReply, unsupportedServer, invalidConfiguration
            case exclusiveCommand, noFreeConnection, transactionAborted
            case crossSlot, partialFailure, circuitOpen
        }
        let kind: Kind

        /// `run()` had not begun by the deadline of the call, which has waited for it.
        ///
        /// Not sent.
        public static var notRunning: Code { Code(kind: .notRunning) }
        /// `run()` was called a second time.
        public static var alreadyRunning: Code { Code(kind: .alreadyRunning) }
        /// The client is shutting down.
        ///
        /// Not sent.
        public static var shutDown: Code { Code(kind: .shutDown) }
        /// No connection within the deadline; the cause says why the last attempt failed.
        ///
        /// Not sent.
        public static var cannotConnect: Code { Code(kind: .cannotConnect) }
        /// The connection ended before the reply.
        ///
        /// See ``RedisError/delivery``.
        public static var connectionClosed: Code { Code(kind: .connectionClosed) }
        /// No reply within the deadline.
        ///
        /// The command may have been carried out, or may yet be.
        public static var timeout: Code { Code(kind: .timeout) }
        /// The queue stayed full for the pool's `maximumWait`.
        ///
        /// Not sent.
        public static var queueFull: Code { Code(kind: .queueFull) }
        /// The command is larger than `maximumCommandBytes`.
        ///
        /// Not sent.
        public static var commandTooLarge: Code { Code(kind: .commandTooLarge) }
        /// The server sent what is not RESP, or a reply nobody asked for.
        ///
        /// The connection was closed.
        public static var protocolViolation: Code { Code(kind: .protocolViolation) }
        /// The server answered with an error; see ``RedisError/serverError``.
        ///
        /// Refused.
        public static var server: Code { Code(kind: .server) }
        /// The reply is of another type than the command's result.
        ///
        /// The command was carried out.
        public static var unexpectedReply: Code { Code(kind: .unexpectedReply) }
        /// The server lacks a required command.
        public static var unsupportedServer: Code { Code(kind: .unsupportedServer) }
        /// A setting that cannot work.
        public static var invalidConfiguration: Code { Code(kind: .invalidConfiguration) }

        /// The command cannot go over the connection it was given to: it would change what other callers share, or
        /// upset the order of replies.
        ///
        /// Not sent.
        public static var exclusiveCommand: Code { Code(kind: .exclusiveCommand) }
        /// All connections of the pool stayed in use for `maximumWait`.
        ///
        /// Not sent.
        public static var noFreeConnection: Code { Code(kind: .noFreeConnection) }
        /// A watched key changed, so that EXEC carried nothing out.
        ///
        /// Refused.
        public static var transactionAborted: Code { Code(kind: .transactionAborted) }

        /// The keys are in several slots of a cluster, which one command or transaction cannot reach; a common hash tag
        /// keeps keys in one slot: `{user:7}:name`, `{user:7}:mail`.
        ///
        /// Not sent.
        public static var crossSlot: Code { Code(kind: .crossSlot) }
        /// A command over keys of several slots was not carried out for some of its keys.
        ///
        /// See ``RedisError/keyFailures``: it was carried out for all others.
        public static var partialFailure: Code { Code(kind: .partialFailure) }

        /// The circuit breaker is open after too many failures; the cause is the last of them.
        ///
        /// Not sent.
        public static var circuitOpen: Code { Code(kind: .circuitOpen) }

        /// The kind's name.
        public var description: String { self.kind.rawValue }
    }

    /// Whether the server may have carried the command out.
    public enum Delivery: String, Sendable, Hashable {
        /// Certainly not: no byte of it left.
        case notSent
        /// It may have been.
        case unknown
        /// The server refused it.
        case refused
        /// It was.
        case done
    }

    /// One allocation for everything, so that an optional error costs one word where replies are passed on.
    private final class Storage: Sendable {
        let code: Code
        let message: String
        let delivery: Delivery
        let serverError: String
        let cause: (any Error)?
        let origin: String
        let keyFailures: [Int: RedisError]

        init(
            code: Code,
            message: String,
            delivery: Delivery,
            serverError: String,
            cause: (any Error)?,
            origin: String,
            keyFailures: [Int: RedisError]
        ) {
            self.code = code
            self.message = message
            self.delivery = delivery
            self.serverError = serverError
            self.cause = cause
            self.origin = origin
            self.keyFailures = keyFailures
        }
    }

    private let storage: Storage

    /// The kind of error.
    public var code: Code { self.storage.code }
    /// For logs: no values, no keys, no credentials.
    public var message: String { self.storage.message }
    /// Whether the command may have been carried out.
    public var delivery: Delivery { self.storage.delivery }
    /// The first word of the server's error, such as `WRONGTYPE`; empty if no server's error is behind this.
    public var serverError: String { self.storage.serverError }
    /// The error behind this one.
    public var cause: (any Error)? { self.storage.cause }
    /// The file and line where the error was made.
    public var origin: String { self.storage.origin }
    /// With `partialFailure`, the errors of the keys for which the command was not certainly carried out, by the keys'
    /// positions in the command, from 0; each one's ``delivery`` says whether it may have been.
    ///
    /// Empty with any other code.
    public var keyFailures: [Int: RedisError] { self.storage.keyFailures }
    /// Code, message and origin.
    public var description: String { "\(self.code): \(self.message) (\(self.origin))" }

    /// The same error of a command that an earlier attempt may have carried out.
    var mayHaveBeenSent: RedisError {
        guard self.delivery == .notSent else { return self }
        return RedisError(self.code, self.message, delivery: .unknown, serverError: self.serverError, cause: self)
    }

    package init(
        _ code: Code,
        _ message: String,
        delivery: Delivery = .notSent,
        serverError: String = "",
        cause: (any Error)? = nil,
        keyFailures: [Int: RedisError] = [:],
        file: String = #fileID,
        line: Int = #line
    ) {
        self.storage = Storage(
            code: code,
            message: message,
            delivery: delivery,
            serverError: serverError,
            cause: cause,
            origin: "\(file):\(line)",
            keyFailures: keyFailures
        )
    }
}
