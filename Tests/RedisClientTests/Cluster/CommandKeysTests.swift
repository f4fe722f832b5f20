import NIOCore
import RESP
import RedisClient
import TestServers
import Testing

@Suite struct CommandKeysTests {
    private static var others: [any RedisCommand] {
        let (first, second, end) = ("{tag}1", "{tag}2", Duration.seconds(1))
        let key: [UInt8] = Array("{tag}bytes".utf8)
        return [
            BLPOP([first, second], upTo: end, as: (String, String).self),
            BRPOP([key], upTo: nil, as: (String, Int).self),
            ScriptCall(Script("return 1"), keys: (first, key), arguments: ("argument"), returning: Int.self),
            ScriptCall(Script("return 1"), keys: (), arguments: ("argument"), returning: Int.self),
            ScriptCall(
                Script("return 1"),
                keys: (1, 2, 3, 4, 5, 6, 7, 8, 9, "{tag}10"),
                arguments: ("argument"),
                returning: Int.self
            ),
            GET(first, as: String.self).markedIdempotent(), DEL([first, second]).markedIdempotent(),
            SET("*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$1\r\ny\r\n", "$1\r\nx\r\n"),
        ]
    }

    private static let raw: [[String]] =
        [
            "PING", "INFO server", "MULTI", "SCRIPT FLUSH", "PUBLISH channel message", "SPUBLISH channel message",
            "KEYS *",
            "SCAN 0", "CONFIG GET maxmemory", "GET k", "get k", "SET k v EX 5", "DEL a b c", "MGET a b", "MSET a 1 b 2",
            "MSETNX a 1 b 2", "EXISTS a b", "RENAME a b", "COPY a b REPLACE", "LCS a b LEN", "PFCOUNT a b", "PFADD k e",
            "PFMERGE d a b", "BITOP AND d a b", "BITCOUNT k", "OBJECT ENCODING k", "OBJECT HELP", "MEMORY USAGE k",
            "MEMORY DOCTOR", "XINFO STREAM k", "XINFO HELP", "XGROUP CREATE k g $", "XADD k * f v",
            "XREAD COUNT 1 STREAMS a b 0 0", "XREAD BLOCK 5 STREAMS streams 0",
            "XREADGROUP GROUP STREAMS streams NOACK streams a b > >", "XREADGROUP GROUP g c STREAMS a >",
            "EVAL script 2 a b c", "EVAL script 0 a", "EVALSHA sha 1 a b", "EVAL_RO script 1 a", "FCALL f 1 a b",
            "ZUNION 2 a b WITHSCORES", "ZINTERCARD 2 a b LIMIT 1", "ZUNIONSTORE d 2 a b WEIGHTS 1 2",
            "LMPOP 2 a b LEFT",
            "ZMPOP 1 a MIN", "BLMPOP 0 2 a b LEFT", "BZMPOP 0 1 a MIN", "BLPOP a b 0", "BZPOPMIN a 0",
            "BLMOVE a b LEFT LEFT 0", "BRPOPLPUSH a b 0", "RPOPLPUSH a b", "SINTERSTORE d a b", "SMOVE a b m",
            "ZRANGESTORE d a 0 1", "GEOADD k 1 2 m", "GEOSEARCHSTORE d k FROMMEMBER m BYRADIUS 1 m",
            "GEORADIUS k 1 2 3 m STORE d", "GEORADIUS k 1 2 3 m", "GEORADIUSBYMEMBER k STORE 3 m STOREDIST d", "SORT k",
            "SORT k BY STORE GET STORE LIMIT 0 1 STORE d", "SORT_RO k BY w", "MIGRATE h 1 k 0 9", "WATCH a b",
            "HSETEX k FIELDS 1 f v", "HPEXPIRE k 1 NX FIELDS 1 f", "DUMP k", "WAIT 0 1", "SUBSTR k 0 1", "LOLWUT",
        ]
        .map { $0.split(separator: " ").map(String.init) } + [
            ["MIGRATE", "h", "1", "", "0", "9", "COPY", "KEYS", "a", "b"],
            ["SET", "*1\r\n$8\r\nFLUSHALL\r\n", "STREAMS"], ["ECHO", "k"], ["EVAL", "STREAMS", "1", "\r\nk", "v"],
        ]

    /// The keys of a command of these words, and the keys as RawCommand has them.
    private static func keys(of words: [String]) -> CommandKeys {
        var keys = CommandKeys(recording: ())
        var words = words
        func pop() -> String { words.removeFirst() }
        switch words.count {
        case 1: RawCommand(pop(), returning: RESPValue.self).addKeys(to: &keys)
        case 2: RawCommand(pop(), pop(), returning: RESPValue.self).addKeys(to: &keys)
        case 3: RawCommand(pop(), pop(), pop(), returning: RESPValue.self).addKeys(to: &keys)
        case 4: RawCommand(pop(), pop(), pop(), pop(), returning: RESPValue.self).addKeys(to: &keys)
        case 5: RawCommand(pop(), pop(), pop(), pop(), pop(), returning: RESPValue.self).addKeys(to: &keys)
        case 6: RawCommand(pop(), pop(), pop(), pop(), pop(), pop(), returning: RESPValue.self).addKeys(to: &keys)
        case 7:
            RawCommand(pop(), pop(), pop(), pop(), pop(), pop(), pop(), returning: RESPValue.self).addKeys(to: &keys)
        case 8:
            RawCommand(pop(), pop(), pop(), pop(), pop(), pop(), pop(), pop(), returning: RESPValue.self)
                .addKeys(to: &keys)
        case 9:
            RawCommand(pop(), pop(), pop(), pop(), pop(), pop(), pop(), pop(), pop(), returning: RESPValue.self)
                .addKeys(to: &keys)
        case 10:
            RawCommand(pop(), pop(), pop(), pop(), pop(), pop(), pop(), pop(), pop(), pop(), returning: RESPValue.self)
                .addKeys(to: &keys)
        case 11:
            RawCommand(
                pop(),
                pop(),
                pop(),
                pop(),
                pop(),
                pop(),
                pop(),
                pop(),
                pop(),
                pop(),
                pop(),
                returning: RESPValue.self
            )
            .addKeys(to: &keys)
        default: Issue.record("\(words.count) words")
        }
        return keys
    }

    /// What the server says are the keys; none where it says that there are none.
    private func serverKeys(_ client: RedisClient, _ words: [ByteBuffer]) async throws -> [ByteBuffer] {
        do {
            return try await client.execute(GetKeys(words: words))
        } catch let error as RedisError where error.message.contains("has no key arguments") {
            return []
        }
    }

    @Test func `typed commands name the keys that the server finds`() async throws {
        try await withClient(configuration()) { client async throws in
            for command in CommandExamples.all + Self.others {
                var buffer = ByteBuffer()
                command.encode(into: &buffer)
                var reader = RESPReader(buffer)
                let words = try [ByteBuffer](from: &reader)
                var keys = CommandKeys(recording: ())
                command.addKeys(to: &keys)
                // Fewer keys than it takes: the server answers with an error, and this fails.
                let expected = try await self.serverKeys(client, words)
                #expect(keys.names == expected, "\(command)")
            }
        }
    }

    @Test func `keys of raw commands are where the server finds them`() async throws {
        try await withClient(configuration()) { client async throws in
            for words in Self.raw {
                // A channel is hashed like a key, and is none.
                let isChannel = words[0] == "SPUBLISH"
                let expected =
                    isChannel
                    ? [ByteBuffer(string: words[1])]
                    : try await self.serverKeys(client, words.map { ByteBuffer(string: $0) })
                #expect(Self.keys(of: words).names == expected, "\(words)")
            }
        }
    }

    @Test func `no command that says it only reads may write`() async throws {
        let server = try await SharedServers.shared.server(.redis)
        func names(_ category: String) throws -> Set<String> {
            let list = try server.cli("COMMAND", "LIST", "FILTERBY", "ACLCAT", category)
            return Set(list.split(whereSeparator: \.isNewline).map { $0.uppercased() })
        }
        let (readers, writers) = (try names("read"), try names("write"))
        #expect(readers.count > 50)
        #expect(writers.count > 50)
        for command in CommandExamples.all {
            let words = wire(command).split(separator: " ").map { $0.uppercased() }
            let name = words[0] == "OBJECT" ? "OBJECT|\(words[1])" : words[0]
            // TOUCH reads, and is of no use at a replica.
            #expect(command.isReadOnly == !(writers.contains(name) || name == "TOUCH"), "\(command)")
            if command.isReadOnly, command.route != .anywhere { #expect(readers.contains(name), "\(command)") }
        }
        for command in Self.others {
            let isRead = "\(command)".contains("GET")
            #expect(command.isReadOnly == isRead, "\(command)")
        }
        check(RawCommand("GET", "k", returning: String?.self).isReadOnly, false)
        check(RawCommand("GET", "k", returning: String?.self, isReadOnly: true).isReadOnly, true)
    }

    @Test func `routes`() {
        check(PING().route, .anywhere)
        check(GET("k", as: String.self).route, .slot(HashSlot(of: "k")))
        check(SINTER(["{a}1", "{a}2"]).route, .slot(HashSlot(of: "a")))
        check(SINTER(["a", "b", "a"]).route, .severalSlots)
        check(MSETNX(["a": 1, "b": 2]).route, .severalSlots)
    }
}

private struct GetKeys: RedisCommand {
    typealias Response = [ByteBuffer]
    let words: [ByteBuffer]

    func encode(into buffer: inout ByteBuffer) {
        buffer.writeCommandHeader(count: self.words.count + 2)
        buffer.writeWord("COMMAND")
        buffer.writeWord("GETKEYS")
        for word in self.words { word.writeBulkString(into: &buffer) }
    }
}
