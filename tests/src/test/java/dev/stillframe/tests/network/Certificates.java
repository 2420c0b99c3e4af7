package dev.stillframe.tests.network;

import dev.stillframe.tests.target.NativeProgram;
import dev.stillframe.transport.security.Credentials;
import dev.stillframe.transport.security.TlsIdentity;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What {@code openssl} is asked for: a certificate for both sides, and how fast the cipher is. */
public final class Certificates {
    private static final String CIPHER = "aes-128-gcm";
    private static final Pattern RATE = Pattern.compile("(?im)^" + CIPHER + "\\s+([0-9.]+)k");

    private Certificates() {}

    /** For this host, signed by itself. */
    public static Credentials make() throws Exception {
        Path directory = Files.createTempDirectory(NativeProgram.scratch(), "certificates");
        Path certificate = directory.resolve("cert.pem");
        Path key = directory.resolve("key.pem");
        openssl(
                List.of(
                        "req",
                        "-x509",
                        "-newkey",
                        "ec",
                        "-pkeyopt",
                        "ec_paramgen_curve:P-256",
                        "-nodes",
                        "-days",
                        "2",
                        "-subj",
                        "/CN=localhost",
                        "-addext",
                        "subjectAltName=DNS:localhost,IP:127.0.0.1",
                        "-keyout",
                        key.toString(),
                        "-out",
                        certificate.toString()));
        return new Credentials(TlsIdentity.of(certificate, key, certificate), null, Set.of());
    }

    /** In blocks of 16 KiB on one core, the cipher that both sides prefer. */
    public static double cipherBytesPerSecond() throws Exception {
        String said =
                openssl(
                        List.of(
                                "speed",
                                "-elapsed",
                                "-seconds",
                                "3",
                                "-bytes",
                                "16384",
                                "-evp",
                                CIPHER));
        Matcher rate = RATE.matcher(said);
        if (!rate.find()) {
            throw new IOException("openssl speed said no rate of " + CIPHER + ": " + said);
        }
        return Double.parseDouble(rate.group(1)) * 1000;
    }

    private static String openssl(List<String> arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of("openssl"));
        command.addAll(arguments);
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (!process.waitFor(1, TimeUnit.MINUTES) || process.exitValue() != 0) {
            throw new IOException(command + " failed: " + said);
        }
        return said;
    }
}
