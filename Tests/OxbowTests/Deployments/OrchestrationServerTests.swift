import Foundation
import Oxbow
import RedisClient
import TestServers
import Testing

/// An orchestration server that keeps sessions and caches in a cluster that it shares with others.
@Suite(.serialized, .timeLimit(.minutes(2))) struct OrchestrationServerTests {
    private static let workers = 64
    private static let password = "ors-secret"

    @Test(arguments: ServerProcess.Kind.allCases)
    func `an own user and prefix, shared connections, a life for each record, and nothing left behind`(
        kind: ServerProcess.Kind
    ) async throws {
        let cluster = try await SharedTopologies.shared.cluster(kind)
        try await cluster.restore()
        for node in cluster.nodes {
            try node.cli("acl", "setuser", "ors", "on", ">\(Self.password)", "~ORS:*", "+@all", "-flushall", "-flushdb")
        }
        defer { for node in cluster.nodes { _ = try? node.cli("acl", "deluser", "ors") } }
        let name = "west-\(UInt32.random(in: 0 ... .max))"
        let environment = [
            "REDIS_HOSTS": hosts(Array(cluster.nodes.prefix(3))), "REDIS_USERNAME": "ors",
            "REDIS_PASSWORD": Self.password, "ORS_CLUSTER_NAME": name,
        ]
        let prefix = "ORS:\(name)"
        try await deployed("ors", environment) { oxbow async throws in
            let client = try #require(oxbow.client)
            let strategies = try oxbow.cache("strategy", of: String.self)
            let steps = try oxbow.groupedCache("step", of: Int.self)
            try await step("all workers write sessions and read caches at once") { () async throws in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for worker in 0..<Self.workers {
                        group.addTask { () async throws in
                            for number in 0..<5 {
                                let session = "\(prefix):session:\(worker):\(number)"
                                let life = SetExpiry.after(.seconds(600))
                                _ = try await client.execute(SET(session, "state", expiry: life))
                                let key = "\(worker):\(number)"
                                #expect(try await strategies.value(for: key) { "s\(key)" } == "s\(key)")
                                #expect(try await steps.value(for: "\(number)", in: "\(worker)") { number } == number)
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
            try await step("connections are as many as masters, not as many as workers times nodes") {
                () async throws in
                let counts = try cluster.nodes.map { try $0.connections(of: "ors").count }
                // One more may be asking for the topology.
                #expect(counts.reduce(0, +) <= 3 + 1, "\(counts)")
                #expect(counts.count { $0 > 0 } >= 3, "\(counts)")
            }
            try await step("all records stand under the prefix, on all masters, and each has an end") {
                () async throws in
                let found = try await keys(prefix, client)
                #expect(found.count { !$0.contains(":%masters") } == Self.workers * (5 + 5 + 1))
                #expect(try await withoutEnd(found, client) == [])
                for node in try cluster.masters() {
                    #expect(try !node.cli("--scan", "--pattern", "\(prefix)*").isEmpty)
                }
            }
            try await step("maps, locks and limits have keys under the prefix, too") { () async throws in
                let map = try oxbow.map("sign-in", of: String.self, timeToLive: .seconds(60))
                _ = try await map.put("state", for: "k")
                #expect(try await map.value(for: "k") == "state")
                let inside = try await oxbow.withLock("x", waitingAtMost: .seconds(5)) { _ in
                    try await keys("\(prefix):ox-lock", client).count
                }
                #expect(inside == 2, "the lock, and the number of its last lease")
                let limiter = try oxbow.rateLimiter("sms", permits: 1, per: .seconds(60))
                #expect(try await limiter.acquire("k").isAllowed)
                #expect(try await !limiter.acquire("k").isAllowed)
                #expect(try await keys("\(prefix):ox-map", client).count == 2)
                let found = try await keys("\(prefix):ox-", client)
                #expect(found.count == 3)
                #expect(try await withoutEnd(found, client) == [])
                #expect(try await client.execute(DEL(Array(found))) == 3)
            }
            try await step("others' keys are out of reach") { () async throws in
                let error = await #expect(throws: RedisError.self) { try await client.execute(SET("other", "v")) }
                #expect(error?.serverError == "NOPERM")
            }
            try await step("a record that nobody deletes ends by itself") { () async throws in
                let expiring = "expiring"
                try await strategies.set("v", for: expiring, timeToLive: .milliseconds(100))
                try await eventually("it is gone") { try await strategies.value(for: expiring) == nil }
            }
            try await step("what is not needed any more is deleted, and nothing is left on any master") {
                () async throws in
                for worker in 0..<Self.workers {
                    let numbers = 0..<5
                    let sessions = numbers.map { "\(prefix):session:\(worker):\($0)" }
                    #expect(try await client.execute(DEL(sessions)) == 5)
                    for number in numbers { try await strategies.invalidate("\(worker):\(number)") }
                    try await steps.invalidate(group: "\(worker)")
                }
                #expect(try await keys(prefix, client).allSatisfy { $0.contains(":%masters") })
                for node in cluster.nodes {
                    let left = try node.cli("--scan", "--pattern", "\(prefix)*").split(whereSeparator: \.isNewline)
                    #expect(left.allSatisfy { $0.contains(":%masters") })
                    #expect(try !node.hasSeen("keys"))
                }
            }
        }
    }
}
