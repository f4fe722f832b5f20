import Oxbow

/// What the explorer decides on: one of these at a time.
enum Choice: Hashable, Sendable {
    /// A step of an actor is carried out, or its answer delivered.
    case step(actor: Int, number: Int)
    /// A step of an actor fails, and is carried out or not.
    case lose(actor: Int, number: Int, isCarriedOut: Bool)
    case crash(process: Int)
    case halfLife
    case renew(actor: Int)
    case cancel(actor: Int)

    /// Whether something goes wrong by it, or at least differently.
    var isFault: Bool { if case .step = self { false } else { true } }
}

/// A point at which an actor stands still until the explorer lets it go on.
struct Step {
    enum Kind: Equatable {
        case begin, load, write
        case read, claim, fill, close, set, invalidate, other
        /// Goes on when the cell holds something else than this claim.
        case wait(Token)
        /// Is sent by a cancelled task, too.
        case release, open
    }

    /// How it goes on.
    enum Outcome {
        case go
        case lost(isCarriedOut: Bool)
        /// The schedule has ended; everybody goes home.
        case over
    }

    let actor: Int
    let number: Int
    let kind: Kind
    let text: String
    let cell: Int?
    /// For a load: whether its actor has claimed the cell.
    var isClaimed = false
    /// What came of it, when it has been carried out and only the answer is on its way.
    var answer: String?
    let continuation: CheckedContinuation<Outcome, Never>

    var isStoreOperation: Bool { self.kind != .begin && self.kind != .load && self.kind != .write }
}

/// The store did not answer.
struct StoreIsAway: Error {}
/// The schedule has ended.
struct ScheduleIsOver: Error {}
