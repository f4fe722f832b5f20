import Foundation
import NIOCore
import OxbowTesting
import RESP
import RedisClient
import Synchronization
import TestServers

/// Many tasks over one client through a proxy that fails, each caller checking that what it gets is its own.
final class IntegrityRun: Sendable {
    static let workers = 64
    /// How long behind its deadline a caller may end on a busy machine; later it is lost.
    static let margin = Duration.seconds(3)
    static let script = Script("return {KEYS[1], ARGV[1], #ARGV[1]}")

    let client: RedisClient
    let seed: UInt64
    let target: Int
    /// What all keys of this run begin with.
    let prefix: String
    /// The values by the number in their key; each names its key.
    let values: [String]
    let hashes = 50
    private let started = Atomic<Int>(0)
    private let counts = Mutex(IntegrityCounts())
    /// When each worker's call must be over.
    private let due = Mutex([ContinuousClock.Instant?](repeating: nil, count: IntegrityRun.workers))

    init(client: RedisClient, seed: UInt64, target: Int) {
        self.client = client
        self.seed = seed
        self.target = target
        let prefix = "integrity:\(UInt64.random(in: 0 ... .max))"
        self.prefix = prefix
        self.values = (0..<400)
            .map { number in
                // Some are much larger than a read.
                "\(prefix):\(number)=" + String(repeating: "x", count: number % 40 == 7 ? 30_000 : number)
            }
    }

    func key(_ number: Int) -> String { "\(self.prefix):\(number)" }
    func hashKey(_ number: Int) -> String { "\(self.prefix):h\(number)" }
    func hash(_ number: Int) -> [String: String] {
        let key = self.hashKey(number)
        return ["a": "\(key).a", "b": "\(key).b", "c": "\(key).c"]
    }

    /// Writes what the workers read, past the proxy.
    func prepare(_ server: ServerProcess) async throws {
        try await withClient(configuration(for: server)) { client async throws in
            let commands = self.values.indices.map { SET(self.key($0), self.values[$0], milliseconds: 7_200_000) }
            for result in try await client.execute(pipeline: commands) { _ = try result.get() }
            for number in 0..<self.hashes {
                let key = self.hashKey(number)
                let fields = self.hash(number).sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value] }
                let hset = RawCommand(
                    "HSET",
                    key,
                    fields[0],
                    fields[1],
                    fields[2],
                    fields[3],
                    fields[4],
                    fields[5],
                    returning: Int.self
                )
                _ = try await client.execute(hset)
                _ = try await client.execute(RawCommand("EXPIRE", key, 7200, returning: Int.self))
            }
        }
    }

    /// Runs the workers against `proxy`, then compares their counters with the server's.
    func run(_ proxy: FaultProxy, _ server: ServerProcess) async throws -> IntegrityCounts {
        let faults = Task { await IntegrityFaults(proxy: proxy, seed: self.seed).run() }
        let watch = Task { await self.watch() }
        let counters = await withTaskGroup(of: IntegrityWorker.Counter.self) { group in
            for number in 0..<Self.workers {
                group.addTask {
                    var worker = IntegrityWorker(self, number)
                    return await worker.run()
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        faults.cancel()
        watch.cancel()
        await faults.value
        await watch.value
        for counter in counters {
            let times = Int(try server.cli("get", counter.key)) ?? 0
            self.counts.withLock { counts in
                // Less: an acknowledgement of what never happened. More: it happened more often than it was sent.
                counts.duplicated += max(0, counter.acknowledged - times)
                counts.duplicated += max(0, times - counter.acknowledged - counter.unknown)
            }
        }
        return self.counts.withLock { $0 }
    }

    /// Adds what a worker has counted.
    ///
    /// - Returns: whether to go on: a run that is plainly wrong need not come to its end.
    func add(_ counts: IntegrityCounts) -> Bool {
        let wrong = self.counts.withLock { total in
            total.add(counts)
            return total.crossed
        }
        return wrong < 1000 && self.started.wrappingAdd(counts.commands, ordering: .relaxed).newValue < self.target
    }

    // MARK: The watch over callers

    func began(_ worker: Int, until deadline: ContinuousClock.Instant) { self.due.withLock { $0[worker] = deadline } }

    func ended(_ worker: Int) { self.due.withLock { $0[worker] = nil } }

    /// Prints progress; and does not let a caller that is never resumed look like a slow run.
    private func watch() async {
        let start = ContinuousClock.now
        var rounds = 0
        while (try? await Task.sleep(for: .milliseconds(500))) != nil {
            rounds += 1
            let now = ContinuousClock.now
            let hanging = self.due.withLock { $0.count { $0.map { $0 + .seconds(60) < now } ?? false } }
            if hanging > 0 {
                print(self.counts.withLock { $0.table(seed: self.seed, seconds: 0, connections: 0) })
                fatalError("\(hanging) callers hang a minute behind their deadlines; seed \(self.seed)")
            }
            if rounds.isMultiple(of: 10) {
                let counts = self.counts.withLock { $0 }
                let seconds = start.duration(to: now).components.seconds
                print(
                    "\(seconds) s: \(counts.commands) commands, \(counts.replies) own replies,",
                    "\(counts.crossed) crossed, \(counts.lost) lost, \(self.client.statistics.connects) connections"
                )
            }
        }
    }
}
