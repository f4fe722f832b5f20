import Oxbow
import RedisClient
import TestServers
import Testing

/// A map over all masters of a cluster.
@Suite(.serialized, .timeLimit(.minutes(2))) struct MapClusterTests {
    @Test(arguments: ServerProcess.Kind.allCases)
    func `entries of all masters are read at once, listed, replaced and removed`(
        _ kind: ServerProcess.Kind
    ) async throws {
        let topology = try await SharedTopologies.shared.cluster(kind)
        try await topology.restore()
        var configuration = OxbowConfiguration()
        configuration.redis = RedisClientConfiguration(topology)
        configuration.redis.metricsPrefix = "appsuite_redis"
        try await withOxbow(configuration) { oxbow async throws in
            let map = try oxbow.map(freshModule("cluster"), of: Int.self, timeToLive: .seconds(60))
            let keys = (0..<300).map { "\($0)" }
            for (number, key) in keys.enumerated() { check(try await map.exchange(number, for: key), nil) }
            let found = try await map.values(for: keys)
            check(found.count, 300)
            check(try await map.count(), 300)
            check(try await map.replace(7, with: -7, for: "7"), true)
            check(try await map.replace(7, with: 0, for: "7"), false)
            check(try await map.take("7"), -7)
            try await map.put(8, for: "7")
            check(try await map.remove("7"), true)
            check(try await map.removeAll(), 299)
            check(try await map.values(for: keys), [:])
        }
    }
}
