import OxbowTesting
import RESP
import Synchronization
import TestServers
import Testing

@testable import RedisClient

/// What is sent again, and what is not.
@Suite(.timeLimit(.minutes(1))) struct RepeatTests {
    @Test(arguments: [SharedServers.Name.redis, .valkey])
    func `errors are errors, also to those who could hold them as values`(_ name: SharedServers.Name) async throws {
        try await withClient(configuration(name)) { client async throws in
            let script = Script("return {ARGV[1], '\(UInt64.random(in: 0 ... .max))'}")
            let call = ScriptCall(script, keys: (), arguments: ("x"), returning: RESPValue.self)
            guard case .array(let elements) = try await client.execute(call) else {
                Issue.record("no array")
                return
            }
            check(elements.count, 2)
            let error = await #expect(throws: RedisError.self) {
                try await client.execute(RawCommand("HSET", "k", returning: RESPValue.self))
            }
            check(error?.serverError, "ERR")
            let results = try await client.execute(pipeline: [
                RawCommand("HSET", "k", returning: RESPValue.self), RawCommand("PING", returning: RESPValue.self),
            ])
            #expect(throws: RedisError.self) { try results[0].get() }
            #expect(throws: Never.self) { try results[1].get() }
        }
    }

    @Test(arguments: ["EVAL", "evalsha", "FCALL"])
    func `a script that answers READONLY is not sent again, however it was called`(_ name: String) async throws {
        let server = try await ScriptedServer.start { _ in .init("-READONLY You can't write\r\n") }
        defer { server.stop() }
        try await withClient(server.configuration) { client async throws in
            let error = await #expect(throws: RedisError.self) {
                try await client.execute(RawCommand(name, "x", 0, returning: String.self), timeout: .milliseconds(300))
            }
            check(error?.serverError, "READONLY")
            check(server.commands.count, 1)
        }
    }

    @Test func `a script whose time is over before it can be sent in full has timed out`() async throws {
        try await withClient(configuration(.redis)) { client async throws in
            let script = Script("return '\(UInt64.random(in: 0 ... .max))'")
            let call = ScriptCall(script, keys: (), arguments: (), returning: String.self)
            let unknown = RedisError(
                .server,
                "NOSCRIPT No matching script. Please use EVAL.",
                delivery: .refused,
                serverError: "NOSCRIPT"
            )
            let error = await #expect(throws: RedisError.self) {
                try await client.executeAgain(call, after: unknown, until: 0)
            }
            check(error?.code, .timeout)
            check(error?.delivery, .notSent)
        }
    }

    @Test(arguments: [1, 1000])
    func `a blocking command that is sent away waits anew, and not for ever`(times: Int) async throws {
        let asked = Mutex(0)
        let server = try await ScriptedServer.start { _ in
            let number = asked.withLock { number in
                number += 1
                return number
            }
            return number <= times
                ? [.wait(.milliseconds(100)), .send("-UNBLOCKED force unblock from blocking operation\r\n")]
                : [.wait(.milliseconds(400)), .send("*-1\r\n")]
        }
        defer { server.stop() }
        try await withClient(server.configuration) { client async throws in
            let command = BLPOP(["list"], upTo: .milliseconds(400), as: (String, String).self)
            let start = ContinuousClock.now
            do {
                let popped = try await client.execute(command, timeout: .milliseconds(300))
                #expect(popped == nil)
                check(asked.withLock { $0 }, 2)
            } catch let error as RedisError {
                check(error.serverError, "UNBLOCKED")
                #expect(times > 1 && start.duration(to: .now) < .seconds(2))
            }
        }
    }

    @Test func `an idempotent blocking command survives its connection`() async throws {
        let server = try await ScriptedServer.start { command in
            command.name == "XREAD" && command.connection < 2 ? [.close] : .init("*-1\r\n")
        }
        defer { server.stop() }
        try await withClient(server.configuration) { client async throws in
            let command = RawCommand<RESPValue?>("XREAD", "BLOCK", 100, "STREAMS", "s", "$", isIdempotent: true)
            let value = try await client.execute(command)
            #expect(value == nil)
            // Number 0 is the shared connection.
            check(server.commands.count { $0.name == "XREAD" }, 2)
        }
    }

    @Test func `what ignores cancellation is sent again all the same`() async throws {
        let asked = Mutex(0)
        let server = try await ScriptedServer.start { _ in
            let number = asked.withLock { number in
                number += 1
                return number
            }
            return .init(number < 4 ? "-LOADING the dataset\r\n" : "+OK\r\n")
        }
        defer { server.stop() }
        try await withClient(server.configuration) { client async throws in
            let script = Script("return 1")
            let call = ScriptCall(
                script,
                keys: (),
                arguments: (),
                returning: String.self,
                isIdempotent: true,
                ignoresCancellation: true
            )
            let task = Task { try await client.execute(call) }
            try await eventually("it was sent") { asked.withLock { $0 } > 0 }
            task.cancel()
            check(try await task.value, "OK")
        }
    }
}
