public import NIOCore
public import RESP

/// What keys, fields or members must look like: `*` any bytes, `?` any one byte, `[a-c]` one of these, `\` the next
/// byte as it is.
///
/// A string literal is a pattern; what is interpolated into it is not: `"session:\(name):*"` finds the sessions of
/// exactly this name, whatever its characters are.
public struct ScanPattern: RESPArgument, Hashable, ExpressibleByStringInterpolation, CustomStringConvertible {
    /// The pattern in the server's form.
    public let text: String

    /// Takes `pattern` as it is: not for text from outside.
    public init(_ pattern: String) { self.text = pattern }

    /// A pattern that is written out in source.
    public init(stringLiteral value: String) { self.text = value }

    /// A pattern with literal text in it.
    public init(stringInterpolation: Interpolation) { self.text = stringInterpolation.text }

    /// Exactly this text, and nothing else.
    public static func literal(_ text: String) -> ScanPattern { ScanPattern(Self.escaped(text)) }

    /// Everything that begins with exactly this text.
    public static func prefix(_ text: String) -> ScanPattern { ScanPattern(Self.escaped(text) + "*") }

    /// The pattern.
    public var description: String { self.text }

    /// Appends the pattern.
    public func writeBulkString(into buffer: inout ByteBuffer) { self.text.writeBulkString(into: &buffer) }

    /// Scalar by scalar: a combining mark behind a `*` makes another character of it, and no other byte.
    static func escaped(_ text: String) -> String {
        var escaped = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\", "*", "?", "[", "]": escaped.append("\\")
            default: break
            }
            escaped.append(scalar)
        }
        return String(escaped)
    }

    /// Puts a pattern together, text from outside made literal.
    public struct Interpolation: StringInterpolationProtocol {
        var text = ""

        /// An empty pattern.
        public init(literalCapacity: Int, interpolationCount: Int) { self.text.reserveCapacity(literalCapacity) }

        /// Appends a piece of pattern.
        public mutating func appendLiteral(_ literal: String) { self.text += literal }

        /// Appends exactly this text.
        public mutating func appendInterpolation(_ literal: some CustomStringConvertible) {
            self.text += ScanPattern.escaped(literal.description)
        }

        /// Appends another pattern.
        public mutating func appendInterpolation(_ pattern: ScanPattern) { self.text += pattern.text }
    }
}
