package dev.stillframe.agent.doctor;

import dev.stillframe.agent.doctor.Readiness.Finding;
import dev.stillframe.agent.doctor.Readiness.Status;
import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.transport.net.NetworkTransport;
import dev.stillframe.transport.security.TlsIdentity;
import java.util.List;

/** What sending and receiving will use. Without it everything works, only slower. */
public final class NetworkCheck {
    private NetworkCheck() {}

    public static List<Finding> findings() {
        return List.of(
                network(),
                fastOr(
                        "TLS",
                        TlsIdentity.isNative(),
                        TlsIdentity.provision(),
                        "use a 64-bit Linux on x86 or ARM with glibc for faster encryption"),
                fastOr(
                        "page hashes",
                        PageHash.isNative(),
                        PageHash.provider(),
                        "install the xxHash library (Debian: libxxhash0), which is three times as fast"));
    }

    private static Finding network() {
        NetworkTransport chosen = NetworkTransport.chosen();
        String problem = NetworkTransport.EPOLL.problem();
        boolean asked = System.getProperty(NetworkTransport.PROPERTY) != null;
        String why;
        if (asked) {
            why = "as " + NetworkTransport.PROPERTY + " says";
        } else if (problem == null) {
            why = "the best here; io_uring " + ioUring();
        } else {
            why = "because epoll does not work: " + problem;
        }
        return fastOr(
                "network",
                asked || problem == null,
                chosen.word() + ", " + why,
                "use a 64-bit Linux on x86 or ARM with glibc for a faster network");
    }

    private static String ioUring() {
        String problem = NetworkTransport.IO_URING.problem();
        return problem == null
                ? "works, but reads pages with one more copy"
                : "does not work: " + problem;
    }

    private static Finding fastOr(String name, boolean fast, String found, String remedy) {
        return new Finding(name, fast ? Status.OK : Status.WARN, found, fast ? "" : remedy);
    }
}
