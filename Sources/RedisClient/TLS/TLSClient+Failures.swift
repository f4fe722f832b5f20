import NIOCore
import NIOSSL

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// What a failure of TLS means, and what to do about it.
extension TLSClient {
    /// Why the handshake failed; without an error, because the server closed the connection.
    func reason(of error: (any Error)?, certificate: NIOSSLCertificate?) -> String {
        if error as? NIOSSLExtraError == .failedToValidateHostname { return self.wrongName(certificate) }
        guard let error, case NIOSSLError.handshakeFailed(.sslError(let stack)) = error else {
            return error.map { Self.isIO($0) } ?? true ? Self.closed : "the handshake failed: \(Self.words(error))"
        }
        if stack.contains(.eofDuringHandshake) { return Self.closed }
        let words = Self.words(stack)
        if words.contains("CERTIFICATE_VERIFY_FAILED") { return Self.untrusted(certificate) }
        if let refusal = self.refusalOfCertificate(words) { return refusal }
        if words.contains("PROTOCOL_VERSION") || words.contains("UNSUPPORTED_PROTOCOL") {
            return "the server does not speak TLS 1.2 or later, and nothing older is safe (\(words))"
        }
        if words.contains("WRONG_VERSION_NUMBER") || words.contains("HTTP_REQUEST") {
            return "the server does not speak TLS on this port; connect to its TLS port, or turn tls off (\(words))"
        }
        return "the handshake failed: \(words)"
    }

    /// Why the connection ended between the TLS handshake and the first reply.
    func reasonAfterwards(of error: (any Error)?) -> String {
        let words = error.map { Self.words($0) } ?? ""
        if let refusal = self.refusalOfCertificate(words) { return refusal }
        let cause = words.isEmpty ? "" : " (\(words))"
        guard let certificate = self.certificate else {
            return "the server closed the connection once TLS was up\(cause); if it wants a client certificate, "
                + "set tls.certificate and tls.privateKey"
        }
        return "the server closed the connection once TLS was up\(cause); it may not trust the client certificate "
            + "in \(certificate)"
    }

    private static var closed: String {
        "the server closed the connection during the handshake; does it speak TLS on this port, "
            + "and does it want a client certificate (tls.certificate, tls.privateKey)?"
    }

    /// What the server's alert says of the client's certificate, if it is about that.
    private func refusalOfCertificate(_ words: String) -> String? {
        // TLS 1.2 has no alert of its own for a missing certificate.
        let isMissing = words.contains("CERTIFICATE_REQUIRED") || words.contains("ALERT_HANDSHAKE_FAILURE")
        let isRefused = words.contains("ALERT") && (words.contains("CERTIFICATE") || words.contains("UNKNOWN_CA"))
        guard isMissing || isRefused else { return nil }
        if let certificate = self.certificate {
            return "the server refuses the client certificate in \(certificate) (\(words)); it must be signed by an "
                + "authority that the server trusts, and be valid"
        }
        return "the server wants a client certificate (\(words)); set tls.certificate and tls.privateKey"
    }

    /// Why the chain does not hold, as far as the certificate itself shows.
    private static func untrusted(_ certificate: NIOSSLCertificate?) -> String {
        let now = Date().timeIntervalSince1970
        guard let certificate else { return "the server's certificate cannot be verified" }
        if Double(certificate.notValidAfter) < now { return "the server's certificate has expired; it must be renewed" }
        if Double(certificate.notValidBefore) > now {
            return "the server's certificate is not valid yet; compare the clocks of both machines"
        }
        let isSelfSigned = certificate.subjectName.elementsEqual(certificate.issuerName) {
            $0.type == $1.type && $0.value == $1.value
        }
        if isSelfSigned {
            return "the server's certificate is self-signed; give it as tls.trustStore, or let an authority sign one"
        }
        return "the server's certificate leads to no trusted authority; give the authority's certificate as "
            + "tls.trustStore, and see that the server sends its whole chain"
    }

    /// The names of BoringSSL's reasons, without source files and numbers.
    private static func words(_ stack: NIOBoringSSLErrorStack) -> String {
        stack.map { error in
            let text = "\(error)".prefix { $0 != " " } == "Error:" ? "\(error)".dropFirst(7) : "\(error)"[...]
            let reason = text.split(separator: " at ", maxSplits: 1).first ?? text
            return String(reason.split(separator: ":").last ?? reason)
        }
        .joined(separator: ", ")
    }

    private static func words(_ error: (any Error)?) -> String {
        switch error {
        case NIOSSLError.handshakeFailed(.sslError(let stack))?, BoringSSLError.sslError(let stack)?: self.words(stack)
        case NIOSSLError.uncleanShutdown?, nil: ""
        case let error?: "\(error)"
        }
    }

    private static func isIO(_ error: any Error) -> Bool { error is IOError || error is ChannelError }
}

extension RedisClientConfiguration {
    /// What else may be behind the end of a connection in clear before the first reply.
    func hint(after failure: RedisError) -> String {
        // A TLS server takes the first command for a broken handshake: closes, or sends an alert (type 21) before.
        let isLikely = failure.code == .connectionClosed || failure.message.hasSuffix("unknown type byte 21")
        return self.tls == nil && isLikely ? "; set tls if the port speaks TLS" : ""
    }
}
