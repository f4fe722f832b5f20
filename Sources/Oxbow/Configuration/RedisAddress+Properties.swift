package import RedisClient

extension RedisAddress {
    /// Parses `host`, `host:port`, `[IPv6]`, `[IPv6]:port` or `unix:/path`; the port is 6379 if none is given.
    package init?(_ text: String, defaultPort: Int = 6379) {
        if text.hasPrefix("unix:") {
            let path = text.dropFirst(5)
            guard path.hasPrefix("/"), path.utf8.count > 1 else { return nil }
            self = .unix(path: String(path))
            return
        }
        let host: Substring
        var rest: Substring
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { return nil }
            host = text[text.index(after: text.startIndex)..<end]
            rest = text[text.index(after: end)...]
        } else {
            let colon = text.firstIndex(of: ":") ?? text.endIndex
            host = text[..<colon]
            rest = text[colon...]
        }
        guard Self.isHost(String(host)) else { return nil }
        guard !rest.isEmpty else {
            self = .host(String(host), port: defaultPort)
            return
        }
        guard rest.removeFirst() == ":", let port = Int(rest), rest.first != "+", (1...65_535).contains(port) else {
            return nil
        }
        self = .host(String(host), port: port)
    }
}
