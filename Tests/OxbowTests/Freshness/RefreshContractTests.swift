import NIOCore
import Oxbow
import Testing

/// Claims beside a value, on every store, in both forms.
@Suite(.timeLimit(.minutes(1))) struct RefreshContractTests {
    private func envelope(_ text: String, expiry: UInt64 = 0) -> Envelope {
        var envelope = Envelope(kind: .raw, length: text.utf8.count, payload: ByteBuffer(string: text))
        envelope.cost = 77
        envelope.expiry = expiry
        return envelope
    }

    private func value(_ content: CellContent) -> Envelope? {
        guard case .value(let envelope, _) = content else { return nil }
        return envelope
    }

    @Test(arguments: StoreContractTests.cases)
    func `a value stays while one refreshes it, who then replaces it`(_ kind: StoreKind, _ form: CellForm) async throws
    {
        try await withStore(kind) { test async throws in
            let (store, cell, refresher) = (test.store, test.freshCell(form), Token.random())
            let old = self.envelope("old", expiry: 1_800_000_000_123)
            #expect(try await store.set(cell, to: old, for: .seconds(50)))
            #expect(try await store.claimRefresh(cell, refresher, of: old, for: .seconds(20)))
            check(self.value(try await store.read(cell)), old)
            // It ends when it would have ended.
            let life = try #require(try await store.timeToLive(cell))
            #expect(life > .seconds(40) && life <= .seconds(50))
            // One at a time.
            #expect(try await !store.claimRefresh(cell, .random(), of: old, for: .seconds(20)))
            #expect(try await !store.fill(cell, .random(), with: self.envelope("foreign"), for: .seconds(50)))
            #expect(try await store.fill(cell, refresher, with: self.envelope("new"), for: .seconds(90)))
            check(self.value(try await store.read(cell)), self.envelope("new"))
            #expect(try await !store.fill(cell, refresher, with: old, for: .seconds(90)))
        }
    }

    @Test(arguments: StoreContractTests.cases)
    func `what was invalidated, closed or replaced is not refreshed`(_ kind: StoreKind, _ form: CellForm) async throws {
        try await withStore(kind) { test async throws in
            let (store, cell, refresher) = (test.store, test.freshCell(form), Token.random())
            let old = self.envelope("old", expiry: 1_800_000_000_123)
            for change in 0..<4 {
                #expect(try await store.set(cell, to: old, for: .seconds(50)))
                #expect(try await store.claimRefresh(cell, refresher, of: old, for: .seconds(20)))
                switch change {
                case 0: try await store.invalidate(cell)
                case 1: try await store.close(cell, .random(), for: .milliseconds(1), isRenewal: false)
                case 2: #expect(try await store.set(cell, to: self.envelope("other"), for: .seconds(50)))
                case 3 where form == .field: try await store.invalidate(group: cell.key)
                default: try await store.invalidate(cell)
                }
                let before = try await store.read(cell)
                #expect(try await !store.fill(cell, refresher, with: old, for: .seconds(50)))
                if change == 2 { check(try await store.read(cell), before) }
                #expect(try await !store.claimRefresh(cell, refresher, of: old, for: .seconds(20)))
                try await expectEventually { try await store.read(cell) != .closed }
            }
        }
    }

    @Test(arguments: StoreContractTests.cases)
    func `who does not come back is replaced`(_ kind: StoreKind, _ form: CellForm) async throws {
        try await withStore(kind) { test async throws in
            let (store, cell, first) = (test.store, test.freshCell(form), Token.random())
            let old = self.envelope("old", expiry: 1_800_000_000_123)
            #expect(try await store.set(cell, to: old, for: .seconds(50)))
            #expect(try await store.claimRefresh(cell, first, of: old, for: .milliseconds(50)))
            let second = Token.random()
            try await expectEventually { try await store.claimRefresh(cell, second, of: old, for: .seconds(20)) }
            #expect(try await !store.fill(cell, first, with: self.envelope("late"), for: .seconds(50)))
            check(self.value(try await store.read(cell)), old)
            #expect(try await store.fill(cell, second, with: self.envelope("new"), for: .seconds(50)))
        }
    }
}
