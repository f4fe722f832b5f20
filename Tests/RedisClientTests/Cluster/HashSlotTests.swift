import NIOCore
import RESP
import RedisClient
import TestServers
import Testing

@Suite struct HashSlotTests {
    @Test(arguments: [
        ("{user1000}.following", "user1000"), ("foo{bar}{zap}", "bar"), ("foo{{bar}}zap", "{{bar}"), ("a{é}", "é"),
        ("{}a", "{}a"),
    ])
    func `the slot of a key is that of its hash tag`(key: String, same: String) {
        check(HashSlot(of: key), HashSlot(of: same))
        check(HashSlot(of: "123456789").number, 12739)
        check(HashSlot(of: "{123456789}x").number, 12739)
        check(HashSlot(of: "").number, 0)
    }

    @Test func `slots are those of a server in cluster mode, for all types of keys`() async throws {
        let server = try await ServerProcess.start(
            settings: ["cluster-enabled yes", "cluster-port \(try await ServerProcess.freePort())"]
        )
        defer { server.stop() }
        var random = SystemRandomNumberGenerator()
        let bytes: [UInt8] = Array("{}{}ab\r\n$*\0".utf8) + [0xFF, 0xC3]
        let known = ["", "{", "}", "{}", "foo{}{bar}", "}a{b", "foo{{bar}}zap", "foo{bar}{zap}", "{x", "a{}b{c}"]
        let keys: [[UInt8]] =
            known.map { Array($0.utf8) }
            + (0..<2000)
            .map { _ in
                (0..<Int.random(in: 0...40, using: &random)).map { _ in bytes.randomElement(using: &random) ?? 0 }
            }
        try await withClient(configuration(for: server)) { client async throws in
            let slots = try await client.execute(
                pipeline: keys.map { RawCommand("CLUSTER", "KEYSLOT", $0, returning: Int.self) }
            )
            for (key, slot) in zip(keys, slots) {
                let expected = try slot.get()
                var padded = ByteBuffer(string: "{x}")
                padded.writeBytes(key)
                padded.moveReaderIndex(forwardBy: 3)
                #expect(HashSlot(of: key).number == expected, "\(key)")
                #expect(HashSlot(of: padded).number == expected, "\(key)")
                #expect(HashSlot(of: Whole(bytes: key)).number == expected, "\(key)")
            }
            let texts = keys.map { String(decoding: $0, as: UTF8.self) }
            let ofTexts = try await client.execute(
                pipeline: texts.map { RawCommand("CLUSTER", "KEYSLOT", $0, returning: Int.self) }
            )
            for (text, slot) in zip(texts, ofTexts) { #expect(try HashSlot(of: text).number == slot.get()) }
            let number = try await client.execute(RawCommand("CLUSTER", "KEYSLOT", 1234, returning: Int.self))
            check(HashSlot(of: 1234).number, number)
        }
    }
}

/// A key of a type of its own.
private struct Whole: RESPArgument {
    let bytes: [UInt8]
    func writeBulkString(into buffer: inout ByteBuffer) { self.bytes.writeBulkString(into: &buffer) }
}
