import Foundation
import PropertyFiles
import Testing

@Suite struct PropertySetFilesTests {
    @Test func `loads one file`() throws {
        try TemporaryDirectory.with { directory in
            let path = try directory.write("any.name", "a=1")
            let set = try PropertySet.load(from: path, environment: [:])
            #expect(set["a"]?.text == "1")
            #expect(set["a"]?.source.description == "any.name:1")
        }
    }

    @Test(arguments: ["", "/"])
    func `loads the property files of a directory and nothing else`(suffix: String) throws {
        try TemporaryDirectory.with { directory in
            try directory.write("b.properties", "b=2")
            try directory.write("a.properties", "\na=1")
            try directory.write("a.properties.bak", "a=3")
            try directory.write(".hidden.properties", "a=4")
            try directory.write("inner/c.properties", "c=5")
            try directory.write("trap.properties/d.properties", "d=6")
            let set = try PropertySet.load(from: directory.path + suffix, environment: [:])
            #expect(set.keys == ["a", "b"])
            #expect(set["a"]?.source == .file("a.properties", line: 2))
        }
    }

    @Test func `follows links, as mounted configuration has them`() throws {
        try TemporaryDirectory.with { directory in
            try directory.write("..2024/redis.properties", "a=1")
            try directory.link("..data", to: "..2024")
            try directory.link("redis.properties", to: "..data/redis.properties")
            let set = try PropertySet.load(from: directory.path, environment: [:])
            #expect(set["a"]?.source.description == "redis.properties:1")
        }
    }

    @Test func `a later layer overrides an earlier one`() throws {
        try TemporaryDirectory.with { directory in
            try directory.write("base/a.properties", "a=1\nb=1\nc=${NONE}")
            try directory.write("site/a.properties", "# site\nb=2")
            let last = try directory.write("last.properties", "c=3")
            let paths = ["\(directory.path)/base", "\(directory.path)/site", last]
            let set = try PropertySet.load(from: paths, environment: ["A": "0"])
            #expect(set.keys.compactMap { set[$0]?.text } == ["0", "2", "3"])
            #expect(set["b"]?.source.description == "\(directory.path)/site/a.properties:2")
            #expect(set["c"]?.source.description == "last.properties:1")
        }
    }

    @Test func `a property in two files of one directory is an error that names both`() throws {
        try TemporaryDirectory.with { directory in
            try directory.write("a.properties", "k=1\nx=1")
            try directory.write("b.properties", "\n\nk=1")
            let error = #expect(throws: PropertyError.self) {
                try PropertySet.load(from: directory.path, environment: [:])
            }
            #expect(error?.description == "b.properties:3: k: already set at a.properties:1")
        }
    }

    @Test func `tells the problems of all files and paths at once`() throws {
        try TemporaryDirectory.with { directory in
            try directory.write("d/a.properties", "a=\\u0")
            try directory.write("d/b.properties", "b=${NONE}")
            try directory.link("d/c.properties", to: "nowhere")
            let missing = "\(directory.path)/missing"
            let error = #expect(throws: PropertyError.self) {
                try PropertySet.load(from: [missing, "\(directory.path)/d"], environment: [:])
            }
            #expect(
                error?.description == """
                    \(missing): no such file or directory
                    a.properties:1: a: a \\u escape without four hexadecimal digits
                    b.properties:1: b: an environment variable that the value refers to by ${...} is not set; \
                    allowed: ${NAME:-default} for a variable that may be unset, $${ for a literal ${
                    c.properties: a link that leads nowhere
                    """
            )
            #expect(error?.code == .unreadable)
            #expect(error?.cause != nil)
        }
    }

    @Test func `an empty directory and no path at all are empty sets`() throws {
        try TemporaryDirectory.with { directory in
            let set = try PropertySet.load(from: directory.path, environment: [:])
            #expect(set.keys.isEmpty)
        }
        #expect(try PropertySet.load(from: [], environment: ["A_B": "1"])["a.b"]?.text == "1")
    }

    @Test func `reads only regular files of bounded size`() throws {
        try TemporaryDirectory.with { directory in
            let large = try directory.write("large.properties", String(repeating: "# comment\n", count: 104_858))
            let full = try directory.write("full.properties", "a=1\n" + String(repeating: "#", count: (1 << 20) - 4))
            let error = #expect(throws: PropertyError.self) { try PropertySet.load(from: large, environment: [:]) }
            #expect(error?.description == "large.properties: larger than 1048576 bytes")
            let set = try PropertySet.load(from: full, environment: [:])
            #expect(set["a"]?.text == "1")
        }
        let error = #expect(throws: PropertyError.self) { try PropertySet.load(from: "/dev/zero", environment: [:]) }
        #expect(error?.description == "zero: not a regular file")
        #expect(throws: PropertyError.self) { try PropertySet.load(from: "", environment: [:]) }
    }
}
