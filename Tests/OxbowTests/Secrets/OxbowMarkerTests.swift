import Foundation
import Logging
import NIOCore
import Oxbow
import PropertyFiles
import RedisClient
import TestServers
import Testing

/// No error, log line or description of the cache shows a password, a key, a group or a value.
@Suite struct OxbowMarkerTests {
    private static let marker = Marker.text

    private struct LoadError: Error {}

    private struct Note: Codable, Sendable, Equatable {
        var text = Marker.text
        var number = 0.0
    }

    /// Throws what it was given, in both directions.
    private struct Unable: CacheCodec {
        struct Failure: Error { let value: String }
        func encode(_ value: String, into buffer: inout ByteBuffer) throws { throw Failure(value: value) }
        func decode(_ bytes: ByteBuffer) throws -> String { throw Failure(value: String(buffer: bytes)) }
    }

    @Test(arguments: ServerProcess.Kind.allCases)
    func `what goes wrong in caches is told without keys and values`(_ kind: ServerProcess.Kind) async throws {
        let server = try await ServerProcess.start(kind, settings: ["user app on >\(Self.marker) ~* +@all"])
        defer { server.stop() }
        let marker = Marker()
        let text = Self.marker
        var configuration = OxbowConfiguration()
        configuration.redis.address = .host("127.0.0.1", port: server.port)
        configuration.redis.credentials = RedisCredentials(username: "app", password: text)
        configuration.cache.softTimeout = .milliseconds(50)
        configuration.cache.maximumValueBytes = 1000
        configuration.redis.commandTimeout = .milliseconds(200)
        let oxbow = try Oxbow(configuration, logger: marker.recorder.logger)
        let notes = try oxbow.cache("notes", of: Note.self)
        let texts = try oxbow.cache("texts", of: String.self)
        let groups = try oxbow.groupedCache("groups", of: String.self)
        let unable = try oxbow.cache("unable", codec: Unable())

        // Before run().
        await marker.expectError("set") { try await notes.set(Note(), for: text) }
        await marker.expectError("invalidate") { try await groups.invalidate(text, in: text) }
        #expect(try await notes.value(for: text) { Note() } == Note())

        try await oxbow.withRunning { () async throws in
            for value: Any in [oxbow, configuration, notes, groups, unable, notes.statistics] { marker.look(at: value) }
            try await notes.set(Note(), for: text)
            try await texts.set(text, for: text)
            try await groups.set(text, for: text, in: text)
            await marker.expectError("too large") {
                try await texts.set(String(repeating: text, count: 200), for: text)
            }
            await marker.expectError("not JSON") { try await notes.set(Note(number: .nan), for: text) }
            await marker.expectError("empty key") { try await texts.set(text, for: "") }
            await marker.expectError("empty group") { try await groups.set(text, for: text, in: "") }
            await marker.expectError("loader") { _ = try await texts.value(for: "\(text)2") { throw LoadError() } }
            do {
                try await unable.set(text, for: text)
                Issue.record("no error")
            } catch let error as OxbowError {
                // The codec's own error is the cause, and shows what it likes to whoever takes it out.
                #expect(error.code == .cannotEncode)
                marker.look(in: "\(error) \(String(reflecting: error)) \(error.localizedDescription)")
            }
            #expect(try await unable.value(for: text) { text } == text)

            // Cells that hold something else, of the wrong type or of no sense.
            for command in [
                RawCommand("RPUSH", "ox-cache:texts:1:\(text)3", text, returning: Int.self),
                RawCommand("HSET", "ox-cache:texts:1:\(text)4", text, text, returning: Int.self),
                RawCommand("RPUSH", "ox-cache:groups:1:\(text)3", text, returning: Int.self),
            ] { _ = try await oxbow.client?.execute(command) }
            _ = try await oxbow.client?.execute(SET("ox-cache:notes:1:\(text)5", "OX1r\(text)"))
            _ = try await oxbow.client?.execute(SET("ox-cache:notes:1:\(text)6", text))
            for suffix in ["3", "4"] {
                _ = try? await texts.value(for: text + suffix) { text }
                await self.lookAtFailure(marker) { try await texts.set(text, for: text + suffix) }
                await self.lookAtFailure(marker) { _ = try await texts.contains(text + suffix) }
                await self.lookAtFailure(marker) { _ = try await texts.remainingTimeToLive(for: text + suffix) }
                await self.lookAtFailure(marker) { try await texts.invalidate(text + suffix) }
            }
            _ = try? await groups.value(for: text, in: "\(text)3") { text }
            await self.lookAtFailure(marker) { try await groups.set(text, for: text, in: "\(text)3") }
            await self.lookAtFailure(marker) { try await groups.invalidate(group: "\(text)3") }
            #expect(try await notes.value(for: "\(text)5") { Note() } == Note())
            #expect(try await notes.value(for: "\(text)6") { Note() } == Note())

            // A command that the user may not run, a server that hangs, and one that is gone.
            try server.cli("acl", "setuser", "app", "-@write", "-@scripting")
            #expect(try await texts.value(for: "\(text)7") { text } == text)
            await marker.expectError("no permission") { try await texts.set(text, for: text) }
            await marker.expectError("no permission") { try await groups.set(text, for: text, in: text) }
            #expect(try await groups.invalidate(text, in: text) == .journaled)
            marker.look(at: oxbow.invalidationJournal)
            try server.cli("acl", "setuser", "app", "+@all")
            marker.look(at: await oxbow.health())
            server.signal(SIGSTOP)
            #expect(try await texts.value(for: "\(text)8") { text } == text)
            await marker.expectError("hangs") { try await texts.set(text, for: text) }
            await marker.expectError("hangs") { _ = try await texts.contains(text) }
            marker.look(at: await oxbow.health(timeout: .milliseconds(50)))
            server.stop()
            marker.look(at: await oxbow.health(timeout: .milliseconds(50)))
            #expect(try await texts.value(for: "\(text)9") { text } == text)
            await marker.expectError("gone") { try await texts.set(text, for: text) }
        }
        await marker.expectError("shut down") { try await texts.invalidate(text) }
        marker.lookAtLog(atLeast: 6)
        #expect(marker.errors >= 13)
    }

    @Test func `an open breaker and a database at its limit are told without keys and values`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        let (marker, text) = (Marker(), Self.marker)
        var configuration = OxbowConfiguration()
        configuration.redis.address = .unix(path: server.unixPath)
        configuration.redis.breaker = CircuitBreakerConfiguration()
        configuration.redis.breaker?.failureThreshold = 1
        configuration.cache.softTimeout = .milliseconds(50)
        configuration.cache.waitForLoad = .milliseconds(50)
        configuration.cache.maximumConcurrentLoads = 1
        try await withOxbow(configuration, logger: marker.recorder.logger) { oxbow async throws in
            let texts = try oxbow.cache("texts", of: String.self)
            try await texts.set(text, for: text)
            server.pause()
            check(try await texts.value(for: text) { text }, text)
            await marker.expectError("breaker open") { try await texts.set(text, for: text) }
            let gate = Gate()
            async let slow = texts.value(for: "\(text)1") {
                await gate.pass()
                return text
            }
            await gate.arrival()
            await marker.expectError("limit") { _ = try await texts.value(for: "\(text)2") { text } }
            gate.open()
            #expect(try await slow == text)
            marker.look(at: await oxbow.health(timeout: .milliseconds(50)))
            server.resume()
        }
        marker.lookAtLog(atLeast: 2)
        #expect(marker.errors == 2)
    }

    /// Looks at the error, if there is one.
    private func lookAtFailure(_ marker: Marker, _ body: () async throws -> Void) async {
        do { try await body() } catch { marker.look(at: error) }
    }

    @Test(arguments: [
        "password = \(Marker.text)", "password = ${NONE:-\(Marker.text)${", "password = \\uZZZZ\(Marker.text)",
        "password = \(Marker.text)\ncom.openexchange.redis.password = \(Marker.text)2", "passwrod = \(Marker.text)",
        "password = ${\(Marker.text)", "password = ${NONE}\(Marker.text)", "password \(Marker.text)\\",
        "pass = \(Marker.text)",
        "sentinel.password = \(Marker.text)", "cache.password = \(Marker.text)", "north.password = \(Marker.text)",
        "hosts = redis://app:\(Marker.text)@h:1", "hosts = app:\(Marker.text)@h:1",
        "hosts = h:1,redis://:\(Marker.text)@i",
        "hosts = \(Marker.text)@", "password = ${SECRET", "password = ${SECRET}\ncom.openexchange.redis.mode = x",
        "password = ${SECRET:-x}${NONE}", "hosts = redis://${SECRET}@h", "username = app",
    ])
    func `properties with errors do not show passwords`(_ line: String) async throws {
        let marker = Marker()
        let text = """
            com.openexchange.redis.commandTimeoutMillis = soon
            com.openexchange.redis.sites = north
            com.openexchange.redis.\(line)
            """
        for text in [text, String(text.drop { $0 != "\n" })] {
            for environment in [["SECRET": Self.marker], ["COM_OPENEXCHANGE_REDIS_PASSWORD": Self.marker]] {
                do {
                    let properties = try PropertySet(text, named: "x", environment: environment)
                    let oxbow = try Oxbow(properties: properties, logger: marker.recorder.logger)
                    marker.look(at: oxbow)
                    marker.look(at: oxbow.configuration)
                } catch {
                    marker.look(at: error)
                }
            }
        }
        let told = marker.recorder.messages(at: .trace)
        marker.look(in: told.joined())
        #expect(marker.errors + told.count > 0)
    }
}
