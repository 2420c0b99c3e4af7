package dev.stillframe.transport.security;

import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * How a side makes sure of the other. Immutable.
 *
 * @param tls certificates; null for a connection that anyone on the way can read
 * @param key a secret that both have; null for none
 * @param allowed names of which a sender's certificate must have one; empty for any that the
 *     authority signed. A receiver's matter.
 */
public record Credentials(
        @Nullable TlsIdentity tls, @Nullable PresharedKey key, Set<String> allowed) {
    /** Whoever can connect is believed. */
    public static final Credentials NONE = new Credentials(null, null, Set.of());

    /** Copies the names. */
    public Credentials {
        allowed = Set.copyOf(allowed);
        if (!allowed.isEmpty() && tls == null) {
            throw new IllegalArgumentException("names of peers are known only with TLS");
        }
    }
}
