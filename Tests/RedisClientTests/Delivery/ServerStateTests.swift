import Foundation
import OxbowTesting
import RESP
import RedisClient
import TestServers
import Testing

/// What the server has not carried out is sent again where that is right.
@Suite struct ServerStateTests {
    /// Replies that mean "not now", then the answer.
    @Test(arguments: ["LOADING", "BUSY", "TRYAGAIN", "MASTERDOWN", "NOREPLICAS"])
    func `"not now" is asked again with pauses if the command is idempotent`(_ word: String) async throws {
        typealias Answer = ScriptedServer.Answer
        let refusals = Array(repeating: Answer("-\(word) not now\r\n"), count: 6)
        let server = try await ScriptedServer.start([refusals + [Answer("+fine\r\n"), Answer("-\(word) not now\r\n")]])
        defer { server.stop() }
        try await withClient(server.configuration) { client async throws in
            let start = ContinuousClock.now
            let answer = try await client.execute(RawCommand("ASK", returning: String.self, isIdempotent: true))
            #expect(answer == "fine")
            // 10, 20, 40, 80, 160, 250 ms, each at least by half.
            #expect(start.duration(to: .now) > .milliseconds(270))
            let error = await #expect(throws: RedisError.self) {
                try await client.execute(RawCommand("DO", returning: String.self))
            }
            #expect(error?.serverError == word)
            #expect(error?.delivery == .refused)
            #expect(client.statistics.commands == 8)
        }
    }

    @Test func `it is asked until the deadline, and not in a tight loop`() async throws {
        let server = try await ScriptedServer.start([Array(repeating: .init("-LOADING not now\r\n"), count: 1000)])
        defer { server.stop() }
        try await withClient(server.configuration) { client async throws in
            let start = ContinuousClock.now
            let error = await #expect(throws: RedisError.self) {
                try await client.execute(
                    RawCommand("ASK", returning: String.self, isIdempotent: true),
                    timeout: .seconds(2)
                )
            }
            let elapsed = start.duration(to: .now)
            #expect(error?.serverError == "LOADING")
            #expect(elapsed > .milliseconds(1700))
            #expect(elapsed < .milliseconds(2100))
            // At most 8 in a second once the pauses have grown.
            #expect(client.statistics.commands < 25)
        }
    }

    @Test func `a server that loads its data is waited for`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        let port = server.port
        try server.cli("DEBUG", "POPULATE", "20000")
        try server.cli("SAVE")
        let dump = try Data(contentsOf: server.directory.appending(path: "dump.rdb"))
        server.stop()
        let folder = FileManager.default.temporaryDirectory.appending(path: "oxbow-dump-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try dump.write(to: folder.appending(path: "dump.rdb"))
        let loading = try await ServerProcess.start(
            port: port,
            settings: ["dir \(folder.path)", "key-load-delay 50", "loading-process-events-interval-bytes 1024"]
        )
        defer { loading.stop() }
        try await withClient(configuration(for: loading)) { client async throws in
            // Not yet all of them.
            let write = await #expect(throws: RedisError.self) { try await client.execute(SET("k", "v")) }
            #expect(write?.serverError == "LOADING")
            let value = try await client.execute(GET("key:19999", as: String.self))
            #expect(value == "value:19999")
        }
    }

    @Test func `BUSY: reads wait for the script's end`() async throws {
        let server = try await ServerProcess.start(settings: ["busy-reply-threshold 50"])
        defer { server.stop() }
        try await withClient(configuration(for: server)) { client async throws in
            try await withClient(configuration(for: server)) { other async throws in
                while other.server == nil { await Task.yield() }
                let spin = ScriptCall(
                    Script(
                        "local t = redis.call('TIME') while true do local n = redis.call('TIME') "
                            + "if (n[1] - t[1]) * 1000000 + n[2] - t[2] > 600000 then return 1 end end"
                    ),
                    keys: (),
                    arguments: (),
                    returning: Int.self
                )
                async let ended = client.execute(spin)
                try await Task.sleep(for: .milliseconds(150))
                let write = await #expect(throws: RedisError.self) { try await other.execute(SET("k", "v")) }
                #expect(write?.serverError == "BUSY")
                #expect(try await other.execute(GET("k", as: String.self)) == nil)
                #expect(try await ended == 1)
            }
        }
    }

    // MARK: Unknown scripts

    @Test(arguments: [SharedServers.Name.redis, .valkey])
    func `a script that was flushed runs once, by itself, in a pipeline, in a transaction`(
        _ name: SharedServers.Name
    ) async throws {
        let server = try await ServerProcess.start(name == .valkey ? .valkey : .redis)
        defer { server.stop() }
        try await withClient(configuration(for: server)) { client async throws in
            let key = "flushed:\(UInt64.random(in: 0 ... .max))"
            let call = ScriptCall(
                Script("return redis.call('INCR', KEYS[1])"),
                keys: (key),
                arguments: (),
                returning: Int.self
            )
            let flush = RawCommand("SCRIPT", "FLUSH", returning: String.self)
            for round in 0..<5 {
                _ = try await client.execute(flush)
                #expect(try await client.execute(call) == round * 6 + 1)
                _ = try await client.execute(flush)
                let (first, read, second) = try await client.execute(pipeline: call, GET(key, as: Int.self), call)
                #expect(try first.get() == round * 6 + 2)
                // The read behind the script sees what it did, flushed or not.
                #expect(try read.get() == round * 6 + 2)
                #expect(try second.get() == round * 6 + 3)
                _ = try await client.execute(flush)
                // Flushed in the middle of a pipeline: what was unknown is sent again alone.
                let (before, _, after) = try await client.execute(pipeline: call, flush, call)
                #expect(try before.get() == round * 6 + 4)
                #expect(try after.get() == round * 6 + 5)
                _ = try await client.execute(flush)
                let (inside, seen) = try await client.execute(transaction: call, GET(key, as: Int.self))
                #expect(try inside.get() == round * 6 + 6)
                #expect(try seen.get() == round * 6 + 6)
            }
        }
    }

    @Test func `a storm of flushes makes no call fail and none run twice`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        try await withClient(configuration(for: server)) { client async throws in
            let call = ScriptCall(
                Script("return redis.call('INCR', KEYS[1])"),
                keys: ("storm"),
                arguments: (),
                returning: Int.self
            )
            let answers = try await withThrowingTaskGroup(of: [Int].self) { group in
                for task in 0..<8 {
                    group.addTask {
                        var answers: [Int] = []
                        for round in 0..<100 {
                            if round % 5 == task % 5 {
                                _ = try await client.execute(RawCommand("SCRIPT", "FLUSH", returning: String.self))
                            }
                            // Between EVALSHA and the EVAL that follows nothing is lost: EVAL needs nothing stored.
                            answers.append(try await client.execute(call))
                        }
                        return answers
                    }
                }
                return try await group.reduce([], +)
            }
            check(answers.sorted(), Array(1...800))
        }
    }
}
