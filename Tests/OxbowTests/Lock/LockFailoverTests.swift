import Oxbow
import RESP
import RedisClient
import TestServers
import Testing

/// Locks whose master dies between two renewals.
@Suite(.serialized, .timeLimit(.minutes(3))) struct LockFailoverTests {
    /// What a holder has seen.
    private struct Holding: Sendable {
        var error: OxbowError.Code?
        var ended: ContinuousClock.Instant
    }

    /// Holds a lock until told, or until it is lost.
    private func holder(_ oxbow: Oxbow, _ name: String, confirmedBy replicas: Int, _ held: Counter, _ gate: Gate)
        -> Task<Holding, Never>
    {
        Task {
            do {
                try await oxbow.withLock(
                    name,
                    waitingAtMost: .seconds(20),
                    lease: .seconds(12),
                    confirmedByReplicas: replicas
                ) { _ in
                    held.increment()
                    await withTaskCancellationHandler {
                        await gate.pass()
                    } onCancel: {
                        gate.open()
                    }
                }
                return Holding(ended: .now)
            } catch {
                return Holding(error: (error as? OxbowError)?.code ?? .unavailable, ended: .now)
            }
        }
    }

    @Test func `what all replicas have confirmed survives the failover, and is renewed at the new master`()
        async throws
    {
        let topology = try await SharedTopologies.shared.sentinel()
        try await topology.restore()
        try await Arrangement.sentinel.with { one, other, masters async throws in
            let (name, held) = (freshModule("confirmed"), Counter())
            let gates = (0..<20).map { _ in Gate() }
            let holders = gates.enumerated()
                .map { self.holder(one, "\(name) \($0.offset)", confirmedBy: 2, held, $0.element) }
            try await expectEventually { held.value == gates.count }
            try await masters[0].kill()
            _ = try await topology.awaitMaster(otherThan: masters[0])
            // Longer than a lease: without a renewal at the new master they would be gone.
            let end = ContinuousClock.now + .seconds(12)
            while ContinuousClock.now < end {
                for number in gates.indices {
                    // Not reachable, or held: never had.
                    let taken = try? await other.withLockIfAvailable("\(name) \(number)") { _ in true }
                    check(taken == true, false)
                }
                try await Task.sleep(for: .milliseconds(200))
            }
            for gate in gates { gate.open() }
            for holder in holders { check(await holder.value.error, nil) }
            check(one.lockStatistics.lost, 0)
            for number in gates.indices {
                check(try await other.withLock("\(name) \(number)", waitingAtMost: .zero) { _ in true }, true)
            }
        }
        try await topology.restore()
    }

    @Test func `who has a lock that the new master does not know is told at the next renewal, and counted`()
        async throws
    {
        let topology = try await SharedTopologies.shared.sentinel()
        try await topology.restore()
        try await Arrangement.sentinel.with { one, other, masters async throws in
            let (name, held) = (freshModule("lost"), Counter())
            let gates = (0..<10).map { _ in Gate() }
            // Both are asked before: connections are there.
            for oxbow in [one, other] { check(try await oxbow.withLockIfAvailable(name) { _ in true }, true) }
            // The replicas hear nothing of what comes now.
            let replicas = try topology.replicas()
            for replica in replicas { replica.pause() }
            // Or it would find in its socket what the master has written meanwhile.
            try masters[0].cli("client", "kill", "type", "replica")
            let holders = gates.enumerated()
                .map { self.holder(one, "\(name) \($0.offset)", confirmedBy: 0, held, $0.element) }
            try await expectEventually { held.value == gates.count }
            let asked = ContinuousClock.now
            try await masters[0].kill()
            for replica in replicas { replica.resume() }
            _ = try await topology.awaitMaster(otherThan: masters[0])
            // Somebody else gets one of them as soon as the new master can be reached.
            try await expectEventually {
                let taken = try? await other.withLock("\(name) 3", waitingAtMost: .seconds(20)) { lease in
                    // A third of the lease, and two seconds for the call: long before the lease's end.
                    for holder in holders {
                        let holding = await holder.value
                        check(holding.error, .leaseEnded)
                        #expect(asked.duration(to: holding.ended) < .seconds(11))
                    }
                    #expect(lease.isValid)
                    return true
                }
                return taken ?? false
            }
            check(one.lockStatistics.lost, UInt64(gates.count))
        }
        try await topology.restore()
    }
}
