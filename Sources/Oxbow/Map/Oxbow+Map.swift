extension Oxbow {
    /// Returns a map with the codec of the values' own type (``CacheValue``): text, bytes, numbers and your own types.
    ///
    /// - Parameters:
    ///   - name: names the map in every key; any text but the empty one.
    ///   - type: the type of the values.
    ///   - timeToLive: the TTL of an entry whose caller gives none; more than zero, 2^45 ms at most (longer ones count as that).
    /// - Returns: the map; a second call with the same name returns another handle of it. Does no I/O.
    /// - Throws: ``OxbowError`` with `invalidArgument` for an empty name and a TTL of zero or less.
    public func map<Value: CacheValue>(
        _ name: String,
        of type: Value.Type,
        timeToLive: Duration
    ) throws -> DistributedMap<Value> {
        try self.map(name, codec: OwnCodec(type), timeToLive: timeToLive)
    }

    /// Returns a map that stores its values as JSON.
    ///
    /// - Parameters:
    ///   - name: names the map in every key; any text but the empty one.
    ///   - type: the type of the values.
    ///   - timeToLive: the TTL of an entry whose caller gives none; more than zero, 2^45 ms at most (longer ones count as that).
    /// - Returns: the map; a second call with the same name returns another handle of it. Does no I/O.
    /// - Throws: ``OxbowError`` with `invalidArgument` for an empty name and a TTL of zero or less.
    @_disfavoredOverload
    public func map<Value: Codable & Sendable>(
        _ name: String,
        of type: Value.Type,
        timeToLive: Duration
    ) throws -> DistributedMap<Value> {
        try self.map(name, codec: JSONCodec(type), timeToLive: timeToLive)
    }

    /// Returns a map with a codec of its own.
    ///
    /// - Parameters:
    ///   - name: names the map in every key; any text but the empty one.
    ///   - codec: how values become bytes and come back.
    ///   - timeToLive: the TTL of an entry whose caller gives none; more than zero, 2^45 ms at most (longer ones count as that).
    /// - Returns: the map; a second call with the same name returns another handle of it. Does no I/O.
    /// - Throws: ``OxbowError`` with `invalidArgument` for an empty name and a TTL of zero or less.
    public func map<Codec: CacheCodec>(
        _ name: String,
        codec: Codec,
        timeToLive: Duration
    ) throws -> DistributedMap<Codec.Value> {
        guard !name.isEmpty else { throw OxbowError(.invalidArgument, "the name of a map must not be empty") }
        let maps = self.initial.maps
        let coder = ValueCoder<Codec.Value>(
            codec: codec,
            compression: maps.compression,
            deflate: self.deflate,
            maximumBytes: maps.maximumValueBytes
        )
        return DistributedMap(
            store: self.mapStore,
            coder: ValueCoder(coder, limits: self.limits),
            prefix: "\(maps.keyPrefix):\(KeyEncoding.encode(name, isLast: false)):",
            timeToLive: try DistributedMap<Codec.Value>.checked(timeToLive)
        )
    }
}
