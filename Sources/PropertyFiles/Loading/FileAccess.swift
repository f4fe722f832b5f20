#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Finds and reads property files; everything that touches the disk.
enum FileAccess {
    /// The largest property file that is read, in bytes.
    static let maximumBytes = 1 << 20

    enum Failure: Error {
        case danglingLink
        case notRegular
        case tooLarge
    }

    /// The property files that a path stands for: itself, or those in the directory, sorted by name.
    static func propertyFiles(at path: String) throws -> [String] {
        guard try self.type(of: path) == .typeDirectory else { return [path] }
        return try FileManager.default.contentsOfDirectory(atPath: path)
            .filter { $0.hasSuffix(".properties") && !$0.hasPrefix(".") }
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            .map { path.hasSuffix("/") ? path + $0 : "\(path)/\($0)" }
            .filter { (try? self.type(of: $0)) != .typeDirectory }
    }

    /// The bytes of a regular file of bounded size; never a device or a pipe, which might have no end.
    static func contents(of path: String) throws -> [UInt8] {
        let attributes = try self.attributes(of: path)
        let type = attributes[.type] as? FileAttributeType
        // Links have been followed as far as they lead.
        if type == .typeSymbolicLink { throw Failure.danglingLink }
        guard type == .typeRegular else { throw Failure.notRegular }
        if let size = attributes[.size] as? UInt64, size > self.maximumBytes { throw Failure.tooLarge }
        let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
        guard bytes.count <= self.maximumBytes else { throw Failure.tooLarge }
        return bytes
    }

    /// What went wrong, in words that do not depend on the platform.
    static func reason(_ error: any Error) -> String {
        switch error {
        case Failure.danglingLink: "a link that leads nowhere"
        case Failure.notRegular: "not a regular file"
        case Failure.tooLarge: "larger than \(self.maximumBytes) bytes"
        case let error as CocoaError where error.code == .fileReadNoSuchFile || error.code == .fileNoSuchFile:
            "no such file or directory"
        case let error as CocoaError where error.code == .fileReadNoPermission: "permission denied"
        default: "cannot be read"
        }
    }

    private static func type(of path: String) throws -> FileAttributeType? {
        try self.attributes(of: path)[.type] as? FileAttributeType
    }

    /// The attributes of what a path leads to, links followed.
    private static func attributes(of path: String) throws -> [FileAttributeKey: Any] {
        let target = URL(filePath: path).resolvingSymlinksInPath().path
        return try FileManager.default.attributesOfItem(atPath: target)
    }
}
