import Foundation
import Oxbow
import RESP
import RedisClient
import TestServers
import Testing

/// A state in which a real server cannot be used as a cache; the numbers are those of the list of failure modes.
enum ServerTrouble: String, CaseIterable, Sendable {
    /// Stands still (2).
    case hangs
    /// Is not there (10).
    case gone
    /// Reads its data from disk (13).
    case loading
    /// Runs somebody's script without end (13).
    case busy
    /// Has no memory left and evicts nothing (19).
    case full
    /// Cannot save, and so takes no writes: MISCONF (19a).
    case cannotSave
    /// Is a replica of a master that nobody reaches.
    case replica
    /// Wants another password (21).
    case passwordChanged
    /// Allows next to nothing (21).
    case refusesCommands
    /// Takes no further client (22).
    case tooManyClients
    /// Has forgotten everything (24).
    case flushed

    /// What its configuration needs for that.
    static let settings = [
        "save 1000 1000000", "enable-protected-configs yes", "busy-reply-threshold 50",
        "loading-process-events-interval-bytes 1024", "dbfilename there",
    ]

    /// What the server answers to whoever asks it to change something; `nil`: it does not answer, or does it.
    var answer: String? {
        switch self {
        case .hangs, .gone, .flushed: nil
        case .loading: "LOADING"
        case .busy: "BUSY"
        case .full: "OOM"
        case .cannotSave: "MISCONF"
        case .replica: "READONLY"
        case .passwordChanged: "NOAUTH"
        case .refusesCommands: "NOPERM"
        case .tooManyClients: "max number of clients"
        }
    }

    /// Brings it about by a client that is connected to the server already, and waits until it is so.
    func begin(_ server: ServerProcess, _ other: RedisClient) async throws {
        func set(_ name: String, _ value: String) async throws { try await other.set(name, value) }
        switch self {
        case .hangs: server.pause()
        case .gone: try await server.kill()
        case .loading:
            _ = try await other.execute(RawCommand("DEBUG", "POPULATE", "4000", returning: RESPValue.self))
            try await set("key-load-delay", "5000")
            let reload = RawCommand("DEBUG", "RELOAD", returning: RESPValue.self)
            Task { try await other.execute(reload, timeout: .seconds(60)) }
        case .busy:
            let script = RawCommand("EVAL", "while true do end", "0", returning: RESPValue.self)
            Task { try await other.execute(script, timeout: .seconds(60)) }
        case .full: try await set("maxmemory", "1")
        case .cannotSave:
            let place = server.directory.appending(path: "gone")
            try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
            try await set("dir", place.path)
            try FileManager.default.removeItem(at: place)
            _ = try await other.execute(RawCommand("BGSAVE", returning: RESPValue.self))
        case .replica: try server.cli("replicaof", "127.0.0.1", "1")
        case .passwordChanged:
            try await set("requirepass", "new")
            try await other.killOthers()
        case .refusesCommands:
            try server.cli("acl", "setuser", "default", "-@all", "+acl", "+hello", "+ping", "+client", "+info")
        case .tooManyClients:
            try await set("maxclients", "1")
            try await other.killOthers()
        case .flushed: try server.cli("flushall")
        }
        guard let answer else { return }
        try await expectEventually { try server.cli("set", "trouble", "1").contains(answer) }
    }

    /// Ends it.
    func end(_ server: ServerProcess, _ other: RedisClient) async throws {
        func set(_ name: String, _ value: String) async throws { try await other.set(name, value) }
        switch self {
        case .hangs: server.resume()
        case .gone: try await server.restart()
        case .loading: try server.cli("config", "set", "key-load-delay", "0")
        case .busy: try server.cli("script", "kill")
        case .full: try await set("maxmemory", "0")
        case .cannotSave: try await set("stop-writes-on-bgsave-error", "no")
        case .replica: try server.cli("replicaof", "no", "one")
        case .passwordChanged: try await set("requirepass", "")
        case .refusesCommands: try server.cli("acl", "setuser", "default", "+@all")
        case .tooManyClients: try await set("maxclients", "1000")
        case .flushed: break
        }
    }
}

extension RedisClient {
    fileprivate func set(_ name: String, _ value: String) async throws {
        _ = try await self.execute(RawCommand("CONFIG", "SET", name, value, returning: RESPValue.self))
    }

    fileprivate func killOthers() async throws {
        let command = RawCommand("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes", returning: Int.self)
        _ = try await self.execute(command)
    }
}
