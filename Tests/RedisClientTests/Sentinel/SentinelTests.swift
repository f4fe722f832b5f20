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

@Suite(.serialized) struct SentinelTests {
    @Test func `a dead and a hung sentinel among the addresses are passed over`() async throws {
        let topology = try await SharedTopologies.shared.sentinel()
        let port = try await ServerProcess.freePort()
        topology.sentinels[1].pause()
        try await topology.withClient { configuration in
            guard case .sentinel(var sentinel) = configuration.topology else { return }
            sentinel.sentinels =
                [.host("127.0.0.1", port: port)] + topology.sentinels.prefix(2).map(\.address).reversed()
            configuration.topology = .sentinel(sentinel)
        } _: { client async throws in
            let key = "found:\(UUID())"
            _ = try await client.execute(SET(key, "v"))
            #expect(try topology.master().cli("get", key) == "v")
            #expect(client.server?.role == .master)
        }
    }

    enum Mistake: CaseIterable { case masterName, password, noPassword, address, serverPassword }

    @Test(arguments: Mistake.allCases)
    func `what is wrong with the settings is said clearly`(_ mistake: Mistake) async throws {
        let topology = try await SharedTopologies.shared.sentinel()
        var configuration = topology.configuration
        guard case .sentinel(var sentinel) = configuration.topology else { return }
        let reason: String
        switch mistake {
        case .masterName:
            sentinel.masterName = "nobody"
            reason = "the sentinels do not know a master named 'nobody'"
        case .password:
            sentinel.credentials = RedisCredentials(password: "wrong-password")
            reason = "WRONGPASS"
        case .noPassword:
            sentinel.credentials = nil
            reason = "NOAUTH"
        case .address:
            sentinel.sentinels = [.host("127.0.0.1", port: try await ServerProcess.freePort())]
            reason = "no sentinel could be reached: 127.0.0.1:"
        case .serverPassword:
            configuration.credentials = RedisCredentials(password: "wrong-password")
            reason = "WRONGPASS"
        }
        configuration.topology = .sentinel(sentinel)
        try await withClient(configuration) { client async throws in
            let error = await #expect(throws: RedisError.self) {
                try await client.execute(GET("k", as: String.self), timeout: .seconds(1))
            }
            #expect(error?.code == .cannotConnect)
            #expect(error?.delivery == .notSent)
            #expect(error?.message.contains(reason) == true, "\(String(describing: error))")
            #expect(!"\(String(describing: error))".contains("wrong-password"))
        }
    }

    @Test func `reads go to replicas where they may, and to what is left when replicas die`() async throws {
        let topology = try await SharedTopologies.shared.sentinel()
        try await topology.withClient {
            $0.readFrom = .replicaPreferred
        } _: { client async throws in
            let (master, replicas) = (try topology.master(), try topology.replicas())
            let key = "read:\(UUID())"
            _ = try await client.execute(SET(key, "v"))
            #expect(try master.cli("wait", "2", "5000") == "2")
            func reads(_ server: ServerProcess) -> Int { (try? server.calls(of: "get")) ?? 0 }
            let end = ContinuousClock.now + .seconds(10)
            while reads(replicas[0]) == 0 || reads(replicas[1]) == 0, ContinuousClock.now < end {
                _ = try await client.execute(ReadGET(key: key))
            }
            let before = [master, replicas[0], replicas[1]].map(reads)
            for _ in 0..<200 { #expect(try await client.execute(ReadGET(key: key)) == "v") }
            let after = zip([master, replicas[0], replicas[1]].map(reads), before).map { $0 - $1 }
            #expect(after == [0, 100, 100])

            // A hung and then a dead replica: reads on their way are repeated elsewhere.
            replicas[0].pause()
            for _ in 0..<50 { #expect(try await client.execute(ReadGET(key: key)) == "v") }
            try await replicas[1].kill()
            for _ in 0..<50 { #expect(try await client.execute(ReadGET(key: key)) == "v") }
            #expect(reads(master) > before[0], "the master is what is left")
        }
    }

    @Test func `reads from replicas only fail clearly where there is none, and come back with it`() async throws {
        let topology = try await SharedTopologies.shared.sentinel()
        try await topology.withClient {
            $0.readFrom = .replica
        } _: { client async throws in
            let replicas = try topology.replicas()
            let key = "read:\(UUID())"
            _ = try await client.execute(SET(key, "v"))
            #expect(try topology.master().cli("wait", "2", "5000") == "2")
            let reads = try topology.master().calls(of: "get")
            for _ in 0..<20 { #expect(try await client.execute(ReadGET(key: key)) == "v") }
            #expect(try topology.master().calls(of: "get") == reads)
            for replica in replicas { replica.pause() }
            let error = await #expect(throws: RedisError.self) {
                try await client.execute(ReadGET(key: key), timeout: .seconds(2))
            }
            // Sent before the hanging was noticed, or not at all.
            #expect(error?.message.contains("no replica that can be reached") == true, "\(String(describing: error))")
            _ = try await client.execute(SET(key, "w"))
            async let late = client.execute(ReadGET(key: key), timeout: .seconds(20))
            for replica in replicas { replica.resume() }
            #expect(try await late != nil)
        }
    }
}
