extension RedisError {
    @usableFromInline
    static var crossSlot: RedisError {
        RedisError(
            .crossSlot,
            "the keys are in several hash slots; a common hash tag, {…} within each key, keeps them in one"
        )
    }

    /// The error of a command of which parts have failed.
    ///
    /// - Parameters:
    ///   - failures: the parts' errors, each with the positions of its keys; one or more.
    ///   - count: how many keys the command has.
    init(_ failures: [(positions: [Int], error: RedisError)], of count: Int) {
        var keyFailures: [Int: RedisError] = [:]
        for (positions, error) in failures { for position in positions { keyFailures[position] = error } }
        let deliveries = Set(failures.map(\.error.delivery))
        let delivery: Delivery =
            if keyFailures.count < count || !deliveries.isSubset(of: [.notSent, .refused]) {
                .unknown
            } else {
                deliveries == [.notSent] ? .notSent : .refused
            }
        let first = failures.first?.error
        self.init(
            .partialFailure,
            "not carried out for \(keyFailures.count) of \(count) keys: \(first?.message ?? "")",
            delivery: delivery,
            serverError: first?.serverError ?? "",
            cause: first,
            keyFailures: keyFailures
        )
    }
}
