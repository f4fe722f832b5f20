import Synchronization

/// What this process does at one cell after the other: one is running and one is coming at the most, which all share who
/// came before it began (rule 5 of the cell protocol).
final class CellTurns<Item: AnyObject & Sendable>: Sendable {
    enum Turn {
        /// Begin now.
        case first(Item)
        /// Wait until the running one has ended, then begin.
        case after(running: Item, own: Item)
        /// Share the coming one, which has not begun.
        case join(Item)
    }

    private struct Entry {
        var running: Item
        var next: Item?
        /// Whether the running one has ended and the coming one has not taken over yet.
        var hasEnded = false
    }

    private let entries = Mutex<[CellAddress: Entry]>([:])
    private let make: @Sendable () -> Item

    init(_ make: @Sendable @escaping () -> Item) { self.make = make }

    func turn(for cell: CellAddress) -> Turn {
        self.entries.withLock { entries in
            guard let entry = entries[cell] else {
                let own = self.make()
                entries[cell] = Entry(running: own)
                return .first(own)
            }
            if let next = entry.next { return .join(next) }
            let own = self.make()
            entries[cell]?.next = own
            return .after(running: entry.running, own: own)
        }
    }

    /// The coming one begins: whoever comes from now on does not share it.
    func start(_ item: Item, for cell: CellAddress) {
        self.entries.withLock { $0[cell] = Entry(running: item) }
    }

    /// The coming one will not begin.
    func withdraw(_ item: Item, for cell: CellAddress) {
        self.entries.withLock { entries in
            guard let entry = entries[cell], entry.next === item else { return }
            // When the running one has ended meanwhile, it left the entry for this one to remove.
            entries[cell] = entry.hasEnded ? nil : Entry(running: entry.running)
        }
    }

    /// The running one has ended.
    func end(_ item: Item, for cell: CellAddress) {
        self.entries.withLock { entries in
            guard let entry = entries[cell], entry.running === item else { return }
            if entry.next == nil { entries[cell] = nil } else { entries[cell]?.hasEnded = true }
        }
    }
}
