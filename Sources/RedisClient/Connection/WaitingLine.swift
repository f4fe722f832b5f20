/// Those who wait in line, first come, first served; one may leave it from the middle.
///
/// Each change takes constant time, amortized: when a server is away, tens of thousands may be cancelled at once.
struct WaitingLine<Waiter> {
    private var waiters: [UInt64: Waiter] = [:]
    /// The ids in the order in which they came; those that have left may still be here.
    private var order: [UInt64] = []
    /// Where the line begins in `order`.
    private var head = 0

    var count: Int { self.waiters.count }
    var isEmpty: Bool { self.waiters.isEmpty }

    /// Joins the end of the line; `id` must be new.
    mutating func append(_ waiter: Waiter, id: UInt64) {
        self.waiters[id] = waiter
        self.order.append(id)
    }

    /// Leaves the line.
    ///
    /// - Returns: `nil` if it is not in the line.
    mutating func remove(_ id: UInt64) -> Waiter? {
        guard let waiter = self.waiters.removeValue(forKey: id) else { return nil }
        self.tidy()
        return waiter
    }

    /// Takes the first one.
    mutating func popFirst() -> Waiter? {
        while self.head < self.order.count {
            let id = self.order[self.head]
            self.head += 1
            guard let waiter = self.waiters.removeValue(forKey: id) else { continue }
            self.tidy()
            return waiter
        }
        return nil
    }

    /// Takes the first ones, at most so many.
    mutating func popFirst(_ count: Int) -> [Waiter] {
        var first: [Waiter] = []
        while first.count < count, let waiter = self.popFirst() { first.append(waiter) }
        return first
    }

    /// Takes all that are like this, in order.
    mutating func removeAll(where isWanted: (Waiter) -> Bool) -> [Waiter] {
        guard self.waiters.values.contains(where: isWanted) else { return [] }
        var removed: [Waiter] = []
        for id in self.order[self.head...] {
            guard let waiter = self.waiters[id], isWanted(waiter) else { continue }
            self.waiters[id] = nil
            removed.append(waiter)
        }
        self.tidy()
        return removed
    }

    /// Forgets ids that are gone, once they are as many as those that are here.
    private mutating func tidy() {
        guard self.order.count > 2 * self.waiters.count + 16 else { return }
        let waiters = self.waiters
        self.order = self.order[self.head...].filter { waiters[$0] != nil }
        self.head = 0
    }
}

extension WaitingLine: Sendable where Waiter: Sendable {}
