import Resilience

/// What is known of each sentinel and server, and of trouble.
extension SentinelState {
    struct Sentinel: Sendable {
        enum Subscription { case none, asked, active }
        let address: RedisAddress
        let isConfigured: Bool
        var answer: SentinelAnswer?
        var answeredAt: Instant?
        /// Why the last question was not answered.
        var failure: String?
        var isAsked = false
        var askedAt: Instant?
        /// Whether to ask again as soon as possible.
        var hasNews = false
        var pause: Duration = .zero
        var backoff = Backoff()
        var subscription = Subscription.none
        var subscribeAt: Instant?

        var isAnswering: Bool { self.answer != nil && self.failure == nil }
    }

    struct Server: Sendable {
        let address: RedisAddress
        /// What it said last; kept while it does not answer.
        var report: ServerReport?
        /// Whether the last question was answered, if only by a refusal; `nil` before the first.
        var isUp: Bool?
        var heardAt: Instant?
        var isAsked = false
        var askedAt: Instant?
        var isSuspect = false
        /// Whether it answers without telling its role: nothing is learned by asking it often.
        var isMute = false
        /// When it was seen to have become a master since it was seen as a replica.
        var promotedAt: Instant?

        init(_ address: RedisAddress) { self.address = address }
    }

    struct Suspicion: Sendable {
        let begun: Instant
        var end: Instant
        /// Whether sentinels say that they are replacing the master.
        var isFailover = false
    }
}
