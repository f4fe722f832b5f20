import Foundation

/// An input that `Fuzzing/run -merge` keeps in the repository.
public struct FuzzInput: Sendable {
    /// The name of its file.
    public let name: String
    /// The whole path of its file.
    public let path: String
    /// What is in it.
    public let bytes: [UInt8]

    /// All inputs of one fuzzer.
    ///
    /// - Parameter fuzzer: `resp` or `envelope`.
    /// - Returns: them, in the order of their names.
    /// - Throws: where there are hardly any, so that a lost folder is noticed.
    public static func all(of fuzzer: String) throws -> [FuzzInput] {
        let root = Installation.scripts.deletingLastPathComponent().deletingLastPathComponent()
        let folder = root.appending(path: "Fuzzing/Corpus/\(fuzzer)")
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        guard files.count >= 20 else { throw ServerProcessError("the fuzzer's corpus is missing in \(folder.path)") }
        return try files.sorted { $0.path < $1.path }
            .map { file in
                FuzzInput(name: file.lastPathComponent, path: file.path, bytes: [UInt8](try Data(contentsOf: file)))
            }
    }
}
