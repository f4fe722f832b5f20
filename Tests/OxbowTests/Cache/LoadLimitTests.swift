import Oxbow
import Synchronization
import Testing

/// How many loads run at once while the cache cannot be used.
@Suite(.timeLimit(.minutes(1))) struct LoadLimitTests {
    /// How many loads run, and how many there were at most.
    private final class Database: Sendable {
        private let state = Mutex((running: 0, most: 0))
        var most: Int { self.state.withLock { $0.most } }
        var running: Int { self.state.withLock { $0.running } }

        func load(_ gate: Gate) async -> String {
            self.state.withLock { state in
                state.running += 1
                state.most = max(state.most, state.running)
            }
            await gate.pass()
            self.state.withLock { $0.running -= 1 }
            return "loaded"
        }
    }

    private func withoutStore(
        atMost loads: Int = 3,
        wait: Duration = .seconds(20),
        _ body: (Cache<String>) async throws -> Void
    ) async throws {
        var configuration = CacheConfiguration()
        configuration.maximumConcurrentLoads = loads
        configuration.waitForLoad = wait
        let oxbow = Oxbow(configuration, store: BrokenStore(), logger: silent)
        try await body(oxbow.cache("a", of: String.self))
    }

    @Test func `a hundred keys are loaded three at a time, and all are loaded`() async throws {
        try await self.withoutStore { cache async throws in
            let (database, gate) = (Database(), Gate())
            try await withThrowingTaskGroup(of: String.self) { group in
                for key in 0..<100 {
                    group.addTask { try await cache.value(for: "\(key)") { await database.load(gate) } }
                }
                await gate.arrival(3)
                try await Task.sleep(for: .milliseconds(100))
                #expect(database.running == 3)
                gate.open()
                for try await value in group { #expect(value == "loaded") }
            }
            #expect(database.most == 3)
            #expect(cache.statistics.loads == 100)
        }
    }

    @Test func `who finds a long line is told so at once`() async throws {
        try await self.withoutStore(atMost: 70) { cache async throws in
            let (database, gate) = (Database(), Gate())
            let endings = await withTaskGroup(of: OxbowError.Code?.self) { group in
                for key in 0..<2000 {
                    group.addTask {
                        do {
                            _ = try await cache.value(for: "\(key)") { await database.load(gate) }
                            return nil
                        } catch {
                            return (error as? OxbowError)?.code
                        }
                    }
                }
                // Seventy load, and sixteen wait for each of them.
                var endings: [OxbowError.Code?] = []
                while endings.count < 2000 - 70 - 1120, let ending = await group.next() { endings.append(ending) }
                check(endings.allSatisfy { $0 == .tooManyLoads }, true)
                gate.open()
                for await ending in group { endings.append(ending) }
                return endings
            }
            check(endings.count { $0 == nil }, 1190)
            check(endings.count { $0 == .tooManyLoads }, 810)
        }
    }

    @Test func `more places let those in who wait, and they come first`() async throws {
        var configuration = CacheConfiguration()
        configuration.maximumConcurrentLoads = 1
        configuration.waitForLoad = .seconds(20)
        let oxbow = Oxbow(configuration, store: BrokenStore(), logger: silent)
        let cache = try oxbow.cache("a", of: String.self)
        let (database, gate) = (Database(), Gate())
        try await withThrowingTaskGroup(of: String.self) { group in
            for key in 0..<5 { group.addTask { try await cache.value(for: "\(key)") { await database.load(gate) } } }
            try await expectEventually { cache.statistics.storeFailures == 5 && database.running == 1 }
            configuration.maximumConcurrentLoads = 5
            try oxbow.reload(.with(configuration))
            // Somebody must come to tell of it.
            group.addTask { try await cache.value(for: "last") { await database.load(gate) } }
            await gate.arrival(5)
            try await Task.sleep(for: .milliseconds(100))
            #expect(database.running == 5)
            gate.open()
            for try await value in group { #expect(value == "loaded") }
        }
    }

    @Test func `who waits too long is told so, and its loader does not run`() async throws {
        try await self.withoutStore(wait: .milliseconds(300)) { cache async throws in
            let (database, gate) = (Database(), Gate())
            try await withThrowingTaskGroup(of: String.self) { group in
                for key in 0..<3 {
                    group.addTask { try await cache.value(for: "\(key)") { await database.load(gate) } }
                }
                await gate.arrival(3)
                let start = ContinuousClock.now
                let error = await #expect(throws: OxbowError.self) {
                    try await cache.value(for: "late") {
                        Issue.record("it was loaded")
                        return ""
                    }
                }
                #expect(error?.code == .tooManyLoads)
                #expect("\(String(describing: error))".contains("3 loads"))
                await #expect(throws: OxbowError.self) {
                    try await cache.values(for: ["several", "others"]) { _ in
                        Issue.record("they were loaded")
                        return [:]
                    }
                }
                let waited = start.duration(to: .now)
                #expect(waited >= .milliseconds(600) && waited < .seconds(5))
                gate.open()
                try await group.waitForAll()
            }
            // The places are free again.
            for key in 0..<9 { check(try await cache.value(for: "\(key)") { "again" }, "again") }
        }
    }

    @Test func `who is cancelled leaves the line, and takes no place`() async throws {
        try await self.withoutStore(atMost: 1) { cache async throws in
            let (database, gate) = (Database(), Gate())
            async let first = cache.value(for: "first") { await database.load(gate) }
            await gate.arrival()
            let waiting = (0..<20)
                .map { key in Task { try await cache.value(for: "\(key)") { await database.load(gate) } } }
            try await Task.sleep(for: .milliseconds(50))
            for task in waiting { task.cancel() }
            for task in waiting { await #expect(throws: CancellationError.self) { try await task.value } }
            gate.open()
            #expect(try await first == "loaded")
            check(try await cache.value(for: "next") { "next" }, "next")
            #expect(database.most == 1)
        }
    }

    @Test func `a loader that reads the same cache is not held up`() async throws {
        try await self.withoutStore(atMost: 1, wait: .seconds(50)) { cache async throws in
            let value = try await cache.value(for: "outer") {
                let several = try await cache.values(for: ["x", "y"]) { rows($0) }
                return try await cache.value(for: "inner") { "inner" } + several.keys.sorted().joined()
            }
            check(value, "innerxy")
        }
    }

    @Test(arguments: [false, true])
    func `loaders that read a key which waits in line are not held up`(_ isBulk: Bool) async throws {
        try await self.withoutStore(atMost: 3, wait: .seconds(20)) { cache async throws in
            let (gate, start) = (Gate(), ContinuousClock.now)
            try await withThrowingTaskGroup(of: String.self) { group in
                for key in 0..<3 {
                    group.addTask {
                        try await cache.value(for: "\(key)") {
                            await gate.pass()
                            if isBulk { return try await cache.values(for: ["root"]) { rows($0) }["root"] ?? "" }
                            return try await cache.value(for: "root") { "root" }
                        }
                    }
                }
                await gate.arrival(3)
                group.addTask { try await cache.value(for: "root") { "root" } }
                try await Task.sleep(for: .milliseconds(100))
                gate.open()
                for try await value in group { #expect(value == "root") }
            }
            #expect(start.duration(to: .now) < .seconds(10))
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `claimed loads are not limited`(_ kind: StoreKind) async throws {
        var configuration = patient()
        configuration.maximumConcurrentLoads = 1
        try await withOxbow(kind, cache: configuration) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: String.self)
            let (database, gate) = (Database(), Gate())
            try await withThrowingTaskGroup(of: String.self) { group in
                for key in 0..<10 {
                    group.addTask { try await cache.value(for: "\(key)") { await database.load(gate) } }
                }
                await gate.arrival(10)
                gate.open()
                try await group.waitForAll()
            }
            #expect(database.most == 10)
        }
    }
}

extension OxbowConfiguration {
    fileprivate static func with(_ cache: CacheConfiguration) -> OxbowConfiguration {
        var configuration = OxbowConfiguration()
        configuration.cache = cache
        return configuration
    }
}
