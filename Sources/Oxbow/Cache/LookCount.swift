import Synchronization

/// How many looks at one cell are on their way while it is not known to hold a value.
///
/// Who comes when there are many shares a look with others. Hits are not counted: to share them costs more than to look.
///
/// A table of fixed size; of two cells that fall on the same place, the second is not counted while the first one is.
@safe
@usableFromInline
final class LookCount: Sendable {
    /// A look that is on its way.
    @usableFromInline
    struct Look: Sendable {
        fileprivate let place: Int
        fileprivate let tag: UInt64
        fileprivate let isCounted: Bool
    }

    /// In each the upper bits of a cell's hash, whether the last look was a hit, and how many looks there are.
    ///
    /// SAFETY: allocated and initialized by `init`, freed by `deinit`, and nowhere else. All accesses are atomic, and at
    /// places below `Self.places`: a place is the upper 8 bits of a hash.
    private nonisolated(unsafe) let words: UnsafeMutablePointer<Atomic<UInt64>>
    private static let places = 256
    private static let isHit: UInt64 = 0x80
    private static let count: UInt64 = 0x7F
    private static let tag: UInt64 = ~0xFF
    private let most: UInt64

    init(most: Int) {
        self.most = UInt64(clamping: min(max(0, most), 100))
        unsafe self.words = .allocate(capacity: Self.places)
        for place in 0..<Self.places { unsafe (self.words + place).initialize(to: Atomic(0)) }
    }

    deinit {
        unsafe self.words.deinitialize(count: Self.places)
        unsafe self.words.deallocate()
    }

    /// - Returns: `nil` when as many are on their way as may be.
    @usableFromInline
    func begin(_ cell: CellAddress) -> Look? {
        let hash = cell.quickHash
        let (place, tag) = (Int(hash >> 56), hash & Self.tag)
        var word = unsafe self.words[place].load(ordering: .relaxed)
        while true {
            let count = word & Self.count
            let isOwn = word & Self.tag == tag
            if isOwn ? word & Self.isHit != 0 : count > 0 { return Look(place: place, tag: tag, isCounted: false) }
            if count >= self.most { return nil }
            let (exchanged, original) = unsafe self.words[place]
                .weakCompareExchange(expected: word, desired: tag | (count + 1), ordering: .relaxed)
            if exchanged { return Look(place: place, tag: tag, isCounted: true) }
            word = original
        }
    }

    @usableFromInline
    func end(_ look: Look, isHit: Bool) {
        let bit = isHit ? Self.isHit : 0
        var word = unsafe self.words[look.place].load(ordering: .relaxed)
        while word & Self.tag == look.tag {
            let desired = look.tag | bit | ((word & Self.count) - (look.isCounted ? 1 : 0))
            if word == desired { return }
            let (exchanged, original) = unsafe self.words[look.place]
                .weakCompareExchange(expected: word, desired: desired, ordering: .relaxed)
            if exchanged { return }
            word = original
        }
    }
}

extension CellAddress {
    /// A fraction of what a dictionary's hash costs, and good enough where a collision does no harm.
    fileprivate var quickHash: UInt64 {
        let hash = self.key.quickHash
        guard let field else { return hash }
        return (hash ^ field.quickHash) &* Self.factor
    }

    fileprivate static var factor: UInt64 { 0x9E37_79B9_7F4A_7C15 }
}

extension CellName {
    /// Eight bytes at a time, the last ones twice, each multiplied and folded.
    fileprivate var quickHash: UInt64 {
        var text = self.text
        return text.withUTF8 { bytes in
            // SAFETY: valid for the closure; whole words lie within the count, and need no alignment.
            let bytes = UnsafeRawBufferPointer(bytes)
            var hash = UInt64(bytes.count)
            let step = bytes.count < 8 ? 1 : 8
            var offset = 0
            while offset < bytes.count {
                let start = min(offset, bytes.count - step)
                let word =
                    step == 1
                    ? UInt64(unsafe bytes[start])
                    : unsafe bytes.loadUnaligned(fromByteOffset: start, as: UInt64.self)
                hash = (hash ^ word) &* CellAddress.factor
                hash ^= hash >> 32
                offset += step
            }
            return hash &* CellAddress.factor
        }
    }
}
