#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// A type whose values name entries of caches, or groups of entries.
///
/// Text, the integers of the standard library and `UUID` do. A type of your own needs one property:
///
/// ```swift
/// struct UserID: CacheKey, Hashable {
///     var context: Int
///     var number: Int
///     var cacheKey: String { "\(self.context):\(self.number)" }
/// }
/// let user = try await users.value(for: UserID(context: 7, number: 42)) { … }
/// ```
///
/// A type with a raw value that conforms needs nothing but the conformance.
public protocol CacheKey: Sendable {
    /// The text that stands for the key in the store; any text but the empty one.
    ///
    /// The same on all servers and in all versions of them; different for keys that are not equal, equal for equal ones. Keys
    /// of one cache share one space, whatever their types: `42` and `"42"` name the same entry.
    var cacheKey: String { get }
}

extension String: CacheKey {
    /// The text itself.
    @inlinable public var cacheKey: String { self }
}

extension UUID: CacheKey {
    /// The canonical form in capitals, RFC 9562.
    public var cacheKey: String { self.uuidString }
}

extension CacheKey where Self: FixedWidthInteger {
    /// Decimal digits.
    @inlinable public var cacheKey: String { String(self) }
}

extension CacheKey where Self: RawRepresentable, RawValue: CacheKey {
    /// The text of the raw value.
    @inlinable public var cacheKey: String { self.rawValue.cacheKey }
}

extension Int: CacheKey {}
extension Int8: CacheKey {}
extension Int16: CacheKey {}
extension Int32: CacheKey {}
extension Int64: CacheKey {}
extension Int128: CacheKey {}
extension UInt: CacheKey {}
extension UInt8: CacheKey {}
extension UInt16: CacheKey {}
extension UInt32: CacheKey {}
extension UInt64: CacheKey {}
extension UInt128: CacheKey {}
