import Foundation

/// The figures of a run, as its parts bring them.
struct LocksFigures: Sendable {
    private var locks: [Double] = []
    private var plain: [Double] = []
    private var roundTrips: [Double] = []
    private(set) var values: [String: Double]

    init(_ run: LocksRun) {
        self.values = ["processes": Double(run.processes), "tasks": Double(run.tasks), "pauses": Double(run.pauses)]
    }

    private static func micros(_ from: UInt64, _ to: UInt64) -> Double { to > from ? Double(to - from) / 1000 : 0 }

    mutating func add(acquireRelease lock: Double, plain: Double, roundTrips: Double) {
        self.locks.append(lock)
        self.plain.append(plain)
        self.roundTrips.append(roundTrips)
        self.values["acquireReleaseMicros"] = self.locks.median
        self.values["plainLockMicros"] = self.plain.median
        self.values["ratio"] = self.locks.median / max(0.001, self.plain.median)
        self.values["roundTripsPerAcquireRelease"] = self.roundTrips.median
    }

    /// Of tasks that all want the same lock.
    mutating func add(contended turns: [LockTurn], duration: Duration) {
        let waits = turns.map { Self.micros($0.asked, $0.entered) / 1000 }
        self.values["contendedPerSecond"] = Double(turns.count) / (duration / .seconds(1))
        self.values["p50WaitMillis"] = waits.percentile(50)
        self.values["p99WaitMillis"] = waits.percentile(99)
        self.values["longestWaitMillis"] = waits.max() ?? 0
        self.values["fairness"] = Self.fairness(turns, among: Int(self.values["tasks"] ?? 1)) {
            "\($0.process) \($0.task)"
        }
        self.values["fairnessOfProcesses"] = Self.fairness(turns, among: Int(self.values["processes"] ?? 1)) {
            "\($0.process)"
        }
        self.add(LockConflicts(turns))
    }

    private mutating func add(_ conflicts: LockConflicts) {
        self.values["overlappingHolders", default: 0] += Double(conflicts.overlaps)
        self.values["fencesOutOfOrder", default: 0] += Double(conflicts.fencesOutOfOrder)
    }

    /// Jain's index of the turns that each has had: 1 if all have had as many, 1/n if one has had all.
    ///
    /// Jain, Chiu and Hawe, "A Quantitative Measure of Fairness", DEC TR-301, 1984.
    private static func fairness(_ turns: [LockTurn], among count: Int, by key: (LockTurn) -> String) -> Double {
        let counts = Dictionary(grouping: turns, by: key).values.map { Double($0.count) }
        let (sum, squares) = (counts.reduce(0, +), counts.map { $0 * $0 }.reduce(0, +))
        return squares > 0 ? sum * sum / (Double(count) * squares) : 0
    }

    /// Of tasks that hold a lock for a while, one in each process.
    mutating func add(wakes turns: [LockTurn]) {
        let order = turns.sorted { $0.entered < $1.entered }
        let waits = zip(order, order.dropFirst())
            // Those who waited long before the lock was given back, in another process.
            .filter { $0.process != $1.process && $1.asked + 1_000_000 < $0.left }
            .map { Self.micros($0.left, $1.entered) }
        self.values["wakes"] = Double(waits.count)
        self.values["p50WakeMicros"] = waits.percentile(50)
        self.values["p99WakeMicros"] = waits.percentile(99)
        self.values["longestWakeMicros"] = waits.max() ?? 0
        // Where a lock is held for some time, an overlap shows the best.
        self.add(LockConflicts(turns))
    }

    mutating func add(commandsPerSecond rate: Double) { self.values["commandsPerSecondWhileWaiting"] = rate }

    mutating func add(pauses: [LockPause]) {
        let holders = pauses.map(\.holder)
        self.values["fencedWritesOutOfOrder"] = Double(pauses.map(\.outOfOrder).reduce(0, +))
        // Who has lost its lease before it stood still had nobody to be behind.
        let straddling = pauses.filter { $0.holder.cancelled > $0.resumed }
        self.values["pausesPastTheEnd"] = Double(straddling.count)
        self.values["lateWritesTaken"] = Double(straddling.count(where: \.holder.wroteLate))
        self.values["holdersRefused"] = Double(pauses.count(where: \.wasRefused) + holders.map(\.refused).reduce(0, +))
        self.values["foreignUnlocks"] = Double(pauses.count { $0.isUnlocked || $0.holder.unlocked })
        self.values["callsAcceptedAfterEnd"] = Double(pauses.count { $0.holder.lastAccepted > $0.taken })
        self.values["notCancelled"] = Double(holders.count { $0.cancelled == 0 })
        self.values["notTold"] = Double(holders.count { !$0.wasTold })
        let cancels = straddling.map { Self.micros($0.resumed, $0.holder.cancelled) / 1000 }
        self.values["p99CancelMillis"] = cancels.percentile(99)
    }
}

/// Turns that should not be: two who had the same lock at once, and numbers that did not rise.
struct LockConflicts: Sendable {
    var overlaps = 0
    var fencesOutOfOrder = 0

    init(_ turns: [LockTurn]) {
        for turns in Dictionary(grouping: turns, by: \.lock).values {
            let order = turns.sorted { $0.entered < $1.entered }
            for (turn, next) in zip(order, order.dropFirst()) {
                if next.entered < turn.left { self.overlaps += 1 }
                if next.fence <= turn.fence { self.fencesOutOfOrder += 1 }
            }
        }
    }
}
