extension Oxbow {
    /// A map with the codec of the values' own type (``CacheValue``): text, bytes, numbers and your own types.
    ///
    /// - Parameters:
    ///   - name: names the map in every key; any text but the empty one.
    ///   - type: the type of the values.
    ///   - timeToLive: the life of an entry whose caller fixes none; more than 0.
    /// - Returns: the map; asking again for the same name gives another handle of it. Does no I/O.
    public func map<Value: CacheValue>(
        _ name: String,
        of type: Value.Type,
        timeToLive: Duration
    ) -> DistributedMap<Value> {
        self.map(name, codec: OwnCodec(type), timeToLive: timeToLive)
    }

    /// A map that stores its values as JSON.
    ///
    /// - Parameters:
    ///   - name: names the map in every key; any text but the empty one.
    ///   - type: the type of the values.
    ///   - timeToLive: the life of an entry whose caller fixes none; more than 0.
    /// - Returns: the map; asking again for the same name gives another handle of it. Does no I/O.
    @_disfavoredOverload
    public func map<Value: Codable & Sendable>(
        _ name: String,
        of type: Value.Type,
        timeToLive: Duration
    ) -> DistributedMap<Value> {
        self.map(name, codec: JSONCodec(type), timeToLive: timeToLive)
    }

    /// A map with a codec of its own.
    ///
    /// - Parameters:
    ///   - name: names the map in every key; any text but the empty one.
    ///   - codec: how values become bytes and come back.
    ///   - timeToLive: the life of an entry whose caller fixes none; more than 0.
    /// - Returns: the map; asking again for the same name gives another handle of it. Does no I/O.
    public func map<Codec: CacheCodec>(
        _ name: String,
        codec: Codec,
        timeToLive: Duration
    ) -> DistributedMap<Codec.Value> {
        precondition(!name.isEmpty, "a map needs a name")
        precondition(timeToLive > .zero, "the life of a map's entries must be more than 0, not \(timeToLive)")
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
            timeToLive: timeToLive
        )
    }
}
