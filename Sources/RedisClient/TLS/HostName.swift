import NIOCore
import NIOSSL

/// Host names as certificates bear them.
enum HostName {
    /// Whether a text is an IP address.
    static func isAddress(_ text: String) -> Bool { (try? SocketAddress(ipAddress: text, port: 0)) != nil }

    /// Whether a text can be sent as SNI and stand in a certificate.
    static func isSound(_ text: String) -> Bool {
        let name = Self.withoutLastDot(text)
        guard (1...253).contains(name.utf8.count), !Self.isAddress(name) else { return false }
        return name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
            .allSatisfy { label in (1...63).contains(label.count) && label.allSatisfy(Self.isAllowed) }
    }

    /// A fully qualified name is the same host, but neither SNI nor certificates have its last dot.
    static func withoutLastDot(_ text: String) -> String { text.hasSuffix(".") ? String(text.dropLast()) : text }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): true
        default: false
        }
    }

    /// Whether a dNSName of a certificate stands for a host name: RFC 6125, sections 6.4.1 and 6.4.3.
    ///
    /// A wildcard counts only as the whole of the first label, and stands for one label.
    static func matches(_ pattern: String, _ name: String) -> Bool {
        let pattern = Self.withoutLastDot(pattern).lowercased()
        let name = Self.withoutLastDot(name).lowercased()
        guard pattern.hasPrefix("*.") else { return !pattern.contains("*") && pattern == name }
        guard let dot = name.firstIndex(of: "."), dot != name.startIndex else { return false }
        return pattern.dropFirst() == name[dot...] && !pattern.dropFirst().contains("*")
    }
}

/// The subject alternative names of a certificate that servers are known by.
struct CertificateNames: Sendable {
    private(set) var hosts: [String] = []
    private(set) var addresses: [String] = []

    init(of certificate: NIOSSLCertificate) {
        for name in certificate._subjectAlternativeNames() {
            let bytes = Array(name.contents)
            switch name.nameType {
            case .dnsName: self.hosts.append(String(decoding: bytes, as: UTF8.self))
            case .ipAddress:
                let address = try? SocketAddress(packedIPAddress: ByteBuffer(bytes: bytes), port: 0)
                if let text = address?.ipAddress { self.addresses.append(text) }
            default: continue
            }
        }
    }

    /// The first few, for messages.
    var description: String {
        let all = self.hosts.map { "DNS:\($0)" } + self.addresses.map { "IP:\($0)" }
        let shown = all.prefix(5).map { $0.prefix(80).filter { $0.isASCII && !$0.isNewline && $0 >= " " } }
        return shown.joined(separator: ", ") + (all.count > 5 ? ", …" : "")
    }
}
