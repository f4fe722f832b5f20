import Foundation

/// Keys and certificates for tests of TLS, made by the script `certificates` once per process and removed with it.
public final class TestCertificates: Sendable {
    /// A key and its certificate.
    public enum Name: String, Sendable, CaseIterable {
        /// What signs the others, and what signs those that nobody trusts.
        case authority, otherAuthority
        /// For `localhost`, 127.0.0.1 and ::1.
        case server
        /// For 127.0.0.1 only, with `localhost` as common name.
        case addressOnly
        /// For `*.cache.example` and `LOCALHOST`.
        case wildcard
        /// For another host and address, with `localhost` as common name.
        case wrongName
        /// `localhost` as common name and no other name.
        case commonNameOnly
        /// As `server`, but until yesterday.
        case expired
        /// As `server`, but of the other authority.
        case foreign
        /// As `server`, but of no authority.
        case selfSigned
        /// A client's, of either authority.
        case client, foreignClient
    }

    private let directory: URL
    private let keeper: Process
    private let lifeline: Pipe

    private static let made = Result { try TestCertificates() }

    /// The certificates of this process; made when first asked for.
    ///
    /// - Throws: ``ServerProcessError`` saying what to install.
    public static var shared: TestCertificates { get throws { try Self.made.get() } }

    /// The path of a certificate, in PEM form.
    public func certificate(_ name: Name) -> String { self.directory.appending(path: "\(name.rawValue).crt").path }

    /// The path of a private key, in PEM form.
    public func key(_ name: Name) -> String { self.directory.appending(path: "\(name.rawValue).key").path }

    /// The path of a new file with the given text, beside the certificates.
    public func file(_ text: String) throws -> String {
        let url = self.directory.appending(path: UUID().uuidString)
        try text.write(to: url, atomically: true, encoding: .utf8)
        return url.path
    }

    private init() throws {
        self.directory = FileManager.default.temporaryDirectory.appending(path: "oxbow-\(UUID().uuidString.prefix(8))")
        self.keeper = Process()
        self.lifeline = Pipe()
        let output = Pipe()
        self.keeper.executableURL = Installation.scripts.appending(path: "certificates")
        self.keeper.arguments = [self.directory.path]
        self.keeper.standardInput = self.lifeline
        self.keeper.standardOutput = output
        try self.keeper.run()
        var said = ""
        while !said.hasSuffix("ready\n") {
            let data = output.fileHandleForReading.availableData
            guard !data.isEmpty else { throw ServerProcessError("no test certificates: \(said)") }
            said += String(decoding: data, as: UTF8.self)
        }
    }
}

/// How a server is made to speak TLS, on a port beside the one in clear.
public struct ServerTLS: Sendable, Hashable {
    /// The certificate that the server shows.
    public var certificate: TestCertificates.Name
    /// Whether clients must show one of the authority.
    public var wantsClientCertificate: Bool

    /// TLS with the given certificate.
    public init(_ certificate: TestCertificates.Name = .server, wantsClientCertificate: Bool = false) {
        self.certificate = certificate
        self.wantsClientCertificate = wantsClientCertificate
    }

    func settings(port: Int) throws -> [String] {
        let certificates = try TestCertificates.shared
        return [
            "tls-port \(port)", "tls-cert-file \(certificates.certificate(self.certificate))",
            "tls-key-file \(certificates.key(self.certificate))",
            "tls-ca-cert-file \(certificates.certificate(.authority))",
            "tls-auth-clients \(self.wantsClientCertificate ? "yes" : "no")",
        ]
    }
}
