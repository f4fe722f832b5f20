import CoreMetrics
import Logging
import NIOPosix
import Testing

@testable import RedisClient

/// A sentinel that is forgotten and learned again under the same address.
@Suite struct SentinelContactsTests {
    private let sentinel = StateWorld.sentinels[0]
    private let now = ContinuousClock.now

    private func context() -> RedisNode.Context {
        let configuration = RedisClientConfiguration()
        return RedisNode.Context(
            configuration: configuration,
            settings: ClientSettings(configuration),
            tls: nil,
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            counters: ConnectionCounters(),
            metrics: PoolMetrics(configuration, NOOPMetricsHandler.instance),
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        )
    }

    @Test func `a former listener does not speak for its successor`() {
        let configuration = SentinelConfiguration([self.sentinel])
        let watch = SentinelWatch(configuration, self.context())
        var state = SentinelState(configuration, readsReplicas: false)
        var contacts = SentinelContacts()
        let former = contacts.listen(to: self.sentinel)
        contacts.dismiss(self.sentinel)
        let current = contacts.listen(to: self.sentinel)
        watch.take(.subscribed(former), into: &state, &contacts, at: self.now)
        #expect(state.sentinels[0].subscription == .none)
        watch.take(.subscribed(current), into: &state, &contacts, at: self.now)
        #expect(state.sentinels[0].subscription == .active)
        watch.take(.unsubscribed(former), into: &state, &contacts, at: self.now)
        #expect(state.sentinels[0].subscription == .active)
        #expect(contacts.isCurrent(current))
        watch.take(.unsubscribed(current), into: &state, &contacts, at: self.now)
        #expect(state.sentinels[0].subscription == .none)
        #expect(!contacts.isCurrent(current))
    }

    @Test func `a former connection's failure is not its successor's`() {
        let configuration = SentinelConfiguration([self.sentinel])
        let context = self.context()
        let watch = SentinelWatch(configuration, context)
        func make() -> Interview {
            Interview(context.configuration, tls: nil, on: MultiThreadedEventLoopGroup.singleton.next())
        }
        var state = SentinelState(configuration, readsReplicas: false)
        var contacts = SentinelContacts()
        let former = contacts.sentinel(self.sentinel, make: make)
        contacts.dismiss(self.sentinel)
        let current = contacts.sentinel(self.sentinel, make: make)
        #expect(former !== current)
        watch.take(.failed(self.sentinel, over: former, "away"), into: &state, &contacts, at: self.now)
        #expect(state.sentinels[0].failure == nil)
        watch.take(.failed(self.sentinel, over: current, "away"), into: &state, &contacts, at: self.now)
        #expect(state.sentinels[0].failure == "away")
    }
}
