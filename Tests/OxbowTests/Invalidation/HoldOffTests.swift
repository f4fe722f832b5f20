import NIOCore
import Oxbow
import RESP
import RedisClient
import Testing

/// Entries and groups that take no value for a while behind their invalidation (rule 13).
@Suite(.timeLimit(.minutes(1))) struct HoldOffTests {
    private let value = Envelope(kind: .raw, length: 1, payload: ByteBuffer(string: "v"))

    @Test(arguments: StoreContractTests.cases)
    func `an entry takes no value until its hold-off is over`(_ kind: StoreKind, _ form: CellForm) async throws {
        try await withStore(kind) { test async throws in
            let (store, cell, token) = (test.store, test.freshCell(form), Token.random())
            #expect(try await store.claim(cell, token, for: .seconds(50)) == nil)
            try await store.invalidate(cell, holdOff: .milliseconds(300), timeout: nil)
            #expect(try await store.claim(cell, .random(), for: .seconds(5)) != nil)
            #expect(try await !store.fill(cell, token, with: self.value, for: .seconds(50)))
            // Not even an update's new value: it may have been read from a replica that lags.
            let writer = Token.random()
            try await store.close(cell, writer, for: .seconds(5), isRenewal: false)
            #expect(try await !store.open(cell, writer, storing: self.value, for: .seconds(50)))
            try await expectEventually { try await store.read(cell) == .absent }
            #expect(try await store.claim(cell, .random(), for: .seconds(5)) == nil)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `a group takes no value until its hold-off is over, in no field`(_ kind: StoreKind) async throws {
        var configuration = patient()
        configuration.holdOff = .milliseconds(400)
        try await withOxbow(kind, cache: configuration) { oxbow async throws in
            let cache = try oxbow.groupedCache(freshModule(), of: String.self)
            check(try await cache.value(for: "a", in: "g") { "old" }, "old")
            check(try await cache.value(for: "a", in: "other") { "old" }, "old")
            check(try await cache.invalidate(group: "g"), .applied)
            for key in ["a", "b"] {
                check(try await cache.value(for: key, in: "g") { "read from a replica" }, "read from a replica")
                check(try await cache.contains(key, in: "g"), false)
            }
            check(try await cache.value(for: "a", in: "other"), "old")
            try await expectEventually {
                _ = try await cache.value(for: "b", in: "g") { "new" }
                return try await cache.contains("b", in: "g")
            }
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `an invalidation and an update hold off, a write-through stores`(_ kind: StoreKind) async throws {
        var configuration = patient()
        configuration.holdOff = .milliseconds(400)
        try await withOxbow(kind, cache: configuration) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: String.self)
            for key in ["invalidated", "updated"] {
                check(try await cache.value(for: key) { "old" }, "old")
                if key == "updated" {
                    try await cache.update(key) {}
                } else {
                    try await cache.invalidate(key)
                }
                check(try await cache.value(for: key) { "read from a replica" }, "read from a replica")
                check(try await cache.contains(key), false)
                try await expectEventually {
                    _ = try await cache.value(for: key) { "new" }
                    return try await cache.contains(key)
                }
            }
            try await cache.writeThrough("written") { "new" }
            check(try await cache.value(for: "written"), "new")
        }
    }

    @Test(arguments: StoreKind.servers)
    func `a write-through that may not store holds off`(_ kind: StoreKind) async throws {
        var configuration = patient()
        configuration.holdOff = .seconds(50)
        let module = freshModule()
        try await withOxbow(kind, cache: configuration) { oxbow async throws in
            try await withOxbow(kind) { other async throws in
                let (cache, others) = try (oxbow.cache(module, of: String.self), other.cache(module, of: String.self))
                try await cache.writeThrough("k") {
                    try await others.invalidate("k")
                    return "older than the invalidation"
                }
                check(try await others.value(for: "k") { "read from a replica" }, "read from a replica")
                check(try await others.contains("k"), false)
            }
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `a group that is held off stays so when its cache is emptied`(_ kind: StoreKind) async throws {
        var configuration = patient()
        configuration.holdOff = .seconds(50)
        let module = freshModule()
        let key = CellName(encoded: "ox-cache:\(module):1:g")
        try await withOxbow(kind, cache: configuration) { oxbow async throws in
            let cache = try oxbow.groupedCache(module, of: String.self)
            check(try await cache.value(for: "a", in: "h") { "old" }, "old")
            check(try await cache.invalidate(group: "g"), .applied)
            try await oxbow.store.invalidate(namespace: CellName(encoded: "ox-cache:\(module):1:"))
            check(try await cache.contains("a", in: "h"), false)
            check(try await cache.value(for: "b", in: "g") { "read from a replica" }, "read from a replica")
            check(try await cache.contains("b", in: "g"), false)
            guard let client = oxbow.client else { return }
            let life = try await client.execute(
                RawCommand("HPTTL", key, "FIELDS", 1, "{hold-off}", returning: [Int].self)
            )
            #expect(life[0] > 0 && life[0] <= 50_000)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `all entries of a cache can be removed, and closed ones stay closed`(_ kind: StoreKind) async throws {
        try await withStore(kind) { test async throws in
            let store = test.store
            let prefix = "ox-cache:purge[\(UInt64.random(in: 0 ... .max)):1:"
            let cells = (0..<300)
                .map { number in
                    let field = number.isMultiple(of: 2) ? nil : CellName(encoded: "f")
                    return CellAddress(key: CellName(encoded: "\(prefix)\(number)"), field: field)
                }
            for cell in cells { #expect(try await store.claim(cell, .random(), for: .seconds(50)) == nil) }
            let other = test.freshCell(.key)
            #expect(try await store.claim(other, .random(), for: .seconds(50)) == nil)
            try await store.close(cells[0], .random(), for: .seconds(50), isRenewal: false)
            try await store.invalidate(namespace: CellName(encoded: prefix))
            for cell in cells.dropFirst() { #expect(try await store.read(cell) == .absent) }
            #expect(try await store.read(cells[0]) == .closed)
            #expect(try await store.read(other) != .absent)
        }
    }
}
