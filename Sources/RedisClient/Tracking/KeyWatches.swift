package import NIOCore
import Synchronization

/// Who waits for keys to change.
///
/// Fed by the servers' invalidation messages (client tracking); any other source may call it as well.
package final class KeyWatches: Sendable {
    private let watches = Mutex<[ByteBuffer: [ObjectIdentifier: KeyWatch]]>([:])

    package init() {}

    /// Runs `body` with a watch on a key.
    package func with<Result>(
        _ key: ByteBuffer,
        _ body: (KeyWatch) async throws -> Result
    ) async rethrows -> Result {
        let watch = KeyWatch()
        let id = ObjectIdentifier(watch)
        self.watches.withLock { $0[key, default: [:]][id] = watch }
        defer {
            self.watches.withLock { watches in
                watches[key]?[id] = nil
                if watches[key]?.isEmpty ?? false { watches[key] = nil }
            }
        }
        return try await body(watch)
    }

    /// A key has changed.
    package func note(_ key: ByteBuffer) {
        let changed = self.watches.withLock { $0[key].map { Array($0.values) } ?? [] }
        for watch in changed { watch.change() }
    }

    /// Any key may have changed, unnoticed.
    package func noteAll() {
        let changed = self.watches.withLock { $0.values.flatMap(\.values) }
        for watch in changed { watch.change() }
    }
}

/// One caller's watch on one key.
package final class KeyWatch: Sendable {
    private let state = Mutex<(hasChanged: Bool, waiter: CheckedContinuation<Void, Never>?)>((false, nil))

    /// Forgets the changes so far: to be called before the key is read.
    package func begin() { self.state.withLock { $0.hasChanged = false } }

    /// The key has changed since it was read.
    func change() {
        let waiter = self.state.withLock { state in
            state.hasChanged = true
            return state.waiter.take()
        }
        waiter?.resume()
    }

    /// Waits for a change since ``begin()``, until `end` at the latest.
    ///
    /// - Throws: `CancellationError`.
    package func wait(until end: ContinuousClock.Instant) async throws {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                // Ends early when the waiting task is cancelled, too.
                try? await Task.sleep(until: end, clock: .continuous)
                self.change()
            }
            await withCheckedContinuation { continuation in
                let isOver = self.state.withLock { state in
                    if !state.hasChanged { state.waiter = continuation }
                    return state.hasChanged
                }
                if isOver { continuation.resume() }
            }
            group.cancelAll()
        }
        try Task.checkCancellation()
    }
}
