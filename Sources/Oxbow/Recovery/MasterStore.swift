import NIOCore
import RESP
import RedisClient
import Synchronization

/// What a process asks of one master to find out whether its data went back in time, and to put that right.
struct MasterStore: Sendable {
    let client: RedisClient
    /// The first component of the caches' keys.
    let prefix: String
    private let tags = SlotTags()

    init(client: RedisClient, prefix: String) {
        self.client = client
        self.prefix = prefix
    }

    /// How long a process's part of a record outlives it.
    private static let fieldLife = Duration.seconds(3600)
    /// How long a record outlives the last process.
    private static let recordLife = Duration.seconds(7 * 86_400)
    /// How long one that empties caches may be silent before another one does.
    private static let emptyingLife = Duration.seconds(5)
    private static let timeout = Duration.seconds(2)

    /// The key of a master's record: in a cluster, in one of its slots; `nil` while those are not known.
    ///
    /// No key of a cache begins like this: a module's name is encoded.
    func recordKey(of master: RedisAddress) -> String? {
        guard let slots = self.client.masters.first(where: { $0.address == master })?.slots else { return nil }
        guard self.client.routesCommands else { return "\(self.prefix):%masters" }
        return slots.min().map { "\(self.prefix):%masters:{\(self.tags.tag(of: $0))}" }
    }

    /// Sends commands to one server in one piece, and gives a reply for each.
    typealias Send = @Sendable (_ commands: [any RedisCommand]) async throws -> [RESPValue]

    /// The way to a master over the connection that callers share.
    func send(to master: RedisAddress) -> Send {
        { try await self.client.send($0, to: master, timeout: Self.timeout) }
    }

    // MARK: Beats

    /// A sign of life.
    struct Beat: Sendable {
        let process: String
        /// On the process's own clock, in ms.
        let time: Int64
        /// That of the last beat on this master.
        var last: Int64?
        /// The master's, which is settled.
        var identity: String
        /// Whether the record may name another master: one whose slots have come here.
        var replacesRecord = false
    }

    /// What a master answers to a beat.
    struct BeatAnswer: Sendable {
        enum Kind: Int, Sendable {
            /// The last beat is not there: the data went back in time.
            case lost = 0
            case written = 1
            /// The record is another master's.
            case foreign = 2
            /// The master is another one.
            case misdirected = 3
        }

        var identity: String?
        /// `nil` if the master refused.
        var kind: Kind?
        /// The processes that are alive.
        var alive: Set<String> = []
    }

    /// Writes a beat, and asks the master who it is.
    func beat(_ beat: Beat, on master: RedisAddress, _ send: Send) async throws -> BeatAnswer {
        guard let key = self.recordKey(of: master) else { return BeatAnswer() }
        let call = ScriptCall<RESPValue>(
            RedisScripts.beat,
            keys: (key),
            arguments: (
                beat.process, "\(beat.time)", beat.last.map { "\($0)" } ?? "", beat.identity,
                Self.fieldLife.milliseconds, Self.recordLife.milliseconds, beat.replacesRecord ? 1 : 0
            )
        )
        let answers = try await send([RawCommand<RESPValue>("INFO", "server", "replication"), call])
        var answer = BeatAnswer(identity: self.client.note(info: answers[0]))
        guard case .array(let parts) = answers[1], parts.count == 3, case .integer(let kind) = parts[0],
            let time = parts[1].text.flatMap({ Int64($0) })
        else { return answer }
        answer.kind = BeatAnswer.Kind(rawValue: Int(kind))
        let absence = Int64(RecoveryState.absence / .milliseconds(1))
        answer.alive = MasterRecord(parts[2]).processes(within: absence, of: time)
        return answer
    }

    // MARK: Recovery

    /// - Throws: ``RedisError`` when it cannot be read.
    func record(of master: RedisAddress, _ send: Send) async throws -> MasterRecord {
        guard let key = self.recordKey(of: master) else { throw Self.unknown(master) }
        let answer = try await send([RawCommand<RESPValue>("HGETALL", key)])[0]
        if case .error(let refusal) = answer {
            throw RedisError(
                .server,
                "the record of a master cannot be read: \(refusal.prefix)",
                delivery: .refused,
                serverError: refusal.prefix
            )
        }
        return MasterRecord(answer)
    }

    /// The slots that a cluster's master serves, as it says itself: the table may not know yet; `nil` without a cluster.
    func slots(of master: RedisAddress, _ send: Send) async throws -> Set<Int>? {
        guard self.client.routesCommands else { return nil }
        let text = try await send([RawCommand<RESPValue>("CLUSTER", "NODES")])[0].text ?? ""
        guard let line = text.split(whereSeparator: \.isNewline).first(where: { $0.contains("myself") }) else {
            throw RedisError(.unexpectedReply, "CLUSTER NODES does not name the node itself")
        }
        // Behind the first eight words: slots, ranges of slots, and in brackets those that are moving.
        let ranges = line.split(separator: " ").dropFirst(8)
            .compactMap { word -> ClosedRange<Int>? in
                let ends = word.split(separator: "-").compactMap { Int($0) }
                guard let first = ends.first, let last = ends.last, first <= last else { return nil }
                return first...last
            }
        return Set(ranges.joined())
    }

    /// Says that a process has repeated its invalidations.
    func confirm(_ process: String, _ identity: String, on master: RedisAddress) async throws {
        _ = try await self.run(RedisScripts.confirm, master, (process, identity, Self.fieldLife.milliseconds))
    }

    /// Says that all is settled.
    func settle(_ process: String, _ identity: String, on master: RedisAddress) async throws {
        _ = try await self.run(RedisScripts.settle, master, (process, identity, Self.recordLife.milliseconds))
    }

    /// Asks to be the one process that empties the caches; to be repeated while it does.
    func beginEmptying(_ process: String, on master: RedisAddress) async throws -> Bool {
        try await self.run(RedisScripts.beginEmptying, master, (process, Self.emptyingLife.milliseconds)) == 1
    }

    /// Removes a part of all entries of caches; closed ones stay closed.
    ///
    /// - Returns: the cursor of the next part; `"0"` at the end.
    func emptyPart(from cursor: String, _ send: Send) async throws -> String {
        let scan = RawCommand<RESPValue>("SCAN", cursor, "MATCH", "\(self.prefix):*", "COUNT", 1000)
        guard case .array(let page) = try await send([scan])[0], page.count == 2, let next = page[0].text,
            case .array(let found) = page[1]
        else { throw RedisError(.unexpectedReply, "SCAN was not answered with a page") }
        let own = ByteBuffer(string: "\(self.prefix):%")
        var keys: [(key: ByteBuffer, cursor: Int)] = found.compactMap { value in
            guard case .string(let key) = value, !key.readableBytesView.starts(with: own.readableBytesView) else {
                return nil
            }
            return (key, 0)
        }
        while !keys.isEmpty {
            // The script in full once, then by its name.
            let load = RawCommand<RESPValue>("SCRIPT", "LOAD", RedisScripts.purge.source)
            let calls = keys.map { key, cursor in
                RawCommand<RESPValue>("EVALSHA", RedisScripts.purge.digest, 1, key, "", cursor)
            }
            let answers = try await send([load] + calls).dropFirst()
            keys = try zip(keys, answers)
                .compactMap { key, answer in
                    switch answer {
                    case .integer(let cursor): return cursor == 0 ? nil : (key.key, Int(cursor))
                    // Its slot has moved to another master.
                    case .error(let refusal) where ["MOVED", "ASK"].contains(refusal.prefix): return nil
                    default: throw RedisError(.unexpectedReply, "an entry could not be removed")
                    }
                }
        }
        return next
    }

    private func run<each Argument: RESPArgument>(
        _ script: Script,
        _ master: RedisAddress,
        _ arguments: (repeat each Argument)
    ) async throws -> Int {
        guard let key = self.recordKey(of: master) else { throw Self.unknown(master) }
        let call = ScriptCall<Int>(script, keys: (key), arguments: (repeat each arguments), isIdempotent: true)
        return try await RedisClient.pastBreaker { try await self.client.execute(call, timeout: Self.timeout) }
    }

    private static func unknown(_ master: RedisAddress) -> RedisError {
        RedisError(.cannotConnect, "\(master) is no master that is known")
    }
}

/// A short text for each slot of a cluster, whose hash is that slot.
private final class SlotTags: Sendable {
    private let known = Mutex<[Int: Int]>([:])

    func tag(of slot: Int) -> Int {
        self.known.withLock { known in
            if let tag = known[slot] { return tag }
            var tag = 0
            while HashSlot(of: "\(tag)").number != slot { tag += 1 }
            known[slot] = tag
            return tag
        }
    }
}
