import Foundation
import Oxbow
import RedisClient
import TestServers
import Testing

/// Runs one step of a walk-through, and names it in what it throws.
func step<Result>(_ name: String, _ body: () async throws -> Result) async throws -> Result {
    let start = ContinuousClock.now
    do {
        let result = try await body()
        print("  \(name): \(start.duration(to: .now))")
        return result
    } catch let failure as StepFailure {
        throw failure
    } catch {
        throw StepFailure(step: name, error: error)
    }
}

/// What went wrong in which step.
struct StepFailure: Error, CustomStringConvertible {
    let step: String
    let error: any Error
    var description: String { "at the step '\(self.step)': \(self.error)" }
}

/// Waits until something is so; records an issue when it is not within the time.
func eventually(
    _ what: Comment,
    within limit: Duration = .seconds(30),
    _ location: SourceLocation = #_sourceLocation,
    _ holds: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + limit
    while try await !holds() {
        guard ContinuousClock.now < end else {
            Issue.record(what, sourceLocation: location)
            return
        }
        try await Task.sleep(for: .milliseconds(5))
    }
}

/// Runs an application that was configured as an operator does it: an example file, and variables.
func deployed(
    _ name: String,
    _ environment: [String: String],
    _ body: sending (Oxbow) async throws -> Void
) async throws {
    let (configuration, warnings) = try example(name, environment: environment)
    #expect(warnings.isEmpty)
    try await withOxbow(configuration) { oxbow async throws in
        let client = try #require(oxbow.client)
        _ = try await client.execute(RawCommand("PING", returning: String.self), timeout: .seconds(20))
        // On servers that others have used, caches may be read past for a moment, and nothing is stored.
        try await expectEventually { oxbow.isSettled }
        try await body(oxbow)
    }
}

/// Addresses as the property `hosts` wants them.
func hosts(_ servers: [ServerProcess]) -> String { servers.map { "127.0.0.1:\($0.port)" }.joined(separator: ",") }

/// All keys that begin with a prefix, on whatever servers they are.
func keys(_ prefix: String, _ client: RedisClient) async throws -> Set<String> {
    var found: Set<String> = []
    for try await key in client.scan(matching: .prefix(prefix), count: 500) { found.insert(key) }
    return found
}

/// What of these has no end: keys, or the fields of hashes.
func withoutEnd(_ keys: Set<String>, _ client: RedisClient) async throws -> [String] {
    var endless: [String] = []
    for key in keys {
        guard try await client.execute(RawCommand("TYPE", key, returning: String.self)) == "hash" else {
            if try await client.execute(PTTL(key)) == .unlimited { endless.append(key) }
            continue
        }
        let fields = try await client.execute(RawCommand("HKEYS", key, returning: [String].self))
        let lives = try await client.execute(HPTTL(key, fields))
        for (field, life) in zip(fields, lives) where life == .unlimited { endless.append("\(key) \(field)") }
    }
    return endless
}

extension ServerProcess {
    /// A number of INFO; 0 where there is none.
    func info(_ name: String, in section: String = "stats") throws -> Int {
        let lines = try self.cli("info", section).split(whereSeparator: \.isNewline)
        return lines.first { $0.hasPrefix("\(name):") }.flatMap { Int($0.dropFirst(name.count + 1)) } ?? 0
    }

    /// Whether a command has ever been sent to this server.
    func hasSeen(_ command: String) throws -> Bool {
        try self.cli("info", "commandstats").contains("cmdstat_\(command):")
    }

    /// This library's connections, one line for each.
    func connections(of user: String) throws -> [Substring] {
        let lines = try self.cli("client", "list").split(whereSeparator: \.isNewline)
        return lines.filter { $0.contains("lib-name=oxbow") && $0.contains(" user=\(user) ") }
    }
}
