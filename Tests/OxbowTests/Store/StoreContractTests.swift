import NIOCore
import Oxbow
import RESP
import RedisClient
import Testing

/// What every store must do, on both forms of a cell.
@Suite struct StoreContractTests {
    static let cases = StoreKind.allCases.flatMap { kind in CellForm.allCases.map { (kind, $0) } }

    private func envelope(_ text: String) -> Envelope {
        let payload = ByteBuffer(string: text)
        return Envelope(kind: .raw, length: payload.readableBytes, payload: payload)
    }

    private func isValue(_ content: CellContent, _ text: String) -> Bool {
        guard case .value(let envelope, _) = content else { return false }
        return envelope == self.envelope(text)
    }

    @Test(arguments: Self.cases)
    func `a fill under the claim is read back, with its life`(_ kind: StoreKind, _ form: CellForm) async throws {
        try await withStore(kind) { test async throws in
            let (store, cell, token) = (test.store, test.freshCell(form), Token.random())
            #expect(try await store.read(cell) == .absent)
            #expect(try await store.timeToLive(cell) == nil)
            #expect(try await store.claim(cell, token, for: .seconds(5)) == nil)
            #expect(try await store.read(cell) == .claim(token))
            #expect(try await store.fill(cell, token, with: envelope("v"), for: .seconds(100)))
            #expect(isValue(try await store.read(cell), "v"))
            let life = try #require(try await store.timeToLive(cell))
            #expect(life > .seconds(90) && life <= .seconds(100))
        }
    }

    @Test(arguments: Self.cases)
    func `a claim on a cell that is not absent is lost and changes nothing`(
        _ kind: StoreKind,
        _ form: CellForm
    ) async throws {
        try await withStore(kind) { test async throws in
            let (store, cell, first, second) = (test.store, test.freshCell(form), Token.random(), Token.random())
            #expect(try await store.claim(cell, first, for: .seconds(5)) == nil)
            let found = try #require(try await store.claim(cell, second, for: .seconds(5)))
            #expect(found == .claim(first) || found == .absent)
            #expect(try await store.read(cell) == .claim(first))
            #expect(try await !store.fill(cell, second, with: envelope("w"), for: .seconds(5)))
            #expect(try await store.fill(cell, first, with: envelope("v"), for: .seconds(5)))
            #expect(try await store.claim(cell, second, for: .seconds(5)) != nil)
            #expect(isValue(try await store.read(cell), "v"))
        }
    }

    @Test(arguments: Self.cases)
    func `a fill after an invalidation stores nothing`(_ kind: StoreKind, _ form: CellForm) async throws {
        try await withStore(kind) { test async throws in
            let (store, cell, token) = (test.store, test.freshCell(form), Token.random())
            #expect(try await store.claim(cell, token, for: .seconds(5)) == nil)
            try await store.invalidate(cell)
            #expect(try await store.read(cell) == .absent)
            #expect(try await !store.fill(cell, token, with: envelope("stale"), for: .seconds(5)))
            #expect(try await store.read(cell) == .absent)
            // Nor when another loader has claimed or filled the cell meanwhile.
            let next = Token.random()
            #expect(try await store.claim(cell, next, for: .seconds(5)) == nil)
            #expect(try await !store.fill(cell, token, with: envelope("stale"), for: .seconds(5)))
            #expect(try await store.fill(cell, next, with: envelope("new"), for: .seconds(5)))
            #expect(try await !store.fill(cell, token, with: envelope("stale"), for: .seconds(5)))
            #expect(isValue(try await store.read(cell), "new"))
        }
    }

    @Test(arguments: Self.cases)
    func `an invalidated value is gone`(_ kind: StoreKind, _ form: CellForm) async throws {
        try await withStore(kind) { test async throws in
            let (store, cell) = (test.store, test.freshCell(form))
            #expect(try await store.set(cell, to: envelope("v"), for: .seconds(5)))
            #expect(isValue(try await store.read(cell), "v"))
            try await store.invalidate(cell)
            try await store.invalidate(cell)
            #expect(try await store.read(cell) == .absent)
        }
    }

    @Test(arguments: Self.cases)
    func `a closed cell stays closed and is marked dirty`(_ kind: StoreKind, _ form: CellForm) async throws {
        try await withStore(kind) { test async throws in
            let (store, cell) = (test.store, test.freshCell(form))
            let writer = (token: Token.random(), end: UInt64(1_000_000))
            try await test.plant(CellContent.encodedClosed([writer], isDirty: false), in: cell)
            #expect(try await store.read(cell) == .closed)
            #expect(try await store.claim(cell, .random(), for: .seconds(5)) != nil)
            #expect(try await !store.set(cell, to: envelope("v"), for: .seconds(5)))
            try await store.invalidate(cell)
            #expect(try await test.bytes(in: cell) == CellContent.encodedClosed([writer], isDirty: true))
            let life = try #require(try await store.timeToLive(cell))
            #expect(life > .seconds(50) && life <= .seconds(60))
        }
    }

    @Test(arguments: Self.cases)
    func `only the claim's own token renews or releases it`(_ kind: StoreKind, _ form: CellForm) async throws {
        try await withStore(kind) { test async throws in
            let (store, cell, token) = (test.store, test.freshCell(form), Token.random())
            #expect(try await !store.renew(cell, token, for: .seconds(9)))
            #expect(try await store.read(cell) == .absent)
            #expect(try await store.claim(cell, token, for: .seconds(5)) == nil)
            #expect(try await !store.renew(cell, .random(), for: .seconds(99)))
            #expect(try await store.renew(cell, token, for: .seconds(50)))
            #expect(try #require(try await store.timeToLive(cell)) > .seconds(40))
            try await store.release(cell, .random())
            #expect(try await store.read(cell) == .claim(token))
            try await store.release(cell, token)
            #expect(try await store.read(cell) == .absent)
        }
    }

    @Test(arguments: Self.cases)
    func `a claim runs out by itself`(_ kind: StoreKind, _ form: CellForm) async throws {
        try await withStore(kind) { test async throws in
            let (store, cell, token) = (test.store, test.freshCell(form), Token.random())
            #expect(try await store.claim(cell, token, for: .milliseconds(30)) == nil)
            try await expectEventually { try await store.read(cell) == .absent }
            #expect(try await !store.fill(cell, token, with: envelope("late"), for: .seconds(5)))
            #expect(try await store.read(cell) == .absent)
        }
    }

    @Test(arguments: Self.cases)
    func `unusable bytes are replaced by a claim, and only those seen`(
        _ kind: StoreKind,
        _ form: CellForm
    ) async throws {
        try await withStore(kind) { test async throws in
            let (store, cell, token) = (test.store, test.freshCell(form), Token.random())
            let garbage = ByteBuffer(string: "{\"not\": \"ours\"}")
            try await test.plant(garbage, in: cell)
            #expect(try await store.read(cell) == .unusable(garbage))
            let other = ByteBuffer(string: "something else")
            #expect(try await !store.claim(cell, token, for: .seconds(5), replacing: other))
            #expect(try await store.claim(cell, token, for: .seconds(5), replacing: garbage))
            #expect(try await store.read(cell) == .claim(token))
            #expect(try await store.fill(cell, token, with: envelope("v"), for: .seconds(5)))
            #expect(isValue(try await store.read(cell), "v"))
            #expect(try await !store.claim(cell, .random(), for: .seconds(5), replacing: garbage))
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `a group goes away at once, claims included`(_ kind: StoreKind) async throws {
        try await withStore(kind) { test async throws in
            let (store, cell, token) = (test.store, test.freshCell(.field), Token.random())
            let other = CellAddress(key: cell.key, field: CellName(encoded: "g"))
            #expect(try await store.set(cell, to: envelope("v"), for: .seconds(5)))
            #expect(try await store.claim(other, token, for: .seconds(5)) == nil)
            try await store.invalidate(group: cell.key)
            #expect(try await store.read(cell) == .absent)
            #expect(try await !store.fill(other, token, with: envelope("stale"), for: .seconds(5)))
            #expect(try await store.read(other) == .absent)
        }
    }
}
