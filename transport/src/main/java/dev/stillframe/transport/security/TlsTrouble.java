package dev.stillframe.transport.security;

import io.netty.handler.ssl.NotSslRecordException;
import java.security.cert.CertPathBuilderException;
import java.security.cert.CertificateExpiredException;
import java.security.cert.CertificateNotYetValidException;
import java.util.Locale;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;

/** Why two sides do not come together, in words that say what to do. Stateless. */
public final class TlsTrouble {
    private TlsTrouble() {}

    /** The words; null if {@code failure} has nothing to do with TLS. */
    public static @Nullable String words(Throwable failure) {
        SSLException tls = null;
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            switch (cause) {
                case NotSslRecordException _ -> {
                    return "the other side does not speak TLS; both sides need --tls-cert, --tls-key and --tls-ca";
                }
                case CertificateExpiredException expired -> {
                    return "the other side's certificate has expired: " + expired.getMessage();
                }
                case CertificateNotYetValidException early -> {
                    return "the other side's certificate is not valid yet: "
                            + early.getMessage()
                            + "; look at the clocks";
                }
                case CertPathBuilderException _ -> {
                    return "the other side's certificate is not by an authority in --tls-ca";
                }
                case SSLException ssl -> tls = ssl;
                default -> {}
            }
        }
        return tls == null ? null : words(String.valueOf(deepest(failure)));
    }

    private static String words(String message) {
        String lower = message.toLowerCase(Locale.ROOT);
        if (lower.contains("subject alternative") || lower.contains("no name matching")) {
            return "the receiver's certificate is for another name: " + message;
        }
        if (lower.contains("certificate_required")
                || lower.contains("peer_did_not_return")
                || lower.contains("empty client certificate")) {
            return "the receiver wants a certificate by an authority in its --tls-ca, and the sender has none";
        }
        if (lower.contains("alert_internal_error")) {
            return "the other side did not believe us, and says why in its own log";
        }
        if (lower.contains("expired")) {
            return "the certificate has expired, says the other side";
        }
        if (lower.contains("unknown_ca")
                || lower.contains("unknown ca")
                || lower.contains("path building failed")) {
            return "our certificate is not by an authority that the other side has in its --tls-ca";
        }
        if (lower.contains("protocol_version")
                || lower.contains("unsupported_protocol")
                || lower.contains("protocol version")) {
            return "the other side does not speak TLS 1.3, and nothing older is accepted";
        }
        return "TLS failed: " + message;
    }

    private static @Nullable String deepest(Throwable failure) {
        Throwable cause = failure;
        while (cause.getCause() != null) {
            cause = cause.getCause();
        }
        return cause.getMessage() == null ? failure.getMessage() : cause.getMessage();
    }
}
