import Foundation
import TestServers
import Testing

@Suite struct SnapshotTests {
    /// Where a test keeps a snapshot; removed by the test.
    private let file = FileManager.default.temporaryDirectory.appending(path: "oxbow-\(UUID().uuidString).rdb")

    @Test(arguments: ServerProcess.Kind.allCases)
    func `a server goes back to a snapshot, and a plain restart does not`(kind: ServerProcess.Kind) async throws {
        defer { try? FileManager.default.removeItem(at: self.file) }
        let server = try await ServerProcess.start(kind)
        try server.cli("set", "key", "old")
        try server.saveSnapshot(to: self.file)
        try server.cli("set", "key", "new")
        try await server.restart(from: self.file)
        #expect(try server.cli("get", "key") == "old")
        try await server.restart()
        #expect(try server.cli("get", "key") == "")
    }

    @Test func `a master with replicas goes back to a snapshot, and stays the master`() async throws {
        defer { try? FileManager.default.removeItem(at: self.file) }
        let topology = try await SharedTopologies.shared.sentinel()
        let master = try topology.master()
        try master.cli("set", "key", "old")
        try master.saveSnapshot(to: self.file)
        try master.cli("set", "key", "new")
        try await master.restart(from: self.file, with: topology.replicas())
        try await topology.restore()
        #expect(try topology.master().cli("get", "key") == "old")
        for replica in try topology.replicas() { #expect(try replica.cli("get", "key") == "old") }
    }

    @Test func `a shard of a cluster goes back to a snapshot, and stays with its master`() async throws {
        defer { try? FileManager.default.removeItem(at: self.file) }
        let topology = try await SharedTopologies.shared.cluster()
        let master = try topology.master(of: "key")
        try master.cli("set", "key", "old")
        try master.saveSnapshot(to: self.file)
        try master.cli("set", "key", "new")
        try await master.restart(from: self.file, with: topology.replicas(of: master))
        try await topology.restore()
        #expect(try topology.master(of: "key").cli("get", "key") == "old")
    }
}
