/// The keys of a map, as ``DistributedMap/keys`` describes them.
public struct MapKeys: AsyncSequence, Sendable {
    /// A key, as it was given.
    public typealias Element = String

    let store: any MapStore
    let prefix: String

    /// Begins a scan.
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(pages: self.store.pages(prefix: CellName(encoded: self.prefix)), prefix: self.prefix)
    }

    /// One scan.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private var pages: any MapPages
        private let prefixBytes: Int
        private var page: ArraySlice<CellName> = []
        private var seen: Set<CellName> = []

        init(pages: any MapPages, prefix: String) {
            self.pages = pages
            self.prefixBytes = prefix.utf8.count
        }

        /// Returns the next key; `nil` at the end.
        ///
        /// - Throws: ``OxbowError``, after which the next call reads the same page again; `CancellationError`.
        public mutating func next() async throws -> String? {
            while true {
                while let name = self.page.popFirst() {
                    guard self.seen.insert(name).inserted else { continue }
                    // Keys that other programs have written need not be encoded, or may decode to another entry's key.
                    let text = name.text.utf8.dropFirst(self.prefixBytes)
                    guard let key = KeyEncoding.decode(text) else { continue }
                    if KeyEncoding.encode(key, isLast: true).utf8.elementsEqual(text) { return key }
                }
                guard let page = try await callingStore({ try await self.pages.next() }) else { return nil }
                self.page = page[...]
            }
        }
    }
}
