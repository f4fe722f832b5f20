import Foundation
import NIOCore
import OxbowTesting
import RESP
import RedisClient
import Testing

@Suite struct CommandPropertiesTests {
    private static let k = "k"
    private static let list = ["a"]
    private static let pairs = ["a": "1"]
    private static let end: GetExpiry = .never

    private static var reads: [any RedisCommand] {
        let strings: [any RedisCommand] = [GET(k, as: String.self), GETRANGE(k, 0, 1), STRLEN(k)]
        let hashes: [any RedisCommand] = [
            HGET(k, k, as: String.self), HGETALL(k, as: [String: String].self), HMGET(k, list), HEXISTS(k, k), HLEN(k),
            HKEYS(k), HVALS(k), HSTRLEN(k, k), HRANDFIELD(k), HRANDFIELD(k, count: 1),
            HRANDFIELD(k, countWithValues: 1),
            HPTTL(k, list),
        ]
        let sets: [any RedisCommand] = [
            SMEMBERS(k), SISMEMBER(k, k), SMISMEMBER(k, list), SCARD(k), SRANDMEMBER(k), SRANDMEMBER(k, count: 1),
        ]
        let sortedSets: [any RedisCommand] = [
            ZSCORE(k, k), ZMSCORE(k, list), ZCARD(k), ZCOUNT(k), ZRANK(k, k), ZREVRANK(k, k), ZRANGE(k, .ranks(0, 1)),
            ZRANGE(k, withScores: .ranks(0, 1)),
        ]
        let keys: [any RedisCommand] = [
            TYPE(k), TTL(k), PTTL(k), RANDOMKEY(), OBJECT.ENCODING(k), OBJECT.FREQ(k), OBJECT.IDLETIME(k), DUMP(k),
            PING(), ECHO(k), TIME(), DBSIZE(),
        ]
        let lists: [any RedisCommand] = [
            LLEN(k), LRANGE(k, as: Int.self), LINDEX(k, 0), LPOS(k, k), LPOS(k, k, count: 1),
        ]
        return strings + hashes + sets + sortedSets + keys + lists
    }

    private static var readsOfManyKeys: [any RedisCommand] {
        [
            MGET(list, as: String.self), SINTER(list), SUNION(list), SDIFF(list), SINTERCARD(list), ZUNION(list),
            ZUNION(withScores: list), ZINTER(list), ZINTER(withScores: list), ZDIFF(list), ZDIFF(withScores: list),
            EXISTS(list), TOUCH(list),
        ]
    }

    private static var writes: [any RedisCommand] {
        let strings: [any RedisCommand] = [
            SET(k, k), SET(k, k, condition: .ifAbsent), SET(k, k, returning: String.self), GETDEL(k),
            GETEX(k, expiry: end), SETRANGE(k, 0, k), APPEND(k, k), INCR(k), INCRBY(k, 1), INCRBYFLOAT(k, 1), DECR(k),
            DECRBY(k, 1),
        ]
        let hashes: [any RedisCommand] = [
            HSET(k, pairs), HSETNX(k, k, k), HDEL(k, list), HINCRBY(k, k, 1), HINCRBYFLOAT(k, k, 1),
            HEXPIRE(k, .zero, list), HPEXPIRE(k, .zero, list), HPERSIST(k, list), HSETEX(k, pairs),
            HGETEX(k, list, expiry: end), HGETDEL(k, list),
        ]
        let sets: [any RedisCommand] = [
            SADD(k, list), SREM(k, list), SPOP(k), SPOP(k, count: 1), SMOVE(k, k, k),
        ]
        let sortedSets: [any RedisCommand] = [
            ZADD(k, ["a": 1]), ZADD(k, incrementing: k, by: 1), ZREM(k, list), ZINCRBY(k, 1, k), ZREMRANGEBYSCORE(k),
            ZREMRANGEBYRANK(k, 0, 1), ZREMRANGEBYLEX(k), ZPOPMIN(k), ZPOPMAX(k),
        ]
        let keys: [any RedisCommand] = [
            EXPIRE(k, .zero), PEXPIRE(k, .zero), EXPIREAT(k, .now), PEXPIREAT(k, .now), PERSIST(k), RENAME(k, k),
            RENAMENX(k, k), COPY(k, k), RESTORE(k, ByteBuffer()),
        ]
        let lists: [any RedisCommand] = [
            LPUSH(k, list), RPUSH(k, list), LPUSHX(k, list), RPUSHX(k, list), LPOP(k), LPOP(k, count: 1), RPOP(k),
            RPOP(k, count: 1), LSET(k, 0, k), LREM(k, 0, k), LTRIM(k, 0, 1), LINSERT(k, before: k, k),
            LINSERT(k, after: k, k), LMOVE(k, k, from: .left, to: .left),
        ]
        return strings + hashes + sets + sortedSets + keys + lists
    }

    private static var writesOfManyKeys: [any RedisCommand] {
        [
            MSET(pairs), MSETNX(pairs), DEL(list), UNLINK(list), SINTERSTORE(k, list), SUNIONSTORE(k, list),
            SDIFFSTORE(k, list), ZRANGESTORE(k, k, .ranks(0, 1)), ZUNIONSTORE(k, list), ZINTERSTORE(k, list),
            ZDIFFSTORE(k, list), FLUSHDB(),
        ]
    }

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
        expect(Self.reads, isIdempotent: true, timeoutFactor: 1)
        expect(Self.readsOfManyKeys, isIdempotent: true, timeoutFactor: 8)
        expect(Self.writes, isIdempotent: false, timeoutFactor: 1)
        expect(Self.writesOfManyKeys, isIdempotent: false, timeoutFactor: 8)
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
