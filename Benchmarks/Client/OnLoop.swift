import RedisClient

/// Another workload with its callers on the connection's event loop.
struct OnLoop: Workload {
    let base: any Workload
    /// What to reach there.
    let limit: Double

    var name: String { "\(self.base.name)-loop" }
    var summary: String { "\(self.base.name) with callers on the event loop" }
    var target: Target? { .ratio(self.limit) }
    var comparesWallTime: Bool { self.base.comparesWallTime }

    func keys(on bench: Bench) -> [String] { self.base.keys(on: bench) }
    func prepare(on bench: Bench) async throws { try await self.base.prepare(on: bench) }
    func yardstick(on bench: Bench) async throws -> (any Yardstick)? { try await self.base.yardstick(on: bench) }

    func load(on bench: Bench) throws -> Load {
        var load = try self.base.load(on: bench)
        load.executor = bench.client.eventLoopExecutor
        return load
    }
}
