package dev.stillframe.agent.cli;

import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import picocli.CommandLine.TypeConversionException;

/** Where to listen or to connect, as it is typed: {@link HostPort}, or {@code unix:PATH}. */
sealed interface Endpoint permits HostPort, Endpoint.UnixSocket {
    /** What a Unix socket begins with. */
    String UNIX = "unix:";

    /** The address; looks a host's name up. */
    SocketAddress resolve() throws Failure;

    static Endpoint parse(String typed) {
        if (!typed.startsWith(UNIX)) {
            return HostPort.parse(typed);
        }
        try {
            Path path = Path.of(typed.substring(UNIX.length()));
            if (path.toString().isEmpty()) {
                throw new TypeConversionException("'" + typed + "' names no file");
            }
            return new UnixSocket(path);
        } catch (InvalidPathException e) {
            throw new TypeConversionException("'" + typed + "' names no file: " + e.getMessage());
        }
    }

    /** Whether nobody outside of this host can listen in. */
    static boolean isLocal(SocketAddress address) {
        return !(address instanceof InetSocketAddress inet)
                || inet.getAddress().isLoopbackAddress();
    }

    /**
     * The file of a Unix socket.
     *
     * @param path where it is
     */
    record UnixSocket(Path path) implements Endpoint {
        @Override
        public SocketAddress resolve() {
            return UnixDomainSocketAddress.of(path);
        }

        @Override
        public String toString() {
            return UNIX + path;
        }
    }
}
