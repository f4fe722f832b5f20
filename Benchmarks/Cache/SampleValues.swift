/// What an app server keeps of an account: about 1 KB as JSON.
struct SampleAccount: Codable, Sendable, Equatable {
    struct Folder: Codable, Sendable, Equatable {
        var id: Int
        var name: String
        var unread: Int
        var isShared: Bool
        var permissions: [String]
    }

    var userID: Int
    var contextID: Int
    var displayName: String
    var mail: String
    var locale: String
    var timeZone: String?
    var quotaBytes: Int
    var usedShare: Double
    var folders: [Folder]

    static let sample = SampleAccount(
        userID: 4711,
        contextID: 42,
        displayName: "Anna Lindqvist-Öhman",
        mail: "anna.lindqvist@example.com",
        locale: "sv_SE",
        timeZone: "Europe/Stockholm",
        quotaBytes: 10_737_418_240,
        usedShare: 0.4375,
        folders: ["Inbox", "Drafts", "Sent", "Trash", "Archive 2024", "Projects", "Newsletters", "Family"].enumerated()
            .map { index, name in
                Folder(
                    id: 1000 + index,
                    name: name,
                    unread: index * 7 % 5,
                    isShared: index % 3 == 2,
                    permissions: ["read", "write", "delete"]
                )
            }
    )
}

/// Text as caches hold it.
enum SampleText {
    /// The listing of a mail folder as JSON, cut at a length: the same at each call, and deflated to about a fifth.
    static func listing(bytes: Int) -> String {
        let words = ["report", "meeting", "invoice", "draft", "review", "offer", "travel", "update", "notes", "plan"]
        var numbers = SampleNumbers()
        var text = "["
        while text.utf8.count < bytes {
            let subject = (0..<4).map { _ in words[numbers.next(below: words.count)] }.joined(separator: " ")
            text += "{\"id\":\(numbers.next(below: 1_000_000)),\"folder\":\"default0/INBOX\","
            text += "\"from\":\"user\(numbers.next(below: 1000))@example.com\",\"subject\":\"Re: \(subject)\","
            text += "\"receivedDate\":\(1_760_000_000_000 + numbers.next(below: 1_000_000_000)),"
            text += "\"size\":\(numbers.next(below: 100_000)),\"flags\":[\"seen\"],\"hasAttachments\":false},"
        }
        // ASCII throughout, so that every length is a boundary.
        return String(text.prefix(bytes))
    }
}

/// Numbers that look random and are the same in each run (the constants are Knuth's, of MMIX).
private struct SampleNumbers {
    private var state: UInt64 = 1

    mutating func next(below limit: Int) -> Int {
        self.state = self.state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((self.state >> 33) % UInt64(limit))
    }
}
