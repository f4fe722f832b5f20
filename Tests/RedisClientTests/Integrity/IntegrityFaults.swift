import OxbowTesting
import Seeded

/// Changes what a proxy does, at random: harmless faults in a row, and now and then the end of all connections.
struct IntegrityFaults {
    private let proxy: FaultProxy
    private var random: SeededGenerator

    init(proxy: FaultProxy, seed: UInt64) {
        self.proxy = proxy
        self.random = SeededGenerator(seed: ~seed)
    }

    /// Until cancelled; everything passes again afterwards.
    consuming func run() async {
        var lastEnd = ContinuousClock.now
        while !Task.isCancelled {
            await self.bend()
            // A client that is cut off again and again pauses longer and longer: it must have a good time in between.
            if lastEnd.duration(to: .now) > .milliseconds(2300) {
                for _ in 0..<Int.random(in: 1...2, using: &self.random) { await self.end() }
                lastEnd = .now
            }
            self.proxy.set(.pass)
            await self.pause(50...300)
        }
        self.proxy.set(.pass)
        try? await self.proxy.listen()
    }

    private mutating func pause(_ milliseconds: ClosedRange<Int>) async {
        try? await Task.sleep(for: .milliseconds(Int.random(in: milliseconds, using: &self.random)))
    }

    /// A fault that connections survive.
    private mutating func bend() async {
        let milliseconds = Int.random(in: 1...15, using: &self.random)
        switch Int.random(in: 0..<6, using: &self.random) {
        case 0: self.proxy.set(.slice(1))
        case 1: self.proxy.set(.slice(Int.random(in: 2...40, using: &self.random), pausing: .microseconds(100)))
        case 2: self.proxy.set(.delay(requests: .milliseconds(milliseconds)))
        case 3: self.proxy.set(.delay(replies: .milliseconds(milliseconds)))
        case 4:
            var behavior = FaultProxy.Behavior.delay(requests: .milliseconds(2), replies: .milliseconds(milliseconds))
            behavior.replies.sliceBytes = Int.random(in: 1...100, using: &self.random)
            self.proxy.set(behavior)
        default: self.proxy.set(.blackhole)
        }
        await self.pause(10...80)
    }

    /// A fault that ends all connections.
    private mutating func end() async {
        let bytes = Int.random(in: 0...20_000, using: &self.random)
        let end = Bool.random(using: &self.random) ? ConnectionEnd.close : .reset
        switch Int.random(in: 0..<7, using: &self.random) {
        case 0, 1: self.proxy.set(.cut(afterReplyBytes: bytes, by: end), on: .existing)
        case 2: self.proxy.set(.cut(afterRequestBytes: bytes, by: end), on: .existing)
        case 3: self.proxy.resetConnections()
        case 4: self.proxy.closeConnections()
        case 5:
            self.proxy.set(.dropReplies)
            await self.pause(10...60)
            self.proxy.resetConnections()
        default:
            try? await self.proxy.refuse()
            self.proxy.closeConnections()
            await self.pause(10...60)
            try? await self.proxy.listen()
        }
        self.proxy.set(.pass, on: .new)
        await self.pause(100...200)
        // Whatever has not come to its end by then.
        self.proxy.resetConnections()
    }
}
