@testable import RedisClient

/// A ``SentinelState`` with sentinels and servers that answer at once, as they are told to, while time passes by hand.
struct StateWorld {
    static let sentinels = (1...3).map { RedisAddress.host("s", port: $0) }
    static let a = RedisAddress.host("a", port: 1)
    static let b = RedisAddress.host("b", port: 1)
    static let c = RedisAddress.host("c", port: 1)

    /// What a server does when it is asked.
    enum Behavior: Equatable {
        case says(ServerReport)
        case refuses, refusesToTell, hangs

        static func master(of history: String, after earlier: String? = nil) -> Behavior {
            .says(ServerReport(.master, history: history, earlierHistory: earlier))
        }
        static func replica(of history: String) -> Behavior { .says(ServerReport(.replica, history: history)) }
    }

    var state: SentinelState
    private(set) var now = ContinuousClock.now
    var answers: [RedisAddress: SentinelAnswer] = [:]
    var servers: [RedisAddress: Behavior] = [:]
    private(set) var followed: [RedisAddress] = []
    private(set) var actions: [SentinelState.Action] = []
    /// When questions to servers that hang are given up.
    private var hanging: [RedisAddress: ContinuousClock.Instant] = [:]
    private(set) var readable: [RedisAddress] = []

    /// Sentinels that name `a` with epoch 1, `a` a master with the replicas `b` and `c`.
    init(_ sentinels: [RedisAddress] = Self.sentinels, readsReplicas: Bool = false) {
        var configuration = SentinelConfiguration(sentinels)
        configuration.masterName = "m"
        self.state = SentinelState(configuration, readsReplicas: readsReplicas)
        self.name(Self.a, epoch: 1)
        self.servers = [
            Self.a: .master(of: "one"), Self.b: .replica(of: "one"), Self.c: .replica(of: "one"),
        ]
    }

    var master: RedisAddress? { self.state.master?.address }

    /// Has sentinels name a master from now on.
    mutating func name(
        _ master: RedisAddress?,
        epoch: UInt64,
        by sentinels: [RedisAddress] = Self.sentinels,
        isFailingOver: Bool = false
    ) {
        for sentinel in sentinels {
            var answer = SentinelAnswer(id: "\(sentinel)", master: master, epoch: epoch)
            answer.isMasterInTrouble = isFailingOver
            answer.isFailingOver = isFailingOver
            answer.replicas = [Self.a, Self.b, Self.c].filter { $0 != master }
                .map { .init(address: $0, isUp: true, isInTouch: true) }
            answer.others = Self.sentinels.filter { $0 != sentinel }.map { .init(id: "\($0)", address: $0) }
            self.answers[sentinel] = answer
        }
    }

    /// Changes what all sentinels say of each replica.
    mutating func setReplicas(_ change: (inout SentinelAnswer.Replica) -> Void) {
        for (sentinel, var answer) in self.answers {
            for index in answer.replicas.indices { change(&answer.replicas[index]) }
            self.answers[sentinel] = answer
        }
    }

    /// Lets time pass in steps of 10 ms.
    mutating func pass(_ duration: Duration = .milliseconds(10)) {
        let end = self.now + duration
        while self.now < end {
            self.now += .milliseconds(10)
            for (address, end) in self.hanging where end <= self.now {
                self.hanging[address] = nil
                self.state.unreachable(address, at: self.now)
            }
            self.state.tick(at: self.now)
            self.answerAll()
        }
    }

    mutating func trouble(with address: RedisAddress) {
        self.state.trouble(with: address, at: self.now)
        self.answerAll()
    }

    mutating func publish(_ message: SentinelMessage, by sentinel: RedisAddress = Self.sentinels[0]) {
        self.state.published(message, by: sentinel, at: self.now)
        self.answerAll()
    }

    private mutating func answerAll() {
        while true {
            let actions = self.state.takeActions()
            if actions.isEmpty { return }
            self.actions += actions
            for action in actions { self.answer(action) }
        }
    }

    private mutating func answer(_ action: SentinelState.Action) {
        switch action {
        case .ask(let address):
            if let answer = self.answers[address] {
                self.state.answered(by: address, answer, at: self.now)
            } else {
                self.state.failed(address, "away", random: 0, at: self.now)
            }
        case .probe(let address):
            switch self.servers[address] {
            case .says(let report): self.state.reported(address, report, at: self.now)
            case .refusesToTell: self.state.reported(address, nil, at: self.now)
            case .refuses, nil: self.state.unreachable(address, at: self.now)
            case .hangs: self.hanging[address] = self.now + .milliseconds(500)
            }
        case .subscribe(let address): self.state.subscribed(to: address, at: self.now)
        case .follow(let address, _): self.followed.append(address)
        case .read(let addresses): self.readable = addresses
        default: break
        }
    }

    func count(_ action: SentinelState.Action) -> Int { self.actions.count { $0 == action } }
}
