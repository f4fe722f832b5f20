import NIOCore
import RESP

/// The record that a master keeps of the processes that use its caches: a part of its data, which goes back in time with it.
struct MasterRecord: Sendable {
    /// The identity of the master for which all is settled.
    var settled: String?
    /// Each process's last beat: its own clock and the server's, in ms.
    var beats: [String: (own: Int64, server: Int64)] = [:]
    /// The identity for which each process has repeated its invalidations.
    var confirmed: [String: String] = [:]

    /// Whether there is no record: an empty server, or one that has never had any.
    var isEmpty: Bool { self.settled == nil && self.beats.isEmpty && self.confirmed.isEmpty }

    /// No record.
    init() {}

    /// Reads an answer to HGETALL; what makes no sense is passed over.
    init(_ answer: RESPValue) {
        let pairs: [(String, String)]
        switch answer {
        case .map(let entries): pairs = entries.compactMap { Self.pair($0.key, $0.value) }
        case .array(let flat):
            pairs = stride(from: 0, to: flat.count - 1, by: 2).compactMap { Self.pair(flat[$0], flat[$0 + 1]) }
        default: pairs = []
        }
        for (field, value) in pairs {
            if field == "id" {
                self.settled = value
            } else if field.hasPrefix("p:") {
                let times = value.split(separator: " ").compactMap { Int64($0) }
                if times.count == 2 { self.beats[String(field.dropFirst(2))] = (times[0], times[1]) }
            } else if field.hasPrefix("c:") {
                self.confirmed[String(field.dropFirst(2))] = value
            }
        }
    }

    private static func pair(_ field: RESPValue, _ value: RESPValue) -> (String, String)? {
        guard case .string(let field) = field, case .string(let value) = value else { return nil }
        return (String(buffer: field), String(buffer: value))
    }

    /// The word by which processes confirm that they have repeated their invalidations: the identity of a new master, or the
    /// event when the data went back in time under the same one.
    func mark(of identity: String) -> String {
        guard let settled, settled.hasPrefix("\(identity) lost ") else { return identity }
        return settled
    }

    /// The processes whose last beat is at most `milliseconds` older than a moment on the server's clock, by default that of
    /// the latest beat.
    func processes(within milliseconds: Int64, of time: Int64? = nil) -> Set<String> {
        guard let latest = time ?? self.beats.values.map(\.server).max() else { return [] }
        let (oldest, overflow) = latest.subtractingReportingOverflow(milliseconds)
        return Set(self.beats.filter { overflow || $0.value.server >= oldest }.keys)
    }
}
