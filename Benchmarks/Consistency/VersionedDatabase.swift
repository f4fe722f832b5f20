import Foundation

/// A database that all processes share: for each key a version that counts up with every write.
///
/// A key is a file, and its version the file's length: a write appends a byte, which the system does atomically,
/// and a process that is killed in the middle has either written or not.
final class VersionedDatabase: Sendable {
    private let files: [String: FileHandle]

    /// Opens the database, which is made if it is not there.
    init(in directory: URL, keys: [String]) throws {
        var files: [String: FileHandle] = [:]
        for key in keys {
            let path = directory.appending(path: key.replacing("/", with: "-")).path
            // SAFETY: the path is only read, during the call.
            let descriptor = unsafe open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else { throw BenchmarkError("\(path) cannot be opened: error \(errno)") }
            files[key] = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        }
        self.files = files
    }

    /// The version of a key at this moment.
    func version(of key: String) throws -> Int { Int(clamping: try self.file(key).seekToEnd()) }

    /// Changes a key.
    ///
    /// - Returns: its version right behind that, of which other writers may have a part.
    func write(_ key: String) throws -> Int {
        try self.file(key).write(contentsOf: Data([1]))
        return try self.version(of: key)
    }

    private func file(_ key: String) throws -> FileHandle {
        guard let file = self.files[key] else { throw BenchmarkError("the database has no key \(key)") }
        return file
    }
}
