public import NIOCore

/// What a cache asks of a shared store: one meaningful operation each, atomic on one cell.
///
/// Above this seam nobody knows a Redis command, below it nobody knows a cache policy. The rules are those of the cell
/// protocol (see the article "The cell protocol"). Every operation throws when the store cannot be reached or refuses.
@usableFromInline
package protocol CacheStore: Sendable {
    /// What the cell holds. Safe to repeat.
    func read(_ cell: CellAddress) async throws -> CellContent

    /// Waits until the cell holds something else than this claim, until `end` at the latest.
    ///
    /// - Returns: what is there then: the claim itself when the time is over.
    /// - Throws: `CancellationError`, too.
    func wait(_ cell: CellAddress, while token: Token, until end: ContinuousClock.Instant) async throws -> CellContent

    /// Claims the cell if it is absent.
    ///
    /// - Returns: `nil` when the claim stands in the cell now; otherwise what is there, or `absent` to look again.
    func claim(_ cell: CellAddress, _ token: Token, for life: Duration) async throws -> CellContent?

    /// Claims the cell if it still holds exactly `bytes`, or something longer than any cell may be. `nil` is for a key of
    /// another type, which is unlinked first (whatever the bytes given).
    ///
    /// - Returns: whether the claim stands in the cell now.
    func claim(_ cell: CellAddress, _ token: Token, for life: Duration, replacing bytes: ByteBuffer?) async throws
        -> Bool

    /// Prolongs a claim that is still there; never makes one. Sent also by a cancelled task.
    func renew(_ cell: CellAddress, _ token: Token, for life: Duration) async throws -> Bool

    /// Stores a value if the cell still holds the claim. Sent once at most, also by a cancelled task: the value is there.
    ///
    /// - Returns: whether it was stored.
    func fill(_ cell: CellAddress, _ token: Token, with value: Envelope, for life: Duration) async throws -> Bool

    /// Claims a value's refreshing, if this very value is there and nobody refreshes it: it stays, and a fill with the token
    /// replaces it. Called again with the token it renews the claim.
    ///
    /// - Returns: whether the claim stands beside the value now.
    func claimRefresh(_ cell: CellAddress, _ token: Token, of value: Envelope, for life: Duration) async throws -> Bool

    /// Whether values can be stored, as far as is known: without the right to run scripts a claim would be in vain.
    var canFill: Bool { get }

    /// The store's time in ms since 1970, as far as it is known: for what needs no exactness.
    var time: UInt64 { get }

    /// Gives a claim back that will not be filled, if it is still there; with a pass, that is there for this long instead. Sent
    /// at once, also by a cancelled task, and not waited for longer than a moment: no caller needs the answer.
    func release(_ cell: CellAddress, _ token: Token, leavingPassFor life: Duration?) async throws

    /// Stores a value whatever the cell holds, unless it is closed.
    ///
    /// - Returns: whether it was stored.
    func set(_ cell: CellAddress, to value: Envelope, for life: Duration) async throws -> Bool

    /// Closes the cell for a writer: value or claim goes, and nothing is filled until it is opened or `life` has passed.
    ///
    /// A cell that others have closed gets the token beside theirs, and is dirty from then on. Safe to repeat. A renewal
    /// is for a writer that has closed it before, and is sent also by a cancelled task: if its token is not there any more,
    /// the cell was open in between, and is dirty.
    ///
    /// - Throws: when the cell is not closed, or may not be; it is empty when there was no memory for a closing.
    func close(_ cell: CellAddress, _ token: Token, for life: Duration, isRenewal: Bool) async throws

    /// Takes a writer's token out; with the last one the cell goes, and if it is no closed cell any more, too. A cell that
    /// only others have closed meanwhile is dirty from then on.
    ///
    /// The value, if there is one, is stored if no other writer and no invalidation came since the cell was closed. If none
    /// is stored, the cell stays closed for the hold-off. Sent at once, also by a cancelled task. Safe to repeat.
    ///
    /// - Returns: whether it was stored.
    func open(
        _ cell: CellAddress,
        _ token: Token,
        storing value: Envelope?,
        for life: Duration,
        holdOff: Duration?
    ) async throws -> Bool

    /// Deletes value or claim; keeps a closed cell closed and marks it dirty. Safe to repeat, and sent also by a cancelled
    /// task.
    ///
    /// - Parameters:
    ///   - cell: what has changed in the database.
    ///   - holdOff: how long nothing may be filled from now on; `nil`: what is loaded from now on may be.
    ///   - timeout: the store's own by default.
    /// - Throws: whatever kept it from being carried out.
    func invalidate(_ cell: CellAddress, holdOff: Duration?, timeout: Duration?) async throws

    /// Deletes all cells of a group at once. Safe to repeat, and sent also by a cancelled task.
    func invalidate(group key: CellName, holdOff: Duration?, timeout: Duration?) async throws

    /// Invalidates all cells whose keys begin with `prefix`, one by one, groups as a whole.
    func invalidate(namespace prefix: CellName) async throws

    /// Returns the same store with a cache's own timeout, largest value and hold-off.
    func adapted(to options: CacheOptions) -> any CacheStore

    /// The rest of the life of what the cell holds; `nil` when it holds nothing or never ends. Safe to repeat.
    func timeToLive(_ cell: CellAddress) async throws -> Duration?

    // MARK: Several cells

    // The operations above, on string keys or on fields of one group: in a round trip or a few for each node. What fails
    // for one cell leaves the others alone; only the task's own cancellation is thrown.

    /// What the cells hold. Safe to repeat.
    func read(_ cells: [CellAddress]) async throws -> [Result<CellContent, any Error>]

    /// Claims each cell if it is absent, or still holds the unusable bytes that were found there.
    ///
    /// - Returns: as the form for one cell.
    func claim(_ claims: [CellClaim], for life: Duration) async throws -> [Result<CellContent?, any Error>]

    /// Prolongs the claims that are still there; never makes one.
    func renew(_ claims: [CellClaim], for life: Duration) async throws

    /// Stores each value whose claim still stands. Sent once at most, also by a cancelled task.
    ///
    /// - Returns: which ones were stored.
    func fill(_ fills: [CellFill]) async throws -> [Result<Bool, any Error>]

    /// Claims the refreshing of each value that is still there, as the form for one cell.
    ///
    /// - Returns: which ones stand now.
    func claimRefresh(_ refreshes: [CellRefresh], for life: Duration) async throws -> [Result<Bool, any Error>]

    /// Gives claims back, as the form for one cell.
    func release(_ claims: [CellClaim], leavingPassFor life: Duration?) async throws

    /// Closes each cell for a writer, as the form for one cell.
    func close(_ cells: [CellAddress], _ token: Token, for life: Duration, isRenewal: Bool) async throws -> [Result<
        Void, any Error
    >]

    /// Takes a writer's token out of each cell and stores nothing, as the form for one cell.
    func open(_ cells: [CellAddress], _ token: Token, holdOff: Duration?) async throws -> [Result<Void, any Error>]

    /// Deletes values and claims; keeps closed cells closed and marks them dirty. Safe to repeat.
    func invalidate(_ cells: [CellAddress], holdOff: Duration?, timeout: Duration?) async throws -> [Result<
        Void, any Error
    >]
}

extension CacheStore {
    /// Memory does not wait, and looks for held-off groups in any case.
    package func adapted(to options: CacheOptions) -> any CacheStore { self }
}

extension CacheStore {
    package var canFill: Bool { true }

    /// Gives a claim back, and leaves the cell empty.
    package func release(_ cell: CellAddress, _ token: Token) async throws {
        try await self.release(cell, token, leavingPassFor: nil)
    }

    /// Gives claims back, and leaves the cells empty.
    package func release(_ claims: [CellClaim]) async throws {
        try await self.release(claims, leavingPassFor: nil)
    }
}
