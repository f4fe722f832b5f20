import RESP

/// A command over many keys that says the same of each: in a cluster it becomes one command for each slot.
@usableFromInline
protocol SplittableCommand: RedisCommand {
    /// The same command over some of the keys.
    associatedtype Part: RedisCommand where Part.Response == Response

    /// The same command over the keys at these positions among those it names, in this order.
    func part(_ positions: [Int]) -> Part

    /// The whole command's response.
    ///
    /// - Parameters:
    ///   - parts: the responses to the parts, each with the positions of its keys.
    ///   - count: how many keys the command has.
    /// - Returns: `nil` where a part's response does not fit its keys.
    static func join(_ parts: [(positions: [Int], response: Response)], count: Int) -> Response?
}

extension IdempotentCommand: SplittableCommand where Command: SplittableCommand {
    @usableFromInline
    func part(_ positions: [Int]) -> IdempotentCommand<Command.Part> {
        IdempotentCommand<Command.Part>(self.command.part(positions))
    }

    @usableFromInline
    static func join(_ parts: [(positions: [Int], response: Response)], count: Int) -> Response? {
        Command.join(parts, count: count)
    }
}

extension MGET: SplittableCommand {
    @usableFromInline
    func part(_ positions: [Int]) -> MGET { MGET(positions.map { self.keys[$0] }) }

    @usableFromInline
    static func join(_ parts: [(positions: [Int], response: [Value?])], count: Int) -> [Value?]? {
        var values = [Value?](repeating: nil, count: count)
        for (positions, response) in parts {
            guard positions.count == response.count else { return nil }
            for (position, value) in zip(positions, response) { values[position] = value }
        }
        return values
    }
}

extension KeyCount: SplittableCommand {
    @usableFromInline
    func part(_ positions: [Int]) -> KeyCount { KeyCount(self.name, positions.map { self.keys[$0] }, self.isReadOnly) }

    @usableFromInline
    static func join(_ parts: [(positions: [Int], response: Int)], count: Int) -> Int? {
        var sum = 0
        for (positions, response) in parts {
            guard (0...positions.count).contains(response) else { return nil }
            sum += response
        }
        return sum
    }
}

extension PairStore: SplittableCommand {
    @usableFromInline
    func part(_ positions: [Int]) -> PairStore<[(key: Key, value: Value)], Key, Value> {
        let pairs = Array(self.words.words.pairs)
        return PairStore<[(key: Key, value: Value)], Key, Value>(positions.map { pairs[$0] })
    }

    @usableFromInline
    static func join(_ parts: [(positions: [Int], response: String)], count: Int) -> String? { "OK" }
}
