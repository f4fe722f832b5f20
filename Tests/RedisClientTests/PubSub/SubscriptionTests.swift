import Logging
import NIOCore
import OxbowTesting
import RESP
import RedisClient
import ServiceLifecycle
import ServiceLifecycleTestKit
import Synchronization
import TestServers
import Testing

/// Takes the next event, which must be the one wanted.
func expect(
    _ iterator: inout RedisSubscription.AsyncIterator,
    _ wanted: RedisSubscriptionEvent,
    _ location: SourceLocation = #_sourceLocation
) async throws {
    let found = try await iterator.next()
    // What follows would wait for ever.
    try #require(found == wanted, "\(String(describing: found))", sourceLocation: location)
}

/// The next event, which must be a message.
func nextMessage(_ iterator: inout RedisSubscription.AsyncIterator) async throws -> RedisMessage {
    guard case .message(let message)? = try await iterator.next() else {
        throw RedisError(.unexpectedReply, "not a message")
    }
    return message
}

extension ServerProcess {
    /// The connections of clients under test: one that is shared by commands, and those that subscribe.
    func connections() -> Int {
        let list = (try? self.cli("client", "list")) ?? ""
        return list.split(separator: "\n").count { $0.contains("lib-name=oxbow") }
    }
}

@Suite(.timeLimit(.minutes(1))) struct SubscriptionTests {
    @Test(arguments: ServerProcess.Kind.allCases)
    func `what is published is heard, by channel, pattern and sharded channel`(
        _ kind: ServerProcess.Kind
    ) async throws {
        let server = try await SharedServers.shared.server(kind == .redis ? .redis : .valkey)
        try await withClient(configuration(for: server)) { client async throws in
            try await client.withSubscription(to: ["ch"], patterns: ["c[h]?"], sharded: ["sh"]) { events in
                var iterator = events.makeAsyncIterator()
                try await expect(&iterator, .inForce)
                #expect(try await client.execute(PUBLISH("ch", "one")) == 1)
                #expect(try await client.execute(PUBLISH("chx", ByteBuffer(bytes: [0, 0xFF, 13, 10]))) == 1)
                #expect(try await client.execute(SPUBLISH("sh", "three")) == 1)
                let first = try await nextMessage(&iterator)
                #expect(first.channel == "ch" && first.text == "one" && first.pattern == nil && !first.isSharded)
                let second = try await nextMessage(&iterator)
                #expect(second.channel == "chx" && second.pattern == "c[h]?" && !second.isSharded)
                #expect(Array(buffer: second.payload) == [0, 0xFF, 13, 10])
                let third = try await nextMessage(&iterator)
                #expect(third.channel == "sh" && third.text == "three" && third.isSharded)
            }
            try await eventually("nothing is left") { server.connections() == 1 }
        }
        #expect(try server.cli("pubsub", "channels") == "")
        #expect(SPUBLISH("{a}1", "m").route == .slot(HashSlot(of: "a")))
        #expect(PUBLISH("{a}1", "m").route == .anywhere)
    }

    @Test func `subscriptions share one connection, and a channel is given up behind its last user`() async throws {
        let server = try await SharedServers.shared.server(.redis)
        try await withClient(configuration(for: server)) { client async throws in
            try await client.withSubscription(to: ["both", "first"]) { first in
                var one = first.makeAsyncIterator()
                try await expect(&one, .inForce)
                try await client.withSubscription(to: ["both", "second"]) { second in
                    var two = second.makeAsyncIterator()
                    try await expect(&two, .inForce)
                    try await eventually("one for both") { server.connections() == 2 }
                    #expect(try await client.execute(PUBLISH("both", "b")) == 1)
                    #expect(try await nextMessage(&one).text == "b")
                    #expect(try await nextMessage(&two).text == "b")
                    try await client.withSubscription(to: ["both"]) { third in
                        // In force already: nothing to be asked.
                        var three = third.makeAsyncIterator()
                        try await expect(&three, .inForce)
                    }
                }
                try await eventually("second is given up") {
                    (try? server.cli("pubsub", "numsub", "both", "first", "second"))
                        == "both\n1\nfirst\n1\nsecond\n0"
                }
                try await eventually("one for both") { server.connections() == 2 }
                // Given up and taken again at once.
                for number in 0..<20 {
                    try await client.withSubscription(to: ["again"]) { again in
                        var iterator = again.makeAsyncIterator()
                        try await expect(&iterator, .inForce)
                        #expect(try await client.execute(PUBLISH("again", "\(number)")) == 1)
                        #expect(try await nextMessage(&iterator).text == "\(number)")
                    }
                }
            }
            try await eventually("nothing is left") { server.connections() == 1 }
        }
    }

    @Test func `a cancelled subscriber leaves nothing behind`() async throws {
        let server = try await SharedServers.shared.server(.valkey)
        try await withClient(configuration(for: server)) { client async throws in
            let inForce = AsyncStream.makeStream(of: Void.self)
            let task = Task {
                try await client.withSubscription(to: ["left"]) { events in
                    for try await _ in events { inForce.continuation.yield() }
                }
            }
            for await _ in inForce.stream { break }
            #expect(try server.cli("pubsub", "channels") == "left")
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            try await eventually("nothing is left") { server.connections() == 1 }
            #expect(try server.cli("pubsub", "channels") == "")
            // The client is none the worse for it.
            #expect(try await client.execute(PING()) == "PONG")
        }
    }

    @Test func `channels that look equal to Swift are two`() async throws {
        let server = try await SharedServers.shared.server(.redis)
        try await withClient(configuration(for: server)) { client async throws in
            try await client.withSubscription(to: ["\u{E9}"]) { composed in
                var iterator = composed.makeAsyncIterator()
                try await expect(&iterator, .inForce)
                try await client.withSubscription(to: ["e\u{301}"]) { decomposed in
                    var other = decomposed.makeAsyncIterator()
                    try await expect(&other, .inForce)
                    #expect(try await client.execute(PUBLISH("\u{E9}", "1")) == 1)
                    #expect(try await client.execute(PUBLISH("e\u{301}", "2")) == 1)
                    #expect(try await nextMessage(&iterator).text == "1")
                    #expect(try await nextMessage(&other).text == "2")
                }
            }
        }
    }

    @Test func `a slow consumer loses its messages, is told, and holds nobody up`() async throws {
        let server = try await SharedServers.shared.server(.redis)
        try await withClient(configuration(for: server)) { client async throws in
            var small = RedisSubscriptionConfiguration()
            small.maximumWaitingEvents = 10
            try await client.withSubscription(to: ["flood"], configuration: small) { slow in
                var slowIterator = slow.makeAsyncIterator()
                try await expect(&slowIterator, .inForce)
                try await client.withSubscription(to: ["flood"]) { quick in
                    var iterator = quick.makeAsyncIterator()
                    try await expect(&iterator, .inForce)
                    for number in 0..<25 { _ = try await client.execute(PUBLISH("flood", "\(number)")) }
                    for number in 0..<25 { #expect(try await nextMessage(&iterator).text == "\(number)") }
                }
                // 0…10 were dropped with the 11th, then 9 and the mark fill the room, then 20 drops them: 21…24 wait.
                try await expect(&slowIterator, .inForce)
                #expect(try await nextMessage(&slowIterator).text == "21")
                #expect(client.statistics.droppedMessages == 21)
                for text in ["22", "23", "24"] { #expect(try await nextMessage(&slowIterator).text == text) }
                // By bytes.
                var tight = RedisSubscriptionConfiguration()
                tight.maximumWaitingBytes = 1000
                try await client.withSubscription(to: ["large"], configuration: tight) { events in
                    var iterator = events.makeAsyncIterator()
                    try await expect(&iterator, .inForce)
                    _ = try await client.execute(PUBLISH("large", String(repeating: "x", count: 2000)))
                    try await eventually("dropped") { client.statistics.droppedMessages == 22 }
                    _ = try await client.execute(PUBLISH("large", "fits"))
                    try await expect(&iterator, .inForce)
                    #expect(try await nextMessage(&iterator).text == "fits")
                }
            }
        }
    }

    @Test func `a refused channel is an error for those who want it, and for nobody else`() async throws {
        let server = try await ServerProcess.start(settings: [
            "user default on nopass resetchannels &allowed ~* +@all"
        ])
        defer { server.stop() }
        try await withClient(configuration(for: server)) { client async throws in
            try await client.withSubscription(to: ["allowed"]) { events in
                var iterator = events.makeAsyncIterator()
                try await expect(&iterator, .inForce)
                let error = await #expect(throws: RedisError.self) {
                    try await client.withSubscription(to: ["allowed", "secret"]) { events in
                        for try await _ in events {}
                    }
                }
                #expect(error?.code == .server)
                #expect(error?.serverError == "NOPERM")
                #expect(error?.description.contains("secret") == false)
                #expect(try await client.execute(PUBLISH("allowed", "still")) == 1)
                #expect(try await nextMessage(&iterator).text == "still")
            }
        }
    }

    @Test func `a graceful shutdown ends a subscription, a cancelled run is an error`() async throws {
        let client = RedisClient(try await configuration())
        try await testGracefulShutdown { trigger in
            try client.prepareToRun()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await client.runPrepared() }
                try await client.withSubscription(to: ["x"]) { events in
                    var iterator = events.makeAsyncIterator()
                    try await expect(&iterator, .inForce)
                    trigger.triggerGracefulShutdown()
                    #expect(try await iterator.next() == nil)
                    #expect(try await iterator.next() == nil)
                }
                try await group.waitForAll()
            }
        }
        let late = await #expect(throws: RedisError.self) { try await client.withSubscription(to: ["x"]) { _ in } }
        #expect(late?.code == .shutDown)

        let other = RedisClient(try await configuration())
        try other.prepareToRun()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await other.runPrepared() }
            try await other.withSubscription(to: ["x"]) { events in
                var iterator = events.makeAsyncIterator()
                try await expect(&iterator, .inForce)
                group.cancelAll()
                // The connection may be noticed to end first.
                let error = await #expect(throws: RedisError.self) {
                    while try await iterator.next() == .interrupted {}
                }
                #expect(error?.code == .shutDown)
            }
        }
    }
}
