import Foundation
import RESP
import TestServers
import Testing

@testable import RedisClient

/// Scans of all masters, and what becomes of them when masters change in the middle.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ClusterScanTests {
    @Test(arguments: ServerProcess.Kind.allCases, [nil, "planned", "killed"])
    func `a scan finds all keys of all masters`(_ kind: ServerProcess.Kind, _ change: String?) async throws {
        let cluster = try await SharedTopologies.shared.cluster(kind)
        try await cluster.withClient { client async throws in
            let prefix = "scan:\(UUID()):"
            let keys = (0..<3000).map { "\(prefix)\($0)" }
            _ = try await client.execute(MSET(keys.map { (key: $0, value: "v") }))
            // What is not at the replica yet would be lost.
            if change == "killed" { try await Task.sleep(for: .milliseconds(300)) }
            var found: [String] = []
            var pages = 0
            let start = ContinuousClock.now
            for try await page in client.scan(matching: ScanPattern("\(prefix)*"), count: 100).pages {
                found += page
                pages += 1
                guard pages == 4, let change, let key = page.first else { continue }
                try await self.change(cluster, at: key, change)
            }
            print("scan \(kind) \(change ?? "alone"): \(found.count) in \(pages) pages, \(start.duration(to: .now))")
            check(Set(found) == Set(keys), true)
            if change == nil { check(found.count, keys.count) }
            #expect(start.duration(to: .now) < .seconds(15))
            _ = try await client.execute(UNLINK(keys))
        }
    }

    @Test(arguments: ServerProcess.Kind.allCases, ["planned", "killed"])
    func `a scan of a hash finds all fields when the master changes`(
        _ kind: ServerProcess.Kind,
        _ change: String
    ) async throws {
        let cluster = try await SharedTopologies.shared.cluster(kind)
        try await cluster.withClient { client async throws in
            let key = "hscan:\(UUID())"
            let fields = (0..<3000).map { "f\($0)" }
            _ = try await client.execute(HSET(key, fields.map { (key: $0, value: "v") }))
            try await eventually("the replica has it") {
                try cluster.replicas(of: cluster.master(of: key)).first?.cli("dbsize")
                    == cluster.master(of: key).cli("dbsize")
            }
            var found: Set<String> = []
            var pages = 0
            for try await page in client.hscan(key, count: 100).pages {
                found.formUnion(page.map(\.field))
                pages += 1
                if pages == 15 { try await self.change(cluster, at: key, change) }
            }
            print("hscan \(kind) \(change): \(found.count) in \(pages) pages")
            check(found.count, fields.count)
        }
    }

    private func change(
        _ cluster: TestServers.ClusterTopology,
        at key: String,
        _ change: String
    ) async throws {
        let master = try cluster.master(of: key)
        if change == "planned" {
            return try await cluster.failover(#require(try cluster.replicas(of: master).first))
        }
        try await master.kill()
        _ = try await cluster.awaitMaster(ofSlot: HashSlot(of: key).number, otherThan: master)
    }
}
