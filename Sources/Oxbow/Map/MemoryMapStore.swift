package import NIOCore
import Synchronization

/// Maps within one process, for development and for users' unit tests; timeouts have no effect.
package final class MemoryMapStore: MapStore {
    private struct Entry {
        var bytes: ByteBuffer
        var end: ContinuousClock.Instant
    }

    private let entries = Mutex<[CellName: Entry]>([:])
    private let now: @Sendable () -> ContinuousClock.Instant
    /// The most entries; ended ones are removed before another one is refused.
    private static let maximumEntries = 100_000

    /// - Parameter now: the clock; tests set it.
    package init(now: @escaping @Sendable () -> ContinuousClock.Instant = { ContinuousClock.now }) { self.now = now }

    /// Runs one operation on one key; `body` changes the entry.
    private func update<Result: Sendable>(
        _ key: CellName,
        _ body: (inout Entry?, _ now: ContinuousClock.Instant) throws -> Result
    ) throws -> Result {
        let now = self.now()
        return try self.entries.withLock { entries in
            var entry = entries[key].flatMap { $0.end > now ? $0 : nil }
            let result = try body(&entry, now)
            if entry != nil, entries[key] == nil, entries.count >= Self.maximumEntries {
                entries = entries.filter { $0.value.end > now }
                guard entries.count < Self.maximumEntries else {
                    throw OxbowError(.unavailable, "the store in memory holds \(Self.maximumEntries) entries already")
                }
            }
            entries[key] = entry
            return result
        }
    }

    private static func entry(_ bytes: ByteBuffer, _ life: Duration, _ now: ContinuousClock.Instant) -> Entry {
        Entry(bytes: bytes, end: now + .milliseconds(life.milliseconds))
    }

    package func read(
        _ key: CellName,
        resettingLifeTo life: Duration?,
        timeout: Duration?
    ) async throws -> ByteBuffer? {
        try self.update(key) { entry, now in
            if let life { entry?.end = now + .milliseconds(life.milliseconds) }
            return entry?.bytes
        }
    }

    package func read(_ keys: [CellName], timeout: Duration?) async throws -> [ByteBuffer?] {
        try keys.map { key in try self.update(key) { entry, _ in entry?.bytes } }
    }

    package func contains(_ key: CellName, timeout: Duration?) async throws -> Bool {
        try self.update(key) { entry, _ in entry != nil }
    }

    package func put(_ key: CellName, _ bytes: ByteBuffer, for life: Duration, timeout: Duration?) async throws {
        try self.update(key) { entry, now in entry = Self.entry(bytes, life, now) }
    }

    package func exchange(
        _ key: CellName,
        _ bytes: ByteBuffer,
        for life: Duration,
        timeout: Duration?
    ) async throws -> ByteBuffer? {
        try self.update(key) { entry, now in
            defer { entry = Self.entry(bytes, life, now) }
            return entry?.bytes
        }
    }

    package func putIfAbsent(
        _ key: CellName,
        _ bytes: ByteBuffer,
        for life: Duration,
        timeout: Duration?
    ) async throws -> ByteBuffer? {
        try self.update(key) { entry, now in
            if let entry { return entry.bytes }
            entry = Self.entry(bytes, life, now)
            return nil
        }
    }

    package func replace(
        _ key: CellName,
        _ old: ByteBuffer,
        with bytes: ByteBuffer,
        for life: Duration?,
        timeout: Duration?
    ) async throws -> Bool {
        try self.update(key) { entry, now in
            guard let found = entry, found.bytes == old else { return false }
            entry = Entry(bytes: bytes, end: life.map { now + .milliseconds($0.milliseconds) } ?? found.end)
            return true
        }
    }

    package func take(_ key: CellName, timeout: Duration?) async throws -> ByteBuffer? {
        try self.update(key) { entry, _ in
            defer { entry = nil }
            return entry?.bytes
        }
    }

    package func pages(prefix: CellName) -> any MapPages {
        let now = self.now()
        let start = Array(prefix.text.utf8)
        return Pages(
            page: self.entries.withLock { entries in
                entries.filter { $0.value.end > now && $0.key.text.utf8.starts(with: start) }.map(\.key)
            }
        )
    }

    private struct Pages: MapPages {
        var page: [CellName]?

        mutating func next() async throws -> [CellName]? { self.page.take() }
    }

    package func remove(_ keys: [CellName], timeout: Duration?) async throws -> Int {
        try keys.reduce(0) { count, key in
            try self.update(key) { entry, _ in
                defer { entry = nil }
                return count + (entry == nil ? 0 : 1)
            }
        }
    }
}
