package dev.stillframe.agent.cli;

import dev.stillframe.transport.security.Credentials;
import dev.stillframe.transport.security.PresharedKey;
import dev.stillframe.transport.security.TlsIdentity;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Option;

/** The options by which the two ends of a connection know each other. */
final class SecurityOptions {
    @ArgGroup(exclusive = false)
    private @Nullable Tls tls;

    @Option(
            names = "--key-file",
            paramLabel = "FILE",
            description =
                    "A secret that both sides have, as hexadecimal digits; each proves it to the"
                            + " other. Without TLS it keeps strangers out, not listeners. Make one with"
                            + " openssl rand -hex 32.")
    private @Nullable Path keyFile;

    /** All or none. */
    static final class Tls {
        @Option(
                names = "--tls-cert",
                paramLabel = "FILE",
                required = true,
                description = "TLS 1.3: our certificate, PEM.")
        private Path certificate = Path.of("");

        @Option(
                names = "--tls-key",
                paramLabel = "FILE",
                required = true,
                description = "Its key, PEM (PKCS#8), readable by its owner only.")
        private Path key = Path.of("");

        @Option(
                names = "--tls-ca",
                paramLabel = "FILE",
                required = true,
                description = "Whose signature on the other side's certificate counts, PEM.")
        private Path authority = Path.of("");
    }

    /** Whether what is sent is encrypted. */
    boolean encrypts() {
        return tls != null;
    }

    /** Whether any of them was given. */
    boolean areUsed() {
        return tls != null || keyFile != null;
    }

    /** Reads the files. */
    Credentials credentials(Set<String> allowed) throws IOException {
        return new Credentials(
                tls == null ? null : TlsIdentity.of(tls.certificate, tls.key, tls.authority),
                keyFile == null ? null : PresharedKey.read(keyFile),
                allowed);
    }
}
