import NIOCore
import RESP
import RedisClient
import TestServers
import Testing

@Suite struct ExecuteTests {
    @Test(arguments: SharedServers.Name.allCases)
    func `values of all types come back as they were stored`(_ name: SharedServers.Name) async throws {
        try await withClient(configuration(name)) { client async throws in
            let key = "execute:\(UInt64.random(in: 0 ... .max))"
            #expect(try await client.execute(SET(key, "välue", milliseconds: 60_000)) == "OK")
            #expect(try await client.execute(GET(key, as: String.self)) == "välue")
            #expect(try await client.execute(GET(key, as: ByteBuffer.self)) == ByteBuffer(string: "välue"))
            #expect(try await client.execute(GET(key + "x", as: String.self)) == nil)
            #expect(try await client.execute(MGET([key, key + "x"], as: String.self)) == ["välue", nil])
            #expect(try await client.execute(RawCommand("INCRBY", key + "n", 5, returning: Int.self)) == 5)
            let hset = RawCommand("HSET", key + "h", "a", "1", "b", [0, 13, 10], returning: Int.self)
            #expect(try await client.execute(hset) == 2)
            let all = try await client.execute(HGETALL(key + "h", as: [String: ByteBuffer].self))
            #expect(all == ["a": ByteBuffer(string: "1"), "b": ByteBuffer(bytes: [0, 13, 10])])
            #expect(try await client.execute(HGET(key + "h", "a", as: Int.self)) == 1)
            _ = try await client.execute(RawCommand("RPUSH", key + "l", 1, 2, 3, returning: Int.self))
            #expect(try await client.execute(LRANGE(key + "l", as: Int.self)) == [1, 2, 3])
            #expect(try await client.execute(LRANGE(key + "l", -2, -1, as: String.self)) == ["2", "3"])
        }
    }

    @Test func `a server's error keeps its prefix and shows nothing of the command`() async throws {
        try await withClient(configuration()) { client async throws in
            _ = try await client.execute(SET("execute:text", "not a number"))
            let error = await #expect(throws: RedisError.self) {
                try await client.execute(RawCommand("LPUSH", "execute:text", "marker", returning: Int.self))
            }
            #expect(error?.code == .server)
            #expect(error?.serverError == "WRONGTYPE")
            #expect(error?.delivery == .refused)
            let unknown = await #expect(throws: RedisError.self) {
                try await client.execute(RawCommand("NOSUCH", "secret-marker", returning: String.self))
            }
            #expect(unknown?.serverError == "ERR")
            #expect("\(String(describing: unknown))".contains("secret-marker") == false)
            let mismatch = await #expect(throws: RedisError.self) {
                try await client.execute(GET("execute:text", as: Int.self))
            }
            #expect(mismatch?.code == .unexpectedReply)
            #expect(try await client.execute(GET("execute:text", as: String.self)) == "not a number")
        }
    }

    @Test func `a pipeline gives each command its own result`() async throws {
        try await withClient(configuration()) { client async throws in
            let key = "pipeline:\(UInt64.random(in: 0 ... .max))"
            let (set, bad, get, length) = try await client.execute(
                pipeline: SET(key, "abc"),
                RawCommand("LPUSH", key, "x", returning: Int.self),
                GET(key, as: String.self),
                RawCommand("STRLEN", key, returning: Int.self)
            )
            #expect(try set.get() == "OK")
            #expect(throws: RedisError.self) { try bad.get() }
            #expect(try get.get() == "abc")
            #expect(try length.get() == 3)
            let many = try await client.execute(pipeline: (0..<500).map { SET("\(key):\($0)", "\($0)") })
            check(many.allSatisfy { (try? $0.get()) == "OK" }, true)
            let values = try await client.execute(pipeline: (0..<500).map { GET("\(key):\($0)", as: Int.self) })
            check(try values.map { try $0.get() }, (0..<500).map { Optional($0) })
        }
    }

    @Test(arguments: SharedServers.Name.allCases)
    func `a script goes by its name, and in full when the server does not know it`(
        _ name: SharedServers.Name
    ) async throws {
        try await withClient(configuration(name)) { client async throws in
            let script = Script("return {KEYS[1], ARGV[1], #ARGV} -- \(UInt64.random(in: 0 ... .max))")
            let known = RawCommand("SCRIPT", "EXISTS", script.digest, returning: [Int].self)
            #expect(try await client.execute(known) == [0])
            for _ in 0..<2 {
                let call = ScriptCall<[String]>(script, keys: ("k"), arguments: ("a", 2))
                #expect(try await client.execute(call) == ["k", "a", "2"])
            }
            // The server's own digest is the same: EXISTS finds it under ours.
            #expect(try await client.execute(known) == [1])
        }
    }

    /// A batch beyond the socket's high-water mark changes the channel's writability within its own write; the buffer
    /// being written was once handed to the next batch, and its commands went out twice.
    @Test func `large batches are written once`() async throws {
        try await withClient(configuration()) { client async throws in
            let key = "large:\(UInt64.random(in: 0 ... .max))"
            let large = ByteBuffer(repeating: 0x61, count: 3 * 1024 * 1024)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<20 {
                    group.addTask {
                        _ = try await client.execute(SET("\(key):\(index)", large, milliseconds: 20_000))
                        let number = try await client.execute(RawCommand("INCR", key, returning: Int.self))
                        #expect(number <= 20)
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await client.execute(GET(key, as: Int.self)) == 20)
            #expect(client.statistics.connects == 1)
        }
    }
}

/// Expects equality, for values got with a closure (which Swift 6.3 may confuse within `#expect`).
func check<Value: Equatable>(_ value: Value, _ expected: Value, _ location: SourceLocation = #_sourceLocation) {
    #expect(value == expected, sourceLocation: location)
}
