import RedisClient
import TestServers

/// The settings for a cluster, with all its nodes as seeds.
func configuration(for cluster: ClusterTopology) throws -> RedisClientConfiguration {
    var configuration = RedisClientConfiguration()
    configuration.topology = .cluster(
        ClusterConfiguration(cluster.nodes.map { .host("127.0.0.1", port: $0.tlsPort ?? $0.port) })
    )
    configuration.credentials = RedisCredentials(password: cluster.password)
    if cluster.nodes.contains(where: { $0.tlsPort != nil }) {
        var tls = RedisTLSConfiguration()
        tls.trustStore = try TestCertificates.shared.certificate(.authority)
        configuration.tls = tls
    }
    return configuration
}
