import NIOCore
import RESP
import RedisClient
import TestServers
import Testing

/// Commands and scripts of any number of arguments.
@Suite(.timeLimit(.minutes(1))) struct ArgumentListTests {
    @Test(arguments: [SharedServers.Name.redis, .valkey])
    func `a stream's entry has as many fields as there are at run time`(_ name: SharedServers.Name) async throws {
        try await withClient(configuration(name)) { client async throws in
            let key = "list:\(UInt64.random(in: 0 ... .max))"
            let fields = (0..<50).flatMap { ["field\($0)", "value\($0)"] }
            let words: [any RESPArgument] = [key, "*"] + fields
            let id = try await client.execute(RawCommand("XADD", arguments: words, returning: String.self))
            let range = RawCommand("XRANGE", arguments: [key, id, id, "COUNT", 1], returning: [[RESPValue]].self)
            let entry = try #require(try await client.execute(range).first)
            guard case .array(let found) = entry[1] else {
                Issue.record("no fields: \(entry)")
                return
            }
            #expect(found.map(\.text) == fields)
            // Many words, of which those that are keys are found.
            #expect(try await client.execute(RawCommand("DEL", arguments: [key, ByteBuffer(string: "no")])) == 1)
        }
    }

    @Test(arguments: [SharedServers.Name.redis, .valkey])
    func `a script has as many keys and arguments as there are at run time`(_ name: SharedServers.Name) async throws {
        try await withClient(configuration(name)) { client async throws in
            let script = Script("return {#KEYS, #ARGV, KEYS[#KEYS], ARGV[#ARGV]}")
            for count in [0, 1, 7, 8, 9, 100] {
                let keys = (0..<count).map { "{list}:\($0)" }
                let call = ScriptCall<[String]>(script, keys: keys, arguments: [1, 2] + keys)
                let last = count > 0 ? keys[count - 1] : "2"
                let expected = ["\(count)", "\(count + 2)"] + (count > 0 ? [last, last] : [])
                #expect(try await client.execute(call).prefix(expected.count) == expected[...])
            }
        }
    }

    @Test func `what a list of arguments does to the connection is read from it, too`() {
        typealias Raw = RawCommand<RESPValue>
        #expect(Raw("BLPOP", arguments: ["a", "b", 2]).connectionUse == .blocking(upTo: .seconds(2)))
        #expect(Raw("SUBSCRIBE", arguments: ["a"]).connectionUse == .unsupported)
        #expect(Raw("PING", arguments: []).connectionUse == .shared)
    }
}
