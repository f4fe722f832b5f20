import CoreMetrics
import Logging
import NIOCore
import NIOPosix
import OxbowTesting
import RESP
import Synchronization
import TestServers
import Testing

@testable import RedisClient

@Suite(.timeLimit(.minutes(1))) struct SubscriptionFaultTests {
    /// Also over RESP2, and over TLS.
    @Test(arguments: ["RESP3", "RESP2", "TLS"])
    func `a killed connection is a gap that is told`(_ way: String) async throws {
        let settings = way == "RESP2" ? ["rename-command HELLO \"\""] : []
        let server =
            try await way == "TLS"
            ? SharedServers.shared.server(.redisTLS) : ServerProcess.start(settings: settings)
        defer { if way != "TLS" { server.stop() } }
        let configuration = way == "TLS" ? try tlsConfiguration(for: server) : configuration(for: server)
        try await withClient(configuration) { client async throws in
            try await client.withSubscription(to: ["k"], patterns: ["k*"]) { events in
                var iterator = events.makeAsyncIterator()
                try await expect(&iterator, .inForce)
                #expect(try await client.execute(PING()) == "PONG")
                #expect(client.server?.protocolVersion == (way == "RESP2" ? 2 : 3))
                for round in 0..<3 {
                    #expect(try server.cli("client", "kill", "type", "pubsub") == "1")
                    try await expect(&iterator, .interrupted)
                    try await expect(&iterator, .inForce)
                    #expect(try await client.execute(PUBLISH("k", "\(round)")) == 2)
                    #expect(try await nextMessage(&iterator).text == "\(round)")
                    #expect(try await nextMessage(&iterator).text == "\(round)")
                }
                // Commands have not been touched.
                #expect(client.statistics.connects == 1)
            }
        }
    }

    @Test func `a subscriber that the server's output buffer has no room for is told of the gap`() async throws {
        let server = try await ServerProcess.start(settings: ["client-output-buffer-limit pubsub 32k 0 0"])
        defer { server.stop() }
        try await withClient(configuration(for: server)) { client async throws in
            try await client.withSubscription(to: ["full"]) { events in
                var iterator = events.makeAsyncIterator()
                try await expect(&iterator, .inForce)
                // One message beyond the limit is enough.
                _ = try await client.execute(PUBLISH("full", String(repeating: "x", count: 8 << 20)))
                try await expect(&iterator, .interrupted)
                try await expect(&iterator, .inForce)
                #expect(try await client.execute(PUBLISH("full", "small")) == 1)
                #expect(try await nextMessage(&iterator).text == "small")
            }
        }
    }

    @Test func `a server that is away at first, and again later, is waited for`() async throws {
        let port = try await ServerProcess.freePort()
        var configuration = RedisClientConfiguration()
        configuration.address = .host("127.0.0.1", port: port)
        try await withClient(configuration) { client async throws in
            try await client.withSubscription(to: ["w"]) { events in
                var iterator = events.makeAsyncIterator()
                for _ in 0..<2 {
                    let server = try await ServerProcess.start(port: port)
                    defer { server.stop() }
                    try await expect(&iterator, .inForce)
                    #expect(try await client.execute(PUBLISH("w", "here")) == 1)
                    #expect(try await nextMessage(&iterator).text == "here")
                    server.stop()
                    try await expect(&iterator, .interrupted)
                }
            }
        }
    }

    @Test func `malformed pushes are a gap and no more`() async throws {
        let bad = [">2\r\n$7\r\nmessage\r\n$1\r\nc\r\n", ">1\r\n*0\r\n", ">-1\r\n", "$5\r\nhello\r\n"]
        let server = try await ScriptedServer.start { command in
            guard command.name == "SUBSCRIBE" else { return .init("+PONG\r\n") }
            let confirmation = ">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"
            let message = ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n"
            // Connection 0 is that for commands, or the first that subscribes: odd ones may come out the same.
            return .init(confirmation + message + bad[command.connection % bad.count])
        }
        defer { server.stop() }
        try await withClient(server.configuration) { client async throws in
            try await client.withSubscription(to: ["c"]) { events in
                var iterator = events.makeAsyncIterator()
                for _ in 0..<5 {
                    try await expect(&iterator, .inForce)
                    #expect(try await nextMessage(&iterator).text == "hi")
                    try await expect(&iterator, .interrupted)
                }
            }
        }
    }

    // MARK: Several nodes

    /// Names the node that it was told to.
    private final class Chosen: Topology {
        let node: Mutex<RedisNode>
        let other: Mutex<RedisNode?> = Mutex(nil)

        init(_ node: RedisNode) { self.node = Mutex(node) }

        func node(for request: RedisRequest) -> RedisNode { self.node.withLock { $0 } }
        func start() -> Bool { true }
        func run() async throws {}
        func drain() {}
        var nodes: [RedisNode] { [] }

        func redirection(of replies: RedisReplies, to request: RedisRequest, from node: RedisNode) -> Redirection? {
            guard String(buffer: replies.bytes) == "-MOVED 1 there:1\r\n" else { return nil }
            return Redirection(node: self.other.withLock { $0 })
        }
    }

    private func context(_ hub: SubscriptionHub, told: EventRecorder? = nil) -> RedisNode.Context {
        let configuration = RedisClientConfiguration()
        return RedisNode.Context(
            configuration: configuration,
            settings: ClientSettings(configuration),
            tls: nil,
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            counters: ConnectionCounters(),
            metrics: PoolMetrics(configuration, NOOPMetricsHandler.instance),
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
            onRetirement: {
                told?.record(.lost(SubscriptionName(.channel, "node")))
                hub.noteRetirement()
            }
        )
    }

    private func makeHub() -> SubscriptionHub {
        SubscriptionHub(
            eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
            counters: ConnectionCounters(),
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        )
    }

    @Test func `the subscriptions of a retired node move to the next one at once`() async throws {
        let first = try await ServerProcess.start()
        defer { first.stop() }
        let second = try await ServerProcess.start(.valkey)
        defer { second.stop() }
        let hub = self.makeHub()
        let told = EventRecorder()
        let context = self.context(hub, told: told)
        let placeholder = RedisNode.placeholder(context)
        let old = RedisNode(.host("127.0.0.1", port: first.port), role: .master, context)
        let new = RedisNode(.host("127.0.0.1", port: second.port), role: .master, context)
        for node in [placeholder, old, new] { _ = node.start() }
        let topology = Chosen(placeholder)
        hub.start(topology)
        try await hub.run {
            let buffer = SubscriptionBuffer(RedisSubscriptionConfiguration(), hub.counters)
            let subscriber = try hub.add([SubscriptionName(.channel, "c"), SubscriptionName(.sharded, "s")], buffer)
            var iterator = RedisSubscription(buffer: buffer).makeAsyncIterator()
            topology.node.withLock { $0 = old }
            try await expect(&iterator, .inForce)
            #expect(first.connections() == 1)
            topology.node.withLock { $0 = new }
            old.retire("another master")
            #expect(told.texts == ["-node"])
            try await expect(&iterator, .interrupted)
            try await expect(&iterator, .inForce)
            try await eventually("the old connection is gone") { first.connections() == 0 }
            try second.cli("publish", "c", "moved")
            #expect(try await nextMessage(&iterator).text == "moved")
            hub.remove(subscriber)
            try await eventually("nothing is left") { second.connections() == 0 }
        }
    }

    @Test func `a sharded channel follows its slot`() async throws {
        let target = try await ServerProcess.start()
        defer { target.stop() }
        // In force, taken away unasked, and then refused with the new place.
        let asked = Atomic(0)
        let server = try await ScriptedServer.start { command in
            guard command.name == "SSUBSCRIBE" else { return .init("+PONG\r\n") }
            guard asked.wrappingAdd(1, ordering: .relaxed).newValue == 1 else { return .init("-MOVED 1 there:1\r\n") }
            return .init(
                ">3\r\n$10\r\nssubscribe\r\n$1\r\ns\r\n:1\r\n" + ">3\r\n$12\r\nsunsubscribe\r\n$1\r\ns\r\n:0\r\n"
            )
        }
        defer { server.stop() }
        let hub = self.makeHub()
        let context = self.context(hub)
        let old = RedisNode(.host("127.0.0.1", port: server.port), role: nil, context)
        let new = RedisNode(.host("127.0.0.1", port: target.port), role: nil, context)
        for node in [old, new] { _ = node.start() }
        let topology = Chosen(old)
        topology.other.withLock { $0 = new }
        hub.start(topology)
        try await hub.run {
            let buffer = SubscriptionBuffer(RedisSubscriptionConfiguration(), hub.counters)
            let subscriber = try hub.add([SubscriptionName(.sharded, "s")], buffer)
            var iterator = RedisSubscription(buffer: buffer).makeAsyncIterator()
            for event in [RedisSubscriptionEvent.inForce, .interrupted, .inForce] { try await expect(&iterator, event) }
            try target.cli("spublish", "s", "here")
            #expect(try await nextMessage(&iterator).text == "here")
            try await eventually("nothing is left at the old place") { server.openConnections == 0 }
            hub.remove(subscriber)
            try await eventually("nothing is left") { target.connections() == 0 }
        }
    }

    @Test func `a confirmation that an earlier request gets does not count for the next one`() async throws {
        let hub = self.makeHub()
        let node = RedisNode(.host("127.0.0.1", port: 1), role: nil, self.context(hub))
        _ = node.start()
        var table = SubscriptionTable(Chosen(node))
        let name = SubscriptionName(.channel, "c")
        let buffer = SubscriptionBuffer(RedisSubscriptionConfiguration(), hub.counters)
        var iterator = RedisSubscription(buffer: buffer).makeAsyncIterator()
        // Numbers are given in turn: a subscriber, its request, and so on.
        let first = table.add([name], buffer)
        _ = table.remove(first)
        let second = table.add([name], buffer)
        let homes = table.flush()
        let home = try #require(homes.last)
        _ = table.receive(.subscribed(name, token: first + 1), from: home)
        _ = table.receive(.message(RedisMessage(name: name, channel: name.bytes, payload: name.bytes)), from: home)
        _ = table.receive(.subscribed(name, token: second + 1), from: home)
        _ = table.receive(.subscribed(name, token: second + 1), from: home)
        _ = table.receive(.message(RedisMessage(name: name, channel: name.bytes, payload: name.bytes)), from: home)
        buffer.end(nil)
        try await expect(&iterator, .inForce)
        #expect(try await nextMessage(&iterator).text == "c")
        #expect(try await iterator.next() == nil)
    }

    @Test func `subscribers that come and go while connections are lost all come into force`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        weak var gone: RedisClient?
        try await withClient(configuration(for: server)) { client async throws in
            gone = client
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<20 {
                    group.addTask {
                        for round in 0..<10 {
                            let channels = (0..<3).map { "churn\((number * 7 + round * 3 + $0) % 10)" }
                            try await client.withSubscription(to: channels) { events in
                                for try await event in events where event == .inForce { break }
                            }
                        }
                    }
                }
                group.addTask {
                    for _ in 0..<5 {
                        try server.cli("client", "kill", "type", "pubsub")
                        try await Task.sleep(for: .milliseconds(20))
                    }
                }
                try await group.waitForAll()
            }
            try await eventually("nothing is left") { server.connections() == 1 }
            // And the messages of whoever comes last arrive.
            try await client.withSubscription(to: ["churn1"]) { events in
                var iterator = events.makeAsyncIterator()
                try await expect(&iterator, .inForce)
                #expect(try await client.execute(PUBLISH("churn1", "last")) == 1)
                #expect(try await nextMessage(&iterator).text == "last")
            }
        }
        try await eventually("the client is given back") { gone == nil }
    }
}
