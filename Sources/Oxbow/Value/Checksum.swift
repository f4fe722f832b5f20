import NIOCore

/// A 32-bit checksum over a header's fields and a payload, to find damaged bytes; no protection from forgery.
///
/// Each step (exclusive or, multiplication by an odd number, exclusive or with the upper half) can be undone, so a change
/// within one 8-byte word always changes its lane; only folding the lanes to 32 bits can hide a difference. Four lanes,
/// because one would wait for its own multiplications.
enum Checksum {
    private static let multiplier: UInt64 = 0x9E37_79B9_7F4A_7C15

    @inline(__always)
    private static func mix(_ lane: UInt64, _ word: UInt64) -> UInt64 {
        let product = (lane ^ word) &* Self.multiplier
        return product ^ product >> 32
    }

    static func of(_ first: UInt64, _ second: UInt64, _ payload: ByteBuffer) -> UInt32 {
        var lanes = (Self.mix(1, first), Self.mix(2, second), UInt64(3), UInt64(payload.readableBytes))
        unsafe payload.withUnsafeReadableBytes { bytes in
            // SAFETY: every load lies below `bytes.count`.
            var index = 0
            while bytes.count - index >= 32 {
                lanes.0 = Self.mix(lanes.0, unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
                lanes.1 = Self.mix(lanes.1, unsafe bytes.loadUnaligned(fromByteOffset: index + 8, as: UInt64.self))
                lanes.2 = Self.mix(lanes.2, unsafe bytes.loadUnaligned(fromByteOffset: index + 16, as: UInt64.self))
                lanes.3 = Self.mix(lanes.3, unsafe bytes.loadUnaligned(fromByteOffset: index + 24, as: UInt64.self))
                index += 32
            }
            while bytes.count - index >= 8 {
                lanes.0 = Self.mix(lanes.0, unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
                index += 8
            }
            var rest: UInt64 = 0
            while index < bytes.count {
                rest = rest << 8 | UInt64(unsafe bytes[index])
                index += 1
            }
            lanes.1 = Self.mix(lanes.1, rest)
        }
        var sum = Self.mix(lanes.0, lanes.1)
        sum = Self.mix(sum, lanes.2)
        sum = Self.mix(sum, lanes.3)
        return UInt32(truncatingIfNeeded: sum ^ sum >> 32)
    }
}
