import Foundation
import NIOCore
import RESP
import RedisClient

/// One of each typed command, in each of its forms.
///
/// Their keys, and no other words, are in one hash tag.
enum CommandExamples {
    private static let k = "{tag}k"
    private static let k2 = "{tag}other"
    private static let f = "no key"
    private static let keys = ["{tag}first", "{tag}second"]
    private static let list = ["first word", "second word"]
    private static let pairs = ["word": "1"]
    private static let keyed = ["{tag}third": "1", "{tag}fourth": "2"]
    private static let end: GetExpiry = .never

    static var reads: [any RedisCommand] {
        let strings: [any RedisCommand] = [GET(k, as: String.self), GETRANGE(k, 0, 1), STRLEN(k)]
        let hashes: [any RedisCommand] = [
            HGET(k, f, as: String.self), HGETALL(k, as: [String: String].self), HMGET(k, list), HEXISTS(k, f), HLEN(k),
            HKEYS(k), HVALS(k), HSTRLEN(k, f), HRANDFIELD(k), HRANDFIELD(k, count: 1),
            HRANDFIELD(k, countWithValues: 1),
            HPTTL(k, list),
        ]
        let sets: [any RedisCommand] = [
            SMEMBERS(k), SISMEMBER(k, f), SMISMEMBER(k, list), SCARD(k), SRANDMEMBER(k), SRANDMEMBER(k, count: 1),
        ]
        let sortedSets: [any RedisCommand] = [
            ZSCORE(k, f), ZMSCORE(k, list), ZCARD(k), ZCOUNT(k), ZRANK(k, f), ZREVRANK(k, f), ZRANGE(k, .ranks(0, 1)),
            ZRANGE(k, withScores: .ranks(0, 1)),
        ]
        let generic: [any RedisCommand] = [
            TYPE(k), TTL(k), PTTL(k), RANDOMKEY(), OBJECT.ENCODING(k), OBJECT.FREQ(k), OBJECT.IDLETIME(k), DUMP(k),
            PING(), ECHO(f), TIME(), DBSIZE(),
        ]
        let lists: [any RedisCommand] = [
            LLEN(k), LRANGE(k, as: Int.self), LINDEX(k, 0), LPOS(k, f), LPOS(k, f, count: 1),
        ]
        return strings + hashes + sets + sortedSets + generic + lists
    }

    static var readsOfManyKeys: [any RedisCommand] {
        [
            MGET(keys, as: String.self), SINTER(keys), SUNION(keys), SDIFF(keys), SINTERCARD(keys), ZUNION(keys),
            ZUNION(withScores: keys), ZINTER(keys), ZINTER(withScores: keys), ZDIFF(keys), ZDIFF(withScores: keys),
            EXISTS(keys), TOUCH(keys),
        ]
    }

    static var writes: [any RedisCommand] {
        let strings: [any RedisCommand] = [
            SET(k, f), SET(k, f, condition: .ifAbsent), SET(k, f, returning: String.self), GETDEL(k),
            GETEX(k, expiry: end), SETRANGE(k, 0, f), APPEND(k, f), INCR(k), INCRBY(k, 1), INCRBYFLOAT(k, 1), DECR(k),
            DECRBY(k, 1),
        ]
        let hashes: [any RedisCommand] = [
            HSET(k, pairs), HSETNX(k, f, f), HDEL(k, list), HINCRBY(k, f, 1), HINCRBYFLOAT(k, f, 1),
            HEXPIRE(k, .zero, list), HPEXPIRE(k, .zero, list), HPERSIST(k, list), HSETEX(k, pairs),
            HGETEX(k, list, expiry: end), HGETDEL(k, list),
        ]
        let sets: [any RedisCommand] = [
            SADD(k, list), SREM(k, list), SPOP(k), SPOP(k, count: 1), SMOVE(k, k2, f),
        ]
        let sortedSets: [any RedisCommand] = [
            ZADD(k, ["a": 1]), ZADD(k, incrementing: f, by: 1), ZREM(k, list), ZINCRBY(k, 1, f), ZREMRANGEBYSCORE(k),
            ZREMRANGEBYRANK(k, 0, 1), ZREMRANGEBYLEX(k), ZPOPMIN(k), ZPOPMAX(k),
        ]
        let generic: [any RedisCommand] = [
            EXPIRE(k, .zero), PEXPIRE(k, .zero), EXPIREAT(k, .now), PEXPIREAT(k, .now), PERSIST(k), RENAME(k, k2),
            RENAMENX(k, k2), COPY(k, k2), RESTORE(k, ByteBuffer()),
        ]
        let lists: [any RedisCommand] = [
            LPUSH(k, list), RPUSH(k, list), LPUSHX(k, list), RPUSHX(k, list), LPOP(k), LPOP(k, count: 1), RPOP(k),
            RPOP(k, count: 1), LSET(k, 0, f), LREM(k, 0, f), LTRIM(k, 0, 1), LINSERT(k, before: f, f),
            LINSERT(k, after: f, f), LMOVE(k, k2, from: .left, to: .left),
        ]
        return strings + hashes + sets + sortedSets + generic + lists
    }

    static var writesOfManyKeys: [any RedisCommand] {
        [
            MSET(keyed), MSETNX(keyed), DEL(keys), UNLINK(keys), SINTERSTORE(k, keys), SUNIONSTORE(k, keys),
            SDIFFSTORE(k, keys), ZRANGESTORE(k, k2, .ranks(0, 1)), ZUNIONSTORE(k, keys), ZINTERSTORE(k, keys),
            ZDIFFSTORE(k, keys), FLUSHDB(),
        ]
    }

    static var all: [any RedisCommand] {
        Self.reads + Self.readsOfManyKeys + Self.writes + Self.writesOfManyKeys
    }
}
