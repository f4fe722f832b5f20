import Foundation
import OxbowTesting
import RESP
import RedisClient
import TestServers
import Testing

/// The connection ends within a reply, by the network's doing.
@Suite(.timeLimit(.minutes(1))) struct CutReplyTests {
    private var openFiles: Int { (try? FileManager.default.contentsOfDirectory(atPath: "/dev/fd").count) ?? 0 }

    @Test(arguments: [
        ("GET", "string", "$5\r\nhello\r\n"), ("LRANGE", "list", "*2\r\n$1\r\na\r\n$2\r\nbc\r\n"),
        ("HGETALL", "hash", "%1\r\n$1\r\nf\r\n$1\r\nv\r\n"), ("STRLEN", "string", ":5\r\n"),
    ])
    func `a real reply cut at any byte is an error, a whole one is not`(
        _ name: String,
        _ type: String,
        _ reply: String
    ) async throws {
        let key = "cut:\(name):"
        let server = try await SharedServers.shared.server(.redis)
        try server.cli("del", key + "list")
        try server.cli("set", key + "string", "hello")
        try server.cli("rpush", key + "list", "a", "bc")
        try server.cli("hset", key + "hash", "f", "v")
        let command =
            name == "LRANGE"
            ? RawCommand(name, key + type, 0, -1, returning: RESPValue.self)
            : RawCommand(name, key + type, returning: RESPValue.self)
        let whole = try await withClient(configuration(for: server)) { try await $0.execute(command) }
        let before = self.openFiles
        try await withProxy { proxy async throws in
            for end in [ConnectionEnd.close, .reset] {
                for count in 0...reply.utf8.count {
                    // A reset may overtake the bytes before it.
                    if count == reply.utf8.count, end == .reset { continue }
                    try await withClient(proxy.configuration) { client async throws in
                        try await eventually("connected") { client.server != nil }
                        proxy.set(.cut(afterReplyBytes: count, by: end), on: .existing)
                        let ending = await Ending { try await client.execute(command) }
                        if count == reply.utf8.count {
                            check(ending.value, whole)
                        } else {
                            #expect(ending.error?.code == .connectionClosed, "\(count) bytes: \(ending.result)")
                            #expect(ending.error?.delivery == .unknown)
                        }
                    }
                }
            }
            try await eventually("all connections are closed") { proxy.statistics.open == 0 }
        }
        try await eventually("no file is left open") { self.openFiles <= before }
    }
}
