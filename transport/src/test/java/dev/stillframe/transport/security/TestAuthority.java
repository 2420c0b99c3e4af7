package dev.stillframe.transport.security;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.handler.ssl.SslProvider;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A certificate authority of a test's own, made with {@code openssl}. */
final class TestAuthority {
    private final Path directory;

    /** A new authority called {@code name}. */
    TestAuthority(Path parent, String name) throws Exception {
        directory = Files.createDirectory(parent.resolve(name));
        openssl(
                "req -x509 -newkey rsa:2048 -nodes -days 30 -keyout ca.key -out ca.pem -subj /CN="
                        + name);
    }

    /** Its own certificate. */
    Path certificate() {
        return directory.resolve("ca.pem");
    }

    /** A certificate for {@code name}, valid for {@code days}; for none if they are negative. */
    TlsIdentity issue(String name, String alternatives, int days, SslProvider provider)
            throws Exception {
        return TlsIdentity.of(pem(name, alternatives, days), key(name), certificate(), provider);
    }

    /** The same, but believing only {@code other}. */
    TlsIdentity issueFor(String name, String alternatives, TestAuthority other) throws Exception {
        return TlsIdentity.of(pem(name, alternatives, 30), key(name), other.certificate());
    }

    Path pem(String name, String alternatives, int days) throws Exception {
        Files.writeString(
                directory.resolve(name + ".ext"), "subjectAltName=" + alternatives + "\n");
        openssl(
                "req -newkey rsa:2048 -nodes -keyout %s.key -out %s.csr -subj /CN=%s"
                        .formatted(name, name, name));
        openssl(
                "x509 -req -in %s.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days %d -extfile %s.ext -out %s.pem"
                        .formatted(name, days, name, name));
        return directory.resolve(name + ".pem");
    }

    Path key(String name) {
        return directory.resolve(name + ".key");
    }

    private void openssl(String line) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of("openssl"));
        command.addAll(List.of(line.split(" ")));
        Process process =
                new ProcessBuilder(command)
                        .directory(directory.toFile())
                        .redirectErrorStream(true)
                        .start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
        assertThat(process.exitValue()).as(said).isZero();
    }
}
