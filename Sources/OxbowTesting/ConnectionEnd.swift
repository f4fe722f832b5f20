import NIOCore

#if canImport(Darwin)
import Darwin
#elseif canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// How a connection ends.
public enum ConnectionEnd: Sendable, Hashable {
    /// By an orderly close (FIN).
    case close
    /// By a reset (RST), as when the other process is gone or a firewall objects.
    case reset
}

extension Channel {
    /// Ends the channel the given way.
    func end(_ end: ConnectionEnd) {
        if end == .reset, let socket = self as? any SocketOptionProvider {
            // A close that lingers for no time at all is a reset.
            let closed = socket.setSoLinger(linger(l_onoff: 1, l_linger: 0))
            closed.whenComplete { _ in self.close(promise: nil) }
        } else {
            self.close(promise: nil)
        }
    }
}
