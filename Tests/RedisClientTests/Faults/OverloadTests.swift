import Foundation
import OxbowTesting
import RedisClient
import Synchronization
import TestServers
import Testing

/// The server stands still while commands keep coming.
@Suite(.timeLimit(.minutes(1))) struct OverloadTests {
    private final class Counts: Sendable {
        let answered = Atomic<Int>(0)
        let refused = Atomic<Int>(0)
        let timedOut = Atomic<Int>(0)
        let others = Atomic<Int>(0)
        let longest = Mutex(Duration.zero)

        func add(_ ending: Ending<String?>) {
            switch (ending.value, ending.error?.code) {
            case (.some, _): self.answered.wrappingAdd(1, ordering: .relaxed)
            case (_, .queueFull?) where ending.error?.delivery == .notSent:
                self.refused.wrappingAdd(1, ordering: .relaxed)
            // A full queue included that is met after the silent connection was given up.
            case (_, .timeout?), (_, .connectionClosed?), (_, .cannotConnect?), (_, .queueFull?):
                self.timedOut.wrappingAdd(1, ordering: .relaxed)
            default: self.others.wrappingAdd(1, ordering: .relaxed)
            }
            self.longest.withLock { $0 = max($0, ending.duration) }
        }
    }

    #if os(Linux)
    @Test func `a stalled server costs a bounded amount of memory, and its return is noticed`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        // A stopped process cannot end.
        defer { server.signal(SIGCONT) }
        var configuration = configuration(for: server)
        configuration.maximumOutstandingCommands = 5000
        configuration.pool.maximumWait = .milliseconds(200)
        configuration.commandTimeout = .seconds(1)
        try await withClient(configuration) { client async throws in
            _ = try await client.execute(SET("k", "v"))
            let counts = Counts()
            try await Stalls.measured { stalls async throws in
                server.signal(SIGSTOP)
                let before = residentBytes()
                var most = 0
                var submitted = 0
                await withDiscardingTaskGroup { group in
                    let start = ContinuousClock.now
                    while start.duration(to: .now) < .seconds(3) {
                        // 20,000 a second, and no fewer because the last ones have not come back.
                        let due = Int(start.duration(to: .now) / .microseconds(50))
                        while submitted < due {
                            submitted += 1
                            group.addTask {
                                counts.add(await Ending { try await client.execute(GET("k", as: String.self)) })
                            }
                        }
                        most = max(most, residentBytes() - before)
                        try? await Task.sleep(for: .milliseconds(5))
                    }
                }
                let refused = counts.refused.load(ordering: .relaxed)
                print("overload: \(submitted) submitted, \(refused) refused, \(most >> 10) KiB more resident at most")
                // As many as the machine could make, and several times what may wait.
                #expect(submitted > 30_000)
                // What is neither in flight nor waiting its turn.
                #expect(refused > submitted / 3)
                check(counts.others.load(ordering: .relaxed), 0)
                check(counts.answered.load(ordering: .relaxed), 0)
                // 10,000 callers at most are kept waiting, whose tasks and slots take a few KiB each.
                #expect(most < 96 << 20)
                let longest = counts.longest.withLock { $0 }
                #expect(longest < .milliseconds(1200 + 70) + stalls.longest * 4)
            }
            server.signal(SIGCONT)
            let call = await Ending { try await client.execute(GET("k", as: String.self), timeout: .seconds(10)) }
            check(call.value, "v")
            #expect(call.duration < .seconds(4))
            let values = try await client.execute(pipeline: (0..<4000).map { _ in GET("k", as: String.self) })
            check(values.allSatisfy { (try? $0.get()) == "v" }, true)
        }
    }
    #endif
}

#if os(Linux)
/// The memory of this process that is in use.
func residentBytes() -> Int {
    let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
    let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
}
#endif
