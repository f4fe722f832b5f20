import NIOCore
import RESP
import RedisClient
import Synchronization
import TestServers

/// Three servers that do not know of each other.
///
/// The shared ones are in cluster mode, each with a third of the slots: they refuse what belongs to another, and
/// commands over several slots.
struct SlotServers {
    let servers: [ServerProcess]

    /// Started when first asked for, and shared: use keys of your own.
    static let shared = Task {
        let servers = try await Self.start([
            "cluster-enabled yes", "cluster-require-full-coverage no",
            "cluster-port \(try await ServerProcess.freePort())",
        ])
        for (index, server) in servers.servers.enumerated() {
            let slots = (0..<HashSlot.count).filter { Self.index(of: $0) == index }
            try server.cli("CLUSTER", "ADDSLOTSRANGE", "\(slots[0])", "\(slots[slots.count - 1])")
        }
        // They take their time, two seconds.
        for server in servers.servers {
            try await withClient(configuration(for: server)) { client async throws in
                while try await !client.execute(RawCommand("CLUSTER", "INFO", returning: String.self))
                    .contains("cluster_state:ok")
                {
                    try await Task.sleep(for: .milliseconds(20))
                }
            }
        }
        return servers
    }

    /// Three servers for one test.
    static func start(_ settings: @autoclosure () async throws -> [String] = []) async throws -> SlotServers {
        var servers: [ServerProcess] = []
        for _ in 0..<3 { servers.append(try await ServerProcess.start(settings: try await settings())) }
        return SlotServers(servers: servers)
    }

    static func index(of slot: Int) -> Int { slot * 3 / HashSlot.count }

    static func index(of key: some RESPArgument) -> Int { Self.index(of: HashSlot(of: key).number) }

    /// A key that begins with `text` and is served by one of the three.
    static func key(_ text: String, at server: Int) -> String {
        (0...).lazy.map { "\(text)\($0)" }.first { Self.index(of: $0) == server } ?? text
    }

    func stop() { for server in self.servers { server.stop() } }

    /// Runs `body` with an executor over all of them.
    func run(_ body: (SlotExecutor) async throws -> Void) async throws {
        try await withClient(configuration(for: self.servers[0])) { first async throws in
            try await withClient(configuration(for: self.servers[1])) { second async throws in
                try await withClient(configuration(for: self.servers[2])) { third async throws in
                    try await body(SlotExecutor(clients: [first, second, third]))
                }
            }
        }
    }
}

/// Sends commands to the server of their slot.
final class SlotExecutor: RoutingExecutor {
    let clients: [RedisClient]
    /// The index of the server and the number of commands, for all that was sent.
    let sent = Mutex<[(server: Int, count: Int)]>([])
    /// Whether it says which node a request goes to.
    let knowsNodes = Mutex(true)
    /// By how many servers commands that travel together go wrong.
    let error = Mutex(0)

    init(clients: [RedisClient]) { self.clients = clients }

    var routesCommands: Bool { true }

    private func index(of request: RedisRequest) -> Int {
        guard case .slot(let slot) = request.route else { return 0 }
        return SlotServers.index(of: slot.number)
    }

    func node(of request: RedisRequest) -> ObjectIdentifier? {
        self.knowsNodes.withLock { $0 } ? ObjectIdentifier(self.clients[self.index(of: request)]) : nil
    }

    func send(_ request: RedisRequest, encode: (inout ByteBuffer) -> Void) async throws -> RedisReplies {
        let error = request.count > 1 ? self.error.withLock { $0 } : 0
        let index = (self.index(of: request) + error) % 3
        self.sent.withLock { $0.append((index, request.count)) }
        return try await self.clients[index].send(request, encode: encode)
    }

    /// What was sent since the last call.
    func takeSent() -> [(server: Int, count: Int)] {
        self.sent.withLock { sent in
            defer { sent = [] }
            return sent.sorted { $0 < $1 }
        }
    }
}

/// The error of a result that is one.
func failure<Value>(of result: Result<Value, RedisError>) -> RedisError? {
    if case .failure(let error) = result { error } else { nil }
}
