import Testing

@testable import RedisClient

/// The pool's decisions, without any connection: numbers stand for connections, texts for those who wait.
@Suite struct PoolStateTests {
    private func state(total: Int = 3, idle: Int = 10, minimum: Int = 0) -> PoolState<Int, String> {
        var configuration = ConnectionPoolConfiguration()
        // The shared connection is one of them.
        configuration.maximumTotal = total + 1
        configuration.maximumIdle = idle
        configuration.minimumIdle = minimum
        configuration.minimumIdleTime = .nanoseconds(100)
        return PoolState(configuration)
    }

    private func name(_ lease: PoolState<Int, String>.Lease) -> String {
        switch lease {
        case .use(let connection): "use \(connection)"
        case .connect: "connect"
        case .wait: "wait"
        case .shutDown: "shut down"
        }
    }

    private func name(_ action: PoolState<Int, String>.Action) -> String {
        switch action {
        case .nothing: "nothing"
        case .close(let connection): "close \(connection)"
        case .handOver(let connection, let waiter): "\(connection) to \(waiter)"
        case .letConnect(let waiter): "\(waiter) connects"
        }
    }

    @Test func `makes connections up to the most, then lets wait, in order`() {
        var state = self.state(total: 2)
        for _ in 0..<2 {
            let lease = self.name(state.lease())
            #expect(lease == "connect")
            let action = self.name(state.connected())
            #expect(action == "nothing")
        }
        let third = self.name(state.lease())
        #expect(third == "wait")
        state.enqueue("a", id: 1)
        state.enqueue("b", id: 2)
        #expect(state.total == 2)
        let first = self.name(state.giveBack(7, isReusable: true, at: 0))
        #expect(first == "7 to a")
        // Whoever comes now goes behind those who wait.
        let late = self.name(state.lease())
        #expect(late == "wait")
        // One that cannot be used again makes room for a new one.
        let broken = self.name(state.giveBack(8, isReusable: false, at: 0))
        #expect(broken == "close 8")
        let next = self.name(state.next())
        #expect(next == "b connects")
        #expect(state.total == 2)
    }

    @Test func `the last one given back is used first, and the idle ones are bounded`() {
        var state = self.state(total: 3, idle: 2)
        for _ in 0..<3 {
            _ = state.lease()
            _ = state.connected()
        }
        let actions = [1, 2, 3].map { self.name(state.giveBack($0, isReusable: true, at: UInt64($0))) }
        #expect(actions == ["nothing", "nothing", "close 3"])
        let lease = self.name(state.lease())
        #expect(lease == "use 2")
    }

    @Test func `closes what has been idle for long, oldest first, down to the minimum`() {
        var state = self.state(total: 3, minimum: 1)
        for _ in 0..<3 {
            _ = state.lease()
            _ = state.connected()
        }
        for connection in 1...3 { _ = state.giveBack(connection, isReusable: true, at: UInt64(connection * 10)) }
        #expect(state.takeOutdated(at: 109) == [])
        #expect(state.takeOutdated(at: 110) == [1])
        #expect(state.takeOutdated(at: 1000) == [2])
        #expect(state.total == 1)
    }

    @Test func `after a failure one attempt at a time`() {
        var state = self.state(total: 3)
        _ = state.lease()
        _ = state.connectFailed()
        let first = self.name(state.lease())
        #expect(first == "connect")
        let second = self.name(state.lease())
        #expect(second == "wait")
        state.enqueue("a", id: 1)
        state.enqueue("b", id: 2)
        let failed = self.name(state.connectFailed())
        #expect(failed == "a connects")
        let connected = self.name(state.connected())
        #expect(connected == "b connects")
        #expect(state.failures == 0)
    }

    @Test func `one that is probed is not handed out, and comes back by age`() {
        var state = self.state()
        for _ in 0..<2 {
            _ = state.lease()
            _ = state.connected()
        }
        _ = state.giveBack(1, isReusable: true, at: 1)
        _ = state.giveBack(2, isReusable: true, at: 2)
        #expect(state.takeToProbe().map(\.connection) == [1, 2])
        #expect(state.total == 2)
        let lease = self.name(state.lease())
        #expect(lease == "connect")
        let alive = self.name(state.probed(2, since: 2, isAlive: true))
        #expect(alive == "nothing")
        let older = self.name(state.probed(1, since: 1, isAlive: true))
        #expect(older == "nothing")
        #expect(state.idle.map(\.connection) == [1, 2])
        _ = state.takeToProbe()
        let dead = self.name(state.probed(1, since: 1, isAlive: false))
        #expect(dead == "close 1")
    }

    @Test func `a connection that comes back between look and waiting is not missed`() {
        var state = self.state(total: 1)
        _ = state.lease()
        _ = state.connected()
        _ = state.lease()
        _ = state.giveBack(1, isReusable: true, at: 0)
        state.enqueue("a", id: 1)
        let action = self.name(state.promote())
        #expect(action == "1 to a")
    }

    @Test func `smaller, it closes what is idle, probed or given back beyond its size`() {
        var state = self.state(total: 4)
        for _ in 0..<4 { _ = (state.lease(), state.connected()) }
        for number in 1...3 { _ = state.giveBack(number, isReusable: true, at: UInt64(number)) }
        var smaller = ConnectionPoolConfiguration()
        smaller.maximumTotal = 1 + 1
        // One in use, three idle: all of these are beyond.
        let probed = state.takeToProbe()
        let none = state.reconfigure(smaller)
        #expect(none.isEmpty && state.total == 4)
        for (number, since) in probed {
            let action = self.name(state.probed(number, since: since, isAlive: true))
            #expect(action == "close \(number)")
        }
        #expect(state.total == 1)
        let kept = self.name(state.giveBack(4, isReusable: true, at: 9))
        #expect(kept == "nothing")
        smaller.maximumIdle = 0
        let closed = state.reconfigure(smaller)
        #expect(closed == [4] && state.total == 0)
    }

    @Test func `larger, it lets those connect who wait`() {
        var state = self.state(total: 1)
        _ = (state.lease(), state.connected())
        state.enqueue("a", id: 1)
        state.enqueue("b", id: 2)
        let before = self.name(state.next())
        #expect(before == "nothing")
        var larger = ConnectionPoolConfiguration()
        larger.maximumTotal = 2 + 1
        #expect(state.reconfigure(larger).isEmpty)
        let first = self.name(state.next())
        #expect(first == "a connects")
        let second = self.name(state.next())
        #expect(second == "nothing" && state.total == 2)
    }

    @Test func `shut down, nothing is leased and what comes back is closed`() {
        var state = self.state()
        for _ in 0..<2 {
            _ = state.lease()
            _ = state.connected()
        }
        _ = state.giveBack(1, isReusable: true, at: 0)
        #expect(state.shutDown().idle == [1])
        let back = self.name(state.giveBack(2, isReusable: true, at: 0))
        #expect(back == "close 2")
        let lease = self.name(state.lease())
        #expect(lease == "shut down")
        #expect(state.total == 0)
    }

    /// Random calls by many callers: the count is never exceeded, everybody is served in order, nothing gets lost.
    @Test func `random histories keep the count and the order`() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            let most = Int.random(in: 1...4, using: &random)
            var state = self.state(total: most)
            var inUse: [Int] = []
            var connecting = 0
            var line: [String] = []
            var created = 0
            func carryOut(_ action: PoolState<Int, String>.Action) {
                switch action {
                case .nothing: break
                case .close: carryOut(state.next())
                case .handOver(let connection, let waiter):
                    #expect(waiter == line.removeFirst())
                    inUse.append(connection)
                case .letConnect(let waiter):
                    #expect(waiter == line.removeFirst())
                    connecting += 1
                }
            }
            for step in 0..<200 {
                switch Int.random(in: 0..<5, using: &random) {
                case 0, 1:
                    switch state.lease() {
                    case .use(let connection): inUse.append(connection)
                    case .connect: connecting += 1
                    case .wait:
                        line.append("\(step)")
                        state.enqueue("\(step)", id: UInt64(step))
                        carryOut(state.promote())
                    case .shutDown: Issue.record("not shut down")
                    }
                case 2 where connecting > 0:
                    connecting -= 1
                    created += 1
                    inUse.append(created)
                    carryOut(state.connected())
                case 3 where connecting > 0:
                    connecting -= 1
                    carryOut(state.connectFailed())
                default:
                    guard let connection = inUse.popLast() else { continue }
                    carryOut(state.giveBack(connection, isReusable: .random(using: &random), at: UInt64(step)))
                }
                #expect(state.total <= most)
                #expect(state.active == inUse.count)
                #expect(state.pending == connecting)
                // Nobody waits while a connection lies idle, or while nothing is under way at all.
                #expect(line.isEmpty || (state.idle.isEmpty && state.active + state.pending > 0))
            }
        }
    }
}
