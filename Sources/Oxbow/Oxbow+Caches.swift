/// Making caches.
extension Oxbow {
    /// Returns a cache with the codec of the values' own type (``CacheValue``): text, bytes, numbers and your own types.
    ///
    /// Keep the returned handle: a later call for the same module, version and options returns the same cache, but has to
    /// look it up.
    ///
    /// - Parameters:
    ///   - module: names the cache in every key; any text but the empty one.
    ///   - type: the type of the values.
    ///   - version: raise it when the stored form of the values changes; 1 by default.
    ///   - options: what this cache does differently from the configuration.
    /// - Returns: a handle of the cache; all handles of a module and version share its loads and counters.
    /// - Throws: ``OxbowError`` with `invalidArgument` for an empty module, for options that no configuration may have, and
    ///   when the module and version are in use for another form of cache or another type of values.
    public func cache<Value: CacheValue>(
        _ module: String,
        of type: Value.Type,
        version: Int = 1,
        options: CacheOptions = CacheOptions()
    ) throws(OxbowError) -> Cache<Value> {
        Cache(core: try self.core(CacheName(module, version, .plain), options) { OwnCodec(type) })
    }

    /// Returns a cache that stores its values as JSON.
    ///
    /// Keep the returned handle: a later call for the same module, version and options returns the same cache, but has to
    /// look it up.
    ///
    /// - Parameters:
    ///   - module: names the cache in every key; any text but the empty one.
    ///   - type: the type of the values.
    ///   - version: raise it when the stored form of the values changes; 1 by default.
    ///   - options: what this cache does differently from the configuration.
    /// - Returns: a handle of the cache; all handles of a module and version share its loads and counters.
    /// - Throws: ``OxbowError`` with `invalidArgument`, as the form for a ``CacheValue``.
    @_disfavoredOverload
    public func cache<Value: Codable & Sendable>(
        _ module: String,
        of type: Value.Type,
        version: Int = 1,
        options: CacheOptions = CacheOptions()
    ) throws(OxbowError) -> Cache<Value> {
        Cache(core: try self.core(CacheName(module, version, .plain), options) { JSONCodec(type) })
    }

    /// Returns a cache with a codec of its own.
    ///
    /// Keep the returned handle: each call makes a new one, which shares the loads and counters of the others.
    ///
    /// - Parameters:
    ///   - module: names the cache in every key; any text but the empty one.
    ///   - codec: how values become bytes and come back.
    ///   - version: raise it when the stored form of the values changes; 1 by default.
    ///   - options: what this cache does differently from the configuration.
    /// - Returns: a handle of the cache; all handles of a module and version share its loads and counters.
    /// - Throws: ``OxbowError`` with `invalidArgument`, as the form for a ``CacheValue``.
    public func cache<Codec: CacheCodec>(
        _ module: String,
        codec: Codec,
        version: Int = 1,
        options: CacheOptions = CacheOptions()
    ) throws(OxbowError) -> Cache<Codec.Value> {
        Cache(core: try self.core(CacheName(module, version, .plain), options, codec))
    }

    /// Returns a grouped cache with the codec of the values' own type.
    ///
    /// See ``cache(_:of:version:options:)``.
    public func groupedCache<Value: CacheValue>(
        _ module: String,
        of type: Value.Type,
        version: Int = 1,
        options: CacheOptions = CacheOptions()
    ) throws(OxbowError) -> GroupedCache<Value> {
        GroupedCache(core: try self.core(CacheName(module, version, .grouped), options) { OwnCodec(type) })
    }

    /// Returns a grouped cache that stores its values as JSON.
    ///
    /// See ``cache(_:of:version:options:)``.
    @_disfavoredOverload
    public func groupedCache<Value: Codable & Sendable>(
        _ module: String,
        of type: Value.Type,
        version: Int = 1,
        options: CacheOptions = CacheOptions()
    ) throws(OxbowError) -> GroupedCache<Value> {
        GroupedCache(core: try self.core(CacheName(module, version, .grouped), options) { JSONCodec(type) })
    }

    /// Returns a grouped cache with a codec of its own.
    ///
    /// See ``cache(_:codec:version:options:)``.
    public func groupedCache<Codec: CacheCodec>(
        _ module: String,
        codec: Codec,
        version: Int = 1,
        options: CacheOptions = CacheOptions()
    ) throws(OxbowError) -> GroupedCache<Codec.Value> {
        GroupedCache(core: try self.core(CacheName(module, version, .grouped), options, codec))
    }

    /// The core of a cache whose codec follows from the type of its values: one for all handles with the same options.
    private func core<Codec: CacheCodec>(
        _ name: CacheName,
        _ options: CacheOptions,
        makeCodec: () -> Codec
    ) throws(OxbowError) -> CacheCore<Codec.Value> {
        if let known = self.caches.core(of: name, Codec.self, options) { return known }
        let core = try self.core(name, options, makeCodec())
        self.caches.keep(core, of: name, Codec.self, options)
        return core
    }

    private func core<Codec: CacheCodec>(
        _ name: CacheName,
        _ options: CacheOptions,
        _ codec: Codec
    ) throws(OxbowError) -> CacheCore<Codec.Value> {
        let cache = self.policies.current.with(options)
        if options != CacheOptions() {
            do { try CacheConfiguration().with(options).validate() } catch {
                throw OxbowError(.invalidArgument, "cache '\(name.module)': \(error)")
            }
        }
        let shared: CacheShared<Codec.Value> = try self.caches.shared(by: name) {
            CacheShared(looksAtOnce: cache.looksAtOnce, limits: self.limits)
        }
        if let holdOff = cache.holdOff { self.caches.note(holdOff: holdOff) }
        let coder = ValueCoder<Codec.Value>(
            codec: codec,
            compression: cache.compression,
            deflate: self.deflate,
            maximumBytes: cache.maximumValueBytes
        )
        let engine = CacheEngine<Codec.Value>(
            shared: shared,
            store: self.store.adapted(to: options),
            coder: ValueCoder(coder, limits: self.limits),
            policy: CachePolicy(self.policies, options),
            storeMonitor: self.storeMonitor,
            journal: self.journal,
            background: self.background,
            name: CellName(encoded: name.prefix(cache.keyPrefix))
        )
        return CacheCore(engine: engine, options: options)
    }
}
