import NIOCore

/// A random name of 128 bits for one claim or one closing.
///
/// It enters a cell at most once.
@usableFromInline
package struct Token: Sendable, Hashable {
    let high: UInt64
    let low: UInt64

    /// The length in a cell.
    static let byteCount = 16

    /// The token of all hold-offs: a second one moves the end of the first, so that a cell does not grow.
    package static let holdOff = Token(high: 0, low: 0)
    /// The token of the writers that are merged when a cell is closed by many.
    static let merged = Token(high: .max, low: .max)

    package static func random() -> Token {
        var generator = SystemRandomNumberGenerator()
        return Token(high: generator.next(), low: generator.next())
    }
}

extension Token {
    /// As it stands in a cell.
    var bytes: ByteBuffer {
        var bytes = ByteBuffer()
        bytes.writeToken(self)
        return bytes
    }
}

extension ByteBuffer {
    mutating func writeToken(_ token: Token) { self.writeMultipleIntegers(token.high, token.low) }

    func token(at index: Int) -> Token? {
        guard let high = self.getInteger(at: index, as: UInt64.self),
            let low = self.getInteger(at: index + 8, as: UInt64.self)
        else { return nil }
        return Token(high: high, low: low)
    }
}
