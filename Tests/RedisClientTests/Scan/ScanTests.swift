import OxbowTesting
import RESP
import RedisClient
import TestServers
import Testing

@Suite struct ScanTests {
    @Test(arguments: CommandServer.allCases)
    func `a scan finds all there is, page by page`(_ server: CommandServer) async throws {
        try await server.run(database: 10) { table, key in
            let client = table.client
            _ = try await client.execute(FLUSHDB(asynchronously: false))
            let keys = Set((0..<500).map { "\(key)\($0)" })
            _ = try await client.execute(MSET(keys.map { (key: $0, value: "v") }))
            _ = try await client.execute(SADD("other:set", [1]))

            check(try await Self.all(client.scan()), keys.union(["other:set"]))
            check(try await Self.all(client.scan(matching: "\(key)*", count: 200)), keys)
            check(try await Self.all(client.scan(count: 7, type: .set)), ["other:set"])
            check(try await Self.all(client.scan(matching: "nothing*")), [])
            let some = try await Self.all(client.scan(matching: "\(key)1?"))
            check(some, Set((10..<20).map { "\(key)\($0)" }))

            var pages = 0
            var found: Set<String> = []
            for try await page in client.scan(count: 50).pages {
                #expect(!page.isEmpty)
                pages += 1
                found.formUnion(page)
            }
            #expect(pages >= 3)
            #expect(found.count == 501)
        }
    }

    @Test(arguments: CommandServer.allCases)
    func `scans of a hash, a set and a sorted set, large and small`(_ server: CommandServer) async throws {
        try await server.run { table, key in
            let client = table.client
            for count in [3, 1000] {
                let numbers = 0..<count
                let (h, s, z) = ("\(key)h\(count)", "\(key)s\(count)", "\(key)z\(count)")
                _ = try await client.execute(HSET(h, numbers.map { (key: "f\($0)", value: $0) }))
                _ = try await client.execute(SADD(s, numbers.map { "m\($0)" }))
                _ = try await client.execute(ZADD(z, numbers.map { (key: "m\($0)", value: Double($0) / 2) }))

                let entries = try await Self.all(client.hscan(h, count: 50, as: HashEntry<String, Int>.self))
                check(entries, Set(numbers.map { HashEntry("f\($0)", $0) }))
                check(try await Self.all(client.sscan(s)), Set(numbers.map { "m\($0)" }))
                let scored = try await Self.all(client.zscan(z, count: 100))
                check(scored, Set(numbers.map { ScoredMember("m\($0)", Double($0) / 2) }))

                check(try await Self.all(client.hscan(h, matching: "f2")), [HashEntry("f2", "2")])
                check(try await Self.all(client.sscan(s, matching: "*2")).contains("m2"), true)
                check(try await Self.all(client.zscan(z, matching: "m1")), [ScoredMember("m1", 0.5)])
            }
            check(try await Self.all(client.hscan(key + "x")), [])
            await #expect(throws: RedisError.self) { _ = try await Self.all(client.zscan("\(key)s3")) }
        }
    }

    @Test func `each loop over a scan begins anew`() async throws {
        try await withClient(configuration()) { client async throws in
            let key = "scan:\(UInt64.random(in: 0 ... .max))"
            _ = try await client.execute(SADD(key, [1, 2, 3]))
            let scan = client.sscan(key, as: Int.self)
            for _ in 0..<2 { check(try await Self.all(scan), [1, 2, 3]) }
            var iterator = scan.makeAsyncIterator()
            for _ in 0..<3 { check(try await iterator.next() == nil, false) }
            for _ in 0..<3 { check(try await iterator.next(), nil) }
        }
    }

    @Test func `a page that failed is asked for again`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        try await withClient(configuration(for: server)) { client async throws in
            let members = Set((0..<2000).map { "m\($0)" })
            _ = try await client.execute(SADD("s", Array(members)))
            var iterator = client.sscan("s", count: 100).makeAsyncIterator()
            var found: Set<String> = []
            var failures = 0
            for step in 0... {
                if step == 250 { try server.cli("acl", "setuser", "default", "-sscan") }
                do {
                    guard let member = try await iterator.next() else { break }
                    found.insert(member)
                } catch let error as RedisError {
                    #expect(error.serverError == "NOPERM")
                    failures += 1
                    if failures == 2 { try server.cli("acl", "setuser", "default", "+sscan") }
                }
            }
            #expect(failures == 2)
            #expect(found == members)
        }
    }

    @Test func `a cancelled scan ends with CancellationError, elements of its page left or not`() async throws {
        try await withClient(configuration()) { client async throws in
            let key = "scan:\(UInt64.random(in: 0 ... .max))"
            _ = try await client.execute(SADD(key, (0..<1000).map { $0 }))
            for taken in [0, 1, 100] {
                let task = Task {
                    var count = 0
                    do {
                        if taken == 0 { unsafe withUnsafeCurrentTask { unsafe $0?.cancel() } }
                        for try await _ in client.sscan(key, count: 50) {
                            count += 1
                            if count == taken { unsafe withUnsafeCurrentTask { unsafe $0?.cancel() } }
                        }
                    } catch is CancellationError {
                        return count
                    }
                    return -1
                }
                let count = try await task.value
                #expect(count == taken)
            }
        }
    }

    /// A server process hashes with a secret of its own: a cursor of the one before means something else.
    @Test func `a scan finds all there is although the server is restarted in the middle`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        try await withClient(configuration(for: server)) { client async throws in
            let keys = Set((0..<5000).map { "key:\($0)" })
            _ = try await client.execute(MSET(keys.map { (key: $0, value: "v") }))
            var found: Set<String> = []
            var count = 0
            for try await key in client.scan(count: 100) {
                found.insert(key)
                count += 1
                guard count == 2500 else { continue }
                try server.cli("save")
                try await server.kill()
                try await server.restart()
            }
            check(found.count, keys.count)
            #expect(found == keys)
        }
    }

    @Test func `cursors may be of any size, pages of any number may be empty`() async throws {
        let server = try await ScriptedServer.start([
            [
                .init("*2\r\n$20\r\n18446744073709551615\r\n*0\r\n"), .init("*2\r\n$1\r\n5\r\n*1\r\n+a\r\n"),
                .init("*2\r\n:0\r\n*1\r\n+b\r\n"),
            ]
        ])
        defer { server.stop() }
        try await withClient(server.configuration) { client async throws in
            var found: [String] = []
            for try await key in client.scan() { found.append(key) }
            #expect(found == ["a", "b"])
        }
    }

    @Test(arguments: [
        "*1\r\n+0\r\n", "*0\r\n", "*3\r\n+0\r\n*0\r\n*0\r\n", "+0\r\n", "_\r\n", "*2\r\n_\r\n*0\r\n",
        "*2\r\n+0\r\n+a\r\n",
    ])
    func `what is no page is an error`(reply: String) async throws {
        let server = try await ScriptedServer.start([[.init(reply)]])
        defer { server.stop() }
        try await withClient(server.configuration) { client async throws in
            var iterator = client.scan().makeAsyncIterator()
            let error = await #expect(throws: RedisError.self) { try await iterator.next() }
            #expect(error?.code == .unexpectedReply)
        }
    }

    /// A scan's elements; each may come twice.
    static func all<Scan: AsyncSequence>(_ scan: Scan) async throws -> Set<Scan.Element> where Scan.Element: Hashable {
        var elements: Set<Scan.Element> = []
        for try await element in scan { elements.insert(element) }
        return elements
    }
}
