import NIOCore
import Oxbow
import Synchronization

/// One process's cache of either form.
struct ProcessCaches: Sendable {
    let oxbow: Oxbow
    private let plain: Cache<Int>?
    private let grouped: GroupedCache<Int>?

    init(_ oxbow: Oxbow, _ form: CellForm) {
        self.oxbow = oxbow
        // An update that writes without having closed promises less.
        let options = CacheOptions(updateWithoutStore: .refuse)
        do {
            self.plain = try form == .key ? oxbow.cache("m", of: Int.self, options: options) : nil
            self.grouped = try form == .field ? oxbow.groupedCache("m", of: Int.self, options: options) : nil
        } catch {
            preconditionFailure("the one cache of an instance: \(error)")
        }
    }

    func value(_ cell: Int, orLoad load: @Sendable @escaping () async throws -> Int) async throws -> Int {
        if let plain { return try await plain.value(for: "k\(cell)", orLoad: load) }
        if let grouped { return try await grouped.value(for: "k\(cell)", in: "g", orLoad: load) }
        return try await load()
    }

    func invalidate(_ cell: Int) async throws -> Bool {
        if let plain { return try await plain.invalidate("k\(cell)") == .applied }
        return try await self.grouped?.invalidate("k\(cell)", in: "g") == .applied
    }

    func invalidateGroup() async throws -> Bool { try await self.grouped?.invalidate(group: "g") == .applied }

    func update(_ cells: [Int], _ write: () async throws -> Void) async throws -> Bool {
        let keys = cells.map { "k\($0)" }
        return try await self.isApplied {
            if let plain { try await plain.update(keys, write) }
            if let grouped { try await grouped.update(keys, in: "g", write) }
        }
    }

    func writeThrough(_ cell: Int, _ write: () async throws -> Int) async throws -> Bool {
        try await self.isApplied {
            if let plain { try await plain.writeThrough("k\(cell)", write) }
            if let grouped { try await grouped.writeThrough("k\(cell)", in: "g", write) }
        }
    }

    /// Whether nothing was journaled meanwhile: what is, is in force for this process only.
    private func isApplied(_ body: () async throws -> Void) async throws -> Bool {
        let before = self.oxbow.invalidationJournal.journaled
        try await body()
        return self.oxbow.invalidationJournal.journaled == before
    }
}

/// What the actors do.
extension World {
    func act(_ actor: Scenario.Actor, _ caches: ProcessCaches) async {
        for work in actor.work {
            do {
                try await self.act(work, caches)
            } catch is ScheduleIsOver {
                break
            } catch {
                self.noteFailure(of: work, error)
            }
        }
        let number = Self.actor
        self.state.withLock { $0.actors[number].isFinished = true }
    }

    private func act(_ work: Scenario.Work, _ caches: ProcessCaches) async throws {
        switch work {
        case .read(let cell):
            let least = try await self.begin("begins to read", self.cells[cell])[cell]
            let value = try await caches.value(cell) { try await self.load(cell) }
            self.check(value, of: cell, isAtLeast: least)
        case .invalidate(let cell):
            let version = try await self.write([cell])[0]
            if try await caches.invalidate(cell) { self.acknowledge([cell: version]) }
        case .invalidateGroup:
            let all = Array(self.cells.indices)
            let versions = try await self.write(all)
            guard try await caches.invalidateGroup() else { return }
            self.acknowledge(Dictionary(uniqueKeysWithValues: zip(all, versions)))
        case .update(let cells):
            var versions: [Int] = []
            let isApplied = try await caches.update(cells) {
                versions = try await self.write(cells, isUpdate: true)
            }
            guard isApplied else { return }
            self.acknowledge(Dictionary(uniqueKeysWithValues: zip(cells, versions)))
        case .writeThrough(let cell):
            var version = 0
            let isApplied = try await caches.writeThrough(cell) {
                version = try await self.write([cell], isUpdate: true)[0]
                return version
            }
            if isApplied { self.acknowledge([cell: version]) }
        case .request(let cell):
            try await caches.oxbow.withRequestScope {
                let least = try await self.begin("begins a request", nil)[cell]
                async let first = caches.value(cell) { try await self.load(cell) }
                let version = try await self.write([cell])[0]
                if try await caches.invalidate(cell) { self.acknowledge([cell: version]) }
                self.check(try await first, of: cell, isAtLeast: least)
                let second = try await caches.value(cell) { try await self.load(cell) }
                self.check(second, of: cell, isAtLeast: version)
            }
        case .naiveRead(let cell):
            try await self.readNaively(cell)
        }
    }

    private func readNaively(_ cell: Int) async throws {
        let store = SteppedStore(world: self)
        let least = try await self.begin("begins to read", self.cells[cell])[cell]
        if case .value(let envelope, _) = try await store.read(self.cells[cell]) {
            return self.check(Int(String(buffer: envelope.payload)) ?? -1, of: cell, isAtLeast: least)
        }
        let value = try await self.load(cell)
        let payload = ByteBuffer(string: "\(value)")
        let envelope = Envelope(kind: .raw, length: payload.readableBytes, payload: payload)
        _ = try await store.set(self.cells[cell], to: envelope, for: .seconds(3600))
        self.check(value, of: cell, isAtLeast: least)
    }

    /// The moment at which a call begins; what it must at least return, by cell.
    private func begin(_ text: String, _ cell: CellAddress?) async throws -> [Int] {
        try await self.step(.begin, text, cell) {
            let required = self.state.withLock { $0.required }
            return (required, "must see \(required) or newer")
        }
    }

    private func load(_ cell: Int) async throws -> Int {
        try await self.step(.load, "loads", self.cells[cell]) {
            let version = self.state.withLock { state in
                state.loads[cell] += 1
                return state.versions[cell]
            }
            return (version, "\(version)")
        }
    }

    private func write(_ cells: [Int], isUpdate: Bool = false) async throws -> [Int] {
        let names = cells.map { " k\($0)" }.joined()
        return try await self.step(.write, "writes\(names)") {
            let versions = self.writeVersions(cells, isUpdate: isUpdate)
            return (versions, "\(versions)")
        }
    }
}
