import Foundation
import NIOCore
import RESP
import RedisClient
import TestServers
import Testing

/// GET, for replicas too.
private struct ReadGET: RedisCommand {
    typealias Response = String?
    let key: String
    var isReadOnly: Bool { true }
    var isIdempotent: Bool { true }
    func encode(into buffer: inout ByteBuffer) { GET(self.key, as: String.self).encode(into: &buffer) }
}

/// Reads from replicas while something is wrong with the master or with them.
@Suite(.serialized, .timeLimit(.minutes(2))) struct SentinelReplicaTests {
    private func client(
        _ topology: TestServers.SentinelTopology,
        _ preference: ReadPreference,
        _ body: (RedisClient) async throws -> Void
    ) async throws {
        var configuration = topology.configuration
        configuration.readFrom = preference
        try await withClient(configuration, body)
    }

    @Test func `reads go on while the master is dead and no replica may take its place`() async throws {
        let topology = try await TestServers.SentinelTopology.start(fastTimers: true)
        defer { topology.stop() }
        let (master, replicas) = (try topology.master(), try topology.replicas())
        for replica in replicas { try replica.cli("config", "set", "replica-priority", "0") }
        let forbidden = Array(repeating: "0", count: 6)
        try await eventually("it is known") { try topology.replicaFields("slave-priority") == forbidden }
        try await self.client(topology, .replica) { strict async throws in
            try await self.client(topology, .replicaPreferred) { preferring async throws in
                _ = try await preferring.execute(SET("k", "v"))
                #expect(try master.cli("wait", "2", "5000") == "2")
                for client in [strict, preferring] {
                    try await eventually("replicas are read from") {
                        let before = try master.calls(of: "get")
                        for _ in 0..<4 { #expect(try await client.execute(ReadGET(key: "k")) == "v") }
                        return try master.calls(of: "get") == before
                    }
                }
                try await master.kill()
                var (reads, isOutOfTouch) = (0, false)
                var end = ContinuousClock.now + .seconds(20)
                while ContinuousClock.now < end {
                    for client in [strict, preferring] {
                        #expect(try await client.execute(ReadGET(key: "k"), timeout: .seconds(1)) == "v")
                        reads += 1
                    }
                    if !isOutOfTouch, reads % 50 == 0,
                        try topology.replicaFields("master-link-status") == Array(repeating: "err", count: 6)
                    {
                        // Sentinels are asked ten times a second.
                        isOutOfTouch = true
                        end = .now + .seconds(1.5)
                    }
                    try await Task.sleep(for: .milliseconds(2))
                }
                #expect(isOutOfTouch, "or this shows nothing")
                #expect(try replicas.allSatisfy { try $0.cli("role").hasPrefix("slave") })
                #expect(try replicas.map { try $0.calls(of: "get") }.min() ?? 0 > reads / 3)
            }
        }
    }

    @Test func `a replica that cannot answer is left alone for a moment, and others are read from`() async throws {
        let topology = try await SharedTopologies.shared.sentinel()
        let replicas = try topology.replicas()
        /// Lets replicas answer only while they are in touch with their master; the sentinels notice ten seconds later.
        func cut(_ replica: ServerProcess) throws {
            try replica.cli("config", "set", "replica-serve-stale-data", "no")
            try replica.cli("config", "set", "masterauth", "wrong")
            try replica.cli("client", "kill", "type", "master")
        }
        func mend() throws {
            for server in topology.servers {
                try server.cli("config", "set", "masterauth", topology.password)
                try server.cli("config", "set", "replica-serve-stale-data", "yes")
            }
        }
        defer { try? mend() }
        func refused(_ replica: ServerProcess) throws -> Int { try replica.calls(of: "get", "rejected_calls") }
        try await self.client(topology, .replica) { strict async throws in
            try await self.client(topology, .replicaPreferred) { preferring async throws in
                let master = try topology.master()
                let key = "able:\(UUID())"
                _ = try await preferring.execute(SET(key, "v"))
                #expect(try master.cli("wait", "2", "5000") == "2")
                for client in [strict, preferring] {
                    try await eventually("replicas are read from") {
                        let before = try replicas.map { try $0.calls(of: "get") }
                        for _ in 0..<4 { #expect(try await client.execute(ReadGET(key: key)) == "v") }
                        return try zip(replicas.map { try $0.calls(of: "get") }, before).allSatisfy { $0.0 > $0.1 }
                    }
                }
                try cut(replicas[0])
                try await eventually("it answers nothing") { try replicas[0].cli("get", key).hasPrefix("MASTERDOWN") }
                let (served, refusals) = (try master.calls(of: "get"), try refused(replicas[0]))
                let start = ContinuousClock.now
                for _ in 0..<300 {
                    for client in [strict, preferring] {
                        #expect(try await client.execute(ReadGET(key: key), timeout: .seconds(1)) == "v")
                    }
                    try await Task.sleep(for: .milliseconds(1))
                }
                let looks = start.duration(to: .now) / .milliseconds(300) + 1
                let asked = try refused(replicas[0]) - refusals
                print("a replica that cannot answer was asked \(asked) times in \(start.duration(to: .now))")
                #expect(asked > 0, "or this shows nothing")
                #expect(Double(asked) <= looks * 2)
                #expect(try master.calls(of: "get") == served)

                try cut(replicas[1])
                try await eventually("it answers nothing") { try replicas[1].cli("get", key).hasPrefix("MASTERDOWN") }
                for _ in 0..<100 {
                    #expect(try await preferring.execute(ReadGET(key: key), timeout: .seconds(1)) == "v")
                }
                #expect(try master.calls(of: "get") > served)
                let error = await #expect(throws: RedisError.self) {
                    try await strict.execute(ReadGET(key: key), timeout: .milliseconds(500))
                }
                #expect(error?.serverError.hasPrefix("MASTERDOWN") == true, "\(String(describing: error))")
                // Waits for one that is able again.
                async let late = strict.execute(ReadGET(key: key), timeout: .seconds(20))
                try mend()
                #expect(try await late == "v")
            }
        }
        try await topology.restore()
    }
}
