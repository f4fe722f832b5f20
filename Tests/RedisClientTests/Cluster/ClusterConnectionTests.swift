import Foundation
import RESP
import TestServers
import Testing

@testable import RedisClient

/// Connections of a cluster's client: how many there are, and those that one caller has for itself.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ClusterConnectionTests {
    @Test(arguments: ServerProcess.Kind.allCases)
    func `many tasks share one connection for each master, and none to a replica`(
        _ kind: ServerProcess.Kind
    ) async throws {
        let cluster = try await SharedTopologies.shared.cluster(kind)
        try await withClient(configuration(for: cluster)) { client async throws in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<500 {
                    group.addTask {
                        check(try await client.execute(SET("shared:\(number)", number)), "OK")
                        check(try await client.execute(GET("shared:\(number)", as: Int.self)) ?? -1, number)
                    }
                }
                try await group.waitForAll()
            }
            for node in cluster.nodes {
                let count = try node.cli("role").hasPrefix("master") ? 1 : 0
                try await eventually("port \(node.port) has \(count)") { node.connections() == count }
            }
            #expect(client.statistics.connects == 3)
        }
    }

    @Test(arguments: ServerProcess.Kind.allCases)
    func `exclusive connections lead to the master of their key`(_ kind: ServerProcess.Kind) async throws {
        let cluster = try await SharedTopologies.shared.cluster(kind)
        try await withClient(configuration(for: cluster)) { client async throws in
            for (master, name) in try cluster.names("own:\(UUID()):") {
                try await client.withConnection(near: name) { connection in
                    check(try await connection.execute(SET(name, "1")), "OK")
                    check(try master.cli("get", name), "1")
                }
                var runs = 0
                let value = try await client.withTransaction(watching: [name]) { connection in
                    runs += 1
                    let value = try await connection.execute(GET(name, as: Int.self)) ?? 0
                    if runs == 1 { _ = try await client.execute(SET(name, "10")) }
                    _ = try await connection.execute(transaction: SET(name, value + 1))
                    return value + 1
                }
                check(runs, 2)
                check(value, 11)
                let list = "list:\(name)"
                async let popped = client.execute(
                    BLPOP([list], upTo: .seconds(20), as: (String, String).self)
                )
                try await eventually("somebody waits") { try cluster.blocked() == 1 }
                check(try await client.execute(RPUSH(list, ["x"])), 1)
                check(try await popped?.value, "x")
            }
            let names = try cluster.names("own:").map(\.name)
            let error = await #expect(throws: RedisError.self) {
                try await client.withTransaction(watching: names) { _ in }
            }
            check(error?.code, .crossSlot)
        }
    }

    @Test(arguments: ServerProcess.Kind.allCases)
    func `exclusive connections find a slot that has moved`(_ kind: ServerProcess.Kind) async throws {
        let cluster = try await SharedTopologies.shared.cluster(kind)
        try await cluster.withClient { client async throws in
            let tag = "{\(UUID())}"
            check(try await client.execute(SET("\(tag)k", "1")), "OK")
            _ = try await cluster.move(tag)
            // No other command tells the client before.
            let value = try await client.withTransaction(watching: ["\(tag)k"]) { connection in
                let value = try await connection.execute(GET("\(tag)k", as: Int.self)) ?? 0
                _ = try await connection.execute(transaction: SET("\(tag)k", value + 1))
                return value + 1
            }
            check(value, 2)
            // Behind WATCH, too.
            var runs = 0
            let again = try await client.withTransaction(watching: ["\(tag)k"]) { connection in
                runs += 1
                let value = try await connection.execute(GET("\(tag)k", as: Int.self)) ?? 0
                if runs == 1 { _ = try await cluster.move(tag) }
                _ = try await connection.execute(transaction: SET("\(tag)k", value + 1))
                return value + 1
            }
            check(again, 3)
            #expect(runs > 1)
            _ = try await cluster.move(tag)
            // Redirections are not followed on it: but one of the next ones leads to the right place.
            let error = await #expect(throws: RedisError.self) {
                try await client.withConnection(near: tag) { connection in
                    _ = try await connection.execute(GET("\(tag)k", as: Int.self))
                }
            }
            check(error?.serverError, "MOVED")
            try await eventually("a connection to the right place") {
                try await client.withConnection(near: tag) { connection in
                    do {
                        return try await connection.execute(GET("\(tag)k", as: Int.self)) == 3
                    } catch let error as RedisError where error.serverError == "MOVED" {
                        return false
                    }
                }
            }
        }
    }

    @Test(arguments: ServerProcess.Kind.allCases)
    func `a blocking command goes along with a slot that moves`(_ kind: ServerProcess.Kind) async throws {
        let cluster = try await SharedTopologies.shared.cluster(kind)
        try await cluster.withClient { client async throws in
            let list = "blocked:\(UUID())"
            _ = try await client.execute(PING())
            func pop() async throws -> String? {
                try await client.execute(BLPOP([list], upTo: .seconds(20), as: (String, String).self))?.value
            }
            async let waiting = pop()
            try await eventually("somebody waits") { try cluster.blocked() == 1 }
            let target = try await cluster.move(list)
            try await eventually("somebody waits at the new place") { try target.blocked == 1 }
            check(try await client.execute(RPUSH(list, ["moved"])), 1)
            check(try await waiting, "moved")

            // Half way: the source has no such key, and says where it may be.
            let slot = HashSlot(of: list).number
            let next = try #require(try cluster.masters().first { $0 !== target })
            try cluster.setMigrating(slot, from: target, to: next)
            check(try await client.execute(RPUSH(list, ["half way"])), 1)
            check(try await pop(), "half way")
            try await cluster.finishMigration(slot, to: next)
            check(try await client.execute(RPUSH(list, ["there"])), 1)
            check(try await pop(), "there")
        }
    }

    @Test func `a blocking command goes along with a failover`() async throws {
        let cluster = try await SharedTopologies.shared.cluster(.redis)
        try await cluster.withClient { client async throws in
            let list = "failover:\(UUID())"
            let master = try cluster.master(of: list)
            let replica = try #require(try cluster.replicas(of: master).first)
            _ = try await client.execute(PING())
            async let waiting = client.execute(BLPOP([list], upTo: .seconds(20), as: (String, String).self))
            try await eventually("somebody waits") { try master.blocked == 1 }
            try await cluster.failover(replica)
            try await eventually("somebody waits at the new place") { try replica.blocked == 1 }
            check(try await client.execute(RPUSH(list, ["x"])), 1)
            check(try await waiting?.value, "x")
        }
    }
}

extension ServerProcess {
    /// How many clients wait in a blocking command.
    fileprivate var blocked: Int {
        get throws {
            let lines = try self.cli("info", "clients").split(whereSeparator: \.isNewline)
            let line = lines.first { $0.hasPrefix("blocked_clients:") }
            return line.flatMap { Int($0.drop { $0 != ":" }.dropFirst()) } ?? 0
        }
    }
}

extension TestServers.ClusterTopology {
    fileprivate func blocked() throws -> Int {
        try self.nodes.filter(\.isRunning).reduce(0) { $0 + (try $1.blocked) }
    }
}
