/// The end of a call that may take several round trips.
struct CallDeadline: Sendable {
    private let end: ContinuousClock.Instant?

    /// - Parameter timeout: of the whole call; `nil` for none.
    init(_ timeout: Duration?) { self.end = timeout.map { .now + .milliseconds($0.milliseconds) } }

    /// The timeout of the next round trip; `nil` for the client's own.
    var rest: Duration? { self.end.map { max(.zero, ContinuousClock.now.duration(to: $0)) } }
}
