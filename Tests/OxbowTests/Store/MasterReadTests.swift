import NIOCore
import Oxbow
import RESP
import RedisClient
import Testing

@Suite struct MasterReadTests {
    /// A command that a replica may answer.
    private struct Read: RedisCommand {
        typealias Response = String
        var isIdempotent: Bool { true }
        var isReadOnly: Bool { true }
        var timeoutFactor: Int { 3 }
        func encode(into buffer: inout ByteBuffer) { buffer.writeString("bytes") }
        func addKeys(to keys: inout CommandKeys) { keys.add("k") }
    }

    @Test func `a read of a cache is not for replicas, and otherwise as it was`() {
        let (read, own) = (MasterRead(Read()), Read())
        #expect(own.isReadOnly && !read.isReadOnly)
        #expect(read.isIdempotent && read.timeoutFactor == 3 && read.route == own.route)
        var buffer = ByteBuffer()
        read.encode(into: &buffer)
        #expect(buffer == ByteBuffer(string: "bytes"))
    }
}
