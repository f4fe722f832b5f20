import Foundation
import Logging
import Oxbow
import PropertyFiles
import RedisClient
import TestServers
import Testing

/// The files for operators load, without a warning about themselves, and work.
@Suite struct ExampleFilesTests {
    static let names = ["standalone", "tls", "sentinel", "cluster", "haproxy", "ors"]

    /// The variables that the examples want.
    private static let environment = ["REDIS_SENTINEL_HOST": "sentinel", "REDIS_CLUSTER_NAME": "main"]

    @Test func `the folder holds these examples, and none of them is loaded with the shipped files`() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: examples.path)
        #expect(files.sorted() == Self.names.map { "\($0).properties" }.sorted())
        let shipped = examples.deletingLastPathComponent()
        let set = try PropertySet.load(from: shipped.path, environment: [:])
        #expect(Set(set.keys.compactMap { set[$0]?.source.file }) == ["redis.properties", "cache.properties"])
    }

    @Test(arguments: names)
    func `an example loads alone and over the shipped files, without warnings of its own`(_ name: String) throws {
        let file = examples.appending(path: "\(name).properties").path
        var warnings: [PropertyProblem] = []
        let alone = try PropertySet.load(from: file, environment: Self.environment)
        let configuration = try OxbowConfiguration(properties: alone, warnings: &warnings)
        #expect(warnings.isEmpty)
        let layers = [examples.deletingLastPathComponent().path, file]
        let above = try PropertySet.load(from: layers, environment: Self.environment)
        #expect(try OxbowConfiguration(properties: above, warnings: &warnings) == configuration)
        let own = warnings.filter { $0.source.file == "\(name).properties" || $0.code != .ignored }
        #expect(own.isEmpty)
    }

    @Test func `what the examples say`() throws {
        func read(_ name: String, _ environment: [String: String] = Self.environment) throws -> OxbowConfiguration {
            try example(name, environment: environment).0
        }
        var sentinel = SentinelConfiguration([.host("sentinel", port: 26_379)])
        sentinel.masterName = "main"
        #expect(try read("sentinel").redis.topology == .sentinel(sentinel))
        #expect(throws: PropertyError.self, "the sentinel's host is wanted") { try read("sentinel", [:]) }
        let cluster = try read("cluster", ["REDIS_PASSWORD": "p"])
        #expect(cluster.redis.topology == .standalone && cluster.redis.credentials?.password == "p")
        #expect(cluster.cacheRedis?.credentials == nil, "the main instance's password does not go to the cluster")
        guard case .cluster(let nodes) = cluster.cacheRedis?.topology else {
            Issue.record("not a cluster")
            return
        }
        #expect(nodes.seeds.count == 3 && nodes.refreshInterval == .seconds(60))
        #expect(cluster.cache.compression.type == .deflate)
        #expect(try read("ors", ["ORS_CLUSTER_NAME": "west"]).cache.keyPrefix == "ORS:west")
        #expect(try read("tls").redis.tls?.verifiesPeer == true)
        let haproxy = try read("haproxy").redis
        #expect(haproxy.commandTimeout == .seconds(2) && haproxy.connectTimeout == .seconds(5))
    }

    /// What Kubernetes sets in every pod beside Services of these names is no address that a property takes.
    @Test(arguments: names)
    func `variables of a Service link change nothing`(_ name: String) throws {
        var links: [String: String] = [:]
        for service in ["REDIS", "REDIS_SERVER", "REDIS_CACHE", "REDIS_HOSTS", "HAPROXY"] {
            links["\(service)_PORT"] = "tcp://10.0.0.1:6379"
            links["\(service)_PORT_6379_TCP_ADDR"] = "10.0.0.1"
            links["\(service)_SERVICE_HOST"] = "10.0.0.1"
            links["\(service)_SERVICE_PORT"] = "6379"
        }
        let linked = try example(name, environment: Self.environment.merging(links) { own, _ in own }).0
        let alone = try example(name, environment: Self.environment).0
        #expect(linked == alone)
    }

    @Test(arguments: [SharedServers.Name.redis, .valkey])
    func `standalone works as it is`(_ name: SharedServers.Name) async throws {
        let server = try await SharedServers.shared.server(name)
        try await use("standalone", ["COM_OPENEXCHANGE_REDIS_HOSTS": "127.0.0.1:\(server.port)"])
        // As in a pod beside a Service called "redis".
        let links = ["REDIS_PORT": "tcp://10.0.0.1:6379", "REDIS_SERVICE_HOST": "10.0.0.1"]
        try await use("standalone", links.merging(["REDIS_HOSTS": "127.0.0.1:\(server.port)"]) { $1 })
    }

    @Test(arguments: [SharedServers.Name.redisTLS, .valkeyMutualTLS])
    func `tls works as it is`(_ name: SharedServers.Name) async throws {
        let server = try await SharedServers.shared.server(name)
        let certificates = try TestCertificates.shared
        var environment = [
            "COM_OPENEXCHANGE_REDIS_HOSTS": "localhost:\(try #require(server.tlsPort))",
            "COM_OPENEXCHANGE_REDIS_SSL_TRUSTSTORE": certificates.certificate(.authority),
        ]
        if name == .valkeyMutualTLS {
            environment["REDIS_CLIENT_CERTIFICATE"] = certificates.certificate(.client)
            environment["REDIS_CLIENT_KEY"] = certificates.key(.client)
        }
        try await use("tls", environment)
    }

    @Test func `a foreign prefix stands before every key of a cache`() async throws {
        let server = try await SharedServers.shared.server(.redis)
        let environment = [
            "COM_OPENEXCHANGE_REDIS_MODE": "standalone", "ORS_CLUSTER_NAME": "c1",
            "COM_OPENEXCHANGE_REDIS_HOSTS": "127.0.0.1:\(server.port)",
        ]
        try await use("ors", environment)
    }
}

/// Where the examples are.
let examples = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../../Properties/examples").standardizedFileURL

/// Reads an example.
func example(
    _ name: String,
    environment: [String: String]
) throws -> (OxbowConfiguration, [PropertyProblem]) {
    var warnings: [PropertyProblem] = []
    let properties = try PropertySet.load(
        from: examples.appending(path: "\(name).properties").path,
        environment: environment
    )
    return (try OxbowConfiguration(properties: properties, warnings: &warnings), warnings)
}

/// Reads an example, runs it, and fills, reads and invalidates a cache and a group.
func use(_ name: String, _ environment: [String: String]) async throws {
    // A loaded machine may need longer than an operator would wait.
    let patience = ["COM_OPENEXCHANGE_CACHE_V2_REDIS_SOFTTIMEOUTMILLIS": "20000"]
    var (configuration, _) = try example(name, environment: environment.merging(patience) { own, _ in own })
    configuration.redis.connectTimeout = .seconds(20)
    configuration.redis.commandTimeout = .seconds(20)
    try await withOxbow(configuration) { oxbow async throws in
        // An earlier test may have replaced a master of the shared servers.
        try await expectEventually { oxbow.isSettled }
        let module = freshModule(name)
        let plain = try oxbow.cache(module, of: String.self)
        let grouped = try oxbow.groupedCache(module + "-g", of: String.self)
        let text = String(repeating: name, count: 100)
        for key in ["a", "b", "c", "d", "e"] {
            #expect(try await plain.value(for: key) { text } == text)
            #expect(try await plain.value(for: key) { "not stored" } == text)
            #expect(try await grouped.value(for: key, in: key) { text } == text)
            #expect(try await grouped.value(for: key, in: key) { "not stored" } == text)
            let stored = "\(configuration.cache.keyPrefix):\(module):1:\(key)"
            #expect(try await oxbow.cacheClient?.execute(EXISTS([stored])) == 1, "\(stored)")
            try await plain.invalidate(key)
            #expect(try await plain.value(for: key) == nil)
            try await grouped.invalidate(group: key)
        }
        #expect(try await oxbow.client?.execute(RawCommand("PING", returning: String.self)) == "PONG")
    }
}
