import NIOCore
import RESP
import Testing

@testable import RedisClient

/// What nodes say of their cluster, sense and nonsense.
@Suite struct ClusterViewTests {
    private static func text(_ text: String) -> RESPValue { .string(ByteBuffer(string: text)) }

    private static func node(_ host: RESPValue, _ port: Int64) -> RESPValue {
        .array([host, .integer(port), Self.text("id"), .array([])])
    }

    private static let asked = RedisAddress.host("asked", port: 7)

    @Test func `ranges, masters and replicas are read, unknown hosts stand for the one that was asked`() throws {
        let reply = RESPValue.array([
            .array([.integer(0), .integer(99), Self.node(Self.text("a"), 1), Self.node(Self.text("b"), 2)]),
            .array([.integer(100), .integer(16_383), Self.node(Self.text(""), 3), Self.node(.null, 4)]),
            .array([.integer(5), .integer(5), Self.node(Self.text("?"), 5)]),
        ])
        let view = try ClusterView(reply, from: Self.asked)
        #expect(view.ranges.count == 2)
        #expect(view.ranges[0].slots == 0...99)
        #expect(view.ranges[0].master == .host("a", port: 1))
        #expect(view.ranges[0].replicas == [.host("b", port: 2)])
        #expect(view.ranges[1].master == .host("asked", port: 3))
        #expect(view.ranges[1].replicas == [.host("asked", port: 4)])
    }

    @Test(arguments: [
        RESPValue.null, .integer(1), .array([.integer(1)]), .array([.array([])]),
        .array([.array([.integer(-1), .integer(5), .array([])])]),
        .array([.array([.integer(5), .integer(4), .array([])])]),
        .array([.array([.integer(0), .integer(16_384), .array([])])]),
        .array([.array([.integer(.min), .integer(.max), .array([])])]),
        .error(ErrorReply("ERR This instance has cluster support disabled")),
    ])
    func `other replies are errors`(reply: RESPValue) {
        #expect(throws: RESPError.self) { try ClusterView(reply, from: Self.asked) }
    }

    @Test func `nodes without a sound address serve nobody`() throws {
        for port in [Int64.min, -1, 0, 65_536, .max] {
            let reply = RESPValue.array([.array([.integer(0), .integer(1), Self.node(Self.text("a"), port)])])
            let view = try ClusterView(reply, from: Self.asked)
            #expect(view.ranges.isEmpty)
        }
    }

    @Test func `redirections name a slot, a node and whether it is for once`() {
        let moved = ClusterRedirect("MOVED 3999 127.0.0.1:6381", by: Self.asked)
        #expect(moved?.slot.number == 3999)
        #expect(moved?.address == .host("127.0.0.1", port: 6381))
        #expect(moved?.isAsk == false)
        #expect(ClusterRedirect("ASK 1 h:2", by: Self.asked)?.isAsk == true)
        #expect(ClusterRedirect("MOVED 1 :2", by: Self.asked)?.address == .host("asked", port: 2))
        #expect(ClusterRedirect("MOVED 1 ::1:2", by: Self.asked)?.address == .host("::1", port: 2))
        #expect(ClusterRedirect("MOVED 1 [::1]:2", by: Self.asked)?.address == .host("::1", port: 2))
    }

    @Test(arguments: [
        "", "MOVED", "MOVED 1", "MOVED 1 ", "MOVED 16384 h:1", "MOVED -1 h:1", "MOVED 1 h:0", "MOVED 1 h:65536",
        "MOVED 1 h:99999999999999999999", "MOVED 1 ?:1", "MOVED 1 h", "MOVED x h:1", "MOVED 1 h:1 more", "moved 1 h:1",
        "ASK 1 @:1", "ERR MOVED 1 h:1",
    ])
    func `other errors are no redirections`(message: String) {
        #expect(ClusterRedirect(message, by: Self.asked) == nil)
    }
}
