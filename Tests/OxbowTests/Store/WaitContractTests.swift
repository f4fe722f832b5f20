import NIOCore
import Oxbow
import OxbowTesting
import RedisClient
import TestServers
import Testing

/// Waiting for the end of a claim, on every store, in both forms.
@Suite(.timeLimit(.minutes(1))) struct WaitContractTests {
    private let value = Envelope(kind: .raw, length: 1, payload: ByteBuffer(string: "v"))

    enum Change: CaseIterable, Sendable { case fill, release, invalidate, close, group }

    @Test(arguments: StoreContractTests.cases, Change.allCases)
    func `whatever ends a claim wakes who waits for it`(
        _ place: (kind: StoreKind, form: CellForm),
        _ change: Change
    ) async throws {
        try await withStore(place.kind) { test async throws in
            let (store, cell, token) = (test.store, test.freshCell(place.form), Token.random())
            #expect(try await store.claim(cell, token, for: .seconds(50)) == nil)
            let start = ContinuousClock.now
            async let found = store.wait(cell, while: token, until: start + .seconds(40))
            try await Task.sleep(for: .milliseconds(50))
            switch change {
            case .fill: _ = try await store.fill(cell, token, with: self.value, for: .seconds(50))
            case .release: try await store.release(cell, token)
            case .invalidate: try await store.invalidate(cell)
            case .close: try await store.close(cell, .random(), for: .seconds(50), isRenewal: false)
            case .group where place.form == .field: try await store.invalidate(group: cell.key)
            case .group: try await store.invalidate(cell)
            }
            let content = try await found
            #expect(start.duration(to: .now) < .seconds(20))
            switch (change, content) {
            case (.fill, .value), (.close, .closed): break
            case (.release, .absent), (.invalidate, .absent), (.group, .absent): break
            default: Issue.record("\(content) after \(change)")
            }
        }
    }

    @Test(arguments: StoreContractTests.cases)
    func `a claim that ends by itself wakes, and waiting ends with its time`(
        _ kind: StoreKind,
        _ form: CellForm
    ) async throws {
        try await withStore(kind) { test async throws in
            let (store, cell, token) = (test.store, test.freshCell(form), Token.random())
            #expect(try await store.claim(cell, token, for: .milliseconds(700)) == nil)
            let start = ContinuousClock.now
            let early = try await store.wait(cell, while: token, until: start + .milliseconds(100))
            #expect(early == .claim(token))
            // A renewal is a change, and no end.
            #expect(try await store.renew(cell, token, for: .seconds(1)))
            let content = try await store.wait(cell, while: token, until: start + .seconds(40))
            #expect(content == .absent)
            let passed = start.duration(to: .now)
            #expect(passed > .milliseconds(900) && passed < .seconds(20))
        }
    }

    @Test(arguments: StoreContractTests.cases)
    func `waiting ends when its task is cancelled`(_ kind: StoreKind, _ form: CellForm) async throws {
        try await withStore(kind) { test async throws in
            let (store, cell, token) = (test.store, test.freshCell(form), Token.random())
            #expect(try await store.claim(cell, token, for: .seconds(50)) == nil)
            let waiting = Task { try await store.wait(cell, while: token, until: .now + .seconds(40)) }
            try await Task.sleep(for: .milliseconds(20))
            waiting.cancel()
            await #expect(throws: CancellationError.self) { try await waiting.value }
        }
    }

    /// What a server was asked to read.
    private func reads(_ server: ServerProcess) throws -> Int {
        try server.cli("info", "commandstats").split(whereSeparator: \.isNewline)
            .filter { $0.hasPrefix("cmdstat_get:") || $0.hasPrefix("cmdstat_hget:") }
            .compactMap { $0.split(separator: ":calls=").last?.split(separator: ",").first.flatMap { Int($0) } }
            .reduce(0, +)
    }

    @Test(arguments: [ServerProcess.Kind.redis, .valkey], CellForm.allCases)
    func `nobody looks while nothing happens`(_ kind: ServerProcess.Kind, _ form: CellForm) async throws {
        let server = try await ServerProcess.start(kind)
        defer { server.stop() }
        var configuration = RedisClientConfiguration()
        configuration.address = .host("127.0.0.1", port: server.port)
        try await withStore(configuration) { test async throws in
            let (store, cell, token) = (test.store, test.freshCell(form), Token.random())
            #expect(try await store.claim(cell, token, for: .seconds(50)) == nil)
            let before = try self.reads(server)
            async let found = store.wait(cell, while: token, until: .now + .seconds(40))
            try await Task.sleep(for: .milliseconds(500))
            #expect(try self.reads(server) == before + 1)
            #expect(try await store.fill(cell, token, with: self.value, for: .seconds(50)))
            _ = try await found
            // The claim, and what was there behind it; the script read it as well.
            #expect(try self.reads(server) == before + 3)
        }
    }

    @Test(arguments: CellForm.allCases)
    func `a connection that is lost while somebody waits loses no change`(_ form: CellForm) async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        try await FaultProxy.withProxy(to: .host("127.0.0.1", port: server.port)) { proxy async throws in
            var configuration = RedisClientConfiguration()
            configuration.address = .host("127.0.0.1", port: proxy.port)
            try await withStore(configuration) { test async throws in
                let (store, cell, token) = (test.store, test.freshCell(form), Token.random())
                #expect(try await store.claim(cell, token, for: .seconds(50)) == nil)
                let start = ContinuousClock.now
                async let found = store.wait(cell, while: token, until: start + .seconds(40))
                try await Task.sleep(for: .milliseconds(50))
                // The change comes while there is no connection: its message goes to nobody.
                try await proxy.refuse()
                proxy.resetConnections()
                try await expectEventually { try !server.cli("client", "list").contains("lib-name=oxbow") }
                try server.cli("unlink", cell.key.text)
                try await proxy.listen()
                #expect(try await found == .absent)
                #expect(start.duration(to: .now) < .seconds(20))
            }
        }
    }

    @Test(arguments: [ServerProcess.Kind.redis, .valkey], CellForm.allCases)
    func `a flush wakes, and a server that forgets what it tracks tells so`(
        _ kind: ServerProcess.Kind,
        _ form: CellForm
    ) async throws {
        let server = try await ServerProcess.start(kind, settings: ["tracking-table-max-keys 1"])
        defer { server.stop() }
        var configuration = RedisClientConfiguration()
        configuration.address = .host("127.0.0.1", port: server.port)
        try await withStore(configuration) { test async throws in
            let store = test.store
            let start = ContinuousClock.now
            let cells = (0..<5).map { _ in (test.freshCell(form), Token.random()) }
            for (cell, token) in cells { #expect(try await store.claim(cell, token, for: .seconds(50)) == nil) }
            try await withThrowingTaskGroup(of: CellContent.self) { group in
                for (cell, token) in cells {
                    group.addTask { try await store.wait(cell, while: token, until: start + .seconds(40)) }
                }
                try await Task.sleep(for: .milliseconds(100))
                try server.cli("flushall")
                for try await content in group { check(content, .absent) }
            }
            #expect(start.duration(to: .now) < .seconds(20))
            // Nor does anything come back that was loaded before.
            for (cell, token) in cells {
                #expect(try await !store.fill(cell, token, with: self.value, for: .seconds(50)))
            }
        }
    }

    @Test(arguments: [ServerProcess.Kind.redis, .valkey], CellForm.allCases)
    func `each master of a cluster tells of its cells`(_ kind: ServerProcess.Kind, _ form: CellForm) async throws {
        let cluster = try await SharedTopologies.shared.cluster(kind)
        try await cluster.restore()
        try await withStore(RedisClientConfiguration(cluster)) { test async throws in
            let store = test.store
            let start = ContinuousClock.now
            let cells = (0..<12).map { _ in (test.freshCell(form), Token.random()) }
            for (cell, token) in cells { #expect(try await store.claim(cell, token, for: .seconds(50)) == nil) }
            try await withThrowingTaskGroup(of: CellContent.self) { group in
                for (cell, token) in cells {
                    group.addTask { try await store.wait(cell, while: token, until: start + .seconds(40)) }
                }
                try await Task.sleep(for: .milliseconds(100))
                for (cell, token) in cells {
                    #expect(try await store.fill(cell, token, with: self.value, for: .seconds(50)))
                }
                for try await content in group { if case .value = content {} else { Issue.record("\(content)") } }
            }
            #expect(start.duration(to: .now) < .seconds(20))
        }
    }

    @Test(arguments: CellForm.allCases)
    func `without tracking the cell is looked at in pauses`(_ form: CellForm) async throws {
        let server = try await ServerProcess.start(settings: ["user app on >p ~* &* +@all -client|tracking"])
        defer { server.stop() }
        var configuration = RedisClientConfiguration()
        configuration.address = .host("127.0.0.1", port: server.port)
        configuration.credentials = RedisCredentials(username: "app", password: "p")
        try await withStore(configuration) { test async throws in
            let (store, cell, token) = (test.store, test.freshCell(form), Token.random())
            #expect(try await store.claim(cell, token, for: .seconds(50)) == nil)
            let before = try self.reads(server)
            let start = ContinuousClock.now
            async let found = store.wait(cell, while: token, until: start + .seconds(40))
            try await Task.sleep(for: .milliseconds(500))
            let looks = try self.reads(server) - before
            #expect(looks > 3 && looks < 60)
            #expect(try await store.fill(cell, token, with: self.value, for: .seconds(50)))
            guard case .value = try await found else {
                Issue.record("no value")
                return
            }
            #expect(start.duration(to: .now) < .seconds(20))
        }
    }

    @Test func `a hash that changes all the time does not make the server look all the time`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        var configuration = RedisClientConfiguration()
        configuration.address = .host("127.0.0.1", port: server.port)
        try await withStore(configuration) { test async throws in
            let (store, cell, token) = (test.store, test.freshCell(.field), Token.random())
            #expect(try await store.claim(cell, token, for: .seconds(50)) == nil)
            let before = try self.reads(server)
            let waiting = Task { try await store.wait(cell, while: token, until: .now + .seconds(40)) }
            let end = ContinuousClock.now + .milliseconds(500)
            let client = try #require(test.client)
            var changes = 0
            while ContinuousClock.now < end {
                _ = try await client.execute(RawCommand("HINCRBY", cell.key, "other", 1, returning: Int.self))
                changes += 1
            }
            let looks = try self.reads(server) - before
            #expect(looks > 1 && looks < 100 && changes > looks)
            waiting.cancel()
            _ = try? await waiting.value
        }
    }
}
