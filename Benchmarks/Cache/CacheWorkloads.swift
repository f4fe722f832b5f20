import NIOCore
import Oxbow
import RedisClient

/// The workloads of the cache, in the order of the table.
let cacheWorkloads: [any Workload] = [
    HitWorkload(
        name: "hit-raw",
        summary: "hits of 1 KB as ByteBuffer",
        target: .ratio(1.25),
        value: ByteBuffer(repeating: UInt8(ascii: "x"), count: 1024),
        makeCache: { try $0.cache($1, of: ByteBuffer.self, options: $2) },
        hit: { try await $0.value(for: hitEntry) { throw notThere }.readableBytes == 1024 }
    ),
    HitWorkload(
        name: "hit-json-1k",
        summary: "hits of a Codable value of about 1 KB as JSON",
        value: SampleAccount.sample,
        makeCache: { try $0.cache($1, of: SampleAccount.self, options: $2) },
        hit: {
            try await $0.value(for: hitEntry) { throw notThere }.folders.count == SampleAccount.sample.folders.count
        }
    ),
    MissWorkload(),
    GroupedHitWorkload(),
    BulkHitWorkload(),
    HitWorkload(
        name: "deflate-10k",
        summary: "hits of 10 KB of text that is stored deflated",
        compression: .deflate,
        value: SampleText.listing(bytes: 10 * 1024),
        makeCache: { try $0.cache($1, of: String.self, options: $2) },
        hit: { try await $0.value(for: hitEntry) { throw notThere }.utf8.count == 10 * 1024 }
    ),
    RequestScopeWorkload(),
]

/// The cache of a workload, and the keys behind it.
struct CacheNames: Sendable {
    /// How many tasks read at once.
    static let tasks = 50
    /// The module: recognizable, should the server be somebody's.
    let module: String
    private let prefix: String

    init(_ workload: String, on bench: Bench) {
        self.module = "bench-\(workload)"
        self.prefix = "\(bench.oxbow.configuration.cache.keyPrefix):\(self.module):1:"
    }

    /// The server's key for an entry, or for a group.
    func key(_ last: String) -> String { self.prefix + last }
}

extension CacheOptions {
    /// Entries that outlive the run and do not stay much longer; compressed as said here, whatever the files say.
    init(on bench: Bench, compression type: CompressionConfiguration.Compression = .none) {
        var compression = CompressionConfiguration()
        compression.type = type
        self.init(timeToLive: bench.timeToLive, compression: compression)
    }
}

/// A loader that must not be called: the entry is there.
func noLoader<Value>(of type: Value.Type) -> @Sendable () async throws -> Value {
    { throw notThere }
}

let notThere = BenchmarkError("an entry that had been stored was not there")

/// Reading the stored bytes with the client that the cache is built on.
func bareClient<Command: RedisCommand>(
    _ name: String,
    _ bench: Bench,
    _ command: Command
) -> any Yardstick where Command.Response == ByteBuffer? {
    let client = bench.client
    let load = Load(tasks: CacheNames.tasks) { _, _ in
        guard let bytes = try await client.execute(command), bytes.readableBytes > 0 else {
            throw BenchmarkError("\(name) found nothing")
        }
    }
    return LoadYardstick(name: "bare client, \(name)", load: load)
}
