import Foundation
import RedisClient
import TestServers
import Testing

/// A cluster's nodes die, hang, change places and come back under load.
@Suite(.serialized, .timeLimit(.minutes(3))) struct ClusterFailoverTests {
    private static let keys = (0..<30).map { "load:\($0)" }

    @Test(arguments: [(ServerProcess.Kind.redis, SIGKILL), (.redis, SIGSTOP), (.valkey, SIGKILL)])
    func `work goes on when a master dies or hangs`(kind: ServerProcess.Kind, signal: Int32) async throws {
        let cluster = try await SharedTopologies.shared.cluster(kind)
        try await withClient(configuration(for: cluster)) { client async throws in
            let slot = try cluster.slot(of: Self.keys[0])
            let master = try cluster.master(ofSlot: slot)
            let load = Load(client, keys: Self.keys)
            let promoted = try await load.during {
                load.mark()
                if signal == SIGSTOP { master.pause() } else { try await master.kill() }
                _ = try await cluster.awaitMaster(ofSlot: slot, otherThan: master)
                let promoted = ContinuousClock.now
                load.mark()
                try await load.awaitWrite()
                try await Task.sleep(for: .seconds(1))
                try await cluster.restore()
                try await Task.sleep(for: .seconds(1))
                return promoted
            }
            let outcome = load.outcome
            let first = try #require(outcome.firstWriteAfterMark)
            print("cluster \(kind) signal \(signal): writes again \(promoted.duration(to: first)) later; \(outcome)")
            check(outcome.wrongReads, 0)
            #expect(outcome.lostWrites <= Self.keys.count)
            #expect(promoted.duration(to: first) < .seconds(2))
            check(outcome.failedReads, [:])
            check(outcome.failedWrites, [:])
        }
    }
}
