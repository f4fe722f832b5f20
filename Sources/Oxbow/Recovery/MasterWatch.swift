import Logging
import RedisClient
import Resilience
import Synchronization

/// Watches the masters of the caches, and brings those in order whose data went back in time: a restart from a snapshot, a
/// failover to a replica that lagged, a restored backup.
///
/// See the article "The cell protocol", rule 19, and ``RecoveryState`` for the rules.
final class MasterWatch: Sendable {
    private let store: MasterStore
    private let journal: InvalidationJournal
    private let logger: Logger
    /// Names this process in the masters' records.
    private let process = Token.random().text
    /// Where this process's clock begins.
    private let start = ContinuousClock.now
    /// How long invalidations are remembered.
    private let memory: Duration
    private let state: Mutex<RecoveryState>
    private let signals = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    /// The pause between beats.
    private static let pause = Duration.seconds(1)

    /// - Parameters:
    ///   - store: the masters.
    ///   - journal: the invalidations to repeat.
    ///   - memory: how long they are remembered.
    ///   - claimLife: how long a closing lasts.
    ///   - logger: for what happens to masters.
    init(store: MasterStore, journal: InvalidationJournal, memory: Duration, claimLife: Duration, logger: Logger) {
        self.state = Mutex(RecoveryState(patience: max(claimLife, .seconds(3))))
        self.store = store
        self.journal = journal
        self.memory = memory
        self.logger = logger
        store.client.greeter.set { [weak self] in try await self?.greet($0) }
    }

    /// Changes the state, and with it which cells are read past.
    private func change<Result>(_ body: (inout RecoveryState) -> Result) -> Result {
        let (result, isUnsettled) = self.state.withLock { state in
            let before = Set(state.unsettled.keys)
            let numbers = Set(state.unsettled.values.map(\.number))
            let result = body(&state)
            let after = Set(state.unsettled.keys)
            // Under the lock: two changes must arrive in their order.
            if before != after || numbers != Set(state.unsettled.values.map(\.number)) {
                self.journal.setUnsettled(after)
            }
            return (result, !after.isEmpty)
        }
        if isUnsettled { self.signals.continuation.yield() }
        return result
    }

    /// Whether all masters are known, connected to and settled.
    var isSettled: Bool {
        let masters = self.store.client.masters
        return self.state.withLock { state in
            !masters.isEmpty && masters.allSatisfy { state.settled[$0.address] != nil }
        }
    }

    private var time: Int64 { Int64(clamping: self.start.duration(to: .now).milliseconds) }

    // MARK: New connections

    /// Looks at a new connection before callers use it: whether everything is in force there.
    ///
    /// Until it returns, replies come from the server before, as they did.
    private func greet(_ greeting: ConnectionGreeting) async throws {
        // A server that does not say who it is cannot be told from another one.
        guard let identity = greeting.server.identity else { return }
        let address = greeting.address
        // Without a cluster a master takes the place of the one before.
        if !self.store.client.routesCommands { self.change { $0.keep([address]) } }
        if self.state.withLock({ $0.isSettled(address, identity) }) { return }
        if try await self.isSettledForAll(greeting, identity) {
            let beat = MasterStore.Beat(
                process: self.process,
                time: self.time,
                identity: identity,
                replacesRecord: true
            )
            _ = try await self.store.beat(beat, on: address) { try await greeting.send($0) }
            self.change { state in
                state.trust(address, identity)
                state.noteBeat(beat.time, on: address, alive: [], at: .now, for: self.memory)
            }
        } else {
            self.change { $0.distrust(address, identity, at: .now) }
        }
    }

    /// How many parts of a database are looked through before a connection is used.
    private static let partsInGreeting = 5

    private func isSettledForAll(_ greeting: ConnectionGreeting, _ identity: String) async throws -> Bool {
        do {
            let record = try await self.store.record(of: greeting.address) { try await greeting.send($0) }
            if record.settled == identity { return true }
            guard record.isEmpty, self.state.withLock({ $0.settled.isEmpty }) else { return false }
            // The first one here, as a rule: there is nothing, or nothing that is known of.
            var cursor = "0"
            for _ in 0..<Self.partsInGreeting {
                cursor = try await self.store.emptyPart(from: cursor) { try await greeting.send($0) }
                if cursor == "0" { return true }
            }
            return false
        } catch let error as RedisError where error.delivery == .refused {
            // Without the right to ask it has none to store anything, either.
            return error.serverError == "NOPERM"
        } catch let error as RedisError where error.code == .unexpectedReply {
            return false
        } catch let error as RedisError where error.code == .cannotConnect && error.cause == nil {
            // A node whose slots are not known yet.
            return false
        }
    }

    private func settle(_ address: RedisAddress, _ master: RecoveryState.Unsettled) {
        self.change { _ = $0.settle(address, master.number) }
    }

    // MARK: The work

    /// Writes a beat on each master each second, and looks after unsettled masters; until cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask {
                while !Task.isCancelled {
                    await self.beat()
                    try? await Task.sleep(for: Self.pause)
                }
            }
            let begun = Mutex<Set<UInt64>>([])
            for await _ in self.signals.stream {
                for (address, master) in self.state.withLock({ $0.unsettled }) {
                    guard begun.withLock({ $0.insert(master.number).inserted }) else { continue }
                    group.addTask { await self.recover(address, master) }
                }
            }
        }
    }

    private func beat() async {
        let masters = self.store.client.masters.map(\.address)
        self.change { $0.keep(masters) }
        await withTaskGroup(of: Void.self) { group in
            for master in masters { group.addTask { await self.beat(on: master) } }
        }
    }

    private func beat(on master: RedisAddress) async {
        let (identity, last) = self.state.withLock { ($0.settled[master], $0.lastBeat(on: master)) }
        guard let identity else { return }
        var beat = MasterStore.Beat(process: self.process, time: self.time, last: last, identity: identity)
        let send = self.store.send(to: master)
        guard var answer = try? await self.store.beat(beat, on: master, send) else { return }
        if answer.kind == .foreign, answer.identity == identity {
            beat.replacesRecord = true
            guard let second = try? await self.store.beat(beat, on: master, send) else { return }
            answer = second
        }
        self.change { [beat, answer] state in
            // It may have been another master's answer, or this one has become unsettled meanwhile.
            guard state.settled[master] == identity else { return }
            guard self.store.client.masters.contains(where: { $0.address == master }) else { return }
            if let now = answer.identity, now != identity || answer.kind == .lost {
                // Promoted, or restored, without an end of the connection.
                state.unsettle(master, now, at: .now)
            } else if answer.kind == .written {
                let others = answer.alive.subtracting([self.process])
                state.noteBeat(beat.time, on: master, alive: others, at: .now, for: self.memory)
            }
        }
    }

    // MARK: Recovery

    /// How far the recovery of one master has come.
    private struct Progress {
        var first: MasterRecord?
        var moment: ContinuousClock.Instant?
        /// Those of the master; `nil` for all.
        var slots: Set<Int>?
        var isCovered = false
        var isConfirmed = false
        /// Where emptying goes on.
        var cursor = "0"
    }

    private func recover(_ address: RedisAddress, _ master: RecoveryState.Unsettled) async {
        var progress = Progress()
        var backoff = Backoff(initial: .milliseconds(20), maximum: .milliseconds(500))
        while !Task.isCancelled, self.state.withLock({ $0.unsettled[address] == master }) {
            do {
                let pause = try await self.advance(&progress, address, master)
                self.journal.noteRecovery()
                guard let pause else { return self.settle(address, master) }
                backoff.reset()
                if pause > .zero { try await Task.sleep(for: pause) }
            } catch {
                try? await Task.sleep(for: backoff.next(random: .random(in: 0..<1)))
            }
        }
    }

    /// Does what comes next.
    ///
    /// - Returns: how long to wait then; `nil` when the master is settled.
    private func advance(
        _ progress: inout Progress,
        _ address: RedisAddress,
        _ master: RecoveryState.Unsettled
    ) async throws -> Duration? {
        let record = try await self.store.record(of: address, self.store.send(to: address))
        if record.settled == master.identity { return nil }
        let first = progress.first ?? record
        if progress.first == nil {
            progress.slots = try await self.store.slots(of: address, self.store.send(to: address))
            progress.first = record
            progress.moment = record.beats[self.process].map { self.start + .milliseconds($0.own) }
            progress.isCovered = self.journal.repeatInvalidations(in: progress.slots, since: progress.moment)
            let age = progress.moment.map { "\(($0.duration(to: .now) / .milliseconds(1)).rounded() / 1000) s" }
            self.logger.notice(
                "a master was replaced, restarted or restored: invalidations are repeated",
                metadata: [
                    "address": "\(address)", "dataWentBackAtMost": "\(age ?? "unknown")",
                    "allRemembered": "\(progress.isCovered)",
                ]
            )
        }
        if self.journal.owes(in: progress.slots) { return .milliseconds(5) }
        if progress.isCovered, !progress.isConfirmed {
            try await self.journal.runningUpdates.renewAll()
            try await self.store.confirm(self.process, first.mark(of: master.identity), on: address)
            progress.isConfirmed = true
        }
        let step = self.state.withLock { [progress] state in
            state.step(
                for: master,
                record,
                first: first,
                of: self.process,
                since: progress.moment,
                isCovered: progress.isCovered,
                at: .now
            )
        }
        switch step {
        case .done: return nil
        case .settle:
            try await self.store.settle(self.process, master.identity, on: address)
            return nil
        case .wait: return .milliseconds(20)
        case .empty: return try await self.empty(&progress, address, master)
        }
    }

    /// Empties a part of the caches on a master, if no other process does.
    private func empty(
        _ progress: inout Progress,
        _ address: RedisAddress,
        _ master: RecoveryState.Unsettled
    ) async throws -> Duration? {
        guard try await self.store.beginEmptying(self.process, on: address) else { return .milliseconds(50) }
        if progress.cursor == "0" {
            self.logger.warning("the caches on a master are emptied", metadata: ["address": "\(address)"])
        }
        // A cursor is good for the server's life: an error does not begin the scan again.
        progress.cursor = try await self.store.emptyPart(from: progress.cursor, self.store.send(to: address))
        guard progress.cursor == "0" else { return .zero }
        try await self.store.settle(self.process, master.identity, on: address)
        self.journal.noteEmptied()
        self.logger.notice("the caches on a master are empty", metadata: ["address": "\(address)"])
        return nil
    }
}
