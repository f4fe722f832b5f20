import Logging
import NIOCore
import NIOSSL
import Synchronization

/// The TLS side of a client: the files read once, one context for all connections, and the address of one server.
final class TLSClient: Sendable {
    private let configuration: RedisTLSConfiguration
    private let address: RedisAddress
    private let files: Files

    private final class Files: Sendable {
        let context = Mutex<NIOSSLContext?>(nil)
    }

    /// How long a connection that is closed waits for the server's goodbye: nothing depends on it.
    private static let goodbye = TimeAmount.milliseconds(200)

    /// `nil` for a client in clear.
    init?(_ configuration: RedisClientConfiguration) {
        guard let tls = configuration.tls else { return nil }
        self.configuration = tls
        self.address = configuration.address
        self.files = Files()
    }

    /// The same for another server.
    init(_ other: TLSClient, for address: RedisAddress) {
        self.configuration = other.configuration
        self.address = address
        self.files = other.files
    }

    /// The name to send and to verify; `nil` for an IP address.
    var name: String? { self.configuration.name(for: self.address) }
    var verifiesPeer: Bool { self.configuration.verifiesPeer }
    /// The file of the client's own certificate.
    var certificate: String? { self.configuration.certificate }

    // MARK: Files

    /// Reads the files, which blocks; does nothing when they have been read.
    ///
    /// - Throws: ``RedisError`` with `invalidConfiguration`, naming the setting and the file.
    func load() throws {
        if self.files.context.withLock({ $0 != nil }) { return }
        let context = try self.makeContext()
        self.files.context.withLock { $0 = context }
    }

    private func makeContext() throws -> NIOSSLContext {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        tls.certificateVerification = self.verifiesPeer ? .fullVerification : .none
        tls.renegotiationSupport = .none
        tls.shutdownTimeout = Self.goodbye
        if let path = self.configuration.trustStore {
            tls.trustRoots = .certificates(try PEMFile(setting: "trustStore", path: path).certificates())
        }
        if let certificate = self.configuration.certificate, let privateKey = self.configuration.privateKey {
            let chain = try PEMFile(setting: "certificate", path: certificate).certificates()
            let keyFile = PEMFile(setting: "privateKey", path: privateKey)
            let key = try keyFile.privateKey()
            tls.certificateChain = chain.map { .certificate($0) }
            tls.privateKey = .privateKey(key)
            // The leaf and the key only: whatever fails here, they do not belong together.
            var pair = TLSConfiguration.makeClientConfiguration()
            pair.certificateVerification = .none
            pair.certificateChain = tls.certificateChain
            pair.privateKey = tls.privateKey
            do {
                _ = try NIOSSLContext(configuration: pair)
            } catch {
                throw keyFile.refusal("is not the key of the certificate in \(certificate)")
            }
        }
        do {
            return try NIOSSLContext(configuration: tls)
        } catch {
            // All that was given has been read by now.
            let message = "tls.trustStore is not set and the system's authorities cannot be read"
            throw RedisError(.invalidConfiguration, message, cause: error)
        }
    }

    /// One line for what is loosened.
    func warn(_ logger: Logger) {
        guard !self.verifiesPeer else { return }
        logger.warning(
            "the server's certificate is not verified: anybody can pose as the server",
            metadata: ["setting": "tls.verifiesPeer = false (property verifyPeer)", "address": "\(self.address)"]
        )
    }

    // MARK: Connections

    /// The TLS handlers for one attempt to connect.
    func attempt(within timeout: TimeAmount, of multiplexer: Multiplexer) -> TLSAttempt {
        TLSAttempt(self, timeout, multiplexer)
    }

    /// A handler for one connection.
    func makeHandler() throws -> NIOSSLClientHandler {
        guard let context = self.files.context.withLock({ $0 }) else {
            throw RedisError(.notRunning, "the TLS files have not been read")
        }
        return try NIOSSLClientHandler(context: context, serverHostname: self.name)
    }

    /// Why the server's certificate is refused although its chain is sound and NIOSSL has found a name.
    ///
    /// NIOSSL also takes a common name, and the IP address connected to where a host name was asked for.
    func refusal(of certificate: NIOSSLCertificate?) -> String? {
        guard self.verifiesPeer, let name = self.name else { return nil }
        guard let certificate else { return "the server has shown no certificate" }
        if CertificateNames(of: certificate).hosts.contains(where: { HostName.matches($0, name) }) { return nil }
        return self.wrongName(certificate)
    }

    func wrongName(_ certificate: NIOSSLCertificate?) -> String {
        let names = certificate.map { CertificateNames(of: $0).description } ?? ""
        let expected = self.name.map { "'\($0)'" } ?? "the IP address of \(self.address)"
        let found =
            names.isEmpty
            ? "it bears no subject alternative name, and a common name does not count" : "it is for \(names)"
        return "the server's certificate is not for \(expected): \(found); connect to a name that it bears, "
            + "or set tls.serverName"
    }

    func failure(_ reason: String, cause: (any Error)? = nil) -> RedisError {
        RedisError(.cannotConnect, "cannot connect to \(self.address) over TLS: \(reason)", cause: cause)
    }
}

/// The TLS handlers of one attempt to connect, which may open several channels.
final class TLSAttempt: Sendable {
    private let tls: TLSClient
    private let timeout: TimeAmount
    private let multiplexer: Multiplexer
    private let outcomes = Mutex<[ObjectIdentifier: EventLoopFuture<Void>]>([:])

    init(_ tls: TLSClient, _ timeout: TimeAmount, _ multiplexer: Multiplexer) {
        self.tls = tls
        self.multiplexer = multiplexer
        self.timeout = timeout
    }

    /// Adds the handlers to a channel that is not connected yet: nothing is sent or taken in clear.
    ///
    /// On the loop.
    func prepare(_ channel: any Channel) throws {
        let handler = try self.tls.makeHandler()
        let up = channel.eventLoop.makePromise(of: Void.self)
        self.outcomes.withLock { $0[ObjectIdentifier(channel)] = up.futureResult }
        let gate = TLSGate(self.tls, handler, up, within: self.timeout) { [multiplexer] in multiplexer.connectFailed($0)
        }
        do {
            try channel.pipeline.syncOperations.addHandlers([handler, gate])
        } catch {
            up.fail(error)
            throw error
        }
    }

    /// Waits until TLS is up on the channel that has connected.
    ///
    /// - Throws: ``RedisError`` with `cannotConnect`, saying what failed and what to do.
    func finish(on channel: any Channel) async throws {
        try await self.outcomes.withLock { $0[ObjectIdentifier(channel)] }?.get()
    }
}
