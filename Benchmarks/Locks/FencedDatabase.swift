import RESP
import RedisClient

/// Stands for the store that a lock protects: it takes a write unless one with a higher number came before.
struct FencedDatabase: Sendable {
    let client: RedisClient

    private static let writing = Script(
        """
        local last = tonumber(redis.call('GET', KEYS[1]) or 0)
        if tonumber(ARGV[1]) < last then return 0 end
        redis.call('SET', KEYS[1], ARGV[1])
        redis.call('RPUSH', KEYS[2], ARGV[2])
        return 1
        """
    )

    enum Writer: String { case old, new }

    /// Writes, whether the task is cancelled or not.
    ///
    /// - Returns: whether it was taken.
    func write(_ name: String, _ fence: UInt64, as writer: Writer) async throws -> Bool {
        let call = ScriptCall(
            Self.writing,
            keys: (self.highest(name), self.log(name)),
            arguments: (String(fence), writer.rawValue),
            returning: Int.self,
            ignoresCancellation: true
        )
        return try await self.client.execute(call) == 1
    }

    /// Who has made the writes that were taken, in their order.
    func writers(_ name: String) async throws -> [Writer] {
        try await self.client.execute(RawCommand("LRANGE", self.log(name), 0, -1, returning: [String].self))
            .compactMap(Writer.init)
    }

    private func highest(_ name: String) -> String { "database:{\(name)}:highest" }
    private func log(_ name: String) -> String { "database:{\(name)}:log" }
}
