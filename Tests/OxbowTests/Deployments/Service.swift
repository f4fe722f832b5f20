import Foundation
import Oxbow
import RedisClient
import Synchronization
import Testing

/// A service at work while servers fail: reads a cache, and counts with commands of its own, over and over.
final class Service: Sendable {
    struct Counts: Sendable {
        var reads = 0
        /// Reads that threw; a cache never does.
        var failedReads = 0
        var acknowledged = 0
        /// Commands that failed, whatever became of them.
        var failed: [RedisError] = []
        /// From the first failure to the next success.
        var outage: Duration?
        var firstFailure: ContinuousClock.Instant?
        /// Failures that leave open whether the command was carried out.
        var unknown: Int { self.failed.count { $0.delivery == .unknown } }
    }

    let counters: [String]
    private let oxbow: Oxbow
    private let module = freshModule("service")
    private let counts = Mutex(Counts())

    /// A service that counts in these keys, one task for each.
    init(_ oxbow: Oxbow, counters: [String]) {
        self.oxbow = oxbow
        self.counters = counters
    }

    var now: Counts { self.counts.withLock { $0 } }

    /// Runs `body` with the service beside it.
    func atWork(_ body: () async throws -> Void) async throws {
        let client = try #require(self.oxbow.client)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for counter in self.counters {
                group.addTask { while !Task.isCancelled { await self.write(client, counter) } }
                group.addTask { while !Task.isCancelled { await self.read(counter) } }
            }
            defer { group.cancelAll() }
            try await self.goesOn()
            try await body()
        }
    }

    /// Waits until each counter can have been written and read since the call.
    func goesOn() async throws {
        let (acknowledged, reads) = (self.now.acknowledged, self.now.reads)
        let enough = 4 * self.counters.count
        try await eventually("the service goes on", within: .seconds(40)) {
            self.now.acknowledged >= acknowledged + enough && self.now.reads >= reads + enough
        }
    }

    private func write(_ client: RedisClient, _ counter: String) async {
        do {
            _ = try await client.execute(RawCommand("INCR", counter, returning: Int.self))
            self.counts.withLock { counts in
                counts.acknowledged += 1
                if counts.outage == nil { counts.outage = counts.firstFailure?.duration(to: .now) }
            }
            try await Task.sleep(for: .milliseconds(2))
        } catch let error as RedisError {
            self.counts.withLock { counts in
                counts.failed.append(error)
                counts.firstFailure = counts.firstFailure ?? .now
            }
        } catch {
            // The end.
        }
    }

    private func read(_ key: String) async {
        do {
            let value = try await self.oxbow.cache(self.module, of: String.self).value(for: key) { "value" }
            self.counts.withLock { counts in
                if value == "value" { counts.reads += 1 } else { counts.failedReads += 1 }
            }
            try await Task.sleep(for: .milliseconds(2))
        } catch is CancellationError {
            // The end.
        } catch {
            self.counts.withLock { $0.failedReads += 1 }
        }
    }
}
