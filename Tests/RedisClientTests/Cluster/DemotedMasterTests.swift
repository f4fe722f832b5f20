import RESP
import RedisClient
import TestServers
import Testing

@Suite struct DemotedMasterTests {
    @Test func `a write refused by a replica is sent again until there is a master, a script's is not`() async throws {
        let port = try await ServerProcess.freePort()
        let server = try await ServerProcess.start(settings: ["replicaof 127.0.0.1 \(port)"])
        defer { server.stop() }
        try await withClient(configuration(for: server)) { client async throws in
            let script = Script("return redis.call('INCR', KEYS[1])")
            let call = ScriptCall(script, keys: ("n"), arguments: (), returning: Int.self)
            let refused = await #expect(throws: RedisError.self) { try await client.execute(call) }
            #expect(refused?.serverError == "READONLY")
            async let single = client.execute(INCR("a"))
            async let several = client.execute(pipeline: INCR("b"), INCR("c"))
            while try !server.cli("INFO", "commandstats").contains(/cmdstat_incr:.*rejected_calls=([3-9]|\d\d)/) {
                try await Task.sleep(for: .milliseconds(5))
            }
            try server.cli("REPLICAOF", "NO", "ONE")
            check(try await single, 1)
            let (first, second) = try await several
            check(try first.get(), 1)
            check(try second.get(), 1)
        }
    }
}
