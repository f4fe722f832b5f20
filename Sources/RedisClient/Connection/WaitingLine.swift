/// A queue of waiters, first in, first out, from which any of them can be removed.
///
/// Each change takes amortized constant time: while a server is away, tens of thousands may be cancelled at once.
struct WaitingLine<Waiter> {
    private var waiters: [UInt64: Waiter] = [:]
    /// The ids in the order of arrival, including some of waiters that have been removed.
    private var order: [UInt64] = []
    /// The index of the first waiter's id in `order`, or one before it.
    private var head = 0

    var count: Int { self.waiters.count }
    var isEmpty: Bool { self.waiters.isEmpty }

    /// Adds a waiter at the end; `id` must be new.
    mutating func append(_ waiter: Waiter, id: UInt64) {
        self.waiters[id] = waiter
        self.order.append(id)
    }

    /// Removes a waiter.
    ///
    /// - Returns: `nil` if it is not in the queue.
    mutating func remove(_ id: UInt64) -> Waiter? {
        guard let waiter = self.waiters.removeValue(forKey: id) else { return nil }
        self.tidy()
        return waiter
    }

    /// Removes the first waiter.
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

    /// Removes the first waiters, at most `count` of them.
    mutating func popFirst(_ count: Int) -> [Waiter] {
        var first: [Waiter] = []
        while first.count < count, let waiter = self.popFirst() { first.append(waiter) }
        return first
    }

    /// Removes all waiters that satisfy a condition, in order.
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

    /// Drops the ids of removed waiters once they outnumber the others.
    private mutating func tidy() {
        guard self.order.count > 2 * self.waiters.count + 16 else { return }
        let waiters = self.waiters
        self.order = self.order[self.head...].filter { waiters[$0] != nil }
        self.head = 0
    }
}

extension WaitingLine: Sendable where Waiter: Sendable {}
