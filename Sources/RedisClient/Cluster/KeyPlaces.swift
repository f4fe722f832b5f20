/// Which words of a command are keys, by the command's name: for commands of which nothing else is known.
///
/// As the server's own `COMMAND GETKEYS` has it. A command that is not in the list has its key right behind its name:
/// one of a module, or of a newer server. Where a command is sent by mistake to another node, that node says so.
enum KeyPlaces {
    /// The positions of the keys, the command's name being word 0.
    ///
    /// - Parameters:
    ///   - count: how many words there are.
    ///   - text: a word as text; asked for only where it matters.
    /// - Returns: the positions in the order of the words, but a STORE key last.
    static func find(count: Int, text: (Int) -> String) -> [Int] {
        switch text(0).uppercased() {
        case "ACL", "ASKING", "AUTH", "BGREWRITEAOF", "BGSAVE", "CLIENT", "CLUSTER", "COMMAND", "CONFIG", "DBSIZE",
            "DEBUG", "DISCARD", "ECHO", "EXEC", "FAILOVER", "FLUSHALL", "FLUSHDB", "FUNCTION", "HELLO", "INFO", "KEYS",
            "LASTSAVE", "LATENCY", "LOLWUT", "MODULE", "MONITOR", "MULTI", "PING", "PSUBSCRIBE", "PSYNC", "PUBLISH",
            "PUBSUB", "PUNSUBSCRIBE", "QUIT", "RANDOMKEY", "READONLY", "READWRITE", "REPLCONF", "REPLICAOF", "RESET",
            "ROLE", "SAVE", "SCAN", "SCRIPT", "SELECT", "SHUTDOWN", "SLAVEOF", "SLOWLOG", "SUBSCRIBE", "SWAPDB", "SYNC",
            "TIME", "UNSUBSCRIBE", "UNWATCH", "WAIT", "WAITAOF":
            []
        case "DEL", "UNLINK", "EXISTS", "TOUCH", "MGET", "SINTER", "SUNION", "SDIFF", "SINTERSTORE", "SUNIONSTORE",
            "SDIFFSTORE", "PFCOUNT", "PFMERGE", "WATCH", "SSUBSCRIBE", "SUNSUBSCRIBE":
            Array(1..<max(1, count))
        case "RENAME", "RENAMENX", "COPY", "SMOVE", "LMOVE", "BLMOVE", "RPOPLPUSH", "BRPOPLPUSH", "ZRANGESTORE",
            "GEOSEARCHSTORE", "LCS":
            Array(1..<max(1, min(count, 3)))
        case "MSET", "MSETNX": Array(stride(from: 1, to: count, by: 2))
        case "BLPOP", "BRPOP", "BZPOPMIN", "BZPOPMAX": Array(1..<max(1, count - 1))
        case "BITOP": Array(2..<max(2, count))
        case "OBJECT", "XINFO", "XGROUP", "PFDEBUG": count > 2 ? [2] : []
        case "MEMORY": count > 2 && text(1).uppercased() == "USAGE" ? [2] : []
        case "MSETEX": Self.counted(at: 1, step: 2, count, text)
        case "ZUNION", "ZINTER", "ZDIFF", "ZINTERCARD", "SINTERCARD", "LMPOP", "ZMPOP":
            Self.counted(at: 1, count, text)
        case "EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO", "BLMPOP", "BZMPOP":
            Self.counted(at: 2, count, text)
        case "ZUNIONSTORE", "ZINTERSTORE", "ZDIFFSTORE": [1] + Self.counted(at: 2, count, text)
        case "XREAD": Self.streams(from: 1, count, text)
        case "XREADGROUP": Self.streams(from: 4, count, text)
        case "SORT": Self.sort(count, text)
        case "GEORADIUS": Self.storing(from: 6, count, text)
        case "GEORADIUSBYMEMBER": Self.storing(from: 5, count, text)
        case "MIGRATE": Self.migrate(count, text)
        default: count > 1 ? [1] : []
        }
    }

    /// A number of keys, and the keys behind it.
    private static func counted(at place: Int, step: Int = 1, _ count: Int, _ text: (Int) -> String) -> [Int] {
        guard place < count, let number = Int(text(place)), number > 0 else { return [] }
        return Array(stride(from: place + 1, to: count, by: step).prefix(number))
    }

    /// The first half of what follows STREAMS.
    private static func streams(from start: Int, _ count: Int, _ text: (Int) -> String) -> [Int] {
        for place in stride(from: start, to: count, by: 1) where text(place).uppercased() == "STREAMS" {
            return Array(place + 1..<place + 1 + (count - place - 1) / 2)
        }
        return []
    }

    /// The key, and that behind STORE, which is no pattern's and no number's place.
    private static func sort(_ count: Int, _ text: (Int) -> String) -> [Int] {
        guard count > 1 else { return [] }
        var store: Int?
        var place = 2
        while place < count {
            switch text(place).uppercased() {
            case "LIMIT": place += 2
            case "BY", "GET": place += 1
            case "STORE":
                place += 1
                store = place < count ? place : store
            default: break
            }
            place += 1
        }
        return [1] + (store.map { [$0] } ?? [])
    }

    /// The key, and that behind STORE or STOREDIST.
    private static func storing(from start: Int, _ count: Int, _ text: (Int) -> String) -> [Int] {
        guard count > 1 else { return [] }
        var store: Int?
        for place in stride(from: start, to: count - 1, by: 1)
        where ["STORE", "STOREDIST"].contains(text(place).uppercased()) {
            store = place + 1
        }
        return [1] + (store.map { [$0] } ?? [])
    }

    /// The third word, or those behind KEYS where it is empty.
    private static func migrate(_ count: Int, _ text: (Int) -> String) -> [Int] {
        guard count > 3 else { return [] }
        if !text(3).isEmpty { return [3] }
        for place in stride(from: 6, to: count, by: 1) where text(place).uppercased() == "KEYS" {
            return Array(place + 1..<count)
        }
        return []
    }
}
