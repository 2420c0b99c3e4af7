package dev.stillframe.transport.security;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.HexFormat;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;

/**
 * A secret that both sides have: each proves it to the other, and it never crosses the wire. It
 * says who the peer is, not that nobody listens in: that is what TLS is for. Immutable.
 *
 * <p>A proof is HMAC-SHA256 over who proves ({@code stillframe sender} or {@code stillframe
 * receiver}, a zero byte), the receiver's nonce and the body of the connection's first frame, which
 * holds the sender's nonce: each is good once.
 */
public final class PresharedKey {
    /** Length of a proof in bytes. */
    public static final int PROOF_BYTES = 32;

    /** Fewer hexadecimal digits could be guessed from a recorded proof. */
    private static final int MIN_DIGITS = 32;

    private static final String ALGORITHM = "HmacSHA256";

    private final byte[] secret;

    private PresharedKey(byte[] secret) {
        this.secret = secret;
    }

    /**
     * Reads a key: hexadecimal digits, at least {@value #MIN_DIGITS}, as {@code openssl rand -hex
     * 32} writes them; white space does not count.
     *
     * @throws IOException if the file is open to others, or holds no key
     */
    public static PresharedKey read(Path file) throws IOException {
        PrivateFile.check("the key", file);
        String digits = Files.readString(file).replaceAll("\\s", "");
        try {
            if (digits.length() >= MIN_DIGITS) {
                return new PresharedKey(HexFormat.of().parseHex(digits));
            }
        } catch (IllegalArgumentException e) {
            throw noKey(file, e);
        }
        throw noKey(file, null);
    }

    private static IOException noKey(Path file, @Nullable Throwable cause) {
        return new IOException(
                "%s holds no key: at least %d hexadecimal digits are needed; openssl rand -hex 32 makes some"
                        .formatted(file, MIN_DIGITS),
                cause);
    }

    /** What a sender shows. */
    public byte[] senderProof(byte[] receiverNonce, byte[] firstFrameBody) {
        return proof("stillframe sender\0", receiverNonce, firstFrameBody);
    }

    /** What a receiver shows. */
    public byte[] receiverProof(byte[] receiverNonce, byte[] firstFrameBody) {
        return proof("stillframe receiver\0", receiverNonce, firstFrameBody);
    }

    /** Compares proofs in a time that tells nothing. */
    public static boolean isSame(byte[] one, byte[] other) {
        return MessageDigest.isEqual(one, other);
    }

    private byte[] proof(String role, byte[] nonce, byte[] body) {
        try {
            Mac mac = Mac.getInstance(ALGORITHM);
            mac.init(new SecretKeySpec(secret, ALGORITHM));
            mac.update(role.getBytes(StandardCharsets.US_ASCII));
            mac.update(nonce);
            return mac.doFinal(body);
        } catch (GeneralSecurityException e) {
            throw new AssertionError("every Java platform has " + ALGORITHM, e);
        }
    }
}
