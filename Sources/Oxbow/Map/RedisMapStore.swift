package import NIOCore
import RESP
package import RedisClient

/// Maps on a Redis or Valkey server: one string for each entry.
package struct RedisMapStore: MapStore {
    let client: RedisClient

    package init(client: RedisClient) { self.client = client }

    package func read(
        _ key: CellName,
        resettingLifeTo life: Duration?,
        timeout: Duration?
    ) async throws -> ByteBuffer? {
        guard let life else {
            return try await self.client.execute(MasterRead(GET(key, as: Bytes.self)), timeout: timeout)?.slice
        }
        return try await self.client.execute(GETEX(key, expiry: .after(life), as: Bytes.self), timeout: timeout)?.slice
    }

    package func read(_ keys: [CellName], timeout: Duration?) async throws -> [ByteBuffer?] {
        let deadline = CallDeadline(timeout)
        var values: [ByteBuffer?] = []
        for start in stride(from: 0, to: keys.count, by: Self.atOnce) {
            let piece = keys[start..<min(keys.count, start + Self.atOnce)]
            let results = try await self.client.execute(
                pipeline: piece.map { MasterRead(GET($0, as: Bytes.self)) },
                timeout: deadline.rest
            )
            for result in results { values.append(try result.get()?.slice) }
        }
        return values
    }

    /// Keys of one round trip.
    private static let atOnce = 1000

    package func contains(_ key: CellName, timeout: Duration?) async throws -> Bool {
        try await self.client.execute(MasterRead(EXISTS([key])), timeout: timeout) == 1
    }

    package func put(_ key: CellName, _ bytes: ByteBuffer, for life: Duration, timeout: Duration?) async throws {
        _ = try await self.client.execute(SET(key, bytes, expiry: .after(life)), timeout: timeout)
    }

    package func exchange(
        _ key: CellName,
        _ bytes: ByteBuffer,
        for life: Duration,
        timeout: Duration?
    ) async throws -> ByteBuffer? {
        let command = SET(key, bytes, expiry: .after(life), returning: Bytes.self)
        return try await self.client.execute(command, timeout: timeout)?.slice
    }

    package func putIfAbsent(
        _ key: CellName,
        _ bytes: ByteBuffer,
        for life: Duration,
        timeout: Duration?
    ) async throws -> ByteBuffer? {
        let command = SET(key, bytes, expiry: .after(life), condition: .ifAbsent, returning: Bytes.self)
        return try await self.client.execute(command, timeout: timeout)?.slice
    }

    package func replace(
        _ key: CellName,
        _ old: ByteBuffer,
        with bytes: ByteBuffer,
        for life: Duration?,
        timeout: Duration?
    ) async throws -> Bool {
        let call = ScriptCall(
            Self.replacing,
            keys: (key),
            arguments: (old, bytes, life?.milliseconds ?? 0),
            returning: Int.self
        )
        return try await self.client.execute(call, timeout: timeout) == 1
    }

    package static var scripts: [Script] { [self.replacing] }

    /// ARGV: the old bytes, the new ones, ms (0: the old one's TTL).
    private static let replacing = Script(
        """
        if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
        if ARGV[3] == '0' then
          redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
        else
          redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
        end
        return 1
        """
    )

    package func take(_ key: CellName, timeout: Duration?) async throws -> ByteBuffer? {
        try await self.client.execute(GETDEL(key, as: Bytes.self), timeout: timeout)?.slice
    }

    package func pages(prefix: CellName) -> any MapPages {
        let scan = self.client.scan(matching: .prefix(prefix.text), count: Self.atOnce, type: .string)
        return Pages(pages: scan.pages.makeAsyncIterator())
    }

    private struct Pages: MapPages {
        var pages: RedisScan<[String]>.Pages.AsyncIterator

        mutating func next() async throws -> [CellName]? {
            try await self.pages.next()?.map { CellName(encoded: $0) }
        }
    }

    package func remove(_ keys: [CellName], timeout: Duration?) async throws -> Int {
        keys.isEmpty ? 0 : try await self.client.execute(UNLINK(keys), timeout: timeout)
    }
}
