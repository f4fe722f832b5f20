/// How many connections a client has, and how they are kept.
///
/// One connection is shared by all callers and stays for as long as the client runs; further ones are made for what
/// needs a connection of its own (blocking commands, WATCH, SELECT …). With several servers these are the numbers for
/// each of them.
public struct ConnectionPoolConfiguration: Sendable, Hashable {
    /// The most connections, the shared one included; 100 by default.
    public var maximumTotal: Int = 100
    /// The most idle connections that are kept; 100 by default.
    public var maximumIdle: Int = 100
    /// The idle connections that are kept ready; 0 by default.
    public var minimumIdle: Int = 0
    /// The longest wait for one of the connections in use, and for room in a full queue; 2 s by default.
    ///
    /// A shorter time-out of the command ends the wait earlier.
    public var maximumWait: Duration = .seconds(2)
    /// How long a connection must have been idle before it is closed for idleness; 60 s by default.
    public var minimumIdleTime: Duration = .seconds(60)
    /// The pause between two rounds of the cleaner; 10 s by default.
    ///
    /// Each round probes all idle connections and the shared one with PING, closes those that do not answer within
    /// half a pause, closes what has been idle for too long, and makes connections up to ``minimumIdle``. So a
    /// connection whose other end is gone without a word is retired within one and a half pauses, or when the deadline
    /// of the command that waits longest has come.
    public var cleanerPause: Duration = .seconds(10)

    /// The defaults named at each property.
    public init() {}

    func validate() throws {
        func refuse(_ message: String) -> RedisError { RedisError(.invalidConfiguration, message) }
        if self.maximumTotal < 1 { throw refuse("pool.maximumTotal must be at least 1, not \(self.maximumTotal)") }
        for (name, number) in [("maximumIdle", self.maximumIdle), ("minimumIdle", self.minimumIdle)] where number < 0 {
            throw refuse("pool.\(name) must be at least 0, not \(number)")
        }
        if self.minimumIdle > self.maximumIdle {
            throw refuse("pool.minimumIdle (\(self.minimumIdle)) is above maximumIdle (\(self.maximumIdle))")
        }
        if self.cleanerPause <= .zero { throw refuse("pool.cleanerPause must be more than 0") }
    }
}
