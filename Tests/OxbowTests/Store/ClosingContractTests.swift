import NIOCore
import Oxbow
import Testing

/// Closed cells on every store, in both forms.
@Suite struct ClosingContractTests {
    private func envelope(_ text: String) -> Envelope {
        let payload = ByteBuffer(string: text)
        return Envelope(kind: .raw, length: payload.readableBytes, payload: payload)
    }

    private func isValue(_ content: CellContent, _ text: String) -> Bool {
        guard case .value(let envelope, _) = content else { return false }
        return envelope == self.envelope(text)
    }

    @Test(arguments: StoreContractTests.cases)
    func `closing takes values and claims away, and nothing is stored until it is opened`(
        _ kind: StoreKind,
        _ form: CellForm
    ) async throws {
        try await withStore(kind) { test async throws in
            let (store, cell, writer) = (test.store, test.freshCell(form), Token.random())
            for isClaim in [false, true] {
                let token = Token.random()
                #expect(try await store.claim(cell, token, for: .seconds(5)) == nil)
                if !isClaim { #expect(try await store.fill(cell, token, with: envelope("old"), for: .seconds(50))) }
                try await store.close(cell, writer, for: .seconds(20), isRenewal: false)
                #expect(try await store.read(cell) == .closed)
                let life = try #require(try await store.timeToLive(cell))
                #expect(life > .seconds(15) && life <= .seconds(20))
                #expect(try await !store.fill(cell, token, with: envelope("old"), for: .seconds(50)))
                #expect(try await store.claim(cell, .random(), for: .seconds(5)) != nil)
                #expect(try await !store.set(cell, to: envelope("old"), for: .seconds(5)))
                #expect(try await !store.open(cell, writer, storing: nil, for: .seconds(5)))
                #expect(try await store.read(cell) == .absent)
            }
        }
    }

    @Test(arguments: StoreContractTests.cases)
    func `a lone writer of a clean cell stores its value, once`(_ kind: StoreKind, _ form: CellForm) async throws {
        try await withStore(kind) { test async throws in
            let (store, cell, writer) = (test.store, test.freshCell(form), Token.random())
            try await store.close(cell, writer, for: .seconds(20), isRenewal: false)
            // Repeated, as after a lost connection, and renewed.
            try await store.close(cell, writer, for: .seconds(20), isRenewal: false)
            try await store.close(cell, writer, for: .seconds(30), isRenewal: true)
            #expect(try await store.open(cell, writer, storing: envelope("new"), for: .seconds(100)))
            #expect(isValue(try await store.read(cell), "new"))
            let life = try #require(try await store.timeToLive(cell))
            #expect(life > .seconds(90) && life <= .seconds(100))
            // An opening that comes too late finds anything else, which may be old.
            #expect(try await !store.open(cell, writer, storing: envelope("new"), for: .seconds(100)))
            #expect(try await store.read(cell) == .absent)
        }
    }

    @Test(arguments: StoreContractTests.cases)
    func `who is not alone stores nothing, and the last one to finish opens`(
        _ kind: StoreKind,
        _ form: CellForm
    ) async throws {
        try await withStore(kind) { test async throws in
            let (store, first, second) = (test.store, Token.random(), Token.random())
            for firstFinishesFirst in [true, false] {
                let cell = test.freshCell(form)
                try await store.close(cell, first, for: .seconds(20), isRenewal: false)
                try await store.close(cell, second, for: .seconds(40), isRenewal: false)
                let order = firstFinishesFirst ? [first, second] : [second, first]
                #expect(try await !store.open(cell, order[0], storing: envelope("one"), for: .seconds(5)))
                #expect(try await store.read(cell) == .closed)
                let life = try #require(try await store.timeToLive(cell))
                #expect(life > .seconds(firstFinishesFirst ? 30 : 15) && life <= .seconds(firstFinishesFirst ? 40 : 20))
                #expect(try await !store.open(cell, order[1], storing: envelope("two"), for: .seconds(5)))
                #expect(try await store.read(cell) == .absent)
            }
        }
    }

    @Test(arguments: StoreContractTests.cases)
    func `an invalidation while closed, or a time that was not closed, lets nothing be stored`(
        _ kind: StoreKind,
        _ form: CellForm
    ) async throws {
        try await withStore(kind) { test async throws in
            let (store, writer) = (test.store, Token.random())
            let invalidated = test.freshCell(form)
            try await store.close(invalidated, writer, for: .seconds(20), isRenewal: false)
            try await store.invalidate(invalidated)
            #expect(try await store.read(invalidated) == .closed)
            // A renewal does not make it clean.
            try await store.close(invalidated, writer, for: .seconds(20), isRenewal: true)
            #expect(try await !store.open(invalidated, writer, storing: envelope("v"), for: .seconds(5)))
            #expect(try await store.read(invalidated) == .absent)
            // Renewed too late: it was open in between.
            let reopened = test.freshCell(form)
            try await store.close(reopened, writer, for: .seconds(20), isRenewal: true)
            #expect(try await !store.open(reopened, writer, storing: envelope("v"), for: .seconds(5)))
            #expect(try await store.read(reopened) == .absent)
        }
    }

    @Test(arguments: StoreContractTests.cases)
    func `a writer whose closing is gone lets nobody else store a value`(_ kind: StoreKind, _ form: CellForm)
        async throws
    {
        try await withStore(kind) { test async throws in
            let (store, cell, late, writer) = (test.store, test.freshCell(form), Token.random(), Token.random())
            try await store.close(cell, writer, for: .seconds(20), isRenewal: false)
            // It has written beside the other one, which may have written before.
            #expect(try await !store.open(cell, late, storing: envelope("newer"), for: .seconds(5)))
            #expect(try await store.read(cell) == .closed)
            let life = try #require(try await store.timeToLive(cell))
            #expect(life > .seconds(15) && life <= .seconds(20))
            #expect(try await !store.open(cell, writer, storing: envelope("older"), for: .seconds(5)))
            #expect(try await store.read(cell) == .absent)
        }
    }

    @Test(arguments: StoreContractTests.cases)
    func `what a writer leaves that has died ends by itself`(_ kind: StoreKind, _ form: CellForm) async throws {
        try await withStore(kind) { test async throws in
            let (store, cell, dead, writer) = (test.store, test.freshCell(form), Token.random(), Token.random())
            try await store.close(cell, dead, for: .milliseconds(60), isRenewal: false)
            try await store.close(cell, writer, for: .seconds(20), isRenewal: false)
            try await Task.sleep(for: .milliseconds(80))
            // Its token does not keep the cell closed behind the other one's end; but the other was not alone.
            #expect(try await !store.open(cell, writer, storing: envelope("v"), for: .seconds(5)))
            #expect(try await store.read(cell) == .absent)
            try await store.close(cell, dead, for: .milliseconds(30), isRenewal: false)
            try await expectEventually { try await store.read(cell) == .absent }
        }
    }

    @Test(arguments: StoreContractTests.cases)
    func `unusable bytes are closed over`(_ kind: StoreKind, _ form: CellForm) async throws {
        try await withStore(kind) { test async throws in
            let (store, cell, writer) = (test.store, test.freshCell(form), Token.random())
            try await test.plant(ByteBuffer(string: "foreign"), in: cell)
            try await store.close(cell, writer, for: .seconds(20), isRenewal: false)
            #expect(try await store.read(cell) == .closed)
            #expect(try await store.open(cell, writer, storing: envelope("v"), for: .seconds(5)))
            #expect(isValue(try await store.read(cell), "v"))
        }
    }
}
