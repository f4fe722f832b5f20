public import NIOCore
public import RESP

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// The end of what SET and HSETEX store.
public struct SetExpiry: Sendable, Hashable {
    @usableFromInline let words: ExpiryWords

    /// After a time, in whole milliseconds rounded up.
    ///
    /// The server refuses zero and less.
    public static func after(_ duration: Duration) -> SetExpiry {
        SetExpiry(words: ExpiryWords(.px, duration.wholeMilliseconds))
    }

    /// At a moment of the server's clock, to the millisecond.
    ///
    /// A moment in the past deletes at once.
    public static func at(_ date: Date) -> SetExpiry {
        SetExpiry(words: ExpiryWords(.pxat, date.wholeMilliseconds))
    }

    /// As it was before: the value that is replaced hands on its time to live.
    public static var keep: SetExpiry { SetExpiry(words: ExpiryWords(.keepttl)) }
}

/// What GETEX and HGETEX do to the time to live of what they read.
public struct GetExpiry: Sendable, Hashable {
    @usableFromInline let words: ExpiryWords

    /// It ends after a time, in whole milliseconds rounded up.
    ///
    /// The server refuses zero and less.
    public static func after(_ duration: Duration) -> GetExpiry {
        GetExpiry(words: ExpiryWords(.px, duration.wholeMilliseconds))
    }

    /// It ends at a moment of the server's clock, to the millisecond.
    ///
    /// A moment in the past deletes at once.
    public static func at(_ date: Date) -> GetExpiry {
        GetExpiry(words: ExpiryWords(.pxat, date.wholeMilliseconds))
    }

    /// It ends no more.
    public static var never: GetExpiry { GetExpiry(words: ExpiryWords(.persist)) }
}

/// The end of what RESTORE stores.
public struct RestoreExpiry: Sendable, Hashable {
    @usableFromInline let milliseconds: Int
    @usableFromInline var isAbsolute = false

    /// It has none.
    public static var never: RestoreExpiry { RestoreExpiry(milliseconds: 0) }

    /// After a time, in whole milliseconds rounded up; at least one.
    public static func after(_ duration: Duration) -> RestoreExpiry {
        // RESTORE takes 0 for "never".
        RestoreExpiry(milliseconds: max(duration.wholeMilliseconds, 1))
    }

    /// At a moment of the server's clock, to the millisecond; 1970 at the earliest.
    ///
    /// A moment in the past stores nothing.
    public static func at(_ date: Date) -> RestoreExpiry {
        RestoreExpiry(milliseconds: max(date.wholeMilliseconds, 1), isAbsolute: true)
    }
}

/// No word, a word, or a word and a number.
@usableFromInline
struct ExpiryWords: CommandWords, Hashable {
    @usableFromInline enum Kind: Sendable, Hashable { case none, px, pxat, keepttl, persist }

    @usableFromInline let kind: Kind
    @usableFromInline let number: Int

    @inlinable
    init(_ kind: Kind, _ number: Int = 0) {
        self.kind = kind
        self.number = number
    }

    @inlinable var count: Int {
        switch self.kind {
        case .none: 0
        case .px, .pxat: 2
        case .keepttl, .persist: 1
        }
    }

    @inlinable
    func write(into buffer: inout ByteBuffer) {
        switch self.kind {
        case .none: return
        case .keepttl: buffer.writeWire("$7\r\nKEEPTTL\r\n")
        case .persist: buffer.writeWire("$7\r\nPERSIST\r\n")
        case .px: buffer.writeWire("$2\r\nPX\r\n")
        case .pxat: buffer.writeWire("$4\r\nPXAT\r\n")
        }
        if self.count == 2 { self.number.writeBulkString(into: &buffer) }
    }
}

extension Duration {
    /// Rounded up, so that a short time to live never becomes none; beyond `Int` the nearest number there is.
    @usableFromInline var wholeMilliseconds: Int {
        let (seconds, attoseconds) = self.components
        let (product, overflow) = Int(clamping: seconds).multipliedReportingOverflow(by: 1000)
        if overflow { return seconds < 0 ? .min : .max }
        let (whole, rest) = attoseconds.quotientAndRemainder(dividingBy: 1_000_000_000_000_000)
        let (sum, carry) = product.addingReportingOverflow(Int(whole) + (rest > 0 ? 1 : 0))
        return carry ? (seconds < 0 ? .min : .max) : sum
    }

    /// Rounded up.
    @usableFromInline var wholeSeconds: Int {
        let (seconds, attoseconds) = self.components
        let (sum, overflow) = Int(clamping: seconds).addingReportingOverflow(attoseconds > 0 ? 1 : 0)
        return overflow ? .max : sum
    }
}

extension Date {
    /// Since 1970, to the nearest; beyond `Int` the nearest number there is, 0 for no number.
    @usableFromInline var wholeMilliseconds: Int { Self.whole(self.timeIntervalSince1970 * 1000) }

    /// Since 1970, rounded up.
    @usableFromInline var wholeSeconds: Int { Self.whole(self.timeIntervalSince1970.rounded(.up)) }

    private static func whole(_ number: Double) -> Int {
        if number.isNaN { return 0 }
        return Int(exactly: number.rounded()) ?? (number < 0 ? .min : .max)
    }
}
