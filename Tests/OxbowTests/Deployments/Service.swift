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
        /// Commands that were acknowledged, for each counter.
        var acknowledgedOf: [String: Int] = [:]
        /// Commands that may have been carried out, for each counter.
        var unknownOf: [String: Int] = [:]
        /// Commands that failed, whatever became of them.
        var failed: [RedisError] = []
        /// From the first failure to the next success.
        var outage: Duration?
        var firstFailure: ContinuousClock.Instant?
        var acknowledged: Int { self.acknowledgedOf.values.reduce(0, +) }
        var unknown: Int { self.unknownOf.values.reduce(0, +) }
    }

    let counters: [String]
    private let oxbow: Oxbow
    private let module = freshModule("service")
    private let counts = Mutex(Counts())
    private let isStopped = Mutex(false)

    /// A service that counts in these keys, one task for each.
    init(_ oxbow: Oxbow, counters: [String]) {
        self.oxbow = oxbow
        self.counters = counters
    }

    var now: Counts { self.counts.withLock { $0 } }

    /// Runs `body` with the service beside it; once only.
    ///
    /// In the end all commands are let come to theirs: a cancelled one would leave open whether it was carried out.
    func atWork(_ body: () async throws -> Void) async throws {
        let client = try #require(self.oxbow.client)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for counter in self.counters {
                group.addTask { while self.isAtWork { await self.write(client, counter) } }
                group.addTask { while self.isAtWork { await self.read(counter) } }
            }
            try await self.goesOn()
            try await body()
            self.isStopped.withLock { $0 = true }
            try await group.waitForAll()
        }
    }

    private var isAtWork: Bool { !Task.isCancelled && !self.isStopped.withLock { $0 } }

    /// Reads the counters back, behind ``atWork(_:)``: nothing was counted twice, and what was acknowledged is there.
    ///
    /// - Parameters:
    ///   - client: at the master.
    ///   - loss: how many acknowledged commands of each counter may be gone because its master was killed before they
    ///     had reached a replica; they leave it together with the acknowledgments, so these are few.
    /// - Throws: what reading a counter throws.
    func checkCounters(_ client: RedisClient, loss: Int = 10) async throws {
        for counter in self.counters {
            let count = try await client.execute(GET(counter, as: Int.self), timeout: .seconds(20)) ?? 0
            let (acknowledged, unknown) = (self.now.acknowledgedOf[counter] ?? 0, self.now.unknownOf[counter] ?? 0)
            let said = Comment("counted \(count), acknowledged \(acknowledged), unknown \(unknown)")
            print("  \(counter): \(said)")
            #expect(count <= acknowledged + unknown, said)
            #expect(count >= acknowledged - loss, said)
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
                counts.acknowledgedOf[counter, default: 0] += 1
                if counts.outage == nil { counts.outage = counts.firstFailure?.duration(to: .now) }
            }
            try await Task.sleep(for: .milliseconds(2))
        } catch let error as RedisError {
            self.counts.withLock { counts in
                counts.failed.append(error)
                if error.delivery == .unknown { counts.unknownOf[counter, default: 0] += 1 }
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
