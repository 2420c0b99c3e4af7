package dev.stillframe.transport.security;

import java.security.cert.CertificateParsingException;
import java.security.cert.X509Certificate;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import javax.naming.InvalidNameException;
import javax.naming.ldap.LdapName;
import javax.naming.ldap.Rdn;

/** The names in a certificate by which a peer can be allowed. Stateless. */
public final class PeerNames {
    private static final Set<Integer> NAMED = Set.of(1, 2, 6, 7); // mail, DNS, URI, address

    private PeerNames() {}

    /** Its alternative names, or its common name if it has none. */
    public static Set<String> of(X509Certificate certificate) throws CertificateParsingException {
        Set<String> names = new TreeSet<>();
        Collection<List<?>> alternatives = certificate.getSubjectAlternativeNames();
        if (alternatives != null) {
            for (List<?> alternative : alternatives) {
                if (NAMED.contains((Integer) alternative.getFirst())) {
                    names.add(String.valueOf(alternative.get(1)));
                }
            }
        }
        return names.isEmpty() ? commonName(certificate) : names;
    }

    private static Set<String> commonName(X509Certificate certificate)
            throws CertificateParsingException {
        try {
            for (Rdn part :
                    new LdapName(certificate.getSubjectX500Principal().getName()).getRdns()) {
                if (part.getType().equalsIgnoreCase("CN")) {
                    return Set.of(String.valueOf(part.getValue()));
                }
            }
            return Set.of();
        } catch (InvalidNameException e) {
            throw new CertificateParsingException(e);
        }
    }
}
