import Foundation

/// A directory for one test, removed at its end.
struct TemporaryDirectory {
    let path: String

    static func with<Result>(_ body: (TemporaryDirectory) throws -> Result) throws -> Result {
        let url = URL.temporaryDirectory.appending(path: "property-files-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: url) }
        return try body(TemporaryDirectory(path: url.path))
    }

    /// Writes a file and gives its path; directories in between are made.
    @discardableResult
    func write(_ name: String, _ text: String) throws -> String {
        let url = URL(filePath: self.path).appending(path: name)
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
        return url.path
    }

    func link(_ name: String, to target: String) throws {
        try FileManager.default.createSymbolicLink(atPath: "\(self.path)/\(name)", withDestinationPath: target)
    }
}
