import Foundation
import Logging
import RESP
import RedisClient
import TestServers
import Testing

/// The master fails behind a proxy: there is one address, and nobody says that the server behind it is another one now.
@Suite(.serialized, .timeLimit(.minutes(3))) struct HAProxyFaultTests {
    @Test(arguments: [SIGKILL, SIGSTOP])
    func `writes go on when the master dies or hangs, and count as often as acknowledged or unknown`(
        _ signal: Int32
    ) async throws {
        let topology = try await SharedTopologies.shared.haproxy(.fast)
        try await topology.withClient { client async throws in
            let (old, replicas) = (try topology.sentinel.master(), try topology.sentinel.replicas())
            let writers = Writers("haproxy:\(UUID())")
            let connects = client.statistics.connects
            try await writers.run(8, on: client, timeout: .milliseconds(500)) {
                try await writers.success(after: .now)
                old.signal(signal)
                let (new, promoted) = try await topology.sentinel.promotion(among: replicas)
                try await topology.awaitUp(new)
                let switched = ContinuousClock.now
                try await writers.success(after: promoted)
                // An attempt that was led to the old master may hang for long: another one beside it gets through.
                #expect(switched.duration(to: .now) < .seconds(4))
                print("signal \(signal): promoted, switched \(promoted.duration(to: switched)) later")
                let written = writers.now.acknowledgements.first { $0.at > promoted }?.at
                print("and written after \(promoted.duration(to: written ?? .now))")
                #expect(try new.cli("get", writers.key) != "")
            }
            let counts = writers.now
            let counter = try await client.execute(GET(writers.key, as: Int.self), timeout: .seconds(5)) ?? 0
            print("acknowledged \(counts.acknowledged), counter \(counter), unknown \(counts.unknown.count)")
            print("not sent \(counts.notSent), refused \(counts.refused.count)")
            // Replication may not have been in time for the last ones.
            #expect(counter >= counts.acknowledged - 50 && counter <= counts.acknowledged + counts.unknown.count)
            // At most one of each writer for each connection, and those cancelled at the end.
            let lost = Int(client.statistics.connects - connects)
            #expect(lost >= 1)
            #expect(counts.unknown.count <= 8 * lost + 8)
            #expect(counts.refused.isEmpty)
        }
    }

    @Test func `a hung master whose connections the proxy keeps is left because of the time-out alone`() async throws {
        let topology = try await SharedTopologies.shared.haproxy(.fast)
        let log = LogRecorder()
        try await topology.withClient(logger: log.logger) { client async throws in
            let old = try topology.sentinel.master()
            try await topology.setChecks(of: old, false)
            let connects = client.statistics.connects
            old.pause()
            let increment = RawCommand("INCR", "hung:\(UUID())", returning: Int.self)
            let error = await #expect(throws: RedisError.self) { try await client.execute(increment) }
            #expect(error?.delivery == .unknown)
            // Half of the attempts meet the hung server, which the kernel accepts connections for.
            #expect(try await client.execute(increment, timeout: .seconds(20)) == 1)
            #expect(client.statistics.connects == connects + 1)
            let lost = log.messages(at: .info).filter { $0.hasPrefix("connection lost") }
            #expect(lost.count == 1 && lost.allSatisfy { $0.contains("silent for too long") }, "\(lost)")
            old.resume()
            try await topology.setChecks(of: old, true)
        }
    }

    @Test func `READONLY closes the connection, the refused command goes to the new master, a script's does not`()
        async throws
    {
        let topology = try await SharedTopologies.shared.haproxy(.fast)
        let sentinels = topology.sentinel.sentinels
        try await topology.withClient { client async throws in
            let (old, replicas) = (try topology.sentinel.master(), try topology.sentinel.replicas())
            let new = try #require(replicas.first)
            // By hand, or the sentinels would close the connections, and nobody would meet a refusal.
            for sentinel in sentinels { sentinel.pause() }
            defer { for sentinel in sentinels { sentinel.resume() } }
            let script = Script("return redis.call('INCR', KEYS[1])")
            let name = "demoted:\(UUID())"
            for (turn, marksScript) in [nil, false, true].enumerated() {
                // As if HAProxy had not noticed: it leads to both.
                for server in [old, new] { try await topology.setChecks(of: server, false) }
                let connects = client.statistics.connects
                try old.cli("replicaof", "127.0.0.1", "\(new.port)")
                try new.cli("replicaof", "no", "one")
                if let marksScript {
                    let key = "\(name):\(turn)"
                    let call = ScriptCall(
                        script,
                        keys: (key),
                        arguments: (),
                        returning: Int.self,
                        isIdempotent: marksScript
                    )
                    if marksScript {
                        #expect(try await client.execute(call, timeout: .seconds(20)) == 1)
                    } else {
                        let error = await #expect(throws: RedisError.self) {
                            try await client.execute(call, timeout: .seconds(20))
                        }
                        #expect(error?.serverError == "READONLY" && error?.delivery == .refused)
                    }
                } else {
                    #expect(try await client.execute(INCR("\(name):0"), timeout: .seconds(20)) == 1)
                }
                try await eventually("a new connection") { client.statistics.connects == connects + 1 }
                // It is to the new master, though the proxy leads half of them to the other one.
                #expect(try new.cli("client", "list").contains("lib-name=oxbow"))
                #expect(try !old.cli("client", "list").contains("lib-name=oxbow"))
                // Back to where the sentinels believe it to be.
                try old.cli("replicaof", "no", "one")
                try new.cli("replicaof", "127.0.0.1", "\(old.port)")
                for server in [old, new] { try await topology.setChecks(of: server, true) }
                try await topology.awaitSettled()
                try await client.ping()
            }
        }
    }

    @Test func `an old master that comes back as one gets nothing of a connection that stays`() async throws {
        let topology = try await SharedTopologies.shared.haproxy(.fast)
        try await topology.withClient { client async throws in
            let old = try topology.sentinel.master()
            try await old.kill()
            let new = try await topology.sentinel.awaitMaster(otherThan: old)
            try await client.ping()
            try await topology.awaitSettled()
            let connects = client.statistics.connects
            try await old.restart()
            // It says that it is the master, the proxy leads new connections to either, and nobody can tell which is
            // right; a client that connected just now could lose what it writes.
            let marker = "returned:\(UUID())"
            var (written, sawTwo) = (0, false)
            try await eventually("the old master follows the new one") {
                written += 1
                let isMaster = try old.cli("role").hasPrefix("master")
                sawTwo = sawTwo || isMaster
                #expect(try await client.execute(INCR(marker), timeout: .seconds(5)) == written)
                return !isMaster
            }
            #expect(sawTwo, "or this shows nothing")
            #expect(client.statistics.connects == connects)
            #expect(try new.cli("get", marker) == "\(written)")
        }
    }

    @Test func `a connection made while two say that they are masters leaves the one that is made a replica`()
        async throws
    {
        let topology = try await SharedTopologies.shared.haproxy(.fast)
        try await topology.withClient { client async throws in
            let old = try topology.sentinel.master()
            try await old.kill()
            let new = try await topology.sentinel.awaitMaster(otherThan: old)
            try await client.ping()
            try await topology.awaitSettled()
            // Or they might make the old master a replica before the client has got there.
            for sentinel in topology.sentinel.sentinels { sentinel.pause() }
            defer { for sentinel in topology.sentinel.sentinels { sentinel.resume() } }
            try await old.restart()
            // Until the client has got to the wrong one; what it writes there is lost, and no client can know.
            var sawOld = false
            try await eventually("at the old master") {
                _ = try await topology.admin("shutdown sessions server back/\(new.port)")
                try await client.ping()
                sawOld = try old.cli("client", "list").contains("lib-name=oxbow")
                return sawOld
            }
            #expect(sawOld, "or this shows nothing")
            for sentinel in topology.sentinel.sentinels { sentinel.resume() }
            try await eventually("the old master follows the new one") { try old.cli("role").hasPrefix("slave") }
            let marker = "left:\(UUID())"
            for number in 1...20 {
                #expect(try await client.execute(INCR(marker), timeout: .seconds(20)) == number)
            }
            #expect(try new.cli("get", marker) == "20")
            #expect(try !old.cli("client", "list").contains("lib-name=oxbow"))
        }
    }
}
