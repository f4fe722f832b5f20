/// How the servers that a ``RedisClient`` talks to are arranged.
public enum RedisTopology: Sendable, Hashable {
    /// One server, or something that looks like one (HAProxy): ``RedisClientConfiguration/address``.
    case standalone
    /// A master with replicas, watched over by sentinels that name a new master when it dies.
    case sentinel(SentinelConfiguration)
    /// Masters that share the keys among them, each with replicas.
    case cluster(ClusterConfiguration)
}

/// The sentinels, and which master to ask them for.
///
/// The client asks all of them, listens to what they publish, and follows the master of the newest failover. While the
/// master does not answer, it asks the replicas for their role as well: one that has just been promoted is used about
/// a second before the sentinels name it. With all sentinels gone it stays with the master it knows. Where none of
/// them has named that one for 20 seconds, and most of them another one that answers as a master, as when they have
/// been told to watch other servers, it goes there, with a warning in the log.
///
/// Replication is asynchronous: a master that dies takes with it what it has acknowledged and not sent to a replica
/// yet, and a write whose reply is outstanding may or may not have been carried out (``RedisError/delivery``). A
/// master that was replaced and comes back takes writes for about ten more seconds, which are thrown away when the
/// sentinels make it a replica. This client does not go back to it, but others may, and so does every client while it
/// alone is cut off together with the old master. `min-replicas-to-write 1` (with `min-replicas-max-lag 2`) on a
/// master with two replicas makes such a master refuse writes (NOREPLICAS): the package's tests send 500 writes to a
/// master that hung while it was replaced, and without the setting it takes all of them and they are lost, with it
/// none is taken. With a single replica it would refuse all writes after a failover.
///
/// The sentinels' user needs the commands `SENTINEL` and `SUBSCRIBE`. The servers' user should have `INFO`: without it
/// a new master is used only once sentinels name it. With TLS the sentinels are connected to as the servers are, and
/// the addresses that they announce must stand in the servers' certificates, or ``RedisTLSConfiguration/serverName``
/// be set.
public struct SentinelConfiguration: Sendable, Hashable {
    /// Some sentinels; they name the others.
    public var sentinels: [RedisAddress]
    /// The name of the monitored master; `mymaster` by default.
    public var masterName: String = "mymaster"
    /// The credentials for the sentinels themselves, which are not those of the servers; none by default.
    public var credentials: RedisCredentials?

    /// The sentinels at these addresses; one or more.
    public init(_ sentinels: [RedisAddress]) { self.sentinels = sentinels }
}

/// How a cluster is found and followed.
public struct ClusterConfiguration: Sendable, Hashable {
    /// Some nodes; they name the others.
    public var seeds: [RedisAddress]
    /// The time between two refreshes of the slot table; 10 minutes by default.
    ///
    /// `nil`: only when an answer or a lost connection shows that it has changed. Where replicas are read from, it is
    /// refreshed every few seconds while some are missing.
    public var refreshInterval: Duration? = .seconds(600)
    /// How often one command follows redirections (MOVED, ASK) before it fails; 16 by default.
    public var maximumRedirects: Int = 16

    /// A cluster with nodes at these addresses; one or more.
    public init(_ seeds: [RedisAddress]) { self.seeds = seeds }
}

/// Which servers answer commands that only read.
///
/// Replicas follow their master with a delay: what was written a moment ago may be missing there, and a key deleted a
/// moment ago may still be there. Scripts, transactions and commands that may write always go to the master.
public enum ReadPreference: String, Sendable, Hashable, CaseIterable {
    /// The master: reads see all earlier writes.
    case master
    /// A replica where one can be reached, else the master.
    case replicaPreferred
    /// A replica only; no reads where none can be reached.
    case replica
}

extension RedisClientConfiguration {
    /// Where to begin.
    var addresses: [RedisAddress] {
        switch self.topology {
        case .standalone: [self.address]
        case .sentinel(let sentinel): sentinel.sentinels
        case .cluster(let cluster): cluster.seeds
        }
    }
}
