/// One line of a history: an operation of a worker, a load of the database, or a fault.
///
/// As text, in this order and with single spaces between:
///
///     kind process task key began ended version outcome
///
/// Times are nanoseconds of the clock that all processes of a machine share. A version is the database's for that key,
/// and counts up from 0.
package struct HistoryRecord: Sendable, Hashable {
    /// What happened.
    package enum Kind: String, Sendable, CaseIterable {
        /// A caller read a key; the version is what it got.
        case read
        /// A loader read the database for a key; the version is what it saw.
        case load
        /// A key was invalidated; the version is the database's just before.
        case invalidate
        /// A key was updated; the version is the database's right behind the write.
        case update
        /// A key was written through; the version is the one that was stored.
        case writeThrough = "write-through"
        /// Something was broken; the key says what, the process whose connection or life it was (-1: everybody's).
        /// For a
        /// ``HistoryRecord/restore``, the version is the snapshot's age in seconds.
        case fault
        /// A master was replaced: reads in this interval may be stale because replication is asynchronous.
        case failover
    }

    /// What came of it.
    package enum Outcome: String, Sendable, CaseIterable {
        /// A read that was answered by the cache, or by another caller's load.
        case cached
        /// A read that was answered by its own loader, or a load.
        case loaded
        /// A change that is in force for readers of all processes.
        case applied
        /// An invalidation that its process has taken note of, and that is not in force for others yet.
        case journaled
        /// An error.
        case failed
        /// No operation.
        case none = "-"
    }

    /// What happened.
    package var kind: Kind
    /// The number of the worker; -1 for all.
    package var process: Int
    /// The number of the task in its worker.
    package var task: Int
    /// The key, or the name of the fault.
    package var key: String
    /// Just before it began.
    package var began: UInt64
    /// Just after it ended.
    package var ended: UInt64
    /// Of the database; see ``Kind``.
    package var version: Int
    /// What came of it.
    package var outcome: Outcome

    /// A record of these facts.
    package init(
        _ kind: Kind,
        process: Int,
        task: Int,
        key: String,
        began: UInt64,
        ended: UInt64,
        version: Int,
        outcome: Outcome
    ) {
        self.kind = kind
        self.process = process
        self.task = task
        self.key = key
        self.began = began
        self.ended = ended
        self.version = version
        self.outcome = outcome
    }

    /// Keys of the control, a plain cache-aside without any protocol, begin with this.
    package static let controlPrefix = "control/"

    /// The name of the fault by which a master goes back to an old snapshot.
    package static let restore = "restore"

    /// Whether a master went back to an old snapshot.
    package var isRestore: Bool { self.kind == .fault && self.key == Self.restore }

    /// Whether it is about the control.
    package var isControl: Bool { self.key.hasPrefix(Self.controlPrefix) }

    /// The record as a line, without its end.
    package var line: String {
        "\(self.kind.rawValue) \(self.process) \(self.task) \(self.key) \(self.began) \(self.ended) \(self.version) "
            + self.outcome.rawValue
    }

    /// The record that a line says; `nil` for anything else.
    ///
    /// - Parameter line: without its end.
    package init?(line: some Collection<UInt8>) {
        let words = line.split(separator: UInt8(ascii: " "), maxSplits: 8, omittingEmptySubsequences: false)
        guard words.count == 8, let kind = Self.kinds[Self.text(words[0])], let process = Int(Self.text(words[1])),
            let task = Int(Self.text(words[2])), !words[3].isEmpty, let began = UInt64(Self.text(words[4])),
            let ended = UInt64(Self.text(words[5])), began <= ended, let version = Int(Self.text(words[6])),
            let outcome = Self.outcomes[Self.text(words[7])]
        else { return nil }
        self.init(
            kind,
            process: process,
            task: task,
            key: Self.text(words[3]),
            began: began,
            ended: ended,
            version: version,
            outcome: outcome
        )
    }

    private static let kinds = Dictionary(uniqueKeysWithValues: Kind.allCases.map { ($0.rawValue, $0) })
    private static let outcomes = Dictionary(uniqueKeysWithValues: Outcome.allCases.map { ($0.rawValue, $0) })

    private static func text(_ bytes: some Collection<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
}
