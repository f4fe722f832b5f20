import NIOCore
import RESP
import RedisClient
import Testing

@Suite struct SortedSetCommandTests {
    @Test(arguments: CommandServer.allCases)
    func `sorted set commands`(_ server: CommandServer) async throws {
        try await server.run { table, key in
            let (z, x) = (key + "z", key + "x")
            try await table.expect(ZADD(z, ["a": 1, "b": 2.5, "c": -.infinity]), 3)
            try await table.expect(ZADD(z, ["a": 1.5, "d": 4], countsChanges: true), 2)
            try await table.expect(ZADD(z, ["a": 9, "e": 5], condition: .ifAbsent), 1)
            try await table.expect(ZADD(z, ["a": 2, "f": 6], condition: .ifPresent), 0)
            try await table.expect(ZADD(z, ["a": 1], comparison: .ifGreater, countsChanges: true), 0)
            try await table.expect(ZADD(z, ["a": 1], comparison: .ifLess, countsChanges: true), 1)
            try await table.refuse(ZADD(z, ["a": 1], condition: .ifAbsent, comparison: .ifLess))
            try await table.refuse(ZADD(z, ["a": .nan]))
            try await table.refuse(ZADD(z, [String: Double]()))
            try await table.expect(ZADD(z, incrementing: "a", by: 0.1), 1.1)
            try await table.expect(ZADD(z, incrementing: "a", by: 1, condition: .ifAbsent), nil)
            try await table.expect(ZADD(z, incrementing: "x", by: 1, condition: .ifPresent), nil)
            try await table.expect(ZADD(z, incrementing: "a", by: -1, comparison: .ifGreater), nil)
            try await table.expect(ZINCRBY(z, -0.1, "a"), 1)
            try await table.expect(ZSCORE(z, "b"), 2.5)
            try await table.expect(ZSCORE(z, "c"), -.infinity)
            try await table.expect(ZSCORE(z, "x"), nil)
            try await table.expect(ZMSCORE(z, ["a", "x", "d"]), [1, nil, 4])
            try await table.expect(ZMSCORE(x, ["a"]), [nil])
            try await table.expect(ZCARD(z), 5)
            try await table.expect(ZCOUNT(z), 5)
            try await table.expect(ZCOUNT(z, from: .excluding(1), to: .including(4)), 2)
            try await table.expect(ZRANK(z, "a"), 1)
            try await table.expect(ZREVRANK(z, "a"), 3)
            try await table.expect(ZRANK(z, "x"), nil)
            try await table.expect(ZREVRANK(x, "a"), nil)
            try await table.expect(ZREM(z, ["c", "x"]), 1)
            try await table.expect(ZPOPMIN(z)) { Array($0) == [ScoredMember("a", 1)] }
            try await table.expect(ZPOPMAX(z, count: 2)) {
                Array($0) == [ScoredMember("e", 5), ScoredMember("d", 4)]
            }
            try await table.expect(ZPOPMAX(z, count: 9)) { Array($0) == [ScoredMember("b", 2.5)] }
            try await table.expect(ZPOPMIN(z, count: 9)) { $0.isEmpty }
            try await table.expect(ZPOPMAX(z)) { $0.isEmpty }
        }
    }

    @Test(arguments: CommandServer.allCases)
    func `ranges of sorted sets`(_ server: CommandServer) async throws {
        try await server.run { table, key in
            let (z, l, d, x) = (key + "z", key + "l", key + "d", key + "x")
            func expect(
                _ range: SortedSetRange,
                _ expected: [String],
                _ location: SourceLocation = #_sourceLocation
            ) async throws {
                try await table.expect(ZRANGE(z, range), expected, location)
            }
            try await table.expect(ZADD(z, ["a": 1, "b": 2, "c": 3, "d": 4]), 4)
            try await expect(.ranks(0, -1), ["a", "b", "c", "d"])
            try await expect(.ranks(0, 1).reversed, ["d", "c"])
            try await expect(.scores(), ["a", "b", "c", "d"])
            try await expect(.scores(from: .excluding(1), to: .including(3)), ["b", "c"])
            try await expect(.scores(from: .excluding(1), to: .including(3)).reversed, ["c", "b"])
            try await expect(.scores(from: .including(2)).limited(to: 1, offset: 1), ["c"])
            try await expect(.scores(from: .including(2)).reversed.limited(to: 2), ["d", "c"])
            try await expect(.scores(from: .including(2)).limited(to: -1, offset: 1), ["c", "d"])
            try await table.refuse(ZRANGE(z, .ranks(0, 1).limited(to: 1)))
            try await table.expect(ZRANGE(x, .ranks(0, -1)), [])
            try await table.expect(ZRANGE(x, withScores: .ranks(0, -1))) { $0.isEmpty }
            try await table.expect(ZRANGE(z, withScores: .ranks(0, 1))) {
                Array($0) == [ScoredMember("a", 1), ScoredMember("b", 2)]
            }
            try await table.expect(ZRANGE(z, withScores: .scores(to: .excluding(3)).reversed)) {
                Array($0) == [ScoredMember("b", 2), ScoredMember("a", 1)]
            }
            try await table.refuse(ZRANGE(z, withScores: .members()))

            try await table.expect(ZADD(l, ["a": 0, "b": 0, "c": 0, "é": 0]), 4)
            try await table.expect(ZRANGE(l, .members()), ["a", "b", "c", "é"])
            try await table.expect(ZRANGE(l, .members(from: .excluding("a"), to: .including("c"))), ["b", "c"])
            try await table.expect(ZRANGE(l, .members(from: .including("b")).reversed), ["é", "c", "b"])
            try await table.expect(ZRANGE(l, .members(from: .including(ByteBuffer(bytes: [0xC3])))), ["é"])
            try await table.expect(ZRANGE(l, .members(to: .excluding(ByteBuffer(string: "b")))), ["a"])

            try await table.expect(ZRANGESTORE(d, z, .scores(from: .including(2)).limited(to: 2)), 2)
            try await table.expect(ZRANGE(d, withScores: .ranks(0, -1), as: String.self)) {
                Array($0) == [ScoredMember("b", 2), ScoredMember("c", 3)]
            }
            try await table.expect(ZRANGESTORE(d, x, .ranks(0, -1)), 0)
            try await table.expect(ZREMRANGEBYSCORE(z, to: .excluding(2)), 1)
            try await table.expect(ZREMRANGEBYRANK(z, -1, -1), 1)
            try await table.expect(ZREMRANGEBYLEX(l, from: .including("b"), to: .excluding("c")), 1)
            try await table.expect(ZRANGE(l, .ranks(0, -1)), ["a", "c", "é"])
        }
    }

    @Test(arguments: CommandServer.allCases)
    func `unions, intersections and differences`(_ server: CommandServer) async throws {
        try await server.run { table, key in
            let (a, b, s, d) = (key + "a", key + "b", key + "s", key + "d")
            try await table.expect(ZADD(a, ["x": 1, "y": 2]), 2)
            try await table.expect(ZADD(b, ["y": 5, "z": 6]), 2)
            try await table.expect(SADD(s, ["y"]), 1)
            try await table.expect(ZUNION([a, b]), ["x", "z", "y"])
            try await table.expect(ZUNION([a, b], aggregate: .minimum), ["x", "y", "z"])
            try await table.expect(ZUNION(withScores: [a, b], weights: [10, 1.5], aggregate: .maximum)) {
                Array($0) == [ScoredMember("z", 9), ScoredMember("x", 10), ScoredMember("y", 20)]
            }
            try await table.expect(ZINTER([a, b, s]), ["y"])
            try await table.expect(ZINTER(withScores: [a, b, s], aggregate: .sum)) {
                Array($0) == [ScoredMember("y", 8)]
            }
            try await table.expect(ZDIFF([a, b]), ["x"])
            try await table.expect(ZDIFF(withScores: [a, b])) { Array($0) == [ScoredMember("x", 1)] }
            try await table.expect(ZDIFF([d, a]), [])
            try await table.expect(ZUNIONSTORE(d, [a, b], weights: [1, 0]), 3)
            try await table.expect(ZMSCORE(d, ["x", "y", "z"]), [1, 2, 0])
            try await table.expect(ZINTERSTORE(d, [a, b], aggregate: .maximum), 1)
            try await table.expect(ZSCORE(d, "y"), 5)
            try await table.expect(ZDIFFSTORE(d, [a, b]), 1)
            try await table.refuse(ZUNION([String]()))
            try await table.refuse(ZUNION([a, b], weights: [1]))
        }
    }

    @Test func `options of sorted set commands on the wire`() {
        check(wire(ZADD("z", ["m": 0.1])), "ZADD z 0.1 m")
        check(
            wire(ZADD("z", ["m": 1e100], condition: .ifPresent, comparison: .ifGreater, countsChanges: true)),
            "ZADD z XX GT CH 1e+100 m"
        )
        check(wire(ZADD("z", incrementing: "m", by: -1, condition: .ifAbsent)), "ZADD z NX INCR -1.0 m")
        check(wire(ZCOUNT("z")), "ZCOUNT z -inf inf")
        check(wire(ZCOUNT("z", from: .excluding(1.5), to: .excluding(.infinity))), "ZCOUNT z (1.5 (inf")
        check(wire(ZRANGE("z", .ranks(0, -1))), "ZRANGE z 0 -1")
        check(
            wire(ZRANGE("z", .scores(from: .including(1)).reversed.limited(to: 3, offset: 2))),
            "ZRANGE z inf 1.0 BYSCORE REV LIMIT 2 3"
        )
        check(wire(ZRANGE("z", .members(from: .excluding("a")))), "ZRANGE z (a + BYLEX")
        check(wire(ZRANGE("z", withScores: .ranks(1, 2).reversed)), "ZRANGE z 1 2 REV WITHSCORES")
        check(wire(ZRANGESTORE("d", "z", .members())), "ZRANGESTORE d z - + BYLEX")
        check(
            wire(ZUNION(withScores: ["a", "b"], weights: [1, 2], aggregate: .minimum)),
            "ZUNION 2 a b WEIGHTS 1.0 2.0 AGGREGATE MIN WITHSCORES"
        )
        check(wire(ZINTERSTORE("d", ["a"], aggregate: .maximum)), "ZINTERSTORE d 1 a AGGREGATE MAX")
        check(wire(ZREMRANGEBYLEX("z", to: .including("b"))), "ZREMRANGEBYLEX z - [b")
    }
}
