public import RESP

/// What SCAN, HSCAN, SSCAN or ZSCAN finds, page by page, as it is asked for.
///
/// What is there from the scan's beginning to its end is found at least once; elements may come twice; what is added or
/// removed in between may or may not be found. Each loop over this value is a scan of its own, from the start.
///
/// A page that cannot be had is an error thrown by `next()`, ``RedisError`` or `CancellationError`; calling `next()`
/// again asks for the same page again. A cancelled task gets `CancellationError` from its next call on, even where
/// elements of the last page are left. There is nothing to close: the server keeps no state of a scan.
public struct RedisScan<Page: RESPDecodable & RandomAccessCollection>: AsyncSequence, Sendable {
    /// An element: a key, a ``HashEntry``, a member or a ``ScoredMember``.
    public typealias Element = Page.Element

    @usableFromInline let client: RedisClient
    @usableFromInline let words: ScanCommand<Page>.Words

    init(client: RedisClient, words: ScanCommand<Page>.Words) {
        self.client = client
        self.words = words
    }

    /// The pages as the server sends them; empty ones are left out.
    @inlinable public var pages: Pages { Pages(client: self.client, words: self.words) }

    /// Begins a scan.
    @inlinable
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(pages: self.pages.makeAsyncIterator()) }

    /// One scan, element by element.
    public struct AsyncIterator: AsyncIteratorProtocol {
        @usableFromInline var pages: Pages.AsyncIterator
        @usableFromInline var page: Page?
        @usableFromInline var index: Page.Index?

        @inlinable
        init(pages: Pages.AsyncIterator) { self.pages = pages }

        /// The next element, from the next page where this one is at its end; `nil` at the end of the scan.
        ///
        /// - Throws: ``RedisError``, after which the same page may be asked for again; `CancellationError`.
        @inlinable
        public mutating func next() async throws -> Element? {
            try Task.checkCancellation()
            if let page, let index, index < page.endIndex {
                self.index = page.index(after: index)
                return page[index]
            }
            guard let page = try await self.pages.next(), let first = page.first else { return nil }
            self.page = page
            self.index = page.index(after: page.startIndex)
            return first
        }
    }

    /// What a scan finds, in pages.
    public struct Pages: AsyncSequence, Sendable {
        /// A page that is not empty.
        public typealias Element = Page

        @usableFromInline let client: RedisClient
        @usableFromInline let words: ScanCommand<Page>.Words

        @inlinable
        init(client: RedisClient, words: ScanCommand<Page>.Words) {
            self.client = client
            self.words = words
        }

        /// Begins a scan.
        @inlinable
        public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(client: self.client, words: self.words) }

        /// One scan, page by page.
        public struct AsyncIterator: AsyncIteratorProtocol {
            @usableFromInline let client: RedisClient
            @usableFromInline let words: ScanCommand<Page>.Words
            @usableFromInline var course: ScanCourse

            @usableFromInline
            init(client: RedisClient, words: ScanCommand<Page>.Words) {
                self.client = client
                self.words = words
                self.course = ScanCourse(client, hasKey: words.key != nil)
            }

            /// The next page; `nil` at the end of the scan.
            ///
            /// - Throws: ``RedisError``, after which the same page may be asked for again; `CancellationError`.
            @inlinable
            public mutating func next() async throws -> Page? {
                while self.course.cursor != nil {
                    try Task.checkCancellation()
                    let page = try await self.course.page(self.client, self.words)
                    if !page.elements.isEmpty { return page.elements }
                }
                return nil
            }
        }
    }
}
