import Foundation
import Oxbow
import PropertyFiles
import RedisClient
import TestServers

/// The server that is measured against: a private one, or one that exists.
struct BenchServer: Sendable {
    /// How client and cache reach it, and how the cache behaves.
    let configuration: OxbowConfiguration
    /// What should be known of an existing one.
    let remarks: [String]
    /// The private one.
    private let process: ServerProcess?

    /// Starts a private Redis, or takes the one that the property files name.
    static func make(properties: URL?) async throws -> BenchServer {
        if let properties { return try BenchServer(properties: properties) }
        let process = try await ServerProcess.start(.redis)
        var configuration = OxbowConfiguration()
        configuration.redis.address = .host("127.0.0.1", port: process.port)
        return BenchServer(configuration: configuration, remarks: [], process: process)
    }

    private init(configuration: OxbowConfiguration, remarks: [String], process: ServerProcess?) {
        self.configuration = configuration
        self.remarks = remarks
        self.process = process
    }

    /// The server of the property files in a folder, with this process's environment on top.
    ///
    /// - Throws: ``BenchmarkError`` for a folder that sets nothing: whoever listens at the default address is not meant;
    ///   `PropertyError` with all that is wrong with the files.
    private init(properties folder: URL) throws {
        let properties = try PropertySet.load(
            from: folder.path,
            environment: ProcessInfo.processInfo.environment
        )
        guard !properties.keys.isEmpty else {
            throw BenchmarkError("--properties \(folder.path): no property is set in *.properties files there")
        }
        var warnings: [PropertyProblem] = []
        self.configuration = try OxbowConfiguration(properties: properties, warnings: &warnings)
        self.process = nil
        let address = self.configuration.redis.address
        var remarks = ["An existing server, \(address): its CPU is not read, and others may use it."]
        if self.configuration.redis.credentials != nil {
            remarks.append("It has a password: no redis-benchmark nor redis-cli, whose command line others can read.")
        }
        self.remarks = remarks + warnings.filter { $0.code != .ignored }.map { "properties: \($0)" }
    }

    /// Ends the private server.
    func stop() { self.process?.stop() }

    /// Whether nobody else uses it.
    var isPrivate: Bool { self.process != nil }

    /// Its CPU time so far in microseconds; 0 for a server that is not ours.
    func processorTime() -> Double { self.process.flatMap { ProcessorTime.of(process: $0.pid) } ?? 0 }

    /// Where it listens.
    var address: RedisAddress { self.configuration.redis.address }

    /// The number of the database that is used.
    var database: Int { self.configuration.redis.database }

    /// The arguments by which the server's own tools reach it.
    ///
    /// - Returns: `nil` for a server with a password: redis-benchmark takes it on its command line only, where others
    ///   can read it, so there are no such yardsticks then.
    var toolArguments: [String]? {
        guard self.configuration.redis.credentials == nil else { return nil }
        return switch self.address {
        case .host(let host, let port): ["-h", host, "-p", String(port)]
        case .unix(let path): ["-s", path]
        }
    }
}
