import TestServers
import Testing

@Suite struct StartedOnceTests {
    private struct Hiccup: Error {}

    @Test func `what has started is started once, and a start that failed is made again`() async throws {
        let things = StartedOnce<String, Int>()
        await #expect(throws: Hiccup.self) { try await things.value("a") { throw Hiccup() } }
        #expect(try await things.value("a") { 1 } == 1)
        #expect(try await things.value("a") { 2 } == 1)
        #expect(try await things.value("b") { 3 } == 3)
    }

    @Test(.timeLimit(.minutes(1))) func `a program that does not end is killed, and that is an error`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        func ping(_ limit: Duration) throws -> String {
            try Installation.run("redis-cli", ["-p", "\(server.port)", "ping"], limit: limit)
        }
        server.pause()
        #expect(throws: ServerProcessError.self) { try ping(.milliseconds(100)) }
        server.resume()
        #expect(try ping(.seconds(10)) == "PONG")
    }
}
