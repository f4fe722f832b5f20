import Dispatch
import Synchronization

/// Places for a few at once, and a line before them: first come, first served.
///
/// For loads while the cache cannot be used (more than the database can bear must not fall upon it at one stroke), and for the
/// tasks of this process that want the same lock.
final class PlaceLine: Sendable {
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

        /// Those in line for whom there is a place, which they have from here on.
        mutating func admit() -> [Waiter] {
            var admitted: [Waiter] = []
            while self.running < self.maximum, let id = self.line.popFirst() {
                guard let waiter = self.waiters.removeValue(forKey: id) else { continue }
                self.running += 1
                admitted.append(waiter)
            }
            return admitted
        }
    }

    /// How many may wait for each place, and how many at least in all: who comes when there are more is told at once.
    private static let waiters = (perPlace: 16, atLeast: 1024)
    private let state = Mutex(State())

    /// A place that somebody has; given back once, early or at its end.
    final class Place: Sendable {
        private let line: PlaceLine
        private let isTaken = Atomic<Bool>(true)

        fileprivate init(_ line: PlaceLine) { self.line = line }

        func giveBack() { if self.isTaken.exchange(false, ordering: .relaxed) { self.line.leave() } }
    }

    /// Waits for a place, of which there are `maximum`.
    ///
    /// - Returns: `nil` when too many wait already, or there is none until `deadline`, at which it looks to 50 ms.
    /// - Throws: `CancellationError`.
    func place(of maximum: Int, until deadline: ContinuousClock.Instant) async throws -> Place? {
        if await self.enter(max(1, maximum), until: deadline) { return Place(self) }
        try Task.checkCancellation()
        return nil
    }

    /// - Returns: `false` when too many wait already, the time was over, or the task was cancelled.
    private func enter(_ maximum: Int, until deadline: ContinuousClock.Instant) async -> Bool {
        let (id, admitted) = self.state.withLock { state -> (UInt64?, [Waiter]) in
            state.maximum = maximum
            // There may be more places than before; those who wait come first.
            let admitted = state.admit()
            if state.running < maximum {
                state.running += 1
                return (nil, admitted)
            }
            state.lastID += 1
            return (state.lastID, admitted)
        }
        for waiter in admitted { waiter.continuation.resume(returning: true) }
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
                    if deadline <= .now { return (false, false) }
                    let count = state.waiters.count
                    if count >= Self.waiters.atLeast, count / maximum >= Self.waiters.perPlace { return (false, false) }
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
        let admitted = self.state.withLock { state in
            state.running -= 1
            return state.admit()
        }
        for waiter in admitted { waiter.continuation.resume(returning: true) }
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
