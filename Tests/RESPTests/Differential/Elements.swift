import RESP

/// One element or header of a reply on the wire, told apart without regard to what stands around it.
struct Element {
    let type: RESPType
    /// The text between type byte and line end.
    let line: [UInt8]
    /// Whether the line end is there.
    let isTerminated: Bool

    var text: String { String(decoding: self.line, as: UTF8.self) }

    private static let withPayload: Set<RESPType> = [.bulkString, .bulkError, .verbatimString, .chunk]

    /// The elements of the bytes, as far as they can be told apart by line ends and lengths.
    static func all(in bytes: ArraySlice<UInt8>) -> [Element] {
        var elements: [Element] = []
        var rest = bytes
        while let first = rest.popFirst() {
            let type = RESPType(byte: first)
            guard let end = rest.indices.first(where: { rest[$0...].starts(with: [0x0D, 0x0A]) }) else {
                return elements + [Element(type: type, line: Array(rest), isTerminated: false)]
            }
            let element = Element(type: type, line: Array(rest[..<end]), isTerminated: true)
            elements.append(element)
            rest = rest[(end + 2)...]
            if Self.withPayload.contains(type), let count = Int(element.text), count >= 0 {
                guard rest.count - 2 >= count else { return elements }
                rest = rest.dropFirst(count + 2)
            }
        }
        return elements
    }
}
