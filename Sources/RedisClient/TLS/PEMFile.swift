import NIOSSL

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A file that a TLS setting names.
struct PEMFile: Sendable {
    let setting: String
    let path: String

    /// Bundles of all authorities of the world have a quarter of this.
    private static let maximumBytes = 1 << 20

    /// - Throws: ``RedisError`` with `invalidConfiguration`, as all that can be wrong with the file.
    func certificates() throws -> [NIOSSLCertificate] {
        let bytes = try self.bytes()
        // The cause might show what the file holds.
        guard let certificates = try? NIOSSLCertificate.fromPEMBytes(bytes), !certificates.isEmpty else {
            throw self.refusal("holds no PEM certificate")
        }
        return certificates
    }

    func privateKey() throws -> NIOSSLPrivateKey {
        let bytes = try self.bytes()
        guard let key = try? NIOSSLPrivateKey(bytes: bytes, format: .pem) else {
            throw self.refusal("holds no PEM private key without a passphrase")
        }
        return key
    }

    func refusal(_ message: String) -> RedisError {
        RedisError(.invalidConfiguration, "tls.\(self.setting): \(self.path) \(message)")
    }

    /// Never of a device or a pipe, which might have no end.
    private func bytes() throws -> [UInt8] {
        do {
            let target = URL(filePath: self.path).resolvingSymlinksInPath().path
            let attributes = try FileManager.default.attributesOfItem(atPath: target)
            guard attributes[.type] as? FileAttributeType == .typeRegular else {
                throw self.refusal("is not a regular file")
            }
            guard let size = attributes[.size] as? UInt64, size <= Self.maximumBytes else {
                throw self.refusal("is larger than \(Self.maximumBytes) bytes")
            }
            return [UInt8](try Data(contentsOf: URL(filePath: target)))
        } catch let error as CocoaError {
            switch error.code {
            case .fileReadNoSuchFile, .fileNoSuchFile: throw self.refusal("is not there")
            case .fileReadNoPermission: throw self.refusal("cannot be read: permission denied")
            default: throw self.refusal("cannot be read")
            }
        }
    }
}
