import Foundation
import RedisClient
import TestServers

/// Reading one large list: Python's `hiredis` reader where `Tests/Servers/install-python` could get it, `redis-cli`
/// otherwise.
///
/// Compared by elapsed time, from sending the command to having all elements.
struct LargeReplyReader: Yardstick {
    let name: String
    private let key: String
    private let server: BenchServer
    private let arguments: [String]
    /// The Python that knows hiredis.
    private let python: String?

    init?(_ server: BenchServer, key: String) {
        guard let arguments = server.toolArguments else { return nil }
        self.arguments = arguments + ["-n", String(server.database)]
        self.server = server
        self.key = key
        let python = try? Installation.program("python-redis").path
        let version = python.flatMap { try? output(of: $0, ["-c", "import hiredis; print(hiredis.__version__)"]) }
        self.python = version == nil ? nil : python
        self.name = version.map { "hiredis \($0) (Python), wall time" } ?? "redis-cli, wall time"
    }

    func calibrated(for duration: Duration) async throws -> @Sendable () async throws -> YardstickSample {
        let seconds = duration / .seconds(1)
        if let python { return { try self.read(with: python, seconds) } }
        let startUp = try (0..<3).map { _ in try self.runTool(["PING"]).wallMicros }.median
        return {
            let end = ContinuousClock.now + duration
            var samples: [YardstickSample] = []
            repeat {
                samples.append(try self.runTool(["LRANGE", self.key, "0", "-1"]))
            } while ContinuousClock.now < end
            return YardstickSample(
                cpuMicros: samples.map(\.cpuMicros).median,
                wallMicros: max(1, samples.map(\.wallMicros).median - startUp)
            )
        }
    }

    private func read(with python: String, _ seconds: Double) throws -> YardstickSample {
        let address =
            switch self.server.address {
            case .host(let host, let port): [host, String(port)]
            case .unix(path: let path): ["", path]
            }
        let database = String(self.server.database)
        let text = try output(of: python, ["-c", Self.program] + address + [database, self.key, String(seconds)])
        let numbers = text.split(separator: " ").compactMap { Double($0) }
        guard numbers.count == 2 else { throw BenchmarkError("the Python reader printed no figures: \(text)") }
        return YardstickSample(cpuMicros: numbers[1], wallMicros: numbers[0])
    }

    private func runTool(_ command: [String]) throws -> YardstickSample {
        let before = ProcessorTime.ofEndedChildren()
        let start = ContinuousClock.now
        try runChild(try Installation.program("redis-cli"), self.arguments + command, output: FileHandle.nullDevice)
        let wall = (ContinuousClock.now - start) / .microseconds(1)
        return YardstickSample(cpuMicros: ProcessorTime.ofEndedChildren() - before, wallMicros: wall)
    }

    /// Prints the median of the elapsed times and the mean CPU time, in microseconds.
    private static let program = """
        import hiredis, socket, sys, time
        host, port, database, key, seconds = sys.argv[1:]
        if host: s = socket.create_connection((host, int(port)))
        else: s = socket.socket(socket.AF_UNIX); s.connect(port)
        reader = hiredis.Reader()
        def request(*words):
            s.sendall(hiredis.pack_command(words))
            while True:
                reader.feed(s.recv(65536))
                reply = reader.gets()
                if reply is not False: return reply
        request("SELECT", database)
        walls, cpu, end = [], time.process_time(), time.perf_counter() + float(seconds)
        while not walls or time.perf_counter() < end:
            start = time.perf_counter()
            reply = request("LRANGE", key, "0", "-1")
            walls.append(time.perf_counter() - start)
        print(sorted(walls)[len(walls) // 2] * 1e6, (time.process_time() - cpu) / len(walls) * 1e6)
        """
}
