public import NIOCore
public import RESP

/// An encoded key or field: bytes that stay in their family.
///
/// Compared and hashed by its bytes, because two strings that Swift calls equal ("é" composed and decomposed) are two
/// keys to the server.
@usableFromInline
package struct CellName: Sendable, Hashable, RESPArgument {
    /// Encoded text.
    package let text: String

    package init(encoded text: String) { self.text = text }

    @usableFromInline package static func == (left: CellName, right: CellName) -> Bool {
        left.text.utf8.elementsEqual(right.text.utf8)
    }

    @usableFromInline package func hash(into hasher: inout Hasher) { hasher.combine(bytesOf: self.text) }

    @usableFromInline package func writeBulkString(into buffer: inout ByteBuffer) {
        self.text.writeBulkString(into: &buffer)
    }
}

/// One cell of a cache: a string key, or a field of a hash.
@usableFromInline
package struct CellAddress: Sendable, Hashable {
    package let key: CellName
    package let field: CellName?

    package init(key: CellName, field: CellName? = nil) {
        self.key = key
        self.field = field
    }
}

/// The escaping of key components: distinct tuples give distinct keys, and no component can leave its family, choose a
/// hash tag or carry control or glob characters.
enum KeyEncoding {
    /// Whether keys that begin with a prefix stay in their family.
    static func isSoundPrefix(_ prefix: String) -> Bool {
        !prefix.isEmpty && Self.encode(prefix, isLast: true) == prefix
    }

    /// What a prefix may be.
    static let soundPrefix = "a text, not empty, without control characters and any of % { } * ? [ ] \\"

    /// Percent-encodes `%`, `{`, `}`, glob and control bytes, and `:` except in a key's last component.
    static func encode(_ component: String, isLast: Bool) -> String {
        guard component.utf8.contains(where: { Self.isEscaped($0, isLast: isLast) }) else { return component }
        var result: [UInt8] = []
        result.reserveCapacity(component.utf8.count + 16)
        for byte in component.utf8 {
            guard Self.isEscaped(byte, isLast: isLast) else {
                result.append(byte)
                continue
            }
            result.append(UInt8(ascii: "%"))
            result.append(Self.digit(byte >> 4))
            result.append(Self.digit(byte & 15))
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// The component that was encoded to these bytes; `nil` if none was.
    static func decode(_ bytes: some Sequence<UInt8>) -> String? {
        var result: [UInt8] = []
        var bytes = bytes.makeIterator()
        while let byte = bytes.next() {
            guard byte == UInt8(ascii: "%") else {
                result.append(byte)
                continue
            }
            guard let high = bytes.next().flatMap(Self.number), let low = bytes.next().flatMap(Self.number) else {
                return nil
            }
            result.append(high << 4 | low)
        }
        return result.isEmpty ? nil : String(validating: result, as: UTF8.self)
    }

    private static func number(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x41...0x46: digit - 0x41 + 10
        default: nil
        }
    }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x41 + value - 10 }

    private static func isEscaped(_ byte: UInt8, isLast: Bool) -> Bool {
        switch byte {
        case 0..<0x20, 0x7F: true
        case UInt8(ascii: "%"), UInt8(ascii: "{"), UInt8(ascii: "}"): true
        case UInt8(ascii: "*"), UInt8(ascii: "?"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "\\"): true
        case UInt8(ascii: ":"): !isLast
        default: false
        }
    }
}

extension Hasher {
    /// Feeds a string's UTF-8 bytes; strings with equal bytes only are equal here, unlike in `String`'s own hashing.
    mutating func combine(bytesOf text: String) {
        var text = text
        text.withUTF8 { unsafe self.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}
