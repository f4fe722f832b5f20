import NIOCore
import NIOPosix
import OxbowTesting
import RESP
import Synchronization
import TestServers
import Testing

@testable import RedisClient

/// What a connection with subscriptions has handed on.
final class EventRecorder: Sendable {
    private let events = Mutex<[SubscriberEvent]>([])

    func record(_ event: SubscriberEvent) { self.events.withLock { $0.append(event) } }

    var texts: [String] { self.events.withLock { $0.map(Self.text) } }

    private static func text(_ event: SubscriberEvent) -> String {
        switch event {
        case .message(let message): "\(message.pattern ?? "")/\(message.channel)=\(message.text)"
        case .subscribed(let name, _): "+\(String(buffer: name.bytes))"
        case .refused(let name, _, let reply): "!\(String(buffer: name.bytes)) \(reply.prefix)"
        case .lost(let name): "-\(String(buffer: name.bytes))"
        }
    }
}

@Suite(.timeLimit(.minutes(1))) struct SubscriberConnectionTests {
    private func connect(
        _ configuration: RedisClientConfiguration,
        _ recorder: EventRecorder
    ) async throws -> SubscriberConnection {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        return try await SubscriberConnection.connect(configuration, tls: nil, on: loop) { recorder.record($0) }
    }

    /// Both protocol versions, on both servers; PING in between.
    @Test(arguments: ServerProcess.Kind.allCases, [2, 3])
    func `messages of channels, patterns and sharded channels arrive`(
        _ kind: ServerProcess.Kind,
        _ version: Int
    ) async throws {
        let settings = version == 2 ? ["rename-command HELLO \"\""] : []
        let server = try await ServerProcess.start(kind, settings: settings)
        defer { server.stop() }
        var configuration = configuration(for: server)
        configuration.pool.cleanerPause = .milliseconds(200)
        let recorder = EventRecorder()
        let connection = try await self.connect(configuration, recorder)
        #expect(connection.server.protocolVersion == version)
        connection.subscribe(channels: ["c"])
        connection.subscribe(to: [SubscriptionName(.pattern, "p*"), SubscriptionName(.sharded, "s")])
        try await eventually("subscribed") { recorder.texts.count == 3 }
        // Some PINGs while there are subscriptions.
        try await eventually("pings") { (try? server.cli("info", "commandstats"))?.contains("cmdstat_ping") == true }
        try server.cli("publish", "c", "one")
        try server.cli("publish", "pq", "two")
        try server.cli("spublish", "s", "three")
        try await eventually("messages") { recorder.texts.count == 6 }
        #expect(recorder.texts == ["+c", "+p*", "+s", "/c=one", "p*/pq=two", "/s=three"])
        connection.unsubscribe(from: [SubscriptionName(.channel, "c")])
        try await eventually("unsubscribed") { (try? server.cli("pubsub", "channels")) == "" }
        try server.cli("publish", "c", "four")
        connection.close()
        #expect(await connection.ended().code == .connectionClosed)
        #expect(recorder.texts.count == 6)
    }

    @Test func `a refusal names what was refused`() async throws {
        let server = try await ServerProcess.start(settings: [
            "user default on nopass resetchannels &allowed ~* +@all"
        ])
        defer { server.stop() }
        let recorder = EventRecorder()
        let connection = try await self.connect(configuration(for: server), recorder)
        connection.subscribe(channels: ["allowed", "other", "allowed"])
        try await eventually("answers") { recorder.texts.count == 3 }
        #expect(recorder.texts == ["+allowed", "!other NOPERM", "+allowed"])
        connection.close()
        _ = await connection.ended()
    }

    @Test func `a server that falls silent loses the connection`() async throws {
        let server = try await ScriptedServer.start { command in
            command.name == "PING" ? .ignore : .init(">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n")
        }
        defer { server.stop() }
        var configuration = server.configuration
        configuration.pool.cleanerPause = .milliseconds(100)
        let recorder = EventRecorder()
        let connection = try await self.connect(configuration, recorder)
        connection.subscribe(channels: ["c"])
        let end = await connection.ended()
        #expect(end.message.contains("silent"))
        #expect(recorder.texts == ["+c"])
        #expect(server.commands.filter { $0.name == "PING" }.count == 1)
    }

    /// Each ends the connection with an error and no trap; what came before it is handed on.
    @Test(arguments: [
        ">1\r\n$7\r\nmessage\r\n", ">2\r\n$7\r\nmessage\r\n$1\r\nc\r\n", ">2\r\n$8\r\npmessage\r\n$1\r\nc\r\n",
        ">1\r\n$9\r\nsubscribe\r\n", ">1\r\n*0\r\n", ">-1\r\n", "+what\r\n", "-ERR unasked\r\n", ":1\r\n", "_\r\n",
        ">3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n", "%1\r\n+a\r\n+b\r\n", ">3\r\n$7\r\nmessage\r\n_\r\n+x\r\n",
        ">99999999999999999999\r\n", ">3\r\n$7\r\nmessage\r\n$-1\r\n$1\r\nx\r\n", "*-1\r\n", "?\r\n",
    ])
    func `what makes no sense ends the connection`(_ bytes: String) async throws {
        let before = ">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n>3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n"
        let server = try await ScriptedServer.start { _ in .init(before + bytes) }
        defer { server.stop() }
        let recorder = EventRecorder()
        let connection = try await self.connect(server.configuration, recorder)
        connection.subscribe(channels: ["c"])
        #expect(await connection.ended().code == .protocolViolation)
        #expect(recorder.texts == ["+c", "/c=hi"])
    }

    @Test func `pushes of other kinds, and any slicing, do no harm`() async throws {
        let bytes = Array(
            (">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n>0\r\n>3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"
                + ">1\r\n+other\r\n|1\r\n+a\r\n+b\r\n>3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n"
                + ">3\r\n$12\r\nsunsubscribe\r\n$1\r\ns\r\n:0\r\n")
                .utf8
        )
        for size in [1, 7, 1000] {
            let server = try await ScriptedServer.start { _ in .slices(bytes, of: size) }
            defer { server.stop() }
            let recorder = EventRecorder()
            let connection = try await self.connect(server.configuration, recorder)
            connection.subscribe(channels: ["c"])
            try await eventually("events") { recorder.texts.count == 3 }
            #expect(recorder.texts == ["+c", "/c=hi", "-s"])
            connection.close()
            _ = await connection.ended()
        }
    }

    @Test func `a message beyond the limits ends the connection`() async throws {
        let server = try await ScriptedServer.start { _ in
            .init(">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$100000\r\n" + String(repeating: "x", count: 60_000))
        }
        defer { server.stop() }
        var configuration = server.configuration
        configuration.replyLimits.maximumReplyBytes = 50_000
        let connection = try await self.connect(configuration, EventRecorder())
        connection.subscribe(channels: ["c"])
        #expect(await connection.ended().code == .protocolViolation)
    }
}
