public import NIOCore

extension Double: RESPArgument {
    /// The shortest decimal number that is read back as the same one; `inf`, `-inf` and `nan` as such.
    @inlinable
    public func writeBulkString(into buffer: inout ByteBuffer) { self.description.writeBulkString(into: &buffer) }
}
