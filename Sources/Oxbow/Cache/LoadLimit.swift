import Dispatch
import Synchronization

/// How many loads of one cache run at once while the cache cannot be used: more than the database can bear must not fall upon
/// it at one stroke.
///
/// First come, first served.
final class LoadLimit: Sendable {
    private struct Waiter {
        let continuation: CheckedContinuation<Bool, Never>
        let deadline: ContinuousClock.Instant
    }

    private struct State {
        var running = 0
        /// As it was last told.
        var maximum = 1
        var waiters: [UInt64: Waiter] = [:]
        /// In the order in which they came; some have gone since.
        var line: ArraySlice<UInt64> = []
        var lastID: UInt64 = 0
        var isTicking = false
    }

    /// How many may wait for each place: who comes when there are more would wait for longer than as many loads take, and is
    /// told at once.
    private static let waitersPerPlace = 16
    private let state = Mutex(State())
    private let limits: CacheLimits

    init(_ limits: CacheLimits) { self.limits = limits }

    /// The right to load; given back once, early or at its end.
    final class Place: Sendable {
        private let limit: LoadLimit
        private let isTaken = Atomic<Bool>(true)

        fileprivate init(_ limit: LoadLimit) { self.limit = limit }

        func giveBack() { if self.isTaken.exchange(false, ordering: .relaxed) { self.limit.leave() } }
    }

    /// Waits for a place, of which there are `maximum`.
    ///
    /// - Throws: ``CacheError`` with `tooManyLoads` when there is none until `deadline`; `CancellationError`.
    func place(of maximum: Int, until deadline: ContinuousClock.Instant) async throws -> Place {
        if await self.enter(max(1, maximum), until: deadline) { return Place(self) }
        try Task.checkCancellation()
        self.limits.note(.loads)
        let message =
            "\(maximum) loads of this cache run already, and the cache cannot be used; "
            + "raise maximumConcurrentLoads if the database bears more"
        throw CacheError(.tooManyLoads, message)
    }

    /// - Returns: `false` when the time was over, or the task was cancelled.
    private func enter(_ maximum: Int, until deadline: ContinuousClock.Instant) async -> Bool {
        let id = self.state.withLock { state -> UInt64? in
            state.maximum = maximum
            if state.running < maximum {
                state.running += 1
                return nil
            }
            state.lastID += 1
            return state.lastID
        }
        guard let id else { return true }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let (answer, starts) = self.state.withLock { state -> (Bool?, Bool) in
                    // Cancelled before the waiter was there to be found.
                    if Task.isCancelled { return (false, false) }
                    if state.running < maximum {
                        state.running += 1
                        return (true, false)
                    }
                    if state.waiters.count / maximum >= Self.waitersPerPlace { return (false, false) }
                    state.waiters[id] = Waiter(continuation: continuation, deadline: deadline)
                    state.line.append(id)
                    defer { state.isTicking = true }
                    return (nil, !state.isTicking)
                }
                if let answer { continuation.resume(returning: answer) }
                if starts { self.tickLater() }
            }
        } onCancel: {
            let waiter = self.state.withLock { $0.waiters.removeValue(forKey: id) }
            waiter?.continuation.resume(returning: false)
        }
    }

    /// Hands the place to the next one.
    private func leave() {
        let next = self.state.withLock { state -> Waiter? in
            while state.running <= state.maximum, let id = state.line.popFirst() {
                if let waiter = state.waiters.removeValue(forKey: id) { return waiter }
            }
            state.running -= 1
            return nil
        }
        next?.continuation.resume(returning: true)
    }

    // MARK: Time

    /// One timer for all, as long as somebody waits.
    private func tickLater() {
        DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(50)) { [weak self] in self?.tick() }
    }

    private func tick() {
        let now = ContinuousClock.now
        let (expired, goesOn) = self.state.withLock { state in
            let expired = state.waiters.filter { $0.value.deadline <= now }
            for id in expired.keys { state.waiters[id] = nil }
            state.isTicking = !state.waiters.isEmpty
            // Those that have gone, when they are the most.
            if state.line.count > 2 * state.waiters.count + 64 {
                state.line = state.line.filter { state.waiters[$0] != nil }[...]
            }
            return (expired.values, state.isTicking)
        }
        for waiter in expired { waiter.continuation.resume(returning: false) }
        if goesOn { self.tickLater() }
    }
}
