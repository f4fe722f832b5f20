import NIOCore

/// How connections are encrypted and how the server proves who it is.
///
/// TLS 1.2 and 1.3, without renegotiation. The server's certificate must lead to a trusted authority and bear, as a
/// subject alternative name, the host name or the IP address that was connected to: RFC 6125, which a common name no
/// longer satisfies. Files are in PEM form, read once when `run()` begins.
public struct RedisTLSConfiguration: Sendable, Hashable {
    /// Whether the certificate's chain and name are verified; `true` by default.
    ///
    /// Without, anybody between client and server can pose as the server. Turning it off is warned about at the start.
    public var verifiesPeer = true
    /// The file with the certificates of the authorities to trust; the system's by default.
    public var trustStore: String?
    /// The file with the certificate to show to the server (mutual TLS), its chain behind it; none by default.
    ///
    /// Goes with ``privateKey``.
    public var certificate: String?
    /// The file with the private key of ``certificate``, without a passphrase.
    public var privateKey: String?
    /// The host name that the certificate must bear, also sent as SNI; the host connected to by default.
    ///
    /// Needed for a unix socket, and where the certificate bears another name than the one connected to.
    public var serverName: String?

    /// Full verification against the system's authorities, no certificate of the client's own.
    public init() {}
}

extension RedisTLSConfiguration {
    /// A setting that cannot work, by its name here, which is also that of its property.
    package struct Problem: Sendable, Hashable {
        package let setting: String
        package let message: String
        package let allowed: String
    }

    /// What cannot work whatever the files hold.
    package func problems(for address: RedisAddress) -> [Problem] {
        var problems: [Problem] = []
        if (self.certificate == nil) != (self.privateKey == nil) {
            let missing = self.certificate == nil ? "certificate" : "privateKey"
            let present = self.certificate == nil ? "privateKey" : "certificate"
            problems.append(
                Problem(
                    setting: present,
                    message: "\(present) without \(missing)",
                    allowed: "a certificate with its private key, or neither"
                )
            )
        }
        let hostName = "a host name of ASCII letters, digits, hyphens and dots"
        if let serverName, !HostName.isSound(serverName) {
            let message = "'\(serverName.prefix(255))' is no host name that a certificate can bear"
            problems.append(Problem(setting: "serverName", message: message, allowed: hostName))
        } else if self.serverName == nil, self.verifiesPeer {
            switch address {
            case .unix:
                let message = "a unix socket has no name that the certificate could bear"
                problems.append(Problem(setting: "serverName", message: message, allowed: hostName))
            case .host(let host, _) where !HostName.isAddress(host) && !HostName.isSound(host):
                let message = "the host '\(host.prefix(255))' is no name that a certificate can bear"
                problems.append(Problem(setting: "serverName", message: message, allowed: hostName))
            case .host: break
            }
        }
        return problems
    }

    /// The name to send and to verify; `nil` for an IP address, which is verified as such.
    func name(for address: RedisAddress) -> String? {
        if let serverName { return HostName.withoutLastDot(serverName) }
        guard case .host(let host, _) = address, HostName.isSound(host) else { return nil }
        return HostName.withoutLastDot(host)
    }
}
