import Foundation
import RESP
import RedisClient
import TestServers
import Testing

/// Commands find their node in a cluster, whichever it is at the moment.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ClusterTests {
    @Test(arguments: ServerProcess.Kind.allCases)
    func `keys of all slots are written and read back`(kind: ServerProcess.Kind) async throws {
        let cluster = try await SharedTopologies.shared.cluster(kind)
        try await withClient(configuration(for: cluster)) { client async throws in
            for number in 0..<200 {
                let stored = try await client.execute(SET("basic:\(number)", "\(number)"))
                #expect(stored == "OK")
            }
            for number in 0..<200 {
                let value = try await client.execute(GET("basic:\(number)", as: Int.self))
                #expect(value == number)
            }
        }
    }
}
