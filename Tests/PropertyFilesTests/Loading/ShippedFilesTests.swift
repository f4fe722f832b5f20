import Foundation
import PropertyFiles
import Testing

@Suite struct ShippedFilesTests {
    private static let directory = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Properties")

    @Test(arguments: [("redis.properties", 44), ("cache.properties", 19)])
    func `each shipped file parses without repetition`(name: String, count: Int) throws {
        let bytes = [UInt8](try Data(contentsOf: Self.directory.appending(path: name)))
        let file = try PropertyFile(bytes: bytes, named: name)
        #expect(file.entries.count == count)
        #expect(Set(file.entries.map(\.key)).count == count)
        #expect(file.entries.allSatisfy { $0.rawValue.utf8.last != UInt8(ascii: " ") })
    }

    @Test func `the shipped files load together without an environment`() throws {
        let set = try PropertySet.load(from: Self.directory.path, environment: [:])
        #expect(set["com.openexchange.redis.hosts"]?.text == "localhost:6379")
        #expect(set["com.openexchange.redis.hosts"]?.source.file == "redis.properties")
        #expect(set["com.openexchange.redis.password"]?.text == "")
        #expect(set["com.openexchange.cache.v2.redis.journal.replaySeconds"]?.text == "600")
        #expect(set.keys.allSatisfy { PropertySet.environmentName(of: $0).hasPrefix("COM_OPENEXCHANGE_") })
        #expect(Set(set.keys.map { PropertySet.environmentName(of: $0) }).count == set.keys.count)
    }

    @Test func `every shipped property is explained and no line is left out of the syntax`() throws {
        for name in ["redis.properties", "cache.properties"] {
            let text = try String(contentsOf: Self.directory.appending(path: name), encoding: .utf8)
            var explained = false
            for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
                if line.hasPrefix("com.") {
                    #expect(explained, "\(line)")
                    #expect(line.contains(" ="), "\(line)")
                } else {
                    #expect(line.isEmpty || line.hasPrefix("#"), "\(line)")
                    explained = line.hasPrefix("#") && !line.hasPrefix("# ---")
                }
            }
        }
    }
}
