import RESP
import TestServers

@testable import RedisClient

/// The settings for a cluster, with all its nodes as seeds.
func configuration(for cluster: TestServers.ClusterTopology) throws -> RedisClientConfiguration {
    var configuration = RedisClientConfiguration()
    configuration.topology = .cluster(
        ClusterConfiguration(cluster.nodes.map { .host("127.0.0.1", port: $0.tlsPort ?? $0.port) })
    )
    configuration.credentials = RedisCredentials(password: cluster.password)
    if cluster.nodes.contains(where: { $0.tlsPort != nil }) {
        var tls = RedisTLSConfiguration()
        tls.trustStore = try TestCertificates.shared.certificate(.authority)
        configuration.tls = tls
    }
    return configuration
}

extension TestServers.ClusterTopology {
    /// A name that begins with `text` for each master, in whose slots it is.
    func names(_ text: String) throws -> [(master: ServerProcess, name: String)] {
        let masters = try self.masters()
        return try masters.map { (master) in (master, try self.name(text, at: master)) }
    }

    /// A name that begins with `text` and is in a slot of this master.
    func name(_ text: String, at master: ServerProcess) throws -> String {
        for number in 0..<100 {
            let name = "\(text)\(number)"
            if try self.master(ofSlot: HashSlot(of: name).number) === master { return name }
        }
        throw RedisError(.unexpectedReply, "no name in a slot of port \(master.port)")
    }

    /// Moves the slot of a name to another master, and all its keys.
    func move(_ name: String, to target: ServerProcess? = nil) async throws -> ServerProcess {
        let slot = HashSlot(of: name).number
        let source = try self.master(ofSlot: slot)
        let other = try self.masters().first { $0 !== source }
        guard let target = target ?? other else { throw RedisError(.unexpectedReply, "no other master") }
        try self.setMigrating(slot, from: source, to: target)
        try await self.finishMigration(slot, to: target)
        return target
    }

    /// Runs `body` with a client of the cluster, and puts the cluster in order behind it.
    func withClient(
        _ change: (inout RedisClientConfiguration) -> Void = { _ in },
        _ body: (RedisClient) async throws -> Void
    ) async throws {
        var configuration = try RedisClientTests.configuration(for: self)
        change(&configuration)
        do {
            try await RedisClientTests.withClient(configuration) { client async throws in try await body(client) }
        } catch {
            try await self.restore()
            throw error
        }
        try await self.restore()
    }
}
