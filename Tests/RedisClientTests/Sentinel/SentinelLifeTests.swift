import Logging
import RESP
import RedisClient
import ServiceLifecycle
import ServiceLifecycleTestKit
import TestServers
import Testing

/// How `run()` begins and ends where sentinels are asked.
@Suite(.serialized, .timeLimit(.minutes(1))) struct SentinelLifeTests {
    @Test func `a graceful shutdown lets outstanding replies come, and cancellation ends at once`() async throws {
        let topology = try await SharedTopologies.shared.sentinel()
        for isGraceful in [true, false] {
            var configuration = topology.configuration
            configuration.readFrom = .replicaPreferred
            let client = RedisClient(configuration)
            try await testGracefulShutdown { trigger async throws in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try? await client.run() }
                    try await eventually("a connection") { client.server != nil }
                    // Less than what sentinels put up with.
                    _ = try await client.execute(RawCommand("CLIENT", "PAUSE", 300, "ALL", returning: String.self))
                    let sent = client.statistics.commands
                    let outstanding = Task {
                        try await client.execute(RawCommand("CLIENT", "ID", returning: Int.self))
                    }
                    try await eventually("it is outstanding") { client.statistics.commands > sent }
                    if isGraceful { trigger.triggerGracefulShutdown() } else { group.cancelAll() }
                    try await group.waitForAll()
                    if isGraceful {
                        #expect(try await outstanding.value > 0)
                    } else {
                        let error = await #expect(throws: RedisError.self) { try await outstanding.value }
                        #expect(error?.delivery == .unknown)
                    }
                    for process in topology.servers + topology.sentinels {
                        try await eventually("all connections are closed") {
                            try !process.cli("client", "list").contains("lib-name=oxbow")
                        }
                    }
                }
            }
            let error = await #expect(throws: RedisError.self) { try await client.execute(GET("k", as: String.self)) }
            #expect(error?.code == .shutDown)
        }
    }

    @Test(arguments: [true, false])
    func `who waits while no sentinel is there is told of the shutdown`(_ isGraceful: Bool) async throws {
        var configuration = RedisClientConfiguration()
        let port = try await ServerProcess.freePort()
        configuration.topology = .sentinel(SentinelConfiguration([.host("127.0.0.1", port: port)]))
        let client = RedisClient(configuration)
        try client.prepareToRun()
        try await testGracefulShutdown { trigger async throws in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try? await client.runPrepared() }
                let waiting = Task { try await client.execute(GET("k", as: String.self), timeout: .seconds(30)) }
                let early = await #expect(throws: RedisError.self) {
                    try await client.execute(GET("k", as: String.self), timeout: .milliseconds(300))
                }
                #expect(early?.message.contains("no sentinel could be reached") == true)
                if isGraceful { trigger.triggerGracefulShutdown() } else { group.cancelAll() }
                let error = await #expect(throws: RedisError.self) { try await waiting.value }
                #expect(error?.code == .shutDown)
                try await group.waitForAll()
            }
        }
    }
}
