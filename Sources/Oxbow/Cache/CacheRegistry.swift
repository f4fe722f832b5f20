import Synchronization

/// The module, version and form of a cache.
struct CacheName: Sendable {
    enum Form: String, Sendable { case plain, grouped }

    /// What the keys of a cache have in common, whatever its form.
    fileprivate struct ID: Hashable {
        let module: String
        let version: Int
    }

    fileprivate let id: ID
    fileprivate let form: Form
    var module: String { self.id.module }

    init(_ module: String, _ version: Int, _ form: Form) {
        self.id = ID(module: module, version: version)
        self.form = form
    }

    /// The beginning of all keys of the cache.
    func prefix(_ keyPrefix: String) -> String {
        "\(keyPrefix):\(KeyEncoding.encode(self.module, isLast: false)):\(self.id.version):"
    }
}

/// The caches of one instance, by module and version: what their handles share.
final class CacheRegistry: Sendable {
    private struct Entry: Sendable {
        let form: CacheName.Form
        let shared: any AnyObject & Sendable
        /// The core of the last handle whose codec follows from its type, and what it was made with.
        var core: (core: any AnyObject & Sendable, codec: ObjectIdentifier, options: CacheOptions)?
    }

    private let entries = Mutex<[CacheName.ID: Entry]>([:])
    private let holdOff = Mutex<Duration?>(nil)

    /// The longest hold-off of a cache; `nil` if no cache has one.
    var longestHoldOff: Duration? { self.holdOff.withLock { $0 } }

    func note(holdOff: Duration) { self.holdOff.withLock { $0 = max($0 ?? .zero, holdOff) } }

    /// Returns what the handles of a cache share, made by the first of them.
    ///
    /// - Throws: ``OxbowError`` with `invalidArgument`: no module, or one in use for another form or another type.
    func shared<Value>(
        by name: CacheName,
        _ make: () -> CacheShared<Value>
    ) throws(OxbowError) -> CacheShared<Value> {
        guard !name.module.isEmpty else { throw OxbowError(.invalidArgument, "a cache needs a name") }
        let entry = self.entries.withLock { entries in
            if let known = entries[name.id] { return known }
            let entry = Entry(form: name.form, shared: make())
            entries[name.id] = entry
            return entry
        }
        let text = "cache '\(name.module)' version \(name.id.version)"
        guard entry.form == name.form else {
            let forms = "a \(entry.form.rawValue) and as a \(name.form.rawValue) cache"
            let advice = "their keys would collide; choose another name or version for one"
            throw OxbowError(.invalidArgument, "\(text) is used as \(forms): \(advice)")
        }
        guard let shared = entry.shared as? CacheShared<Value> else {
            throw OxbowError(.invalidArgument, "\(text) is used with two types of values")
        }
        return shared
    }

    /// Returns the kept core of a cache, if it has this codec and these options.
    func core<Codec: CacheCodec>(
        of name: CacheName,
        _ codec: Codec.Type,
        _ options: CacheOptions
    ) -> CacheCore<Codec.Value>? {
        let entry = self.entries.withLock { $0[name.id] }
        guard let entry, entry.form == name.form, let known = entry.core, known.codec == ObjectIdentifier(codec),
            known.options == options
        else { return nil }
        return known.core as? CacheCore<Codec.Value>
    }

    /// Keeps the core for further handles.
    func keep<Codec: CacheCodec>(
        _ core: CacheCore<Codec.Value>,
        of name: CacheName,
        _ codec: Codec.Type,
        _ options: CacheOptions
    ) {
        self.entries.withLock { $0[name.id]?.core = (core, ObjectIdentifier(codec), options) }
    }
}
