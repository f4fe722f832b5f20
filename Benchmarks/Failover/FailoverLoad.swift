import RedisClient
import Synchronization
import TestServers

/// Tasks that write and read through one client until told to stop, each some times a second.
final class FailoverLoad: Sendable {
    private let client: RedisClient
    private let recorder: CallRecorder
    private let setting: FailoverSetting
    private let isStopped = Mutex(false)

    /// Between two calls of a task: a failover is measured, not a machine at its limit.
    static let pause = Duration.milliseconds(20)
    static let writers = 20
    static let readers = 4
    /// To other masters' keys, where there are any.
    static let otherWriters = 8

    init(_ client: RedisClient, _ recorder: CallRecorder, _ setting: FailoverSetting) {
        self.client = client
        self.recorder = recorder
        self.setting = setting
    }

    /// What one writer did: its key is its own, and each of its writes has a number and leaves a trace of its own.
    struct Written: Sendable {
        enum Form: Sendable {
            /// `SADD key number`, marked idempotent: sent again where its outcome is unknown.
            case member
            /// `RPUSH key number`, sent at most once: carried out twice, it stays visible for ever.
            case appended
        }
        /// The part of the key that decides about its slot.
        var tag: String
        var number: Int
        var form: Form
        var isOfBroken: Bool
        var writes = NumberedWrites()

        var key: String { "{\(self.tag)}:\(self.number)" }

        init(_ tags: [String], _ number: Int, isOfBroken: Bool) {
            self.tag = tags[number % tags.count]
            self.number = number
            self.form = number.isMultiple(of: 2) ? .member : .appended
            self.isOfBroken = isOfBroken
        }
    }

    /// Every task ends after its present call.
    func stop() { self.isStopped.withLock { $0 = true } }

    /// Runs until stopped or cancelled.
    func run() async -> [Written] {
        await withTaskGroup(of: Written?.self) { group in
            let tags = self.setting.tags
            let otherTags = self.setting.otherTags
            for number in 0..<Self.writers {
                group.addTask { await self.write(Written(tags, number, isOfBroken: true)) }
            }
            for number in 0..<(otherTags.isEmpty ? 0 : Self.otherWriters) {
                group.addTask { await self.write(Written(otherTags, number, isOfBroken: false)) }
            }
            for number in 0..<Self.readers {
                group.addTask {
                    await self.read(Written(tags, 2 * number, isOfBroken: true).key, number)
                    return nil
                }
            }
            return await group.reduce(into: []) { all, written in if let written { all.append(written) } }
        }
    }

    private func write(_ start: Written) async -> Written {
        var written = start
        let (client, key) = (self.client, start.key)
        var sequence = 0
        await self.repeatedly(start.number) {
            sequence += 1
            let value = sequence
            let outcome = await self.recorder.record(isWrite: true, isOfBroken: start.isOfBroken) {
                switch start.form {
                case .member: _ = try await client.execute(SADD(key, [String(value)]).markedIdempotent())
                case .appended: _ = try await client.execute(RPUSH(key, [String(value)]))
                }
            }
            switch outcome {
            case .done: written.writes.acknowledged.append(value)
            case .failed(_, let isUnknown): if isUnknown { written.writes.unknown.append(value) }
            }
        }
        return written
    }

    private func read(_ key: String, _ number: Int) async {
        let client = self.client
        await self.repeatedly(number) {
            _ = await self.recorder.record(isWrite: false, isOfBroken: true) {
                _ = try await client.execute(SCARD(key))
            }
        }
    }

    private func repeatedly(_ number: Int, _ call: () async -> Void) async {
        // Out of step with the others.
        try? await Task.sleep(for: .milliseconds(number))
        while !Task.isCancelled, !self.isStopped.withLock({ $0 }) {
            await call()
            try? await Task.sleep(for: Self.pause)
        }
    }
}
