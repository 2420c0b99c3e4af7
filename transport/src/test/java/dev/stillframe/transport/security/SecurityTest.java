package dev.stillframe.transport.security;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.transport.LeakCheck;
import dev.stillframe.transport.Loopback;
import dev.stillframe.transport.SampleImage;
import dev.stillframe.transport.Seed;
import dev.stillframe.transport.receiver.ReceiverLimits;
import dev.stillframe.transport.sender.Sender;
import dev.stillframe.transport.sender.SenderOptions;
import io.netty.handler.ssl.OpenSsl;
import io.netty.handler.ssl.SslProvider;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Who may come in, who is kept out, and what both are told. */
@Timeout(120)
@ExtendWith(LeakCheck.class)
class SecurityTest {
    private static final String HERE = "DNS:localhost,IP:127.0.0.1";

    private final Random random = Seed.random();

    @TempDir private Path directory;
    private TestAuthority authority;

    @BeforeEach
    void found() throws Exception {
        authority = new TestAuthority(directory, "authority");
    }

    @Test
    void boringSslIsUsedWhereItWorks() {
        assertThat(OpenSsl.isAvailable()).isTrue();
        assertThat(TlsIdentity.provision()).isEqualTo("BoringSSL");
    }

    @ParameterizedTest
    @EnumSource(
            value = SslProvider.class,
            names = {"OPENSSL", "JDK"})
    void anImageArrivesOverTls(SslProvider provider) throws Exception {
        TlsIdentity receiver = authority.issue("receiver", HERE, 30, provider);
        TlsIdentity sender = authority.issue("sender", "DNS:source.example", 30, provider);
        try (Loopback loopback = receiver(new Credentials(receiver, null, Set.of()))) {
            sendOne(loopback, tls(sender));
        }
    }

    @Test
    void theAllowedNameComesInAndAnotherDoesNot() throws Exception {
        TlsIdentity sender = issue("sender", "DNS:source.example");
        try (Loopback loopback =
                receiver(
                        new Credentials(issue("receiver", HERE), null, Set.of("source.example")))) {
            sendOne(loopback, tls(sender));
            assertRefused(
                    loopback,
                    tls(issue("stranger", "DNS:elsewhere.example")),
                    "elsewhere.example",
                    "does not allow");
        }
    }

    @Test
    void aSenderWithoutACertificateByThatAuthorityIsKeptOut() throws Exception {
        TestAuthority other = new TestAuthority(directory, "other");
        try (Loopback loopback = receiver(tls(issue("receiver", HERE)))) {
            assertRefused(
                    loopback,
                    tls(other.issueFor("sender", "DNS:source.example", authority)),
                    "authority");
            assertKeptOut(loopback);
        }
    }

    @Test
    void aReceiverOfAnotherAuthorityIsNotBelieved() throws Exception {
        TestAuthority other = new TestAuthority(directory, "other");
        try (Loopback loopback = receiver(tls(other.issueFor("receiver", HERE, authority)))) {
            assertRefused(loopback, tls(issue("sender", "DNS:source.example")), "authority");
        }
    }

    @Test
    void aReceiverOfAnotherNameIsNotBelieved() throws Exception {
        try (Loopback loopback = receiver(tls(issue("receiver", "DNS:elsewhere.example")))) {
            assertRefused(loopback, tls(issue("sender", "DNS:source.example")), "another name");
        }
    }

    @Test
    void anExpiredCertificateIsNotBelieved() throws Exception {
        TlsIdentity expired = authority.issue("receiver", HERE, -1, SslProvider.OPENSSL);
        try (Loopback loopback = receiver(tls(expired))) {
            assertRefused(loopback, tls(issue("sender", "DNS:source.example")), "expired");
        }
    }

    @Test
    void oneSideWithoutTlsIsTold() throws Exception {
        TlsIdentity sender = issue("sender", "DNS:source.example");
        try (Loopback loopback = receiver(tls(issue("receiver", HERE)))) {
            assertRefused(loopback, Credentials.NONE, "TLS");
            assertKeptOut(loopback);
        }
        try (Loopback loopback = receiver(Credentials.NONE)) {
            assertRefused(loopback, tls(sender), "TLS");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"-tls1_2", "-tls1_3"})
    void aForeignPeerWithoutACertificateIsKeptOut(String version) throws Exception {
        try (Loopback loopback = receiver(tls(issue("receiver", HERE)))) {
            Process client =
                    new ProcessBuilder(
                                    "openssl",
                                    "s_client",
                                    version,
                                    "-connect",
                                    "127.0.0.1:" + loopback.address().getPort())
                            .redirectErrorStream(true)
                            .start();
            String said =
                    new String(client.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(client.waitFor(1, TimeUnit.MINUTES)).isTrue();
            assertThat(said).containsPattern("(?i)alert|certificate required|protocol version");
            assertKeptOut(loopback);
        }
    }

    @Test
    void bothSidesProveTheSharedKey() throws Exception {
        PresharedKey key = key("key", "0123456789abcdef0123456789abcdef");
        PresharedKey other = key("other", "f123456789abcdef0123456789abcdef");
        try (Loopback loopback = receiver(new Credentials(null, key, Set.of()))) {
            sendOne(loopback, new Credentials(null, key, Set.of()));
            assertRefused(loopback, new Credentials(null, other, Set.of()), "no proof");
            assertRefused(loopback, Credentials.NONE, "wants proof of a shared key");
        }
        try (Loopback loopback = receiver(Credentials.NONE)) {
            assertRefused(
                    loopback,
                    new Credentials(null, key, Set.of()),
                    "does not ask for the shared key");
        }
    }

    @Test
    void proofsAreGoodOnceAndForOneSide() throws Exception {
        PresharedKey key = key("key", "0123456789abcdef0123456789abcdef");
        byte[] proof = key.senderProof(new byte[32], new byte[10]);
        assertThat(proof)
                .hasSize(PresharedKey.PROOF_BYTES)
                .isNotEqualTo(key.receiverProof(new byte[32], new byte[10]))
                .isNotEqualTo(key.senderProof(new byte[] {1}, new byte[10]))
                .isNotEqualTo(key.senderProof(new byte[32], new byte[11]));
    }

    @Test
    void secretsThatOthersCanReadAreRefused() throws Exception {
        Path open = Files.writeString(directory.resolve("open"), "0".repeat(64));
        Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rw-r--r--"));
        assertThatThrownBy(() -> PresharedKey.read(open))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("chmod 600");
        Path certificate = authority.pem("receiver", HERE, 30);
        Path key = authority.key("receiver");
        Files.setPosixFilePermissions(key, PosixFilePermissions.fromString("rw-r-----"));
        assertThatThrownBy(() -> TlsIdentity.of(certificate, key, certificate))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("chmod 600");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "0123456789abcdef", "no hexadecimal digits in this line at all"})
    void whatIsNoKeyIsRefused(String text) {
        assertThatThrownBy(() -> key("key", text))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("openssl rand -hex 32");
    }

    private PresharedKey key(String name, String text) throws IOException {
        Path file = Files.writeString(directory.resolve(name), text);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
        return PresharedKey.read(file);
    }

    private TlsIdentity issue(String name, String alternatives) throws Exception {
        return authority.issue(name, alternatives, 30, SslProvider.OPENSSL);
    }

    private static Credentials tls(TlsIdentity identity) {
        return new Credentials(identity, null, Set.of());
    }

    /**
     * It says that it is about to say something of TLS, byte by byte: it is a stranger until then,
     * and has a stranger's time.
     */
    @Test
    void aHandshakeThatIsDrippedIsEndedByTheDeadline() throws Exception {
        Credentials credentials =
                new Credentials(
                        authority.issue("receiver", "DNS:localhost", 30, SslProvider.JDK),
                        null,
                        Set.of());
        ReceiverLimits limits =
                ReceiverLimits.DEFAULT.withDeadlines(
                        new ReceiverLimits.Deadlines(
                                Duration.ofMillis(500),
                                Duration.ofSeconds(30),
                                Duration.ofMinutes(5)));
        try (Loopback loopback = new Loopback(limits, 0, credentials);
                Socket socket =
                        new Socket(loopback.address().getAddress(), loopback.address().getPort())) {
            byte[] record = {
                22, 3, 1, 1, 0, 1, 0, 0, (byte) 0xfc, 3, 3
            }; // of a handshake that goes on
            for (byte next : record) {
                socket.getOutputStream().write(next);
            }
            assertThat(loopback.nextEvent()).startsWith("failed").contains("no HELLO");
            Loopback.await(() -> loopback.gauge("connections.open") == 0);
        }
    }

    private static Loopback receiver(Credentials credentials) throws IOException {
        return new Loopback(ReceiverLimits.DEFAULT, 0, credentials);
    }

    private void sendOne(Loopback loopback, Credentials credentials) throws Exception {
        SampleImage image = SampleImage.of(3000, random);
        try (Sender sender = connect(loopback, credentials)) {
            image.send(sender, 400);
        }
        assertThat(loopback.nextSink().pages()).isEqualTo(image.pages());
    }

    private static void assertRefused(Loopback loopback, Credentials credentials, String... words) {
        assertThatThrownBy(
                        () -> {
                            try (Sender sender = connect(loopback, credentials)) {
                                sender.begin(SampleImage.layout(10));
                            }
                        })
                .isInstanceOf(IOException.class)
                .satisfies(e -> assertThat(e.getMessage()).contains(words));
    }

    /** Nothing of the peer got as far as a sink. */
    private static void assertKeptOut(Loopback loopback) throws InterruptedException {
        assertThat(loopback.nextEvent()).startsWith("failed  ");
        assertThat(loopback.sinks).isEmpty();
    }

    private static Sender connect(Loopback loopback, Credentials credentials) throws IOException {
        return loopback.connect("secret", SenderOptions.DEFAULT.withCredentials(credentials));
    }
}
