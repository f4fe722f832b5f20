import NIOCore
import RESP
import Testing

@Suite struct RESPValueTests {
    @Test func `reads what the scanner lets through, down to the deepest level`() throws {
        for leaf in [":1\n", "*0\n", "_\n", "$?\n;0\n"] {
            // A streamed string counts as a level of its own.
            let levels = leaf.hasPrefix("$") ? 63 : 64
            for header in ["*1\n", "~1\n", "%1\n:0\n", "|0\n*1\n"] {
                let text = String(repeating: header, count: levels) + leaf
                var value = try decode(text, as: RESPValue.self)
                for _ in 0..<levels {
                    switch value {
                    case .array(let elements): value = try #require(elements.first)
                    case .map(let pairs): value = try #require(pairs.first).value
                    default: Issue.record("not an aggregate: \(value)")
                    }
                }
                #expect(try value == decode(leaf))
            }
        }
    }

    @Test func `refuses what is nested deeper, as do the typed readers`() {
        for header in ["*1\n", "~1\n", "%1\n:0\n", "*?\n"] {
            #expect(failure { try decode(unscanned: million(header), as: RESPValue.self) } == .limitExceeded)
            #expect(failure { try decode(unscanned: million(header), as: [RESPValue?].self) } == .limitExceeded)
        }
    }

    @Test func `equal values have equal hashes`() throws {
        let values = Example.all.map(\.value)
        for (index, value) in values.enumerated() {
            #expect(try value == decode(unscanned: Example.all[index].bytes))
            #expect(try value.hashValue == decode(unscanned: Example.all[index].bytes, as: RESPValue.self).hashValue)
        }
        #expect(RESPValue.double(.nan) == .double(-.nan))
        #expect(Set([RESPValue.double(.nan), .double(-.nan), .double(0), .double(-0.0), 0]).count == 3)
    }

    @Test func `values of different kinds differ`() {
        let values: [RESPValue] = [
            "1", 1, 1.0, .bigNumber("1"), true, .null, .failure("1"), [1], .map([(1, 1)]), [], .map([]), "", [1, 1],
            .map([(1, 1), (2, 2)]), .map([(2, 2), (1, 1)]), false, .failure(""), [.null], [[]],
        ]
        for (index, left) in values.enumerated() {
            for (other, right) in values.enumerated() { #expect((left == right) == (index == other)) }
        }
        #expect(Set(values).count == values.count)
    }

    @Test(arguments: ["%?\n+a\n.\n", "%?\n+a\n:1\n+b\n.\n"])
    func `refuses a streamed map that ends behind a key`(text: String) {
        #expect(failure { try decode(text, as: RESPValue.self) } == .malformed)
    }

    @Test(arguments: [",x\n", ",1..2\n", ",\u{661}\n", "*1\n,--1\n"])
    func `refuses a double that is no number`(text: String) {
        #expect(failure { try decode(text, as: RESPValue.self) } == .unexpectedType)
    }
}
