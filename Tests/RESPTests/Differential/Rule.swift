import RESP

/// A known difference between our reader and hiredis 3.5, and how it is told.
struct Rule: Sendable {
    let name: String
    /// Bytes that the readers differ in.
    let example: String
    let explains: @Sendable (Difference) -> Bool

    static let all = theirRefusals + ourRefusals + otherValues

    /// What is sound by the specification, or may become so with more bytes, and hiredis refuses.
    private static let theirRefusals: [Rule] = [
        Rule("there are no streamed strings in hiredis", "$?\r\n;1\r\na\r\n;0\r\n", refused: "Bad bulk string length") {
            $0.type == .bulkString && $0.text.hasPrefix("?")
        },
        Rule("there are no streamed aggregates in hiredis", "*?\r\n:1\r\n.\r\n", refused: "Bad multi-bulk length") {
            [.array, .set, .map].contains($0.type) && $0.text.hasPrefix("?")
        },
        Rule(
            "there are no bulk errors in hiredis",
            "!3\r\nERR\r\n",
            refused: #"Protocol error, got "!" as reply type byte"#
        ) {
            $0.type == .bulkError
        },
        Rule("hiredis refuses zeros in front of a length", "$01\r\na\r\n", refused: "Bad bulk string length") {
            [.bulkString, .verbatimString].contains($0.type) && $0.hasZerosInFront
        },
        Rule("hiredis refuses zeros in front of a count", "*01\r\n:1\r\n", refused: "Bad multi-bulk length") {
            [.array, .set, .map, .push, .attribute].contains($0.type) && $0.hasZerosInFront
        },
        Rule(
            "hiredis refuses a plus, minus zero and zeros in front of an integer",
            ":+5\r\n",
            refused: "Bad integer value"
        ) {
            $0.type == .integer && ($0.text.hasPrefix("+") || $0.text.hasPrefix("-0") || $0.hasZerosInFront)
        },
        Rule(
            "hiredis looks at a double's text at once, we when its frame is complete",
            "*2\r\n,x\r\n",
            refused: "Bad double value"
        ) {
            $0.type == .double && (Double($0.text) == nil || $0.line.contains(0))
        },
        Rule("hiredis refuses a double out of range, we round it", ",1e999\r\n", refused: "Bad double value") {
            $0.type == .double && Double($0.text).map { $0.isInfinite || $0.magnitude < .leastNormalMagnitude } == true
        },
        Rule("hiredis refuses a plus in front of a double", ",+1.5\r\n", refused: "Bad double value") {
            $0.type == .double && $0.text.hasPrefix("+") && Double($0.text) != nil
        },
        Rule("hiredis refuses hexadecimal doubles below zero", ",-0x25\r\n", refused: "Bad double value") {
            $0.type == .double && $0.text.lowercased().hasPrefix("-0x") && Double($0.text) != nil
        },
        Rule("hiredis refuses a plus in front of a big number", "(+1\r\n", refused: "Bad bignum value") {
            $0.type == .bigNumber && $0.text.hasPrefix("+")
        },
        Rule("hiredis refuses a chunk by its first byte", ";", refused: #"Protocol error, got ";" as reply type byte"#)
        {
            $0.type == .chunk
        },
        Rule("hiredis makes room for all elements announced", "*67108863\r\n", refused: "out of memory") {
            [.array, .set, .push, .attribute].contains($0.type) && Int($0.text).map { $0 > 1_000_000 } == true
        },
        Rule("Python has no maps whose keys are arrays", "%1\r\n*0\r\n:1\r\n", refused: "unhashable type: 'list'") {
            $0.type == .map
        },
        Rule("Python has no maps whose keys are maps", "%1\r\n%0\r\n:1\r\n", refused: "unhashable type: 'dict'") {
            $0.type == .map
        },
    ]

    /// What we refuse, and hiredis takes, or still waits for.
    private static let ourRefusals: [Rule] = [
        Rule(
            "hiredis takes any two bytes behind a bulk string",
            "$1\r\naxx",
            weRefuse: "a bulk string is longer than announced"
        ),
        Rule("hiredis takes -1 as the count of a set, a map or a push", "~-1\r\n", weRefuse: "a negative count"),
        Rule("hiredis takes -1 as the length of a verbatim string", "=-1\r\n", weRefuse: "a negative length"),
        Rule(
            "hiredis takes a push inside another element",
            "*1\r\n>1\r\n:1\r\n",
            weRefuse: "a push inside another element"
        ),
        Rule("hiredis takes a big number without digits", "(\r\n", weRefuse: "not a value of its type") {
            $0.type == .bigNumber && !$0.line.contains { (0x30...0x39).contains($0) }
        },
        Rule("hiredis takes T, F and NUL as booleans", "#T\r\n", weRefuse: "not a value of its type") {
            $0.type == .boolean && ["T", "F", "\0"].contains($0.text)
        },
        Rule("we refuse a CR inside a line at once", "+a\rb", weRefuse: "CR without LF in a line") { !$0.isTerminated },
        Rule("we refuse an LF inside a line at once", "+a\nb", weRefuse: "LF without CR in a line") {
            !$0.isTerminated
        },
        Rule("we refuse an LF behind a length at once", "$1\rx", weRefuse: "CR without LF behind a length") {
            !$0.isTerminated
        },
        Rule("we refuse the first byte that is no digit", "$x", weRefuse: "a length is not a number") {
            !$0.isTerminated
        },
        Rule(
            "we refuse the 20th digit of a length",
            "$00000000000000000000",
            weRefuse: "a length has more than 19 digits"
        ) { !$0.isTerminated },
        Rule(
            "we refuse a length as soon as it is too large",
            "$99999999999999999999",
            weRefuse: "a length is larger than 64 bits"
        ) {
            !$0.isTerminated
        },
        Rule("hiredis waits for any count", "%33554433\r\n", weRefuse: "an aggregate of more than 67108864 elements"),
        Rule("hiredis waits for any length", "$536870913\r\n", weRefuse: "a bulk string of more than 536870912 bytes"),
    ]

    private static let otherValues: [Rule] = [
        Rule(
            "hiredis takes an attribute for an array in its own right",
            "|1\r\n+a\r\n:1\r\n:2\r\n",
            explains: \.hasAttribute
        ),
        Rule("Python keeps one of equal keys", "%2\r\n:1\r\n:2\r\n,1\r\n:3\r\n") { difference in
            guard case .reply(let ours) = difference.ours, case .reply(let theirs) = difference.theirs else {
                return false
            }
            return ours.withoutEqualKeys == theirs
        },
    ]

    init(_ name: String, _ example: String, explains: @escaping @Sendable (Difference) -> Bool) {
        self.name = name
        self.example = example
        self.explains = explains
    }

    /// Hiredis refuses in these words, and we do not, where there is such an element.
    init(_ name: String, _ example: String, refused text: String, _ cause: @escaping @Sendable (Element) -> Bool) {
        self.init(name, example) { difference in
            difference.theirRefusal == text && difference.ourRefusal == nil
                && difference.elements.contains(where: cause)
        }
    }

    /// We refuse in these words, and hiredis does not, where there is such an element.
    init(
        _ name: String,
        _ example: String,
        weRefuse text: String,
        _ cause: @escaping @Sendable (Element) -> Bool = { _ in true }
    ) {
        self.init(name, example) { difference in
            difference.ourRefusal == text && difference.theirRefusal == nil
                && difference.elements.contains(where: cause)
        }
    }
}

extension Element {
    fileprivate var hasZerosInFront: Bool { self.line.count > 1 && self.text.hasPrefix("0") }
}
