import TestServers

/// What the servers have in the end of what the writers were told.
struct FailoverVerification: Sendable {
    /// Of keys of the broken master.
    private(set) var ofBroken = NumberedWrites.Tally()
    /// Of keys of other masters.
    private(set) var ofOthers = NumberedWrites.Tally()

    /// Reads all keys back, from the servers themselves.
    ///
    /// - Parameters:
    ///   - writers: what they were told.
    ///   - master: the server that has the keys of a tag.
    /// - Throws: ``BenchmarkError`` when a server does not answer with what the writers have written.
    init(_ writers: [FailoverLoad.Written], on master: (_ tag: String) throws -> ServerProcess) throws {
        for (tag, writers) in Dictionary(grouping: writers, by: \.tag) {
            let server = try master(tag)
            for written in writers {
                let tally = written.writes.tally(of: try Self.traces(of: written, on: server))
                if written.isOfBroken { self.ofBroken += tally } else { self.ofOthers += tally }
            }
        }
    }

    private static func traces(of written: FailoverLoad.Written, on server: ServerProcess) throws -> [Int] {
        let answer =
            switch written.form {
            case .member: try server.cli("smembers", written.key)
            case .appended: try server.cli("lrange", written.key, "0", "-1")
            }
        return try answer.split(separator: "\n")
            .map { line in
                guard let number = Int(line) else { throw BenchmarkError("reading back: \(line)") }
                return number
            }
    }
}
