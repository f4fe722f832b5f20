import TestServers
import Testing

/// What the topologies of the failover tests promise: a master that dies has a successor, and all comes back.
@Suite(.serialized)
struct TopologyTests {
    @Test(arguments: ServerProcess.Kind.allCases)
    func `Sentinels replace a killed master, and all comes back`(kind: ServerProcess.Kind) async throws {
        let topology = try await SharedTopologies.shared.sentinel(kind)
        let old = try topology.master()
        let replicas = try topology.replicas()
        #expect(replicas.count == 2)
        #expect(try old.cli("set", "k", "v") == "OK")
        #expect(try old.cli("wait", "2", "5000") == "2")
        try await old.kill()
        #expect(!old.isRunning)

        let new = try await topology.awaitMaster(otherThan: old)
        #expect(replicas.contains { $0 === new })
        #expect(try new.cli("get", "k") == "v")

        try await topology.restore()
        #expect(try topology.master() === new)
        #expect(try topology.replicas().contains { $0 === old })
        #expect(try old.cli("get", "k") == "v")
    }

    @Test func `a planned failover changes the master, and a hung server comes back`() async throws {
        let topology = try await SharedTopologies.shared.sentinel()
        let old = try topology.master()
        try await topology.failover()
        let new = try topology.master()
        #expect(new !== old)
        #expect(try topology.replicas().contains { $0 === old })

        new.pause()
        topology.sentinels[0].pause()
        #expect(!new.isRunning)
        try await topology.restore()
        #expect(new.isRunning)
        #expect(try topology.replicas().count == 2)
    }

    @Test(arguments: [(ServerProcess.Kind.redis, false), (.valkey, false), (.redis, true)])
    func `a cluster replaces a killed master, and all comes back`(kind: ServerProcess.Kind, tls: Bool) async throws {
        let topology = try await SharedTopologies.shared.cluster(kind, tls: tls)
        let slot = try topology.slot(of: "a{tag}")
        #expect(try topology.slot(of: "tag") == slot)
        let old = try topology.master(of: "tag")
        let replicas = try topology.replicas(of: old)
        #expect(replicas.count == 1)
        #expect(try old.cli("set", "tag", "v") == "OK")
        #expect(try old.cli("wait", "1", "5000") == "1")
        try await old.kill()

        let new = try await topology.awaitMaster(ofSlot: slot, otherThan: old)
        #expect(new === replicas.first)

        try await topology.restore()
        #expect(try topology.replicas(of: new).first === old)
        #expect(try topology.masters().count == 3)
        try await topology.failover(old)
        #expect(try topology.master(ofSlot: slot) === old)
        #expect(try old.cli("get", "tag") == "v")
    }

    @Test(arguments: [(ServerProcess.Kind.redis, false), (.valkey, false), (.redis, true)])
    func `slots move by redis-cli and by hand`(kind: ServerProcess.Kind, tls: Bool) async throws {
        let topology = try await SharedTopologies.shared.cluster(kind, tls: tls)
        let slot = try topology.slot(of: "moves")
        let source = try topology.master(ofSlot: slot)
        let others = try topology.masters().filter { $0 !== source }
        let target = try #require(others.first)
        for key in ["{moves}1", "{moves}2", "{moves}3"] { #expect(try source.cli("set", key, "v") == "OK") }
        try topology.setMigrating(slot, from: source, to: target)
        try topology.migrateKey("{moves}1", from: source, to: target)
        #expect(try source.cli("get", "{moves}1").hasPrefix("ASK \(slot) 127.0.0.1:\(target.port)"))
        #expect(try source.cli("get", "{moves}2") == "v")
        #expect(try source.cli("mget", "{moves}1", "{moves}2").hasPrefix("TRYAGAIN"))
        try await topology.finishMigration(slot, to: target)
        #expect(try topology.master(ofSlot: slot) === target)
        #expect(try target.cli("get", "{moves}3") == "v")

        // What is left moving is brought in order.
        try topology.setMigrating(slot, from: target, to: source)
        try topology.migrateKey("{moves}1", from: target, to: source)
        try await topology.restore()
        #expect(try topology.master(ofSlot: slot).cli("mget", "{moves}1", "{moves}2") == "v\nv")

        try await topology.moveSlots(5, from: source, to: target)
    }

    @Test(arguments: HAProxyTopology.Checks.allCases)
    func `HAProxy follows the master`(checks: HAProxyTopology.Checks) async throws {
        let topology = try await SharedTopologies.shared.haproxy(checks)
        func ask(_ command: String...) throws -> String {
            try Installation.run(
                "redis-cli",
                ["-p", "\(topology.port)"] + command,
                environment: ["REDISCLI_AUTH": topology.sentinel.password]
            )
        }
        let old = try topology.sentinel.master()
        #expect(try ask("config", "get", "port") == "port\n\(old.port)")
        try await old.kill()
        _ = try await topology.sentinel.awaitMaster(otherThan: old)
        try await topology.awaitSettled()
        // Sentinels that are short of time may have replaced it once more.
        let new = try topology.sentinel.master()
        #expect(new !== old)
        #expect(try ask("config", "get", "port") == "port\n\(new.port)")
        try await topology.restore()
        #expect(try ask("set", "k", "v") == "OK")
    }
}
