import ArgumentParser
import Foundation

/// Where client, server and yardstick run: this decides everything that waits for one reply.
enum Placement: String, CaseIterable, Sendable, ExpressibleByArgument {
    /// Where the scheduler puts them.
    case free
    /// All on one core: steadier, for comparing before and after.
    case oneCore = "one-core"

    /// Pins this process where asked for; threads and processes started later inherit it, so this comes first.
    ///
    /// By `taskset` of util-linux: Swift's view of the C library lacks `sched_setaffinity`.
    func apply() throws {
        guard self == .oneCore else { return }
        let core = Self.lastAllowedCore
        do {
            _ = try output(of: "taskset", ["-a", "-c", "-p", String(core), String(getpid())])
        } catch {
            throw BenchmarkError("--placement one-core: this process cannot be pinned to core \(core): \(error)")
        }
    }

    /// The last of the cores this process may use: the first one often serves the interrupts.
    private static var lastAllowedCore: Int {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed_list:") }
        // "0-1,4": the last number.
        return line.flatMap { Int($0.split { !$0.isNumber }.last ?? "") } ?? 0
    }
}
