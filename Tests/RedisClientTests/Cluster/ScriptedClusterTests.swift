import NIOCore
import OxbowTesting
import RESP
import ServiceLifecycle
import ServiceLifecycleTestKit
import TestServers
import Testing

@testable import RedisClient

/// What real clusters do too seldom, or too late, to be tried with them.
@Suite(.timeLimit(.minutes(1))) struct ScriptedClusterTests {
    @Test func `a graceful shutdown lets outstanding replies come`() async throws {
        let cluster = try await ScriptedCluster.start(
            .single,
            answering: { _, _ in [.wait(.milliseconds(300)), .send("+late\r\n")] }
        )
        defer { cluster.stop() }
        let client = RedisClient(cluster.configuration)
        try await testGracefulShutdown { trigger async throws in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await client.run() }
                try await eventually("a connection") { client.server != nil }
                let outstanding = Task { try await client.execute(GET("k", as: String.self)) }
                try await eventually("it was sent") { cluster.servers[0].commands.contains { $0.name == "GET" } }
                trigger.triggerGracefulShutdown()
                check(try await outstanding.value, "late")
                try await group.waitForAll()
            }
        }
    }

    @Test func `a server that lacks a required command ends run()`() async throws {
        let missing = ScriptedServer.Handshake.standard.overriding { command in
            command.words.prefix(2) == ["COMMAND", "INFO"] ? .init("*1\r\n*-1\r\n") : nil
        }
        let slots = "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$0\r\n\r\n:PORT\r\n"
        let port = try await ServerProcess.freePort()
        let server = try await ScriptedServer.start(port: port, handshake: missing) { command in
            switch command.words.last?.uppercased() {
            case "SLOTS": .init(slots.replacing("PORT", with: "\(port)"))
            case "ROLE": .init("*3\r\n+master\r\n:0\r\n*0\r\n")
            default: .init("+OK\r\n")
            }
        }
        defer { server.stop() }
        var configuration = RedisClientConfiguration()
        configuration.topology = .cluster(ClusterConfiguration([.host("127.0.0.1", port: port)]))
        configuration.requiredCommands = ["hexpire"]
        let client = RedisClient(configuration)
        let error = await #expect(throws: RedisError.self) { try await client.run() }
        check(error?.code, .unsupportedServer)
    }

    @Test func `who wants a connection is not kept waiting for a cluster that nobody knows`() async throws {
        var configuration = RedisClientConfiguration()
        let port = try await ServerProcess.freePort()
        configuration.topology = .cluster(ClusterConfiguration([.host("127.0.0.1", port: port)]))
        configuration.pool.maximumWait = .milliseconds(300)
        try await withClient(configuration) { client async throws in
            let start = ContinuousClock.now
            let error = await #expect(throws: RedisError.self) { try await client.withConnection { _ in } }
            check(error?.code, .cannotConnect)
            #expect(start.duration(to: .now) < .seconds(3))
        }
    }

    @Test(arguments: ["LOADING the dataset", "MASTERDOWN Link with MASTER is down"])
    func `a replica that is not fit is left for the master`(_ refusal: String) async throws {
        let cluster = try await ScriptedCluster.start(
            .pair,
            answering: { index, _ in .init(index == 0 ? "+of the master\r\n" : "-\(refusal)\r\n") }
        )
        defer { cluster.stop() }
        var configuration = cluster.configuration
        configuration.readFrom = .replicaPreferred
        try await withClient(configuration) { client async throws in
            try await eventually("both connections") {
                client.topology.nodes.count { $0.multiplexer.server != nil } == 2
            }
            check(try await client.execute(GET("k", as: String.self), timeout: .seconds(1)), "of the master")
            #expect(cluster.servers[1].commands.contains { $0.name == "GET" })
        }
    }

    @Test func `what a script says moves no slot`() async throws {
        let cluster = try await ScriptedCluster.start(
            .halves,
            answering: { index, command in
                .init(
                    command.name == "EVAL" ? "-MOVED \(HashSlot(of: "k").number) 127.0.0.1:1\r\n" : "+of \(index)\r\n"
                )
            }
        )
        defer { cluster.stop() }
        try await withClient(cluster.configuration) { client async throws in
            let before = try await client.execute(GET("k", as: String.self))
            try await client.withConnection { connection in
                let error = await #expect(throws: RedisError.self) {
                    _ = try await connection.execute(RawCommand("EVAL", "x", 0, returning: String.self))
                }
                check(error?.serverError, "MOVED")
            }
            _ = try? await client.execute(RawCommand("EVAL", "x", 0, returning: String.self))
            check(try await client.execute(GET("k", as: String.self)), before)
        }
    }

    @Test func `who only listens leaves a node that the others have left`() async throws {
        let subscribed = "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"
        let cluster = try await ScriptedCluster.start(
            .halves,
            answering: { _, command in .init(command.name == "SUBSCRIBE" ? subscribed : "+OK\r\n") }
        )
        defer { cluster.stop() }
        try await withClient(cluster.configuration) { client async throws in
            try await client.withSubscription(to: ["c"]) { subscription in
                var events = subscription.makeAsyncIterator()
                check(try await events.next(), .inForce)
                let carrier = try #require(
                    cluster.servers.firstIndex { $0.commands.contains { $0.name == "SUBSCRIBE" } }
                )
                // It is cut off, and all slots are the other's.
                cluster.set(.init(shards: [(0...16_383, [1 - carrier])]), at: 1 - carrier)
                cluster.set(.init(shards: ScriptedCluster.View.halves.shards, isFailed: true), at: carrier)
                check(try await events.next(), .interrupted)
                check(try await events.next(), .inForce)
                #expect(cluster.servers[1 - carrier].commands.contains { $0.name == "SUBSCRIBE" })
            }
        }
    }
}
