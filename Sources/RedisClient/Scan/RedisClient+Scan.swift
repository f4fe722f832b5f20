import NIOCore
public import RESP

extension RedisClient {
    /// `SCAN`: the database's keys.
    ///
    /// Keys of the server's other databases are not among them. In a cluster all masters are scanned, one after the
    /// other; keys of slots that move meanwhile may be missed.
    ///
    /// - Parameters:
    ///   - pattern: what keys must look like; anything by default. The server looks at every key all the same.
    ///   - count: about how many keys the server looks at for one page; 10 by default, more makes fewer round trips.
    ///   - type: only keys of this type.
    ///   - key: what keys are decoded to.
    /// - Returns: the scan; nothing is sent before it is iterated.
    public func scan<Key: RESPDecodable>(
        matching pattern: ScanPattern? = nil,
        count: Int? = nil,
        type: KeyType? = nil,
        as key: Key.Type = String.self
    ) -> RedisScan<[Key]> {
        var words = ScanCommand<[Key]>.Words("SCAN", pattern, count)
        if let type { words.append("TYPE", type) }
        return RedisScan(client: self, words: words)
    }

    /// `HSCAN`: the fields of a hash with their values; none if there is no such key.
    ///
    /// A small hash comes in one page whatever `count` is.
    ///
    /// - Parameters:
    ///   - key: the hash.
    ///   - pattern: what fields must look like; anything by default.
    ///   - count: about how many fields the server looks at for one page; 10 by default.
    ///   - entry: what fields and values are decoded to.
    /// - Returns: the scan; nothing is sent before it is iterated.
    public func hscan<Field: RESPDecodable, Value: RESPDecodable>(
        _ key: some RESPArgument,
        matching pattern: ScanPattern? = nil,
        count: Int? = nil,
        as entry: HashEntry<Field, Value>.Type = HashEntry<String, String>.self
    ) -> RedisScan<PairList<HashEntry<Field, Value>>> {
        RedisScan(client: self, words: ScanCommand.Words("HSCAN", key: key, pattern, count))
    }

    /// `SSCAN`: the members of a set; none if there is no such key.
    ///
    /// A small set comes in one page whatever `count` is.
    ///
    /// - Parameters:
    ///   - key: the set.
    ///   - pattern: what members must look like; anything by default.
    ///   - count: about how many members the server looks at for one page; 10 by default.
    ///   - member: what members are decoded to.
    /// - Returns: the scan; nothing is sent before it is iterated.
    public func sscan<Member: RESPDecodable>(
        _ key: some RESPArgument,
        matching pattern: ScanPattern? = nil,
        count: Int? = nil,
        as member: Member.Type = String.self
    ) -> RedisScan<[Member]> {
        RedisScan(client: self, words: ScanCommand.Words("SSCAN", key: key, pattern, count))
    }

    /// `ZSCAN`: the members of a sorted set with their scores, in no order; none if there is no such key.
    ///
    /// A small sorted set comes in one page whatever `count` is.
    ///
    /// - Parameters:
    ///   - key: the sorted set.
    ///   - pattern: what members must look like; anything by default.
    ///   - count: about how many members the server looks at for one page; 10 by default.
    ///   - member: what members are decoded to.
    /// - Returns: the scan; nothing is sent before it is iterated.
    public func zscan<Member: RESPDecodable>(
        _ key: some RESPArgument,
        matching pattern: ScanPattern? = nil,
        count: Int? = nil,
        as member: Member.Type = String.self
    ) -> RedisScan<PairList<ScoredMember<Member>>> {
        RedisScan(client: self, words: ScanCommand.Words("ZSCAN", key: key, pattern, count))
    }
}

extension ScanCommand.Words {
    init(_ name: StaticString, _ pattern: ScanPattern?, _ count: Int?) {
        self.init(count: 1)
        self.head.writeWord(name)
        if let pattern { self.append("MATCH", pattern) }
        if let count { self.append("COUNT", count) }
    }

    init(_ name: StaticString, key: some RESPArgument, _ pattern: ScanPattern?, _ count: Int?) {
        self.init(name, pattern, count)
        key.writeBulkString(into: &self.head)
        self.count += 1
        self.key = key
    }

    mutating func append(_ word: StaticString, _ argument: some RESPArgument) {
        self.tail.writeWord(word)
        argument.writeBulkString(into: &self.tail)
        self.count += 2
    }
}
