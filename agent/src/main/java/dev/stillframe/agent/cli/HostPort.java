package dev.stillframe.agent.cli;

import dev.stillframe.transport.net.NetworkTransport;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.TypeConversionException;

/**
 * An address as it is typed: {@code 127.0.0.1:7070}, {@code host:7070}, {@code [::1]:7070}.
 * Immutable.
 *
 * @param host name or number, without brackets
 * @param port 0 to 65535; 0 lets the system choose, where that makes sense
 */
record HostPort(String host, int port) implements Endpoint {
    private static final Pattern TYPED =
            Pattern.compile("(?:\\[([0-9a-fA-F:.%]+)]|([^:\\[\\]/\\s]+)):(\\d{1,5})");
    private static final int PORT_MAX = 65_535;

    static HostPort parse(String typed) {
        Matcher matcher = TYPED.matcher(typed);
        if (!matcher.matches() || Integer.parseInt(matcher.group(3)) > PORT_MAX) {
            throw new TypeConversionException(
                    "'" + typed + "' is not an address such as 127.0.0.1:7070");
        }
        String host = matcher.group(1) == null ? matcher.group(2) : matcher.group(1);
        return new HostPort(host, Integer.parseInt(matcher.group(3)));
    }

    @Override
    public InetSocketAddress resolve() throws Failure {
        try {
            return new InetSocketAddress(InetAddress.getByName(host), port);
        } catch (UnknownHostException e) {
            throw new Failure(
                    "no address is known for host " + host + ": check the name, or use a number",
                    e);
        }
    }

    @Override
    public String toString() {
        return NetworkTransport.words(InetSocketAddress.createUnresolved(host, port));
    }
}
