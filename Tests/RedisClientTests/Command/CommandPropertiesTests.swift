import Foundation
import NIOCore
import OxbowTesting
import RESP
import RedisClient
import Testing

@Suite struct CommandPropertiesTests {
    @Test func `reads may be repeated, writes may not; many keys get more time`() {
        func expectMark(_ command: some RedisCommand) {
            let marked = command.markedIdempotent()
            check(marked.isIdempotent, true)
            check(marked.timeoutFactor, command.timeoutFactor)
            check(wire(marked), wire(command))
        }
        func expect(_ commands: [any RedisCommand], isIdempotent: Bool, timeoutFactor: Int) {
            for command in commands {
                #expect(command.isIdempotent == isIdempotent, "\(command)")
                #expect(command.timeoutFactor == timeoutFactor, "\(command)")
                #expect(command.connectionUse == .shared, "\(command)")
                #expect(!command.ignoresCancellation, "\(command)")
                expectMark(command)
            }
        }
        expect(CommandExamples.reads, isIdempotent: true, timeoutFactor: 1)
        expect(CommandExamples.readsOfManyKeys, isIdempotent: true, timeoutFactor: 8)
        expect(CommandExamples.writes, isIdempotent: false, timeoutFactor: 1)
        expect(CommandExamples.writesOfManyKeys, isIdempotent: false, timeoutFactor: 8)
    }

    @Test func `the first word is the command's name`() {
        check("\(INCR("secret"))", "INCR")
        check("\(ZUNION(["secret"]))", "ZUNION")
    }

    @Test func `a command marked idempotent is sent again after a lost connection, the same command is not`()
        async throws
    {
        for isMarked in [false, true] {
            let server = try await ScriptedServer.start([[.init(closes: true)], [.init(":7\r\n")]])
            defer { server.stop() }
            try await withClient(server.configuration) { client async throws in
                if isMarked {
                    let answer = try await client.execute(INCR("k").markedIdempotent())
                    #expect(answer == 7)
                } else {
                    let error = await #expect(throws: RedisError.self) { try await client.execute(INCR("k")) }
                    #expect(error?.delivery == .unknown)
                }
            }
        }
    }

    @Test func `typed commands go in pipelines`() async throws {
        try await withClient(configuration()) { client async throws in
            let key = "typed:\(UInt64.random(in: 0 ... .max))"
            let (new, members, count) = try await client.execute(
                pipeline: SADD(key, [1, 2]),
                SMEMBERS(key, as: Int.self),
                SCARD(key)
            )
            check(try new.get(), 2)
            check(try members.get().sorted(), [1, 2])
            check(try count.get(), 2)
            let counted = try await client.execute(pipeline: (0..<100).map { INCRBY(key + "n", $0) })
            check(try counted.last?.get(), 4950)
        }
    }

    @Test(arguments: [
        ("*4\n$1\na\n$1\n1\n$1\nb\n$3\n2.5\n", ["a": 1, "b": 2.5]),
        ("*2\n*2\n$1\na\n,1\n*2\n+b\n,2.5\n", ["a": 1, "b": 2.5]),
        ("%1\n$1\na\n,1\n", ["a": 1]), ("*0\n", [:]), ("*1\n*2\n$1\na\n$3\ninf\n", ["a": .infinity]),
        ("*?\n+a\n:1\n.\n", ["a": 1]),
    ])
    func `pairs are read flat and nested`(text: String, expected: [String: Double]) throws {
        let pairs = try decoded(text, as: PairList<ScoredMember<String>>.self)
        check(Dictionary(uniqueKeysWithValues: pairs.map { ($0.member, $0.score) }), expected)
    }

    @Test(arguments: [
        "*1\n$1\na\n", "*3\n+a\n:1\n+b\n", "*1\n*1\n+a\n", "*1\n*0\n", "*1\n*3\n+a\n:1\n:2\n", "$1\na\n", "_\n",
        "*-1\n",
    ])
    func `anything else is not`(text: String) {
        let error = #expect(throws: RESPError.self) { try decoded(text, as: PairList<ScoredMember<String>>.self) }
        #expect(error?.code == .unexpectedType)
    }

    @Test func `replies beyond what a command knows are errors`() {
        for text in [":-3\n", "+x\n", "_\n"] {
            #expect(throws: RESPError.self) { try decoded(text, as: TimeToLive<Seconds>.self) }
        }
        #expect(throws: RESPError.self) { try decoded(":5\n", as: FieldExpiryOutcome.self) }
        #expect(throws: RESPError.self) { try decoded(":0\n", as: FieldPersistOutcome.self) }
        #expect(throws: RESPError.self) { try decoded("*1\n:5\n", as: ServerTime.self) }
        let far = try? decoded("*2\n:9223372036854775807\n:9223372036854775807\n", as: ServerTime.self)
        #expect(far != nil)
        let long = try? decoded(":9223372036854775807\n", as: TimeToLive<Seconds>.self)
        #expect(long == .remaining(.seconds(Int64.max)))
    }
}
