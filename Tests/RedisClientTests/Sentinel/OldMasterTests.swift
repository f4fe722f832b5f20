import Foundation
import RESP
import RedisClient
import TestServers
import Testing

/// What `min-replicas-to-write` is recommended for.
@Suite(.serialized, .timeLimit(.minutes(2))) struct OldMasterTests {
    @Test(arguments: [0, 1])
    func `a master that was replaced while it hung takes writes and loses them, but not with min-replicas-to-write`(
        _ minimum: Int
    ) async throws {
        let topology =
            try await minimum == 0
            ? SharedTopologies.shared.sentinel()
            : TestServers.SentinelTopology.start(minReplicasToWrite: minimum)
        defer { if minimum > 0 { topology.stop() } }
        let (old, replicas) = (try topology.master(), try topology.replicas())
        let key = "stray:\(UUID())"
        do {
            old.pause()
            let (new, _) = try await topology.promotion(among: replicas)
            try await eventually("the other replica follows the new master") {
                try replicas.allSatisfy {
                    let info = try $0.cli("info", "replication")
                    return $0 === new || info.contains("master_port:\(new.port)")
                }
            }
            old.resume()
            var settings = configuration(for: old)
            settings.credentials = RedisCredentials(password: topology.password)
            // Nothing tells this client of sentinels.
            let (taken, refused) = try await withClient(settings) { client async throws in
                var (taken, refused) = (0, 0)
                for _ in 0..<500 {
                    do {
                        _ = try await client.execute(RawCommand("INCR", key, returning: Int.self))
                        taken += 1
                    } catch let error as RedisError where error.serverError.hasPrefix("NOREPLICAS") {
                        refused += 1
                    }
                }
                return (taken, refused)
            }
            print("min-replicas-to-write \(minimum): \(taken) writes taken, \(refused) refused")
            #expect(try old.cli("role").hasPrefix("master"), "or this shows nothing")
            #expect((taken, refused) == (minimum == 0 ? (500, 0) : (0, 500)))
            #expect(try old.cli("get", key) == (minimum == 0 ? "500" : ""))
        } catch {
            if minimum == 0 { try await topology.restore() }
            throw error
        }
        try await topology.restore()
        for server in topology.servers { #expect(try server.cli("exists", key) == "0", "the writes are lost") }
    }
}
