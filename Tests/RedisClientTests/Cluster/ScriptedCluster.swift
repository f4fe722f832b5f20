import OxbowTesting
import RedisClient
import Synchronization

/// Servers that say of a cluster what they are told to say.
final class ScriptedCluster: Sendable {
    typealias Command = ScriptedServer.Command
    typealias Answer = ScriptedServer.Answer

    /// What a server says: the slots, and whose they are, by the servers' indices, the master's first.
    struct View: Sendable {
        var shards: [(slots: ClosedRange<Int>, nodes: [Int])]
        /// Stands before the nodes' numbers in their names.
        var cluster = "a"
        var isFailed = false
    }

    private struct State: Sendable {
        var ports: [Int] = []
        var views: [View] = []
        var questions = 0
    }

    private final class Shared: Sendable { let state = Mutex(State()) }

    let servers: [ScriptedServer]
    private let shared: Shared

    private init(_ servers: [ScriptedServer], _ shared: Shared) {
        self.servers = servers
        self.shared = shared
    }

    /// Starts as many servers as the view names; end them with ``stop()``.
    ///
    /// - Parameters:
    ///   - view: what all of them say.
    ///   - answer: what the server of this index answers to what is not about the cluster.
    /// - Returns: the servers, which accept connections.
    /// - Throws: an error of the operating system.
    static func start(
        _ view: View,
        answering answer: @escaping @Sendable (Int, Command) -> Answer = { _, _ in Answer("+OK\r\n") }
    ) async throws -> ScriptedCluster {
        let shared = Shared()
        let count = (view.shards.flatMap(\.nodes).max() ?? 0) + 1
        var servers: [ScriptedServer] = []
        for index in 0..<count {
            servers.append(
                try await ScriptedServer.start { command in
                    Self.answer(to: command, at: index, shared) ?? answer(index, command)
                }
            )
        }
        let ports = servers.map(\.port)
        shared.state.withLock { state in
            state.ports = ports
            state.views = Array(repeating: view, count: count)
        }
        return ScriptedCluster(servers, shared)
    }

    func stop() { for server in self.servers { server.stop() } }

    private static func answer(to command: Command, at index: Int, _ shared: Shared) -> Answer? {
        let words = command.words.map { $0.uppercased() }
        let state = shared.state.withLock { state in
            if words == ["CLUSTER", "SLOTS"] { state.questions += 1 }
            return state
        }
        switch words {
        case ["CLUSTER", "SLOTS"]: return Answer(Self.slots(state.views[index], state.ports))
        case ["CLUSTER", "INFO"]:
            let text = "cluster_state:\(state.views[index].isFailed ? "fail" : "ok")\r\n"
            return Answer("$\(text.utf8.count)\r\n\(text)\r\n")
        case ["ROLE"]:
            let isMaster = state.views[index].shards.contains { $0.nodes.first == index }
            return Answer(
                isMaster ? "*3\r\n+master\r\n:0\r\n*0\r\n" : "*5\r\n+slave\r\n+h\r\n:1\r\n+connected\r\n:0\r\n"
            )
        case ["READONLY"], ["PING"]: return Answer("+OK\r\n")
        default: return nil
        }
    }

    private static func slots(_ view: View, _ ports: [Int]) -> String {
        let shards = view.shards.map { shard in
            let nodes = shard.nodes.map { "*3\r\n+127.0.0.1\r\n:\(ports[$0])\r\n+\(view.cluster)\($0)\r\n" }
            return
                "*\(2 + nodes.count)\r\n:\(shard.slots.lowerBound)\r\n:\(shard.slots.upperBound)\r\n\(nodes.joined())"
        }
        return "*\(shards.count)\r\n\(shards.joined())"
    }

    /// Lets one server say something else.
    func set(_ view: View, at index: Int) { self.shared.state.withLock { $0.views[index] = view } }

    /// How often one of them was asked for the slots.
    var questions: Int { self.shared.state.withLock { $0.questions } }

    func address(_ index: Int) -> RedisAddress { .host("127.0.0.1", port: self.servers[index].port) }

    /// Knows all of the servers.
    var configuration: RedisClientConfiguration {
        var configuration = RedisClientConfiguration()
        configuration.topology = .cluster(ClusterConfiguration(self.servers.indices.map(self.address)))
        return configuration
    }
}

extension ScriptedCluster.View {
    /// All slots at the first server.
    static let single = Self(shards: [(0...16_383, [0])])
    /// Half of the slots at each of two.
    static let halves = Self(shards: [(0...8191, [0]), (8192...16_383, [1])])
    /// A master and a replica.
    static let pair = Self(shards: [(0...16_383, [0, 1])])
}
