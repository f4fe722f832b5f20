import NIOCore
import OxbowTesting
import RESP
import RedisClient
import TestServers
import Testing

/// Keys and values that look like protocol are keys and values.
@Suite(.timeLimit(.minutes(1))) struct InjectionTests {
    private static let evil: [[UInt8]] =
        [
            "a\r\nb", "\r\n", "\n", "\0", "a\0b", " ", "..", "{a}{b}:*?[x]", "é\u{301}", "$-1\r\n", "+OK\r\n", ":1\r\n",
            "*1\r\n$8\r\nFLUSHALL\r\n", "*3\r\n$3\r\nSET\r\n$8\r\ninjected\r\n$1\r\n1\r\n",
            "x\r\n*3\r\n$3\r\nSET\r\n$8\r\ninjected\r\n$1\r\n1\r\n", "\r\nSET injected 1\r\n", "",
        ]
        .map { Array($0.utf8) }
        + [[0xFF, 0xFE, 0x0D, 0x0A], Array(0...255), Array(repeating: 0x0A, count: 1 << 20)]

    @Test(arguments: [0, 1, 7])
    func `bytes that look like commands come back unchanged`(_ slice: Int) async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        let evil = Self.evil.map { ByteBuffer(bytes: $0) }
        // In slices, the longest one would take long.
        let words = slice > 0 ? evil.filter { $0.readableBytes < 1000 } : evil
        try await FaultProxy.withProxy(to: server.upstream) { proxy async throws in
            if slice > 0 { proxy.set(.slice(slice)) }
            try await withClient(proxy.configuration) { client async throws in
                let count = words.count
                let stored = try await client.execute(
                    pipeline: (0..<count).map { SET(words[$0], words[count - 1 - $0]) }
                )
                check(stored.allSatisfy { (try? $0.get()) == "OK" }, true)
                let values = try await client.execute(pipeline: words.map { GET($0, as: ByteBuffer.self) })
                check(try values.map { try $0.get() }, words.reversed().map { Optional($0) })
                #expect(try await client.execute(RawCommand("DBSIZE", returning: Int.self)) == count)
                #expect(try await client.execute(MGET(words, as: ByteBuffer.self)) == words.reversed())
                let echoes = try await client.execute(
                    pipeline: words.map { RawCommand("ECHO", $0, returning: ByteBuffer.self) }
                )
                check(try echoes.map { try $0.get() }, words)
                for word in words {
                    _ = try await client.execute(RawCommand("HSET", "the hash", word, word, returning: Int.self))
                }
                let hash = try await client.execute(HGETALL("the hash", as: [ByteBuffer: ByteBuffer].self))
                check(hash, Dictionary(uniqueKeysWithValues: words.map { ($0, $0) }))
                let script = Script("return {KEYS[1], ARGV[1]}")
                for word in words {
                    let call = ScriptCall<[ByteBuffer]>(script, keys: word, arguments: word)
                    check(try await client.execute(call), [word, word])
                }
                #expect(try await client.execute(RawCommand("EXISTS", "injected", returning: Int.self)) == 0)
                #expect(try await client.execute(RawCommand("DBSIZE", returning: Int.self)) == count + 1)
                #expect(client.statistics.connects == 1)
            }
        }
    }
}
