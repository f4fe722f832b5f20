public import RedisClient

/// Why a call on a cache, a map, a lock or a rate limiter failed.
///
/// Loaders' own errors come out as they are, never wrapped in this.
public struct OxbowError: Error, Sendable, CustomStringConvertible {
    /// The kinds of errors; more may come.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        enum Kind: String, Sendable {
            case invalidArgument, invalidKey, valueTooLarge, cannotEncode, closed, notRunning, unavailable, tooManyLoads
            case undecodable, lockTaken, leaseEnded, notReplicated
            case wrongType, contended
        }
        let kind: Kind

        /// An argument that can never work: an empty name, an option or a lease out of its range, or a name that is in use for
        /// a cache of another form or type; the message says which.
        ///
        /// Nothing happened.
        public static var invalidArgument: Code { Code(kind: .invalidArgument) }
        /// The key or group is empty.
        ///
        /// Nothing happened.
        public static var invalidKey: Code { Code(kind: .invalidKey) }
        /// The value is larger than `maximumValueBytes`.
        ///
        /// Nothing happened.
        public static var valueTooLarge: Code { Code(kind: .valueTooLarge) }
        /// The codec threw; the cause is its error.
        ///
        /// Nothing happened.
        public static var cannotEncode: Code { Code(kind: .cannotEncode) }
        /// An update or a hold-off keeps the entry closed, so ``Cache/set(_:for:timeToLive:)`` stored nothing.
        public static var closed: Code { Code(kind: .closed) }
        /// `run()` is not running, and had not begun by the call's deadline.
        ///
        /// Nothing happened.
        public static var notRunning: Code { Code(kind: .notRunning) }
        /// The store could not be reached in time or refused.
        ///
        /// The call **may have happened**; the cause says more.
        public static var unavailable: Code { Code(kind: .unavailable) }

        /// The cache cannot be used at the moment, and as many loads as ``CacheConfiguration/maximumConcurrentLoads`` allows
        /// ran for as long as the caller waits.
        ///
        /// The loader did not run.
        public static var tooManyLoads: Code { Code(kind: .tooManyLoads) }

        /// The entry of a map holds bytes that are no value of the map: foreign, damaged, or refused by the codec.
        ///
        /// A change that returns the old value has happened.
        public static var undecodable: Code { Code(kind: .undecodable) }
        /// The key of a map's entry holds another type than a string: a list, a hash.
        ///
        /// Nothing was stored and nothing was removed.
        public static var wrongType: Code { Code(kind: .wrongType) }
        /// Other callers changed the entry at each attempt.
        ///
        /// Nothing was stored.
        public static var contended: Code { Code(kind: .contended) }

        /// Another caller had the lock until the end of the wait, or the calling task has it itself.
        ///
        /// The body did not run.
        public static var lockTaken: Code { Code(kind: .lockTaken) }
        /// The lock was lost: the work under it may have been done beside another holder's.
        public static var leaseEnded: Code { Code(kind: .leaseEnded) }
        /// Too few replicas have confirmed the lock.
        ///
        /// It was released, and the body did not run.
        public static var notReplicated: Code { Code(kind: .notReplicated) }

        /// The kind's name.
        public var description: String { self.kind.rawValue }
    }

    /// The kind of error.
    public let code: Code
    /// For logs: no keys, no values, no credentials.
    public let message: String
    /// The error behind this one.
    public let cause: (any Error)?
    /// The file and line where the error was made.
    public let origin: String

    /// Whether a change may have happened; `nil` where the code says it.
    public var delivery: RedisError.Delivery? { (self.cause as? RedisError)?.delivery }

    /// Code, message and origin.
    public var description: String { "\(self.code): \(self.message) (\(self.origin))" }

    package init(
        _ code: Code,
        _ message: String,
        cause: (any Error)? = nil,
        file: String = #fileID,
        line: Int = #line
    ) {
        self.code = code
        self.message = message
        self.cause = cause
        self.origin = "\(file):\(line)"
    }
}
