import Foundation

/// One master, two replicas and three Sentinels that fail over within about two seconds.
///
/// The servers and the Sentinels have a password each. A topology serves many tests: ``restore()`` between them.
public final class SentinelTopology: Sendable {
    /// The password of the master and the replicas.
    public let password = "data-secret"
    /// The password of the Sentinels.
    public let sentinelPassword = "sentinel-secret"
    /// The name of the master.
    public let masterName = "mymaster"
    /// The master and the replicas, whoever is what.
    public let servers: [ServerProcess]
    /// The Sentinels.
    public let sentinels: [ServerProcess]
    private let fastTimers: Bool

    /// Starts all six and waits until they know each other.
    ///
    /// - Parameters:
    ///   - kind: the program; Redis by default.
    ///   - fastTimers: whether Sentinels look around several times a second, so that a master that comes back is made a
    ///     replica within 2 seconds; if not (by default) that takes 10 seconds, as it does in real life.
    ///   - minReplicasToWrite: how many replicas a master must have to accept writes; 0 by default.
    ///   - downAfterMilliseconds: how long a server is silent before it is held for dead; 500 by default.
    /// - Returns: the topology, in order.
    /// - Throws: ``ServerProcessError`` with what was awaited and what was seen last when it does not happen in time.
    public static func start(
        _ kind: ServerProcess.Kind = .redis,
        fastTimers: Bool = false,
        minReplicasToWrite: Int = 0,
        downAfterMilliseconds: Int = 500
    ) async throws -> SentinelTopology {
        let topology = try await SentinelTopology(kind, fastTimers, minReplicasToWrite, downAfterMilliseconds)
        try await topology.restore()
        return topology
    }

    private init(
        _ kind: ServerProcess.Kind,
        _ fastTimers: Bool,
        _ minReplicas: Int,
        _ downAfter: Int
    ) async throws {
        self.fastTimers = fastTimers
        let settings = [
            "masterauth \(self.password)", "repl-ping-replica-period 1", "min-replicas-to-write \(minReplicas)",
            "min-replicas-max-lag 2",
        ]
        let master = try await ServerProcess.start(kind, password: self.password, settings: settings)
        var servers = [master]
        while servers.count < 3 {
            let further = settings + ["replicaof 127.0.0.1 \(master.port)"]
            servers.append(try await ServerProcess.start(kind, password: self.password, settings: further))
        }
        var sentinels: [ServerProcess] = []
        while sentinels.count < 3 {
            let watch = [
                "sentinel monitor \(self.masterName) 127.0.0.1 \(master.port) 2",
                "sentinel auth-pass \(self.masterName) \(self.password)",
                "sentinel sentinel-pass \(self.sentinelPassword)",
                "sentinel down-after-milliseconds \(self.masterName) \(downAfter)",
                "sentinel failover-timeout \(self.masterName) 2000",
                "sentinel parallel-syncs \(self.masterName) 2",
            ]
            sentinels.append(
                try await ServerProcess.start(kind, mode: .sentinel, password: self.sentinelPassword, settings: watch)
            )
        }
        self.servers = servers
        self.sentinels = sentinels
    }

    /// The server that says it is the master; of two that say so the one that most Sentinels name.
    ///
    /// - Throws: ``ServerProcessError`` when there is none, as during a failover.
    public func master() throws -> ServerProcess {
        let masters = try self.servers(saying: "master")
        if masters.count == 1, let master = masters.first { return master }
        let named = try self.sentinels.filter(\.isRunning).map { try self.portNamed(by: $0) }
        func votes(_ server: ServerProcess) -> Int { named.count { $0 == "\(server.port)" } }
        guard let master = masters.max(by: { votes($0) < votes($1) }), votes(master) > 0 else {
            throw ServerProcessError(
                "ports of masters: \(masters.map(\.port)); ports of the master named by Sentinels: \(named)"
            )
        }
        return master
    }

    /// The running servers that say they are replicas.
    public func replicas() throws -> [ServerProcess] { try self.servers(saying: "slave") }

    /// Waits until another server than the given one says that it is the master.
    ///
    /// The Sentinels may name it up to a second later only.
    public func awaitMaster(otherThan old: ServerProcess) async throws -> ServerProcess {
        try await eventually("another master than the one on port \(old.port)") {
            let master = try self.master()
            if master === old { throw ServerProcessError("it still is the master") }
            return master
        }
    }

    /// Has a Sentinel make a replica the master while the master is alive, and waits until all agree about it.
    public func failover() async throws {
        let old = try self.master()
        try await eventually("SENTINEL FAILOVER") {
            guard let sentinel = self.sentinels.first(where: \.isRunning) else {
                throw ServerProcessError("no Sentinel runs")
            }
            let answer = try sentinel.cli("sentinel", "failover", self.masterName)
            if answer != "OK" { throw ServerProcessError(answer) }
        }
        _ = try await self.awaitMaster(otherThan: old)
        try await self.awaitSettled()
    }

    /// Resumes and restarts what is down, and waits until all is well.
    ///
    /// There is one master then with two replicas in sync, and three Sentinels that know each other, hold all for alive
    /// and agree about the master. Which server is the master may have changed, and what they store is as it is.
    public func restore() async throws {
        for process in self.servers + self.sentinels { try await process.revive() }
        try await self.awaitSettled()
    }

    private func awaitSettled() async throws {
        try await eventually("the Sentinels' fast timers") { try self.setTimers(fast: true) }
        try await eventually("one master, two replicas and three Sentinels that agree") { try self.checkSettled() }
        try await eventually("the Sentinels' timers") { try self.setTimers(fast: self.fastTimers) }
    }

    // Fast timers are used while all is being brought in order, whatever the tests want. TILT, where a Sentinel does
    // nothing after it stood still, never lasts longer than a second. A Sentinel that restarts forgets all this.
    private func setTimers(fast: Bool) throws {
        let timers =
            fast
            ? "info-period 200 ping-period 300 ask-period 100 publish-period 300 tilt-period 1000"
            : "info-period 10000 ping-period 1000 ask-period 1000 publish-period 2000 tilt-period 1000"
        for sentinel in self.sentinels where sentinel.isRunning {
            let answer = try sentinel.cli(["sentinel", "debug"] + timers.split(separator: " ").map(String.init))
            if answer != "OK" { throw ServerProcessError("SENTINEL DEBUG: \(answer)") }
        }
    }

    private func checkSettled() throws {
        for process in self.servers + self.sentinels { try process.checkRunning() }
        let masters = try self.servers(saying: "master")
        guard masters.count == 1, let master = masters.first else {
            throw ServerProcessError("ports of masters: \(masters.map(\.port))")
        }
        for replica in self.servers where replica !== master {
            try replica.checkInfo(
                "replication",
                ["role:slave", "master_port:\(master.port)", "master_link_status:up"]
            )
        }
        try master.checkInfo("replication", ["connected_slaves:2"])
        for sentinel in self.sentinels {
            let all = "status=ok,address=127.0.0.1:\(master.port),slaves=2,sentinels=3"
            try sentinel.checkInfo("sentinel", ["sentinel_tilt:0", "master0:name=\(self.masterName),\(all)"])
            try Self.check(sentinel, ["master", self.masterName], count: 1, ["flags": "master"])
            try Self.check(
                sentinel,
                ["replicas", self.masterName],
                count: 2,
                ["flags": "slave", "master-link-status": "ok", "master-port": "\(master.port)"]
            )
            try Self.check(sentinel, ["sentinels", self.masterName], count: 2, ["flags": "sentinel"])
        }
    }

    private static func check(
        _ sentinel: ServerProcess,
        _ question: [String],
        count: Int,
        _ wanted: [String: String]
    ) throws {
        // Names and values take turns, one a line.
        let lines = try sentinel.cli(["sentinel"] + question).split(separator: "\n", omittingEmptySubsequences: false)
        for (name, value) in wanted {
            // What another Sentinel once said about the master stays in its flags: it is no news.
            let seen = zip(lines, lines.dropFirst()).filter { $0.0 == name }
                .map { String($0.1).replacing(",master_down", with: "") }
            if seen != Array(repeating: value, count: count) {
                throw ServerProcessError(
                    "Sentinel on port \(sentinel.port) says of \(question[0]) \(name)=\(seen), not \(count) x \(value)"
                )
            }
        }
    }

    private func servers(saying role: String) throws -> [ServerProcess] {
        try self.servers.filter { try $0.isRunning && $0.cli("role").hasPrefix(role) }
    }

    private func portNamed(by sentinel: ServerProcess) throws -> String {
        let answer = try sentinel.cli("sentinel", "get-master-addr-by-name", self.masterName)
        return answer.split(separator: "\n").last.map(String.init) ?? ""
    }
}

extension ServerProcess {
    /// Resumes the server if it has been paused, and restarts it if it has ended.
    func revive() async throws {
        self.resume()
        if !self.isRunning { try await self.restart() }
    }

    /// Throws unless the server runs: one that is paused never answers.
    func checkRunning() throws {
        if !self.isRunning { throw ServerProcessError("the server on port \(self.port) does not run") }
    }

    /// Throws unless a section of INFO has all of the given lines.
    func checkInfo(_ section: String, _ wanted: [String]) throws {
        try self.checkInfo(text: self.cli("info", section), wanted)
    }

    /// Throws unless an answer has all of the given lines.
    func checkInfo(text: String, _ wanted: [String]) throws {
        let lines = text.split(whereSeparator: \.isNewline).map(String.init)
        for line in wanted where !lines.contains(line) {
            let name = line.prefix { $0 != ":" }
            let seen = lines.first { $0.hasPrefix("\(name):") } ?? lines.joined(separator: " ")
            throw ServerProcessError("port \(self.port): \(seen), not \(line)")
        }
    }
}
