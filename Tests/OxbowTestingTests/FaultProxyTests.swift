import NIOCore
import OxbowTesting
import TestServers
import Testing

/// What the proxy does to bytes, seen by a bare client and a server that answers by script.
@Suite(.timeLimit(.minutes(1))) struct FaultProxyTests {
    typealias Answer = ScriptedServer.Answer

    /// A server without a handshake whose every answer is `+0123456789`.
    private func withEcho(_ body: (FaultProxy, ScriptedServer) async throws -> Void) async throws {
        let server = try await ScriptedServer.start(handshake: .none) { _ in Answer("+0123456789\r\n") }
        defer { server.stop() }
        try await FaultProxy.withProxy(to: .host(server.host, port: server.port)) { try await body($0, server) }
    }

    private let ping = "*1\r\n$4\r\nPING\r\n"
    private let answer = "+0123456789\r\n"

    @Test func `bytes pass both ways and are counted`() async throws {
        try await self.withEcho { proxy, server async throws in
            try await withBareClient(proxy.port) { client async throws in
                try await client.send(self.ping)
                #expect(try await client.read(13) == self.answer)
                #expect(server.commands.map(\.words) == [["PING"]])
                #expect(proxy.statistics.accepted == 1)
                #expect(proxy.statistics.open == 1)
                #expect(proxy.statistics.requestBytes == 14)
                #expect(proxy.statistics.replyBytes == 13)
            }
            try await eventually { proxy.statistics.open == 0 && server.openConnections == 0 }
        }
    }

    @Test func `a unix socket may be behind it`() async throws {
        let server = try await SharedServers.shared.server(.redis)
        try await FaultProxy.withProxy(to: .unix(path: server.unixPath)) { proxy async throws in
            try await withBareClient(proxy.port) { client async throws in
                try await client.send(self.ping)
                #expect(try await client.read(7) == "+PONG\r\n")
            }
        }
    }

    @Test func `what the server says first is not lost`() async throws {
        let server = try await ScriptedServer.start([], handshake: .none)
        defer { server.stop() }
        try await FaultProxy.withProxy(to: .host(server.host, port: server.port)) { proxy async throws in
            try await withBareClient(proxy.port) { client async throws in
                try await eventually { server.openConnections == 1 }
                server.send(.send("-ERR max number of clients reached\r\n"), .close)
                #expect(try await client.readToEnd() == "-ERR max number of clients reached\r\n")
            }
        }
    }

    @Test func `a delayed direction is late by the delay, the other is not`() async throws {
        try await self.withEcho { proxy, server async throws in
            try await withBareClient(proxy.port) { client async throws in
                proxy.set(.delay(requests: .milliseconds(120)))
                let start = ContinuousClock.now
                try await client.send(self.ping)
                #expect(try await client.read(13) == self.answer)
                #expect(start.duration(to: .now) >= .milliseconds(120))
                proxy.set(.delay(replies: .milliseconds(120)))
                let again = ContinuousClock.now
                try await client.send(self.ping)
                try await eventually { server.commands.count == 2 }
                #expect(again.duration(to: .now) < .milliseconds(120))
                #expect(try await client.read(13) == self.answer)
                #expect(again.duration(to: .now) >= .milliseconds(120))
            }
        }
    }

    @Test func `slices are read one by one and are complete`() async throws {
        try await self.withEcho { proxy, _ async throws in
            try await withBareClient(proxy.port) { client async throws in
                proxy.set(.slice(3, pausing: .milliseconds(5)))
                try await client.send(self.ping + self.ping)
                #expect(try await client.read(26) == self.answer + self.answer)
                #expect(client.reads >= 8)
            }
        }
    }

    @Test func `a black hole keeps bytes and ends, accepts, and gives them back`() async throws {
        try await self.withEcho { proxy, server async throws in
            try await withBareClient(proxy.port) { client async throws in
                try await eventually { server.openConnections == 1 }
                proxy.set(.blackhole)
                try await client.send(self.ping)
                try await withBareClient(proxy.port) { other async throws in
                    try await other.send(self.ping)
                    try await eventually { proxy.statistics.open == 2 }
                    try await Task.sleep(for: .milliseconds(50))
                    #expect(server.commands.isEmpty)
                    #expect(client.received.isEmpty && other.received.isEmpty)
                    #expect(!client.hasEnded && !other.hasEnded)
                }
                // The other one's end was not let through either.
                #expect(server.openConnections == 2)
                proxy.set(.pass)
                #expect(try await client.read(13) == self.answer)
                try await eventually { server.openConnections == 1 }
            }
        }
    }

    @Test func `a server's end is not seen through a black hole`() async throws {
        try await self.withEcho { proxy, server async throws in
            try await withBareClient(proxy.port) { client async throws in
                try await eventually { server.openConnections == 1 }
                proxy.set(.blackhole)
                server.send(.send("last"), .close)
                try await eventually { server.openConnections == 0 }
                try await Task.sleep(for: .milliseconds(30))
                #expect(!client.hasEnded && client.received.isEmpty)
                proxy.set(.pass)
                #expect(try await client.readToEnd() == "last")
            }
        }
    }

    @Test func `dropped replies never come, also when the rest may pass`() async throws {
        try await self.withEcho { proxy, server async throws in
            try await withBareClient(proxy.port) { client async throws in
                proxy.set(.dropReplies)
                try await client.send(self.ping)
                try await eventually { server.commands.count == 1 && proxy.statistics.discardedBytes == 13 }
                proxy.set(.pass)
                try await client.send(self.ping)
                try await eventually { server.commands.count == 2 && proxy.statistics.discardedBytes == 26 }
                #expect(client.received.isEmpty && !client.hasEnded)
                #expect(proxy.statistics.replyBytes == 0)
            }
        }
    }

    @Test(arguments: [ConnectionEnd.close, .reset])
    func `a cut comes behind its byte, counted from the setting`(_ end: ConnectionEnd) async throws {
        try await self.withEcho { proxy, server async throws in
            for count in [0, 1, 5, 13, 14] {
                try await withBareClient(proxy.port) { client async throws in
                    try await client.send(self.ping)
                    #expect(try await client.read(13) == self.answer)
                    proxy.set(.cut(afterReplyBytes: count, by: end), on: .existing)
                    try await client.send(self.ping + self.ping)
                    try await eventually { client.hasEnded }
                    let sent = Array((self.answer + self.answer).utf8)
                    #expect(client.received == String(decoding: sent.prefix(count), as: UTF8.self))
                    #expect(client.wasReset == (end == .reset))
                }
            }
            let before = server.commands.count
            proxy.set(.cut(afterRequestBytes: 14), on: .new)
            try await withBareClient(proxy.port) { client async throws in
                try await client.send(self.ping + self.ping)
                try await eventually { client.hasEnded }
                try await eventually { server.commands.count == before + 1 && server.openConnections == 0 }
            }
        }
    }

    @Test func `connections are closed, reset and refused, each in its way`() async throws {
        try await self.withEcho { proxy, server async throws in
            for end in [ConnectionEnd.close, .reset] {
                try await withBareClient(proxy.port) { client async throws in
                    try await eventually { proxy.statistics.open == 1 }
                    if end == .close { proxy.closeConnections() } else { proxy.resetConnections() }
                    try await eventually { client.hasEnded }
                    #expect(client.wasReset == (end == .reset))
                }
            }
            proxy.set(.close, on: .new)
            try await withBareClient(proxy.port) { client async throws in try await eventually { client.hasEnded } }
            let accepted = proxy.statistics.accepted
            try await proxy.refuse()
            await #expect(throws: (any Error).self) { try await withBareClient(proxy.port) { _ in } }
            #expect(proxy.statistics.accepted == accepted)
            proxy.set(.pass)
            try await proxy.listen()
            try await withBareClient(proxy.port) { client async throws in
                try await client.send(self.ping)
                #expect(try await client.read(13) == self.answer)
            }
            try await eventually { server.openConnections == 0 && proxy.statistics.open == 0 }
        }
    }

    @Test func `each new connection may have a fate of its own`() async throws {
        try await self.withEcho { proxy, _ async throws in
            proxy.setForNewConnections { number in number == 0 ? .cut(afterReplyBytes: 2) : .pass }
            for expected in ["+0", self.answer] {
                try await withBareClient(proxy.port) { client async throws in
                    try await client.send(self.ping)
                    try await eventually { client.received == expected }
                }
            }
        }
    }

    @Test func `a reader that does not read stops the sender`() async throws {
        let chunk = [UInt8](repeating: 0x61, count: 1 << 20)
        let server = try await ScriptedServer.start(handshake: .none) { _ in
            Answer(Array(repeating: ScriptedServer.Action.send(chunk), count: 64))
        }
        defer { server.stop() }
        try await FaultProxy.withProxy(to: .host(server.host, port: server.port)) { proxy async throws in
            try await withBareClient(proxy.port, reads: false) { client async throws in
                try await client.send(self.ping)
                try await eventually { proxy.statistics.replyBytes > 1 << 20 }
                var before = 0
                while before < proxy.statistics.replyBytes {
                    before = proxy.statistics.replyBytes
                    try await Task.sleep(for: .milliseconds(50))
                }
                // What fits into the socket's buffers, not what the server has: the rest waits there.
                #expect(before < 32 << 20)
                #expect(proxy.statistics.open == 1)
            }
        }
    }
}
