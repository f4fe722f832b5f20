import NIOCore
import Synchronization

/// The events that wait for one consumer, within bounds: a slow one loses events and is told, nobody waits for it.
final class SubscriptionBuffer: Sendable {
    private typealias Waiter = CheckedContinuation<RedisSubscriptionEvent?, any Error>

    private enum End {
        case quiet
        case failure(RedisError)
    }

    private struct State {
        var events = CircularBuffer<RedisSubscriptionEvent>()
        var bytes = 0
        var isInForce = false
        var end: End?
        var waiters: [(id: UInt64, continuation: Waiter)] = []
        var lastID: UInt64 = 0
    }

    private let configuration: RedisSubscriptionConfiguration
    private let counters: ConnectionCounters
    private let state = Mutex(State())

    init(_ configuration: RedisSubscriptionConfiguration, _ counters: ConnectionCounters) {
        self.configuration = configuration
        self.counters = counters
    }

    // MARK: Producer

    /// Appends an event, or drops all for want of room.
    func offer(_ event: RedisSubscriptionEvent) {
        let waiter = self.state.withLock { state -> Waiter? in
            guard state.end == nil else { return nil }
            switch event {
            case .inForce: state.isInForce = true
            case .interrupted: state.isInForce = false
            case .message: break
            }
            // Nobody waits while events do.
            if !state.waiters.isEmpty { return state.waiters.removeFirst().continuation }
            let hasRoom =
                state.events.count < self.configuration.maximumWaitingEvents
                && event.size <= self.configuration.maximumWaitingBytes - state.bytes
            if hasRoom {
                state.events.append(event)
                state.bytes += event.size
            } else {
                self.drop(event, &state)
            }
            return nil
        }
        waiter?.resume(returning: event)
    }

    private func drop(_ event: RedisSubscriptionEvent, _ state: inout State) {
        let dropped = state.events.reduce(event.isMessage ? 1 : 0) { $0 + ($1.isMessage ? 1 : 0) }
        self.counters.droppedMessages.wrappingAdd(UInt64(dropped), ordering: .relaxed)
        self.counters.note(.waitingEvents, dropped)
        state.events = [state.isInForce ? .inForce : .interrupted]
        state.bytes = 0
    }

    /// Takes nothing more; what waits can still be taken, unless it is `discarded`.
    func end(_ failure: RedisError?, discarding: Bool = false) {
        let waiters = self.state.withLock { state in
            if state.end == nil { state.end = failure.map { .failure($0) } ?? .quiet }
            if discarding { state.events = [] }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters {
            if let failure {
                waiter.continuation.resume(throwing: failure)
            } else {
                waiter.continuation.resume(returning: nil)
            }
        }
    }

    // MARK: Consumer

    func next() async throws -> RedisSubscriptionEvent? {
        try Task.checkCancellation()
        let id = self.state.withLock { state in
            state.lastID &+= 1
            return state.lastID
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: Waiter) in
                let outcome = self.state.withLock { state -> Result<RedisSubscriptionEvent?, any Error>? in
                    if let event = state.events.popFirst() {
                        state.bytes -= event.size
                        return .success(event)
                    }
                    switch state.end {
                    case .failure(let failure): return .failure(failure)
                    case .quiet: return .success(nil)
                    case nil: break
                    }
                    state.waiters.append((id, continuation))
                    return nil
                }
                if let outcome { return continuation.resume(with: outcome) }
                // It may have been cancelled before it stood in line.
                if Task.isCancelled { self.abandon(id) }
            }
        } onCancel: {
            self.abandon(id)
        }
    }

    private func abandon(_ id: UInt64) {
        let waiter = self.state.withLock { state -> Waiter? in
            guard let index = state.waiters.firstIndex(where: { $0.id == id }) else { return nil }
            return state.waiters.remove(at: index).continuation
        }
        waiter?.resume(throwing: CancellationError())
    }
}

extension RedisSubscriptionEvent {
    fileprivate var isMessage: Bool { if case .message = self { true } else { false } }
    /// What it takes in a buffer, about.
    fileprivate var size: Int { if case .message(let message) = self { message.size } else { 0 } }
}
