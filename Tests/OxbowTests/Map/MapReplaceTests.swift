import NIOCore
import Oxbow
import Synchronization
import Testing

/// A replacement while other callers change the entry.
@Suite(.timeLimit(.minutes(1))) struct MapReplaceTests {
    /// Another form of an equal value is stored between each read and the replacement.
    private final class ContendedStore: MapStore {
        let attempts = Counter()
        let lostAttempts: Int
        private let memory = MemoryMapStore()

        init(losing attempts: Int) { self.lostAttempts = attempts }

        func read(_ key: CellName, resettingLifeTo life: Duration?, timeout: Duration?) async throws -> ByteBuffer? {
            try await self.memory.read(key, resettingLifeTo: life, timeout: timeout)
        }

        func read(_ keys: [CellName], timeout: Duration?) async throws -> [ByteBuffer?] {
            try await self.memory.read(keys, timeout: timeout)
        }

        func contains(_ key: CellName, timeout: Duration?) async throws -> Bool {
            try await self.memory.contains(key, timeout: timeout)
        }

        func put(_ key: CellName, _ bytes: ByteBuffer, for life: Duration, timeout: Duration?) async throws {
            try await self.memory.put(key, bytes, for: life, timeout: timeout)
        }

        func exchange(
            _ key: CellName,
            _ bytes: ByteBuffer,
            for life: Duration,
            timeout: Duration?
        ) async throws -> ByteBuffer? {
            try await self.memory.exchange(key, bytes, for: life, timeout: timeout)
        }

        func putIfAbsent(
            _ key: CellName,
            _ bytes: ByteBuffer,
            for life: Duration,
            timeout: Duration?
        ) async throws -> ByteBuffer? {
            try await self.memory.putIfAbsent(key, bytes, for: life, timeout: timeout)
        }

        func replace(
            _ key: CellName,
            _ old: ByteBuffer,
            with bytes: ByteBuffer,
            for life: Duration?,
            timeout: Duration?
        ) async throws -> Bool {
            guard self.attempts.increment() > self.lostAttempts else { return false }
            return try await self.memory.replace(key, old, with: bytes, for: life, timeout: timeout)
        }

        func take(_ key: CellName, timeout: Duration?) async throws -> ByteBuffer? {
            try await self.memory.take(key, timeout: timeout)
        }

        func pages(prefix: CellName) -> any MapPages { self.memory.pages(prefix: prefix) }

        func remove(_ keys: [CellName], timeout: Duration?) async throws -> Int {
            try await self.memory.remove(keys, timeout: timeout)
        }
    }

    private func map(on store: ContendedStore) async throws -> DistributedMap<String> {
        let coder = ValueCoder(
            codec: JSONCodec(String.self),
            compression: CompressionConfiguration(),
            deflate: Deflate(),
            maximumBytes: 1000
        )
        let map = DistributedMap(store: store, coder: coder, prefix: "ox-map:m:", timeToLive: .seconds(60))
        try await map.put("old", for: "k")
        return map
    }

    @Test func `a replacement that loses every attempt ends, and stores nothing`() async throws {
        let store = ContendedStore(losing: .max)
        let map = try await self.map(on: store)
        let error = await #expect(throws: OxbowError.self) { try await map.replace("old", with: "new", for: "k") }
        check(error?.code, .contended)
        check(store.attempts.value, 20)
        check(try await map.value(for: "k"), "old")
    }

    @Test func `a replacement that loses some attempts succeeds`() async throws {
        let store = ContendedStore(losing: 5)
        let map = try await self.map(on: store)
        check(try await map.replace("old", with: "new", for: "k"), true)
        check(store.attempts.value, 6)
        check(try await map.value(for: "k"), "new")
    }

    @Test func `a timeout ends a replacement before its last attempt`() async throws {
        let store = ContendedStore(losing: .max)
        let map = try await self.map(on: store)
        let error = await #expect(throws: OxbowError.self) {
            try await map.replace("old", with: "new", for: "k", timeout: .milliseconds(20))
        }
        check(error?.code, .contended)
        #expect((1...8).contains(store.attempts.value))
    }

    @Test func `a cancelled replacement ends`() async throws {
        let store = ContendedStore(losing: .max)
        let map = try await self.map(on: store)
        let task = Task { try await map.replace("old", with: "new", for: "k") }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(store.attempts.value < 20)
    }
}
