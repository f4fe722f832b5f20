import Oxbow
import RedisClient

/// One row of the table: what is done over and over, and what it is compared with.
///
/// A new workload is a type in its family's folder and an entry in that family's list.
protocol Workload: Sendable {
    /// The name in the results and on the command line.
    var name: String { get }
    /// What is done, in a few words.
    var summary: String { get }
    /// What to reach; `nil` when nothing is promised.
    var target: Target? { get }
    /// Whether the ratio compares elapsed time instead of client CPU.
    var comparesWallTime: Bool { get }
    /// The keys that ``prepare(on:)`` and the load write, removed at the end.
    func keys(on bench: Bench) -> [String]

    /// Stores the data and checks once that the load returns what it should.
    func prepare(on bench: Bench) async throws
    /// The load to measure.
    func load(on bench: Bench) throws -> Load
    /// What it is compared with; `nil` when there is none.
    func yardstick(on bench: Bench) async throws -> (any Yardstick)?
    /// Facts that belong below the table, found after the measurements.
    func remarks(on bench: Bench) async throws -> [String]
}

extension Workload {
    var target: Target? { nil }
    var comparesWallTime: Bool { false }
    func keys(on bench: Bench) -> [String] { [] }
    func prepare(on bench: Bench) async throws {}
    func yardstick(on bench: Bench) async throws -> (any Yardstick)? { nil }
    func remarks(on bench: Bench) async throws -> [String] { [] }
}

/// A figure of the section "To reach" of the performance notes, for callers on the global pool.
enum Target: Sendable, CustomStringConvertible {
    /// At most this many times the yardstick.
    case ratio(Double)
    /// At most this much client CPU per operation.
    case clientCPUMicros(Double)

    var description: String {
        switch self {
        case .ratio(let limit): "≤ \(limit)"
        case .clientCPUMicros(let limit): "≤ \(limit) µs"
        }
    }

    /// Whether the figures are within the target; `nil` where there was no yardstick to tell by.
    func isMet(by figures: Figures) -> Bool? {
        switch self {
        case .ratio(let limit): figures.ratio > 0 ? figures.ratio <= limit : nil
        case .clientCPUMicros(let limit): figures.clientCPUMicros <= limit
        }
    }
}

/// What a workload may use.
struct Bench: Sendable {
    /// Running and connected.
    let oxbow: Oxbow
    /// The client below it.
    let client: RedisClient
    let server: BenchServer
    /// The life of what is stored: longer than the measurements take.
    let timeToLive: Duration
}

/// Why a run is not valid.
struct BenchmarkError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
