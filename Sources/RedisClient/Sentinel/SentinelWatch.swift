import Logging
import NIOCore
import RESP

/// Asks sentinels and servers, and carries out what ``SentinelState`` makes of it.
final class SentinelWatch: Sendable {
    enum Event: Sendable {
        case tick
        case answered(RedisAddress, over: Interview, SentinelAnswer)
        case failed(RedisAddress, over: Interview, String)
        case listening(SentinelContacts.Listener, SubscriberConnection)
        case subscribed(SentinelContacts.Listener)
        case unsubscribed(SentinelContacts.Listener)
        case published(SentinelContacts.Listener, SentinelMessage)
        case trouble(RedisAddress)
        case reported(RedisAddress, over: Interview, ServerReport?)
        case unreachable(RedisAddress, over: Interview)
    }

    private let configuration: SentinelConfiguration
    private let context: RedisNode.Context
    private let events: AsyncStream<Event>
    private let continuation: AsyncStream<Event>.Continuation
    private var logger: Logger { self.context.logger }

    /// For one question to a server, connecting included.
    private static let probeLimit = Duration.milliseconds(500)
    /// For one round of questions to a sentinel, connecting included.
    private static let askLimit = Duration.seconds(1)

    init(_ configuration: SentinelConfiguration, _ context: RedisNode.Context) {
        self.configuration = configuration
        self.context = context
        (self.events, self.continuation) = AsyncStream.makeStream()
    }

    func tell(_ event: Event) { self.continuation.yield(event) }

    /// Watches until cancelled.
    func run(_ topology: SentinelTopology) async {
        let readsReplicas = self.context.configuration.readFrom != .master
        await withDiscardingTaskGroup { group in
            var state = SentinelState(self.configuration, readsReplicas: readsReplicas)
            var contacts = SentinelContacts()
            // When the next tick comes.
            var wake: ContinuousClock.Instant?
            self.tell(.tick)
            for await event in self.events {
                let now = ContinuousClock.now
                self.take(event, into: &state, &contacts, at: now)
                for action in state.takeActions() { self.perform(action, topology, &contacts, &group) }
                if let due = wake, due <= now { wake = nil }
                let next = state.nextTick(after: now)
                if wake.map({ next < $0 }) ?? true {
                    wake = next
                    group.addTask {
                        try? await Task.sleep(until: next, tolerance: .milliseconds(1))
                        self.tell(.tick)
                    }
                }
            }
            group.cancelAll()
            contacts.close()
        }
    }

    /// Hands an event on, unless it tells of a connection that is not asked any more.
    func take(
        _ event: Event,
        into state: inout SentinelState,
        _ contacts: inout SentinelContacts,
        at now: ContinuousClock.Instant
    ) {
        switch event {
        case .tick: state.tick(at: now)
        case .answered(let address, let interview, let answer):
            guard contacts.sentinels[address] === interview else { return }
            state.answered(by: address, answer, at: now)
        case .failed(let address, let interview, let reason):
            guard contacts.sentinels[address] === interview else { return }
            state.failed(address, reason, random: .random(in: 0..<1), at: now)
        case .listening(let listener, let connection): contacts.keep(connection, of: listener)
        case .subscribed(let listener):
            guard contacts.isCurrent(listener) else { return }
            state.subscribed(to: listener.address, at: now)
        case .unsubscribed(let listener):
            guard contacts.isCurrent(listener) else { return }
            contacts.end(listener)
            state.unsubscribed(from: listener.address, at: now)
        case .published(let listener, let message):
            guard contacts.isCurrent(listener) else { return }
            state.published(message, by: listener.address, at: now)
        case .trouble(let address): state.trouble(with: address, at: now)
        case .reported(let address, let interview, let report):
            guard contacts.servers[address] === interview else { return }
            state.reported(address, report, at: now)
        case .unreachable(let address, let interview):
            guard contacts.servers[address] === interview else { return }
            state.unreachable(address, at: now)
        }
    }

    private func perform(
        _ action: SentinelState.Action,
        _ topology: SentinelTopology,
        _ contacts: inout SentinelContacts,
        _ group: inout DiscardingTaskGroup
    ) {
        switch action {
        case .ask(let address):
            let interview = contacts.sentinel(address) { self.interview(self.sentinel(address)) }
            group.addTask { await self.ask(address, interview) }
        case .probe(let address):
            let interview = contacts.server(address) { self.interview(self.server(address)) }
            group.addTask { await self.probe(address, interview) }
        case .subscribe(let address):
            let listener = contacts.listen(to: address)
            group.addTask { await self.listen(as: listener) }
        case .dismiss(let address): contacts.dismiss(address)
        case .follow(let address, let old):
            topology.follow(address)
            var metadata: Logger.Metadata = self.metadata(address)
            if let old { metadata["previous"] = "\(old)" }
            self.logger.notice(old == nil ? "master found" : "master changed", metadata: metadata)
        case .overrule(let old, let address):
            var metadata = self.metadata(address)
            metadata["previous"] = "\(old)"
            self.logger.warning(
                "the sentinels have named another master for long: leaving one that still answers",
                metadata: metadata
            )
        case .read(let addresses): topology.read(from: addresses)
        case .explain(let reason): topology.explain(reason)
        case .sentinelLost(let address, let reason):
            self.logger.info("sentinel lost", metadata: self.metadata(address, reason))
        case .sentinelBack(let address): self.logger.info("sentinel regained", metadata: self.metadata(address))
        case .allSentinelsLost(let reason):
            var metadata = self.metadata(nil, reason)
            metadata["sentinels"] = "\(contacts.sentinels.count)"
            self.logger.warning("no sentinel can be reached", metadata: metadata)
        case .someSentinelBack: self.logger.notice("sentinels can be reached again", metadata: self.metadata())
        }
    }

    private func metadata(_ address: RedisAddress? = nil, _ reason: String? = nil) -> Logger.Metadata {
        var metadata: Logger.Metadata = ["master": "\(self.configuration.masterName)"]
        if let address { metadata["address"] = "\(address)" }
        if let reason { metadata["error"] = "\(reason)" }
        return metadata
    }

    // MARK: Asking

    private func ask(_ address: RedisAddress, _ interview: Interview) async {
        do {
            let questions = SentinelAnswer.questions(self.configuration.masterName)
            let replies = try await interview.ask(questions, within: Self.askLimit)
            self.tell(.answered(address, over: interview, try SentinelAnswer(replies)))
        } catch {
            // A refusal may be over with another connection: rights and passwords change.
            interview.close()
            self.tell(.failed(address, over: interview, (error as? RedisError)?.message ?? "\(error)"))
        }
    }

    private func probe(_ address: RedisAddress, _ interview: Interview) async {
        do {
            let replies = try await interview.ask([ServerReport.question], within: Self.probeLimit)
            self.tell(.reported(address, over: interview, replies.first.flatMap { ServerReport($0) }))
        } catch let error as RedisError where error.isWordOfServer {
            self.tell(.reported(address, over: interview, nil))
        } catch {
            self.tell(.unreachable(address, over: interview))
        }
    }

    private func listen(as listener: SentinelContacts.Listener) async {
        let address = listener.address
        let name = self.configuration.masterName
        let last = SentinelMessage.channels.last.map { SubscriptionName(.channel, $0) }
        let configuration = self.sentinel(address)
        let connection = try? await SubscriberConnection.connect(
            configuration,
            tls: self.tls(for: address),
            on: self.context.eventLoopGroup.next()
        ) { event in
            switch event {
            case .message(let message):
                let message = SentinelMessage(channel: message.channel, text: message.text, master: name)
                if let message { self.tell(.published(listener, message)) }
            case .subscribed(let name, _) where name == last: self.tell(.subscribed(listener))
            case .subscribed, .refused, .lost: break
            }
        }
        if let connection {
            self.tell(.listening(listener, connection))
            connection.subscribe(channels: SentinelMessage.channels)
            _ = await connection.ended()
        }
        self.tell(.unsubscribed(listener))
    }

    // MARK: Whom and how

    private func interview(_ configuration: RedisClientConfiguration) -> Interview {
        let tls = self.tls(for: configuration.address)
        return Interview(configuration, tls: tls, on: self.context.eventLoopGroup.next())
    }

    private func tls(for address: RedisAddress) -> TLSClient? {
        self.context.tls.map { TLSClient($0, for: address) }
    }

    /// How a sentinel is connected to: it is no server of data.
    private func sentinel(_ address: RedisAddress) -> RedisClientConfiguration {
        var configuration = self.server(address)
        configuration.credentials = self.configuration.credentials
        // One that hangs is noticed within two seconds, and others are listened to in its place.
        configuration.pool.cleanerPause = min(configuration.pool.cleanerPause, .seconds(2))
        return configuration
    }

    /// How a server is connected to that is only asked for its role.
    private func server(_ address: RedisAddress) -> RedisClientConfiguration {
        var configuration = self.context.current.plain
        configuration.address = address
        configuration.requiredRole = nil
        configuration.connectTimeout = min(configuration.connectTimeout, Self.askLimit)
        return configuration
    }
}

extension RedisError {
    /// Whether the server has spoken, if only to refuse: it is full, wants another password, or loads its data.
    fileprivate var isWordOfServer: Bool {
        if !self.serverError.isEmpty || self.code == .protocolViolation || self.code == .unsupportedServer {
            return true
        }
        return (self.cause as? RedisError)?.isWordOfServer ?? false
    }
}
