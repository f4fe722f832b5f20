import NIOCore
import RESP
import RESPFuzzing
import Testing

/// A frame on the wire, where `\n` in the text stands for CR LF, and the value it stands for.
struct Example: Sendable, CustomTestStringConvertible {
    let bytes: [UInt8]
    let value: RESPValue
    /// The type of the frame, which is the first byte unless attributes come first.
    let type: RESPType

    init(_ text: String, _ value: RESPValue, type: RESPType? = nil) {
        self.bytes = wire(text)
        self.value = value
        self.type = type ?? RESPType(byte: self.bytes[0])
    }

    var testDescription: String { String(decoding: self.bytes, as: UTF8.self).debugDescription }
}

/// The bytes of a text in which `\n` stands for CR LF.
func wire(_ text: String) -> [UInt8] {
    text.utf8.flatMap { $0 == UInt8(ascii: "\n") ? [UInt8(ascii: "\r"), $0] : [$0] }
}

/// At least a million times the bytes of a text in which `\n` stands for CR LF.
func million(_ text: String) -> [UInt8] {
    var bytes = wire(text)
    for _ in 0..<20 { bytes += bytes }
    return bytes
}

/// Decodes a text in which `\n` stands for CR LF; it must be exactly one frame.
func decode<Value: RESPDecodable>(_ text: String, as _: Value.Type = Value.self) throws -> Value {
    let bytes = wire(text)
    try #require(Scan(bytes).frames.map(\.range) == [0..<bytes.count], "not one frame")
    return try decode(unscanned: bytes)
}

/// Decodes bytes that no scanner has seen; all of them must be read.
func decode<Value: RESPDecodable>(unscanned bytes: [UInt8], as _: Value.Type = Value.self) throws -> Value {
    var reader = RESPReader(ByteBuffer(bytes: bytes))
    let value = try Value(from: &reader)
    #expect(reader.isAtEnd)
    return value
}

/// The code of the ``RESPError`` that `body` throws; `nil` if it throws none.
func failure<Value>(_ body: () throws -> Value) -> RESPError.Code? {
    do {
        _ = try body()
        return nil
    } catch {
        return (error as? RESPError)?.code
    }
}

extension RESPValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral {
    init(stringLiteral value: String) { self = .string(ByteBuffer(string: value)) }
    init(integerLiteral value: Int64) { self = .integer(value) }
    init(floatLiteral value: Double) { self = .double(value) }
}

extension RESPValue: ExpressibleByArrayLiteral, ExpressibleByBooleanLiteral {
    init(arrayLiteral elements: RESPValue...) { self = .array(elements) }
    init(booleanLiteral value: Bool) { self = .boolean(value) }
}
