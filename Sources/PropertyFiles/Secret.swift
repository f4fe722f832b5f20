/// A password or another text that must never be printed.
///
/// Descriptions, string interpolation, `dump` and mirrors show `<redacted>`; only ``reveal()`` gives the text away.
/// Secrets are compared byte by byte, without regard to Unicode equivalence.
///
/// ```swift
/// let password: Secret = "open sesame"
/// print(password)            // <redacted>
/// authenticate(with: password.reveal())
/// ```
public struct Secret: Sendable, ExpressibleByStringLiteral {
    private let text: String

    /// Wraps a text that must not be printed.
    public init(_ text: String) { self.text = text }

    /// Wraps a literal, for tests and examples.
    public init(stringLiteral text: String) { self.text = text }

    /// Whether the text has no characters.
    public var isEmpty: Bool { self.text.isEmpty }

    /// Gives the text away.
    ///
    /// Hand it to what needs it; do not keep, print or log it.
    public func reveal() -> String { self.text }
}

extension Secret: Hashable {
    /// Whether both texts consist of the same bytes.
    public static func == (left: Secret, right: Secret) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }

    /// Feeds the bytes of the text into a hasher.
    public func hash(into hasher: inout Hasher) {
        for byte in self.text.utf8 { hasher.combine(byte) }
        hasher.combine(self.text.utf8.count)
    }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    static let redacted = "<redacted>"

    /// Always `<redacted>`.
    public var description: String { Self.redacted }

    /// Always `<redacted>`.
    public var debugDescription: String { Self.redacted }

    /// A mirror without children.
    public var customMirror: Mirror { Mirror(self, children: [], displayStyle: .struct) }
}
