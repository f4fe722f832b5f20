/// Reading many cells at once: one round trip to look, one to claim, one load, one round trip to store.
///
/// A bulk read never waits for others while it holds claims or announced loads that do not run (rule 10): what it has
/// claimed it loads at once, and what others hold it waits for afterwards. So two of them that want each other's keys
/// cannot wait for each other.
extension CacheEngine {
    /// What came of waiting for others, and of loading beside.
    private enum Waited: Sendable {
        case loaded([(index: Int, value: Value?)])
        case followed(Int, Followed)
    }

    /// The values, in the order of the keys; `nil` where there is none.
    ///
    /// - Throws: the loader's error, also that of another caller whose load was shared; `CancellationError`.
    func values(_ bulk: BulkRequest) async throws -> [Value?] {
        var course = BulkCourse(values: bulk.cells.map { _ in nil }, unseen: [])
        // A loader that reads its own keys loads past: joining would be waiting for itself.
        var past: [Int] = []
        for (index, cell) in bulk.cells.enumerated() {
            if LoadingCells.contains(cell, of: self.shared.id) {
                past.append(index)
            } else if !self.mayRead(cell) {
                course.unclaimed.append(Unclaimed(index: index, reason: .storeIsAway))
            } else {
                course.unseen.append(index)
            }
        }
        var waitEnd: ContinuousClock.Instant?
        while true {
            try await self.look(bulk, &course)
            let leads = try await self.claim(bulk, &course)
            if !leads.isEmpty || !past.isEmpty {
                try await self.lead(bulk, leads, past, &course)
                past = []
                // Meanwhile others may have stored theirs.
                course.lookAgainAtHeld()
            }
            // A claim was lost, and not to whom.
            if !course.unseen.isEmpty { continue }
            if course.held.isEmpty, course.unclaimed.isEmpty { return course.values }
            let end = waitEnd ?? .now + self.configuration.longestWait
            waitEnd = end
            if ContinuousClock.now >= end { course.loadPastHeld() }
            try await self.wait(bulk, &course, until: end)
        }
    }

    private func look(_ bulk: BulkRequest, _ course: inout BulkCourse) async throws {
        let indices = course.unseen
        guard !indices.isEmpty else { return }
        course.unseen = []
        var failures = Failures()
        var due: [(index: Int, old: Envelope)] = []
        for (index, result) in zip(indices, try await self.store.read(indices.map { bulk.cells[$0] })) {
            switch result {
            case .success(let content):
                let cell = bulk.cells[index]
                let look =
                    course.isFirstLook
                    ? self.firstLook(content, of: cell, acceptsAbsent: true)
                    : self.interpret(content, of: cell, acceptsAbsent: true)
                course.note(look, at: index)
                if case .due(_, let old) = look { due.append((index, old)) }
            case .failure(let error):
                failures.add(error)
                course.unclaimed.append(Unclaimed(index: index, reason: .storeIsAway))
            }
        }
        course.isFirstLook = false
        self.note(failures)
        guard !due.isEmpty else { return }
        await self.refresh(due.map { (bulk.cells[$0.index], $0.old) }, for: bulk.timeToLive) { [due] places in
            try await bulk.load(places.map { due[$0].index })
        }
    }

    /// Waits for what others load, and beside loads what nobody can claim.
    ///
    /// Of the claims that nobody in this process follows yet one is enough, as they often are another bulk load's: when it is
    /// over, the others are looked at by one round trip.
    private func wait(
        _ bulk: BulkRequest,
        _ course: inout BulkCourse,
        until end: ContinuousClock.Instant
    ) async throws {
        let (held, unclaimed) = (course.held, course.unclaimed)
        (course.held, course.unclaimed) = ([], [])
        try await withThrowingTaskGroup(of: Waited.self) { group in
            if !unclaimed.isEmpty {
                group.addTask { .loaded(try await self.loadUnclaimed(bulk, unclaimed)) }
            }
            var isFollowing = false
            for (index, token) in held {
                if !self.loads.isKnown(token) {
                    if isFollowing {
                        course.unseen.append(index)
                        continue
                    }
                    isFollowing = true
                }
                group.addTask { .followed(index, try await self.follow(bulk.single(index), token, until: end)) }
            }
            for try await outcome in group {
                switch outcome {
                case .loaded(let values):
                    for (index, value) in values { course.values[index] = value }
                case .followed(let index, .value(let value)): course.values[index] = value
                case .followed(let index, .changed(let content?)): course.note(content, at: index)
                case .followed(let index, .changed(nil)): course.unseen.append(index)
                case .followed(let index, .loadPast(let reason)):
                    course.unclaimed.append(Unclaimed(index: index, reason: reason))
                }
            }
        }
    }
}
