// A table: every type of RESP2 and RESP3, alone, nested, streamed and with attributes. `\n` stands for CR LF.
import RESP

extension Example {
    static let all = strings + numbers + errorsAndNulls + aggregates + streamed + attributed

    static let strings: [Example] = [
        Example("+OK\n", "OK"),
        Example("+\n", ""),
        Example("+hällo wörld 🚣\n", "hällo wörld 🚣"),
        Example("+$5 *1 :1 looks like headers\n", "$5 *1 :1 looks like headers"),
        Example("$5\nhello\n", "hello"),
        Example("$0\n\n", ""),
        Example("$2\n\n\n", "\r\n"),
        Example("$4\n\n\n\n", "\r\n\r\n"),
        Example("$1\n\r\n", "\r"),
        Example("$00005\nhello\n", "hello"),
        Example("$3\n\0\u{1}\u{7F}\n", "\0\u{1}\u{7F}"),
        Example("$34\n*3\n$3\nSET\n$1\nk\n$8\n-ERR\n:1\n\n", "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$8\r\n-ERR\r\n:1\r\n"),
        Example(
            "$120\n\(String(repeating: "0123456789", count: 12))\n",
            .text(String(repeating: "0123456789", count: 12))
        ),
        Example("=15\ntxt:Some string\n", "Some string"),
        Example("=4\ntxt:\n", ""),
        Example("=8\nmkd:a\nb\n", "a\r\nb"),
    ]

    static let numbers: [Example] = [
        Example(":0\n", 0),
        Example(":-0\n", 0),
        Example(":+5\n", 5),
        Example(":007\n", 7),
        Example(":1234567890123\n", 1_234_567_890_123),
        Example(":9223372036854775807\n", .integer(.max)),
        Example(":-9223372036854775808\n", .integer(.min)),
        Example(",1.5\n", 1.5),
        Example(",-0.25\n", -0.25),
        Example(",10\n", 10.0),
        Example(",-0\n", .double(-0.0)),
        Example(",1.7976931348623157e+308\n", .double(.greatestFiniteMagnitude)),
        Example(",5E-324\n", .double(.leastNonzeroMagnitude)),
        Example(",inf\n", .double(.infinity)),
        Example(",-inf\n", .double(-.infinity)),
        Example(",nan\n", .double(.nan)),
        Example("(0\n", .bigNumber("0")),
        Example(
            "(3492890328409238509324850943850943825024385\n",
            .bigNumber("3492890328409238509324850943850943825024385")
        ),
        Example(
            "(-3492890328409238509324850943850943825024385\n",
            .bigNumber("-3492890328409238509324850943850943825024385")
        ),
        Example("#t\n", true),
        Example("#f\n", false),
    ]

    static let errorsAndNulls: [Example] = [
        Example("-ERR unknown command\n", .failure("ERR unknown command")),
        Example("-\n", .failure("")),
        Example("-WRONGTYPE Operation against a key\n", .failure("WRONGTYPE Operation against a key")),
        Example("!21\nSYNTAX invalid syntax\n", .failure("SYNTAX invalid syntax")),
        Example("!8\nERR a\nb\n", .failure("ERR a\r\nb")),
        Example("!0\n\n", .failure("")),
        Example("_\n", .null),
        Example("$-1\n", .null),
        Example("*-1\n", .null),
    ]

    static let aggregates: [Example] = [
        Example("*0\n", []),
        Example("~0\n", []),
        Example(">0\n", []),
        Example("%0\n", .map([])),
        Example("*2\n$3\nfoo\n:7\n", ["foo", 7]),
        Example("*6\n_\n$-1\n*-1\n*0\n$0\n\n#f\n", [.null, .null, .null, [], "", false]),
        Example("*3\n:1\n-ERR no\n!2\nNO\n", [1, .failure("ERR no"), .failure("NO")]),
        Example("~3\n+a\n,2.5\n(77\n", ["a", 2.5, .bigNumber("77")]),
        Example("%2\n+a\n:1\n$1\nb\n*1\n_\n", .map([("a", 1), ("b", [.null])])),
        Example("%2\n:1\n:2\n:1\n:3\n", .map([(1, 2), (1, 3)])),
        Example(">2\n$10\ninvalidate\n*1\n$1\nk\n", ["invalidate", ["k"]]),
        Example(">3\n+message\n+channel\n_\n", ["message", "channel", .null]),
        Example("~2\n*2\n%1\n+k\n*1\n:1\n+x\n%0\n", [[.map([("k", [1])]), "x"], .map([])]),
        Example("*1\n*1\n*1\n*1\n:1\n", [[[[1]]]]),
        Example("%1\n%1\n+a\n+b\n~1\n%1\n:1\n*0\n", .map([(.map([("a", "b")]), [.map([(1, [])])])])),
        Example("*3\n*2\n:1\n:2\n*0\n*2\n$1\na\n=5\ntxt:b\n", [[1, 2], [], ["a", "b"]]),
    ]

    static let streamed: [Example] = [
        Example("$?\n;0\n", ""),
        Example("$?\n;4\nHell\n;5\no wor\n;2\nld\n;0\n", "Hello world"),
        Example("$?\n;2\n\n\n;4\n;0\n\n;0\n", "\r\n;0\r\n"),
        Example("*?\n.\n", []),
        Example("*?\n:1\n+b\n_\n.\n", [1, "b", .null]),
        Example("~?\n:1\n:2\n.\n", [1, 2]),
        Example("%?\n.\n", .map([])),
        Example("%?\n+a\n:1\n+b\n:2\n.\n", .map([("a", 1), ("b", 2)])),
        Example("*?\n*?\n*?\n.\n.\n*0\n.\n", [[[]], []]),
        Example("*2\n*?\n$?\n;1\na\n;0\n.\n%?\n$?\n;1\nk\n;0\n*1\n:1\n.\n", [["a"], .map([("k", [1])])]),
        Example("*?\n*2\n:1\n$?\n;3\nabc\n;0\n~0\n.\n", [[1, "abc"], []]),
    ]

    static let attributed: [Example] = [
        Example("|1\n+ttl\n:3600\n$1\nv\n", "v", type: .bulkString),
        Example("|0\n:1\n", 1, type: .integer),
        Example("|1\n+a\n:1\n|2\n+b\n:2\n+c\n:3\n+OK\n", "OK", type: .simpleString),
        Example("|1\n+a\n*2\n:1\n%1\n+x\n_\n_\n", .null, type: .null),
        Example("|1\n+a\n|1\n+b\n:1\n:2\n:3\n", 3, type: .integer),
        Example("|1\n|1\n+b\n:1\n+a\n:2\n#t\n", true, type: .boolean),
        Example("|1\n+a\n:1\n-ERR x\n", .failure("ERR x"), type: .simpleError),
        Example("|1\n+a\n:1\n$-1\n", .null, type: .bulkString),
        Example("|1\n+a\n:1\n>2\n+m\n:1\n", ["m", 1], type: .push),
        Example("|1\n+a\n:1\n*0\n", [], type: .array),
        Example("*3\n|1\n+a\n:1\n:1\n:2\n|1\n+a\n:1\n|0\n:3\n", [1, 2, 3]),
        Example("%1\n|1\n+a\n:1\n+k\n|1\n+a\n:1\n+v\n", .map([("k", "v")])),
        Example("~1\n|1\n+a\n:1\n*1\n|1\n+a\n:1\n%1\n|0\n+k\n|0\n~0\n", [[.map([("k", [])])]]),
        Example("*?\n|1\n+a\n:1\n:1\n.\n", [1]),
        Example("|1\n+a\n:1\n$?\n;1\nx\n;0\n", "x", type: .bulkString),
        Example("|1\n$?\n;1\nx\n;0\n*?\n.\n,0.5\n", 0.5, type: .double),
    ]
}

extension RESPValue {
    static func failure(_ message: String) -> RESPValue { .error(ErrorReply(message)) }
    static func text(_ text: String) -> RESPValue { RESPValue(stringLiteral: text) }
}
