import NIOCore
import RedisClient
import RESP
import Seeded
import Synchronization

/// One task of an integrity run: a random command, given up at a random moment or not, and a check of what came back.
struct IntegrityWorker {
    /// The counter that only this worker increments.
    struct Counter: Sendable {
        let key: String
        /// Increments that were answered.
        var acknowledged = 0
        /// Increments that may have happened.
        var unknown = 0
        /// The largest answer.
        var last = 0
    }

    /// What one call brought back for each of its commands.
    struct Checked: Sendable {
        var right = 0
        var wrong: [String] = []
        var failures: [any Error] = []

        mutating func check<Value: Equatable>(_ result: Result<Value, RedisError>, _ expected: Value) {
            switch result {
            case .success(let value) where value == expected: self.right += 1
            case .success(let value): self.wrong.append("\("\(value)".prefix(200)) for \("\(expected)".prefix(200))")
            case .failure(let error): self.failures.append(error)
            }
        }
    }

    private let run: IntegrityRun
    private let client: RedisClient
    private let number: Int
    private var random: SeededGenerator
    private var counts = IntegrityCounts()
    private var counter: Counter
    private var serial = 0

    init(_ run: IntegrityRun, _ number: Int) {
        self.run = run
        self.client = run.client
        self.number = number
        self.random = SeededGenerator(seed: run.seed &+ UInt64(number) &* 0x1_0000_0001)
        self.counter = Counter(key: "\(run.prefix):n\(number)")
    }

    mutating func run() async -> Counter {
        repeat {
            self.counts = IntegrityCounts()
            for _ in 0..<20 { await self.step() }
        } while self.run.add(self.counts)
        return self.counter
    }

    private mutating func step() async {
        self.serial += 1
        let (run, client) = (self.run, self.client)
        let token = "token:\(self.number):\(self.serial)"
        let index = Int.random(in: run.values.indices, using: &self.random)
        let hash = Int.random(in: 0..<run.hashes, using: &self.random)
        switch Int.random(in: 0..<100, using: &self.random) {
        case 0..<25:
            await self.call(1) { timeout, checked async throws in
                let value = try await client.execute(GET(run.key(index), as: String.self), timeout: timeout)
                checked.check(.success(value), run.values[index])
            }
        case 25..<40:
            let indices = self.indices(2...10)
            await self.call(1) { timeout, checked async throws in
                let values = try await client.execute(
                    MGET(indices.map { run.key($0) }, as: String.self),
                    timeout: timeout
                )
                checked.check(.success(values), indices.map { run.values[$0] })
            }
        case 40..<65:
            let indices = self.indices(2...50)
            await self.call(indices.count) { timeout, checked async throws in
                let commands = indices.map { GET(run.key($0), as: String.self) }
                let results = try await client.execute(pipeline: commands, timeout: timeout)
                for (result, index) in zip(results, indices) { checked.check(result, run.values[index]) }
            }
        case 65..<75:
            await self.call(3) { timeout, checked async throws in
                let (value, echo, all) = try await client.execute(
                    pipeline: GET(run.key(index), as: String.self),
                    RawCommand("ECHO", token, returning: String.self),
                    HGETALL(run.hashKey(hash), as: [String: String].self),
                    timeout: timeout
                )
                checked.check(value, run.values[index])
                checked.check(echo, token)
                checked.check(all, run.hash(hash))
            }
        case 75..<80:
            await self.call(1) { timeout, checked async throws in
                let all = try await client.execute(
                    HGETALL(run.hashKey(hash), as: [String: String].self),
                    timeout: timeout
                )
                checked.check(.success(all), run.hash(hash))
            }
        case 80..<86:
            await self.call(1) { timeout, checked async throws in
                let call = ScriptCall<[String]>(IntegrityRun.script, keys: run.key(index), arguments: token)
                let reply = try await client.execute(call, timeout: timeout)
                checked.check(.success(reply), [run.key(index), token, "\(token.utf8.count)"])
            }
        case 86..<98 where self.serial.isMultiple(of: 2): await self.increment()
        case 98..<100 where self.serial.isMultiple(of: 8): await self.write()
        default:
            await self.call(1) { timeout, checked async throws in
                let echo = RawCommand("ECHO", token, returning: String.self)
                checked.check(.success(try await client.execute(echo, timeout: timeout)), token)
            }
        }
    }

    private mutating func indices(_ counts: ClosedRange<Int>) -> [Int] {
        (0..<Int.random(in: counts, using: &self.random))
            .map { _ in Int.random(in: self.run.values.indices, using: &self.random) }
    }

    /// A value larger than what the socket takes at once, so that giving up finds it half written.
    private mutating func write() async {
        let (client, key) = (self.client, "\(self.run.prefix):w\(self.number)")
        let size = Int.random(in: 100_000...1_000_000, using: &self.random)
        await self.call(2) { timeout, checked async throws in
            let (set, length) = try await client.execute(
                pipeline: SET(key, ByteBuffer(repeating: 0x61, count: size), milliseconds: 7_200_000),
                RawCommand("ECHO", key, returning: String.self),
                timeout: timeout
            )
            checked.check(set, "OK")
            checked.check(length, key)
        }
    }

    private mutating func increment() async {
        let (client, counter) = (self.client, self.counter)
        let answer = Atomic<Int>(0)
        let wasSent = await self.incrementing(client, counter, answer)
        let value = answer.load(ordering: .relaxed)
        if value > 0 {
            self.counter.acknowledged += 1
            self.counter.last = max(self.counter.last, value)
        } else if wasSent {
            self.counter.unknown += 1
        }
    }

    /// One increment.
    ///
    /// - Returns: whether it may have happened.
    private mutating func incrementing(
        _ client: RedisClient,
        _ counter: Counter,
        _ answer: borrowing Atomic<Int>
    ) async -> Bool {
        let before = self.counts.notSent
        let box = Answer()
        await self.call(1) { timeout, checked async throws in
            let increment = RawCommand("INCR", counter.key, returning: Int.self)
            let value = try await client.execute(increment, timeout: timeout)
            box.value.store(value, ordering: .relaxed)
            // Nobody else increments it, and this worker has one increment at a time.
            let isOwn = value > counter.last && value <= counter.acknowledged + counter.unknown + 1
            checked.check(.success(isOwn ? counter.key : "\(value)"), counter.key)
        }
        answer.store(box.value.load(ordering: .relaxed), ordering: .relaxed)
        return self.counts.notSent == before
    }

    private final class Answer: Sendable {
        let value = Atomic<Int>(0)
    }

    // MARK: Calling

    /// Makes a call of `commands` commands, with a random time-out, given up at a random moment or not.
    private mutating func call(
        _ commands: Int,
        _ body: @escaping @Sendable (Duration, inout Checked) async throws -> Void
    ) async {
        self.counts.commands += commands
        let isHasty = Int.random(in: 0..<100, using: &self.random) < 20
        let milliseconds = Int.random(in: isHasty ? 1...20 : 200...1500, using: &self.random)
        let timeout = Duration.milliseconds(milliseconds)
        let chance = Int.random(in: 0..<100, using: &self.random)
        let moment = Int.random(in: 0..<3000, using: &self.random)
        let deadline = ContinuousClock.now + timeout + IntegrityRun.margin
        self.run.began(self.number, until: deadline)
        let result: Result<Checked, any Error>
        if chance < 85 {
            result = await Self.checked(timeout, body)
        } else {
            let call = Task { await Self.checked(timeout, body) }
            if chance < 89 {
                // At once, or as soon as it has begun.
                for _ in 0..<moment % 6 { await Task.yield() }
            } else {
                try? await Task.sleep(for: .microseconds(moment))
            }
            call.cancel()
            result = await call.value
        }
        self.run.ended(self.number)
        if ContinuousClock.now > deadline { self.counts.lost += 1 }
        switch result {
        case .success(let checked):
            self.counts.replies += checked.right
            for wrong in checked.wrong { self.counts.add(crossed: wrong) }
            for failure in checked.failures { self.counts.add(failure, commands: 1) }
        case .failure(let error): self.counts.add(error, commands: commands)
        }
    }

    private static func checked(
        _ timeout: Duration,
        _ body: @Sendable (Duration, inout Checked) async throws -> Void
    ) async -> Result<Checked, any Error> {
        var checked = Checked()
        do {
            try await body(timeout, &checked)
            return .success(checked)
        } catch {
            return .failure(error)
        }
    }
}
