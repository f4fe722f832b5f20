public import RESP

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// The server's clock, as TIME gives it.
public struct ServerTime: RESPDecodable, Hashable {
    /// Since 1970-01-01 UTC, to the microsecond.
    public let sinceEpoch: Duration
    /// The moment as a date.
    public var date: Date { Date(timeIntervalSince1970: self.sinceEpoch / .seconds(1)) }

    /// Reads an array of seconds and microseconds.
    public init(from reader: inout RESPReader) throws(RESPError) {
        let parts = try [Int64](from: &reader)
        guard parts.count == 2 else { throw RESPError(.unexpectedType, "not two numbers") }
        self.sinceEpoch = .seconds(parts[0]) + .microseconds(parts[1])
    }
}
