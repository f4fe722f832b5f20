import TestServers

/// What the servers have in the end of what the writers were told.
struct FailoverVerification: Sendable {
    /// Acknowledged writes that are not there.
    var acknowledgedLost = 0
    /// The same for keys of other masters.
    var othersAcknowledgedLost = 0
    /// Writes of unknown outcome that are there; of RPUSH only, as SET leaves no trace of them.
    var unknownCarriedOut = 0
    /// Writes that are there more often than they were asked for.
    var carriedOutTwice = 0
    /// Writes that are there though the caller was told that they were refused or not sent.
    var deniedButCarriedOut = 0

    /// Reads all keys back, from the servers themselves.
    ///
    /// - Parameters:
    ///   - writers: what they were told.
    ///   - master: the server that has the keys of a tag.
    /// - Throws: ``BenchmarkError`` when a server does not answer with what the writers have written.
    init(_ writers: [FailoverLoad.Written], on master: (_ tag: String) throws -> ServerProcess) throws {
        for (tag, writers) in Dictionary(grouping: writers, by: \.tag) {
            let server = try master(tag)
            for written in writers { try self.add(written, on: server) }
        }
    }

    private mutating func add(_ written: FailoverLoad.Written, on server: ServerProcess) throws {
        let lost: Int
        switch written.form {
        case .replaced:
            let last = try Self.numbers(try server.cli("get", written.key)).first ?? 0
            lost = written.acknowledged.count { $0 > last }
        case .appended:
            let there = try Self.numbers(try server.cli("lrange", written.key, "0", "-1"))
            let once = Set(there)
            lost = Set(written.acknowledged).subtracting(once).count
            self.carriedOutTwice += there.count - once.count
            self.unknownCarriedOut += once.intersection(written.unknown).count
            self.deniedButCarriedOut += once.subtracting(written.acknowledged).subtracting(written.unknown).count
        }
        if written.isOfBroken { self.acknowledgedLost += lost } else { self.othersAcknowledgedLost += lost }
    }

    private static func numbers(_ answer: String) throws -> [Int] {
        try answer.split(separator: "\n")
            .map { line in
                guard let number = Int(line) else { throw BenchmarkError("reading back: \(line)") }
                return number
            }
    }
}
