import Foundation
import RedisClient
import TestServers

/// What the figures depend on.
struct Machine: Sendable, Encodable {
    let cpu: String
    let cores: Int
    let kernel: String
    let swift: String
    let server: String

    init(server: ServerInfo?) { self.init(server: server.map { "\($0.name) \($0.version)" } ?? "unknown") }

    /// With a private server that can be asked at this moment.
    init(server: ServerProcess) {
        let prefix = "\(server.kind.rawValue)_version:"
        let lines = (try? server.cli("info", "server"))?.split(whereSeparator: \.isNewline) ?? []
        let version = lines.first { $0.hasPrefix(prefix) }?.dropFirst(prefix.count)
        self.init(server: "\(server.kind.rawValue) \(version ?? "")")
    }

    private init(server: String) {
        self.cpu = Self.cpuModel ?? "unknown"
        self.cores = ProcessInfo.processInfo.processorCount
        self.kernel = (try? output(of: "uname", ["-r"])) ?? "unknown"
        self.swift = Self.compiler
        self.server = server
    }

    private static var cpuModel: String? {
        let text = try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)
        let line = text?.split(separator: "\n").first { $0.hasPrefix("model name") }
        return line?.split(separator: ":", maxSplits: 1).last?.trimmingCharacters(in: .whitespaces)
    }

    /// The compiler of the search path, which `Benchmarks/run` has built this program with, if it is of the version
    /// that the program was really built with.
    private static var compiler: String {
        #if compiler(>=6.4)
        let built = "6.4 or later"
        let isThis = { (version: Substring) in version >= "6.4" }
        #elseif compiler(>=6.3)
        let built = "6.3"
        let isThis = { (version: Substring) in version.hasPrefix("6.3") }
        #else
        let built = "6.2"
        let isThis = { (version: Substring) in version.hasPrefix("6.2") }
        #endif
        let said = (try? output(of: "swift", ["--version"])) ?? ""
        guard let start = said.range(of: "Swift version ")?.upperBound else { return built }
        let version = said[start...].prefix { $0.isNumber || $0 == "." }
        return isThis(version) ? String(version) : built
    }
}
