import Foundation
import OxbowTesting
import RESP
import RedisClient
import TestServers
import Testing

/// A cluster's slots change their places, one by one and by thousands; shards go altogether.
@Suite(.serialized, .timeLimit(.minutes(10))) struct ClusterChangeTests {
    private static let keys = (0..<30).map { "load:\($0)" }

    /// The sum over all nodes of a figure in INFO, such as `cmdstat_get:calls`.
    private func sum(_ cluster: ClusterTopology, _ section: String, _ figure: String) throws -> Int {
        try cluster.nodes.filter(\.isRunning)
            .map { node in
                let lines = try node.cli("info", section).split(whereSeparator: \.isNewline)
                guard let line = lines.first(where: { $0.hasPrefix(figure + "=") }) else { return 0 }
                return Int(line.dropFirst(figure.utf8.count + 1).prefix { $0.isNumber }) ?? 0
            }
            .reduce(0, +)
    }

    /// How often the nodes were asked for their slots, which redis-cli never does.
    private func queries(_ cluster: ClusterTopology) throws -> Int {
        try self.sum(cluster, "commandstats", "cmdstat_cluster|slots:calls")
    }

    private func expectUndisturbed(_ load: Load, _ what: String) {
        let outcome = load.outcome
        print("\(what): \(outcome.writes) writes, \(outcome.reads) reads, slowest write \(outcome.slowestWrite)")
        check(outcome.wrongReads, 0)
        check(outcome.lostWrites, 0)
        check(outcome.failedReads, [:])
        check(outcome.failedWrites, [:])
    }

    @Test(arguments: ServerProcess.Kind.allCases)
    func `a planned failover disturbs nobody`(kind: ServerProcess.Kind) async throws {
        let cluster = try await SharedTopologies.shared.cluster(kind)
        try await withClient(configuration(for: cluster)) { client async throws in
            let load = Load(client, keys: Self.keys)
            try await load.during {
                let master = try cluster.master(of: Self.keys[0])
                try await cluster.failover(try #require(try cluster.replicas(of: master).first))
                try await Task.sleep(for: .milliseconds(300))
            }
            self.expectUndisturbed(load, "failover of \(kind)")
        }
    }

    /// With `OXBOW_RESHARD_SLOTS=5400` nearly all slots of the cluster move, each once.
    ///
    /// A master that has none left becomes a replica, which is why some stay.
    @Test func `slots move under load, and the table is asked for a bounded number of times`() async throws {
        let cluster = try await SharedTopologies.shared.cluster(.redis)
        let count = Int(ProcessInfo.processInfo.environment["OXBOW_RESHARD_SLOTS"] ?? "") ?? 300
        let masters = try cluster.masters()
        try await withClient(configuration(for: cluster)) { client async throws in
            // Keys enough that every slot that moves has some.
            let filling = (0..<20_000).map { SET("filling:\($0)", $0) }
            for result in try await client.execute(pipeline: filling) { _ = try result.get() }
            // So many that some of them move.
            let load = Load(client, keys: (0..<200).map { "load:\($0)" })
            let before = (try self.queries(cluster), try self.sum(cluster, "errorstats", "errorstat_MOVED:count"))
            let start = ContinuousClock.now
            try await load.during {
                // There and back, so that the load's slots move as well and the cluster stays as it was.
                try await cluster.moveSlots(count, from: masters[0], to: masters[1])
                try await cluster.moveSlots(count, from: masters[1], to: masters[2])
                try await cluster.moveSlots(count, from: masters[2], to: masters[0])
            }
            let elapsed = start.duration(to: .now)
            // Once in five seconds at most, so that the query may follow a moment later.
            try await eventually("the topology is asked for") {
                try self.queries(cluster) > before.0
            }
            let asked = try self.queries(cluster) - before.0
            let moved = try self.sum(cluster, "errorstats", "errorstat_MOVED:count") - before.1
            print("reshard of 3 x \(count) slots in \(elapsed): MOVED \(moved) times, asked \(asked) times")
            #expect(moved > 0)
            #expect(asked > 0)
            self.expectUndisturbed(load, "reshard")
            // One at most in five seconds, and some for what is new.
            #expect(asked <= 5 + Int(elapsed / .seconds(5)))
            for number in stride(from: 0, to: 20_000, by: 97) {
                let value = try await client.execute(GET("filling:\(number)", as: Int.self))
                check(value, number)
            }
        }
    }

    @Test(arguments: ServerProcess.Kind.allCases)
    func `a slot on the move answers ASK and TRYAGAIN, and the table stays as it is`(
        kind: ServerProcess.Kind
    ) async throws {
        let cluster = try await SharedTopologies.shared.cluster(kind)
        let (one, two) = ("{moving}one", "{moving}two")
        let slot = try cluster.slot(of: one)
        let source = try cluster.master(ofSlot: slot)
        let target = try #require(try cluster.masters().first { $0 !== source })
        try await withClient(configuration(for: cluster)) { client async throws in
            _ = try await client.execute(MSET([(key: one, value: "1"), (key: two, value: "2")]))
            try cluster.setMigrating(slot, from: source, to: target)
            try cluster.migrateKey(one, from: source, to: target)
            // `one` is at the target, `two` at the source, which serves the slot still.
            for _ in 0..<20 {
                let values = try await (
                    client.execute(GET(one, as: String.self)), client.execute(GET(two, as: String.self))
                )
                check(values.0, "1")
                check(values.1, "2")
            }
            let written = try await client.execute(INCR(one))
            check(written, 2)
            let inTransaction = try await client.execute(transaction: INCR(one), GET(one, as: Int.self))
            check(try inTransaction.0.get(), 3)
            check(try inTransaction.1.get(), 3)
            let script = Script("return redis.call('INCR', KEYS[1])")
            let scripted = try await client.execute(ScriptCall(script, keys: (one), arguments: (), returning: Int.self))
            check(scripted, 4)
            let piped = try await client.execute(pipeline: GET(one, as: Int.self), GET(two, as: Int.self), INCR(one))
            check(try piped.0.get(), 4)
            check(try piped.1.get(), 2)
            check(try piped.2.get(), 5)
            let asked = try self.sum(cluster, "commandstats", "cmdstat_asking:calls")
            #expect(asked > 20)
            // Both keys at once are nowhere: TRYAGAIN until they are.
            let both = Task { try await client.execute(MGET([one, two], as: String.self), timeout: .seconds(20)) }
            try await Task.sleep(for: .milliseconds(200))
            try cluster.migrateKey(two, from: source, to: target)
            let values = try await both.value
            check(values, ["5", "2"])
            try await cluster.finishMigration(slot, to: target)
            let after = try await client.execute(MGET([one, two], as: String.self))
            check(after, ["5", "2"])
            _ = try await client.execute(DEL([one, two]))
        }
        // Back again, so that the shards stay alike.
        try cluster.setMigrating(slot, from: target, to: source)
        try await cluster.finishMigration(slot, to: source)
    }

    @Test func `nodes that send a command to and fro are left after so many times`() async throws {
        let ports = (try await ServerProcess.freePort(), try await ServerProcess.freePort())
        let slot = HashSlot(of: "k").number
        func start(_ port: Int, movingTo other: Int) async throws -> ScriptedServer {
            let address = { (port: Int) in "*2\r\n$9\r\n127.0.0.1\r\n:\(port)\r\n" }
            let slots =
                "*2\r\n*3\r\n:0\r\n:8191\r\n\(address(ports.0))*3\r\n:8192\r\n:16383\r\n\(address(ports.1))"
            return try await ScriptedServer.start(port: port) { command in
                [.send(command.name == "CLUSTER" ? slots : "-MOVED \(slot) 127.0.0.1:\(other)\r\n")]
            }
        }
        let one = try await start(ports.0, movingTo: ports.1)
        defer { one.stop() }
        let two = try await start(ports.1, movingTo: ports.0)
        defer { two.stop() }
        var configuration = RedisClientConfiguration()
        var cluster = ClusterConfiguration([.host("127.0.0.1", port: ports.0)])
        cluster.maximumRedirects = 5
        configuration.topology = .cluster(cluster)
        try await withClient(configuration) { client async throws in
            let error = await #expect(throws: RedisError.self) {
                _ = try await client.execute(GET("k", as: String.self))
            }
            check(error?.serverError, "MOVED")
            check(error?.delivery, .refused)
            let sent = (one.commands + two.commands).filter { $0.name == "GET" }.count
            check(sent, 6)
            let questions = (one.commands + two.commands).filter { $0.name == "CLUSTER" }.count
            #expect(questions <= 3)
        }
    }
}
