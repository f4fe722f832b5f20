import Foundation

#if canImport(Glibc)
import Glibc
#endif

/// CPU time as the operating system counts it, user and system together.
enum ProcessorTime {
    /// Of this process, all threads, so far.
    static func ofThisProcess() -> Double { Self.micros(RUSAGE_SELF) }

    /// Of the children that have ended, so far.
    static func ofEndedChildren() -> Double { Self.micros(RUSAGE_CHILDREN) }

    /// Of another process, all its threads, so far, with the scheduler's resolution of a nanosecond.
    ///
    /// - Returns: `nil` where there is no such process or no `/proc`.
    static func of(process id: Int32) -> Double? {
        let tasks = "/proc/\(id)/task"
        guard let threads = try? FileManager.default.contentsOfDirectory(atPath: tasks) else { return nil }
        var nanoseconds = 0.0
        for thread in threads {
            // "time on the CPU, time waiting for it, time slices"; a thread may have ended meanwhile.
            guard let text = try? String(contentsOfFile: "\(tasks)/\(thread)/schedstat", encoding: .utf8),
                let first = text.split(separator: " ").first, let time = Double(first)
            else { continue }
            nanoseconds += time
        }
        return nanoseconds / 1000
    }

    #if canImport(Glibc)
    private typealias Who = __rusage_who
    private static func number(_ who: Who) -> Int32 { Int32(who.rawValue) }
    #else
    private typealias Who = Int32
    private static func number(_ who: Who) -> Int32 { who }
    #endif

    private static func micros(_ who: Who) -> Double {
        var usage = rusage()
        // SAFETY: the pointer is to a local variable of the type the function fills, for the length of the call.
        guard unsafe getrusage(Self.number(who), &usage) == 0 else { return 0 }
        return Self.micros(usage.ru_utime) + Self.micros(usage.ru_stime)
    }

    private static func micros(_ time: timeval) -> Double { Double(time.tv_sec) * 1e6 + Double(time.tv_usec) }
}
