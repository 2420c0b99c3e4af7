package dev.stillframe.transport.security;

import io.netty.handler.ssl.ClientAuth;
import io.netty.handler.ssl.OpenSsl;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import javax.net.ssl.SSLException;

/**
 * What one side shows and whom it believes: TLS 1.3 with certificates on both sides, nothing older.
 * BoringSSL where Netty's native library works, the JDK's own TLS elsewhere. Thread-safe.
 */
public final class TlsIdentity {
    private static final List<String> CIPHERS =
            List.of(
                    "TLS_AES_128_GCM_SHA256",
                    "TLS_AES_256_GCM_SHA384",
                    "TLS_CHACHA20_POLY1305_SHA256");
    private static final String TLS = "TLSv1.3";

    private final Path certificate;
    private final Path key;
    private final Path authority;
    private final SslProvider provider;

    private TlsIdentity(Path certificate, Path key, Path authority, SslProvider provider) {
        this.certificate = certificate;
        this.key = key;
        this.authority = authority;
        this.provider = provider;
    }

    /**
     * Reads nothing but the files' attributes yet.
     *
     * @param certificate PEM: the own certificate, and what leads from it to the authority's
     * @param key PEM, PKCS#8, without a password: the key of the certificate; for its owner's eyes
     *     only
     * @param authority PEM: the certificates of those whose word is taken
     * @throws IOException if a file is not there, or the key's is open to others
     */
    public static TlsIdentity of(Path certificate, Path key, Path authority) throws IOException {
        return of(certificate, key, authority, provider());
    }

    static TlsIdentity of(Path certificate, Path key, Path authority, SslProvider provider)
            throws IOException {
        for (Path file : List.of(certificate, authority)) {
            if (!Files.isReadable(file)) {
                throw new IOException("cannot read the certificate " + file + ": check the name");
            }
        }
        PrivateFile.check("the key", key);
        return new TlsIdentity(certificate, key, authority, provider);
    }

    /** Whether the fast implementation is there. */
    public static boolean isNative() {
        return OpenSsl.isAvailable();
    }

    /** Which implementation is used, and why. */
    public static String provision() {
        return OpenSsl.isAvailable()
                ? "BoringSSL"
                : "the JDK's TLS, because BoringSSL does not work here: "
                        + OpenSsl.unavailabilityCause().getMessage();
    }

    private static SslProvider provider() {
        return OpenSsl.isAvailable() ? SslProvider.OPENSSL : SslProvider.JDK;
    }

    /** For a receiver: whoever connects needs a certificate. */
    public SslContext forReceiver() throws IOException {
        try {
            return common(SslContextBuilder.forServer(certificate.toFile(), key.toFile()))
                    .clientAuth(ClientAuth.REQUIRE)
                    .build();
        } catch (SSLException | IllegalArgumentException e) {
            throw unusable(e);
        }
    }

    /** For a sender: the receiver's certificate must be for the name that it was asked for. */
    public SslContext forSender() throws IOException {
        try {
            return common(
                            SslContextBuilder.forClient()
                                    .keyManager(certificate.toFile(), key.toFile()))
                    .endpointIdentificationAlgorithm("HTTPS")
                    .build();
        } catch (SSLException | IllegalArgumentException e) {
            throw unusable(e);
        }
    }

    private SslContextBuilder common(SslContextBuilder builder) {
        return builder.trustManager(authority.toFile())
                .sslProvider(provider)
                .protocols(TLS)
                .ciphers(CIPHERS);
    }

    private IOException unusable(Exception cause) {
        return new IOException(
                "cannot use the certificate %s with the key %s and the authority %s: %s; they have to be PEM files, the key in PKCS#8 without a password"
                        .formatted(certificate, key, authority, cause.getMessage()),
                cause);
    }
}
